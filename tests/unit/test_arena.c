/* SPDX-License-Identifier: MIT */
/* Tests of the arena: alignment, zeroing, the maximum, and reuse after a reset. */
#include <stdalign.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    struct arena *a = arena_new(1 << 20);
    char *pieces[200];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 200; i++) {
            char *p = arena_alloc(a, i * 7);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
            for (size_t j = 0; j < i * 7; j++) {
                assert_int_equal(p[j], 0);
            }
            memset(p, (int)i + 1, i * 7);
            pieces[i] = p;
        }
        for (size_t i = 1; i < 200; i++) {
            assert_int_equal((unsigned char)pieces[i][0], i + 1);
            assert_int_equal((unsigned char)pieces[i][i * 7 - 1], i + 1);
        }
        arena_reset(a);
    }
    arena_free(a);
}

static void maximum_is_exact(void **state)
{
    struct arena *a = arena_new(100);

    (void)state;
    assert_null(arena_alloc(a, 101));
    assert_non_null(arena_alloc(a, 100));
    assert_null(arena_alloc(a, 1));
    arena_reset(a);
    assert_non_null(arena_alloc(a, 100));
    arena_free(a);
}

static void empty_pieces_are_bounded_too(void **state)
{
    struct arena *a = arena_new(160);
    size_t count = 0;

    (void)state;
    while (arena_alloc(a, 1) && count < 1000) {
        count++;
    }
    assert_int_equal(count, 160 / alignof(max_align_t));
    arena_free(a);
}

static void a_large_piece_is_not_kept(void **state)
{
    struct arena *a = arena_new(8 << 20);
    size_t allocations;

    (void)state;
    assert_non_null(arena_alloc(a, 4 << 20));
    assert_non_null(arena_alloc(a, 10));
    arena_reset(a);
    (void)mem_fail_after(0);
    assert_non_null(arena_alloc(a, 10));
    allocations = mem_fail_after(0);
    assert_int_equal(allocations, 0);
    arena_free(a);
    arena_free(NULL);
}

static void dup_copies_and_terminates(void **state)
{
    struct arena *a = arena_new(1000);
    struct bytes copy = BYTES_LIT("untouched");

    (void)state;
    assert_int_equal(arena_dup(a, BYTES_LIT("abc"), &copy), 0);
    assert_true(bytes_eq_str(copy, "abc"));
    assert_int_equal(copy.ptr[3], '\0');
    assert_int_equal(arena_dup(a, BYTES_NONE, &copy), 0);
    assert_int_equal(copy.len, 0);
    copy = BYTES_LIT("untouched");
    assert_int_equal(arena_dup(a, bytes_of("", 1000), &copy), ERR_NOMEM);
    assert_true(bytes_eq_str(copy, "untouched"));
    arena_free(a);
}

static void without_memory(void **state)
{
    struct arena *none;
    struct arena *a = arena_new(1000);
    void *piece;

    (void)state;
    (void)mem_fail_after(1);
    none = arena_new(10);
    piece = arena_alloc(a, 10);
    (void)mem_fail_after(0);
    assert_null(none);
    assert_null(piece);
    assert_non_null(arena_alloc(a, 10));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(maximum_is_exact),
        cmocka_unit_test(empty_pieces_are_bounded_too),
        cmocka_unit_test(a_large_piece_is_not_kept),
        cmocka_unit_test(dup_copies_and_terminates),
        cmocka_unit_test(without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
