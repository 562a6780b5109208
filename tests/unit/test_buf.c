/* SPDX-License-Identifier: MIT */
/* Tests of the bounded buffer: exact at its maximum, whole or unchanged, unchanged without memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"

static void assert_holds(const struct buf *b, const char *text)
{
    assert_int_equal(b->len, strlen(text));
    assert_memory_equal(b->data, text, b->len);
}

static void maximum_is_exact(void **state)
{
    static const struct {
        size_t max, first, second;
        int err;
    } rows[] = {
        {0, 0, 0, 0},        {0, 1, 0, ERR_FULL}, {1, 1, 0, 0},
        {8, 8, 0, 0},        {8, 5, 3, 0},        {8, 5, 4, ERR_FULL},
        {8, 9, 0, ERR_FULL}, {100, 64, 36, 0},    {100, 64, 37, ERR_FULL},
    };
    static const char text[128] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b;
        size_t before;
        int err;

        buf_init(&b, rows[i].max);
        err = buf_append(&b, bytes_of(text, rows[i].first));
        before = b.len;
        if (err == 0) {
            err = buf_append(&b, bytes_of(text, rows[i].second));
        }
        assert_int_equal(err, rows[i].err);
        assert_int_equal(b.len, err == 0 ? rows[i].first + rows[i].second : before);
        buf_done(&b);
    }
}

static void printf_is_exact_at_the_maximum(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    assert_int_equal(buf_printf(&b, "%s", "123456"), ERR_FULL);
    assert_int_equal(b.len, 0);
    assert_int_equal(buf_printf(&b, "%d", 12345), 0);
    assert_holds(&b, "12345");
    assert_int_equal(buf_printf(&b, "%s", ""), 0);
    assert_int_equal(buf_printf(&b, "x"), ERR_FULL);
    assert_int_equal(buf_append_char(&b, 'x'), ERR_FULL);
    assert_holds(&b, "12345");
    buf_done(&b);
}

static void printf_grows(void **state)
{
    char long_text[501];
    struct buf b;

    (void)state;
    memset(long_text, 'y', 500);
    long_text[500] = '\0';
    buf_init(&b, 1000);
    assert_int_equal(buf_append_char(&b, '['), 0);
    assert_int_equal(buf_printf(&b, "%s]", long_text), 0);
    assert_int_equal(b.len, 502);
    assert_int_equal(b.data[500], 'y');
    assert_int_equal(b.data[501], ']');
    buf_done(&b);
}

static void decimals(void **state)
{
    static const struct {
        int64_t n;
        const char *text;
    } rows[] = {
        {0, "0"},
        {7, "7"},
        {-1, "-1"},
        {1234567890123, "1234567890123"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b;

        buf_init(&b, 32);
        assert_int_equal(buf_append_i64(&b, rows[i].n), 0);
        assert_holds(&b, rows[i].text);
        buf_done(&b);
    }
}

static void reserve_commit_consume(void **state)
{
    struct buf b;
    char *room = NULL;

    (void)state;
    buf_init(&b, 10);
    assert_int_equal(buf_reserve(&b, 11, &room), ERR_FULL);
    assert_null(room);
    assert_int_equal(buf_reserve(&b, 10, &room), 0);
    memcpy(room, "abcdefghij", 10);
    buf_commit(&b, 6);
    assert_holds(&b, "abcdef");
    buf_consume(&b, 2);
    assert_holds(&b, "cdef");
    buf_consume(&b, 0);
    assert_holds(&b, "cdef");
    buf_consume(&b, 99);
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

static void shrink_gives_back_only_what_is_large_and_empty(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(buf_append(&b, BYTES_LIT("x")), 0);
    buf_shrink(&b, 0);
    assert_holds(&b, "x");
    buf_reset(&b);
    buf_shrink(&b, b.cap);
    assert_non_null(b.data);
    buf_shrink(&b, b.cap - 1);
    assert_null(b.data);
    assert_int_equal(b.cap, 0);
    assert_int_equal(buf_append(&b, BYTES_LIT("again")), 0);
    assert_holds(&b, "again");
    buf_done(&b);
}

static void without_memory_nothing_changes(void **state)
{
    struct buf b;
    int appended, added, printed;

    (void)state;
    buf_init(&b, 1000);
    (void)mem_fail_after(1);
    appended = buf_append(&b, BYTES_LIT("x"));
    added = buf_append_char(&b, 'x');
    printed = buf_printf(&b, "x");
    (void)mem_fail_after(0);
    assert_int_equal(appended, ERR_NOMEM);
    assert_int_equal(added, ERR_NOMEM);
    assert_int_equal(printed, ERR_NOMEM);
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maximum_is_exact),
        cmocka_unit_test(printf_is_exact_at_the_maximum),
        cmocka_unit_test(printf_grows),
        cmocka_unit_test(decimals),
        cmocka_unit_test(reserve_commit_consume),
        cmocka_unit_test(shrink_gives_back_only_what_is_large_and_empty),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
