/* SPDX-License-Identifier: MIT */
/* Tests of the allocation entry points and of the failure hook that other tests rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/mem.h"

static void sizes_of_zero_give_pointers(void **state)
{
    void *a = mem_alloc(0);
    void *b = mem_zalloc(0);
    void *c = mem_realloc(NULL, 0);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_ptr_not_equal(a, b);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(NULL);
}

static void zalloc_zeroes(void **state)
{
    char *p = mem_zalloc(100);

    (void)state;
    assert_non_null(p);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(p[i], 0);
    }
    mem_free(p);
}

static void dup_str_terminates(void **state)
{
    char *p = mem_dup_str(bytes_of("abcd", 3));
    char *empty = mem_dup_str(BYTES_NONE);

    (void)state;
    assert_string_equal(p, "abc");
    assert_string_equal(empty, "");
    mem_free(p);
    mem_free(empty);
}

static void the_nth_and_all_later_fail(void **state)
{
    void *first, *second, *third;

    (void)state;
    (void)mem_fail_after(2);
    first = mem_alloc(1);
    second = mem_zalloc(1);
    third = mem_dup_str(BYTES_LIT("x"));
    assert_int_equal(mem_fail_after(0), 3);
    assert_non_null(first);
    assert_null(second);
    assert_null(third);
    second = mem_alloc(1);
    assert_non_null(second);
    mem_free(first);
    mem_free(second);
}

static void a_failed_realloc_keeps_the_block(void **state)
{
    char *p = mem_dup_str(BYTES_LIT("kept"));
    void *larger;

    (void)state;
    (void)mem_fail_after(1);
    larger = mem_realloc(p, 100);
    (void)mem_fail_after(0);
    assert_null(larger);
    assert_string_equal(p, "kept");
    mem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_zero_give_pointers),
        cmocka_unit_test(zalloc_zeroes),
        cmocka_unit_test(dup_str_terminates),
        cmocka_unit_test(the_nth_and_all_later_fail),
        cmocka_unit_test(a_failed_realloc_keeps_the_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
