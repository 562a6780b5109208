/* SPDX-License-Identifier: MIT */
/* Tests of JSON string literals: escapes, UTF-8 by its table, and stray bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/json_quote.h"

#define REPLACED "\\ufffd"

static void texts(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", "\"\""},
        {"plain text", "\"plain text\""},
        {"\"\\", "\"\\\"\\\\\""},
        {"\n\t\r\x01\x7f", "\"\\n\\t\\u000d\\u0001\\u007f\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"a\xff"
         "b",
         "\"a" REPLACED "b\""},
        {"\xc3", "\"" REPLACED "\""},                           /* cut short */
        {"\xc0\xaf", "\"" REPLACED REPLACED "\""},              /* overlong */
        {"\xed\xa0\x80", "\"" REPLACED REPLACED REPLACED "\""}, /* surrogate */
        {"\xe0\x9f\xbf", "\"" REPLACED REPLACED REPLACED "\""}, /* overlong */
        {"\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\""},           /* U+10FFFF */
        {"\xf4\x90\x80\x80", "\"" REPLACED REPLACED REPLACED REPLACED "\""},
        {"\xf0\x90\x80x", "\"" REPLACED REPLACED REPLACED "x\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;

        buf_init(&out, 100);
        assert_int_equal(json_quote(&out, bytes_str(rows[i].in)), 0);
        assert_int_equal(buf_append_char(&out, '\0'), 0);
        assert_string_equal(out.data, rows[i].out);
        buf_done(&out);
    }
}

static void a_full_buffer_is_left_alone(void **state)
{
    (void)state;
    for (size_t max = 1; max < 7; max++) {
        struct buf out;

        buf_init(&out, max);
        assert_int_equal(buf_append_char(&out, 'x'), 0);
        assert_int_equal(json_quote(&out, BYTES_LIT("a\n\"")), ERR_FULL);
        assert_int_equal(out.len, 1);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(a_full_buffer_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
