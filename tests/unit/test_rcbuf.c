/* SPDX-License-Identifier: MIT */
/* Tests of counted blocks; that the last unref frees is watched by the address sanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/mem.h"
#include "common/rcbuf.h"

static void holds_a_copy(void **state)
{
    char text[] = "payload";
    struct rcbuf *b = rcbuf_new(bytes_str(text));

    (void)state;
    assert_non_null(b);
    text[0] = 'X';
    assert_true(bytes_eq_str(rcbuf_bytes(b), "payload"));
    rcbuf_unref(b);
}

static void counts(void **state)
{
    struct rcbuf *b = rcbuf_new(BYTES_LIT("x"));

    (void)state;
    assert_int_equal(b->refs, 1);
    assert_ptr_equal(rcbuf_ref(b), b);
    assert_int_equal(b->refs, 2);
    rcbuf_unref(b);
    assert_int_equal(b->refs, 1);
    assert_true(bytes_eq_str(rcbuf_bytes(b), "x"));
    rcbuf_unref(b);
    rcbuf_unref(NULL);
}

static void limits(void **state)
{
    struct rcbuf *empty = rcbuf_new(BYTES_NONE);
    struct rcbuf *b;

    (void)state;
    assert_non_null(empty);
    assert_int_equal(empty->len, 0);
    rcbuf_unref(empty);
    assert_null(rcbuf_new_room((size_t)UINT32_MAX + 1));
    (void)mem_fail_after(1);
    b = rcbuf_new(BYTES_LIT("x"));
    (void)mem_fail_after(0);
    assert_null(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_a_copy),
        cmocka_unit_test(counts),
        cmocka_unit_test(limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
