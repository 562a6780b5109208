/* SPDX-License-Identifier: MIT */
/* Request heads: where they end, what they say, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/buf.h"
#include "gateway/http_head.h"
#include "proto/limits.h"

#define B(s) bytes_of((s), sizeof(s) - 1)

static void test_scan(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        enum http_scan want;
        size_t pos; /* of COMPLETE */
    } rows[] = {
#define ROW(s, want, pos) {s, sizeof(s) - 1, want, pos}
        ROW("", HTTP_SCAN_MORE, 0),
        ROW("GET / HTTP/1.1\r\n", HTTP_SCAN_MORE, 0),
        ROW("GET / HTTP/1.1\r\n\r", HTTP_SCAN_MORE, 0),
        ROW("GET / HTTP/1.1\r\n\r\n", HTTP_SCAN_COMPLETE, 18),
        ROW("GET / HTTP/1.1\r\n\r\n\x81\x80", HTTP_SCAN_COMPLETE, 18),
        ROW("\r\n\r\n", HTTP_SCAN_COMPLETE, 4),
        ROW("A: \t~\r\n\r\n", HTTP_SCAN_COMPLETE, 9),
        ROW("a\nb", HTTP_SCAN_BAD, 0),
        ROW("a\rb", HTTP_SCAN_BAD, 0),
        ROW("a\r\rb", HTTP_SCAN_BAD, 0),
        ROW("\n", HTTP_SCAN_BAD, 0),
        ROW("a\0b", HTTP_SCAN_BAD, 0),
        ROW("a\x1f", HTTP_SCAN_BAD, 0),
        ROW("a\x7f", HTTP_SCAN_BAD, 0),
        ROW("a\x80", HTTP_SCAN_BAD, 0),
        ROW("a\xff", HTTP_SCAN_BAD, 0),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes text = bytes_of(rows[i].text, rows[i].len);
        size_t at_once = 0, bit_by_bit = 0;
        enum http_scan found = HTTP_SCAN_MORE;

        assert_int_equal(http_head_scan(text, &at_once), rows[i].want);
        for (size_t n = 0; n <= text.len && found == HTTP_SCAN_MORE; n++) {
            found = http_head_scan(bytes_of(text.ptr, n), &bit_by_bit);
        }
        assert_int_equal(found, rows[i].want);
        if (rows[i].want == HTTP_SCAN_COMPLETE) {
            assert_int_equal(at_once, rows[i].pos);
            assert_int_equal(bit_by_bit, rows[i].pos);
        }
    }
}

static void test_parse(void **state)
{
    static struct http_head h;

    (void)state;
    assert_int_equal(http_head_parse(B("GET /a%20b/?x=1&y=%3f? HTTP/1.1\r\n"
                                       "Host: example.org\r\n"
                                       "X-Empty:\r\n"
                                       "x-blanks: \t a b \t\r\n"
                                       "COOKIE: a=b:c\r\n"
                                       "cookie: second\r\n\r\n"),
                                     &h),
                     0);
    assert_true(bytes_eq_str(h.method, "GET"));
    assert_true(bytes_eq_str(h.path, "/a%20b/"));
    assert_true(bytes_eq_str(h.query, "x=1&y=%3f?"));
    assert_true(h.is_http_1_1);
    assert_int_equal(h.field_count, 5);
    assert_true(bytes_eq_str(http_head_value(&h, "HOST", 0), "example.org"));
    assert_true(bytes_eq_str(http_head_value(&h, "x-blanks", 0), "a b"));
    assert_true(bytes_eq_str(http_head_value(&h, "Cookie", 0), "a=b:c"));
    assert_true(bytes_eq_str(http_head_value(&h, "Cookie", 1), "second"));
    assert_null(http_head_value(&h, "cookie", 2).ptr);
    assert_int_equal(http_head_count(&h, "cookie"), 2);
    assert_non_null(http_head_value(&h, "x-empty", 0).ptr);
    assert_int_equal(http_head_value(&h, "x-empty", 0).len, 0);
    assert_null(http_head_value(&h, "x-missing", 0).ptr);

    assert_int_equal(http_head_parse(B("\r\nPOST /?  HTTP/1.0\r\n\r\n"), &h), ERR_SYNTAX);
    assert_int_equal(http_head_parse(B("\r\nPOST /? HTTP/1.0\r\n\r\n"), &h), 0);
    assert_false(h.is_http_1_1);
    assert_int_equal(h.field_count, 0);
    assert_true(bytes_eq_str(h.path, "/"));
    assert_non_null(h.query.ptr);
    assert_int_equal(h.query.len, 0);
    assert_int_equal(http_head_parse(B("GET / HTTP/1.1\r\n\r\n"), &h), 0);
    assert_null(h.query.ptr);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        int err;
    } rows[] = {
        {"", ERR_SYNTAX},
        {"\r\n", ERR_SYNTAX},
        {"\r\n\r\n", ERR_SYNTAX},
        {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.1", ERR_SYNTAX},
        {"GET / HTTP/1.1\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.1\r\n\r\nx", ERR_SYNTAX},
        {"GET /\r\n\r\n", ERR_SYNTAX},
        {"GET\r\n\r\n", ERR_SYNTAX},
        {" / HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"G(T / HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET  / HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.1 \r\n\r\n", ERR_SYNTAX},
        {"GET /a b HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET /a\tb HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET /a#b HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET a HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET * HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET http://a/ HTTP/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET / http/1.1\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/11\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.2\r\n\r\n", ERR_VERSION},
        {"GET / HTTP/2.0\r\n\r\n", ERR_VERSION},
        {"GET / HTTP/1.1\r\nA\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.1\r\n: b\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.1\r\nA : b\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.1\r\n A: b\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", ERR_SYNTAX},
        {"GET / HTTP/1.1\r\nA\"B: b\r\n\r\n", ERR_SYNTAX},
    };
    static struct http_head h;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int err = http_head_parse(bytes_str(rows[i].text), &h);

        if (err != rows[i].err) {
            fail_msg("'%s' gives %d", rows[i].text, err);
        }
    }
}

static struct buf with_fields(size_t count)
{
    struct buf b;

    buf_init(&b, 100000);
    assert_int_equal(buf_append(&b, B("GET / HTTP/1.1\r\n")), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(buf_append(&b, B("a: b\r\n")), 0);
    }
    assert_int_equal(buf_append(&b, B("\r\n")), 0);
    return b;
}

static struct buf with_path(size_t len)
{
    struct buf b;

    buf_init(&b, 100000);
    assert_int_equal(buf_append(&b, B("GET /")), 0);
    for (size_t i = 1; i < len; i++) {
        assert_int_equal(buf_append_char(&b, 'p'), 0);
    }
    assert_int_equal(buf_append(&b, B("?query HTTP/1.1\r\n\r\n")), 0);
    return b;
}

static void test_limits(void **state)
{
    static struct http_head h;
    struct buf b;

    (void)state;
    b = with_fields(HTTP_FIELDS_MAX);
    assert_int_equal(http_head_parse(buf_bytes(&b), &h), 0);
    assert_int_equal(http_head_count(&h, "A"), HTTP_FIELDS_MAX);
    buf_done(&b);
    b = with_fields(HTTP_FIELDS_MAX + 1);
    assert_int_equal(http_head_parse(buf_bytes(&b), &h), ERR_LIMIT);
    buf_done(&b);
    b = with_path(HTTP_PATH_MAX_BYTES);
    assert_int_equal(http_head_parse(buf_bytes(&b), &h), 0);
    assert_int_equal(h.path.len, HTTP_PATH_MAX_BYTES);
    buf_done(&b);
    b = with_path(HTTP_PATH_MAX_BYTES + 1);
    assert_int_equal(http_head_parse(buf_bytes(&b), &h), ERR_RANGE);
    buf_done(&b);
}

static void test_list_values(void **state)
{
    (void)state;
    assert_true(http_value_has(B("upgrade"), "upgrade"));
    assert_true(http_value_has(B("keep-alive, \tUpgrade "), "upgrade"));
    assert_true(http_value_has(B(",,upgrade,"), "upgrade"));
    assert_false(http_value_has(B("upgrades"), "upgrade"));
    assert_false(http_value_has(B("not upgrade"), "upgrade"));
    assert_false(http_value_has(B(""), "upgrade"));
    assert_false(http_value_has(BYTES_NONE, "upgrade"));
}

static void test_content_length(void **state)
{
    static const struct {
        const char *fields;
        int err;
        size_t len;
    } rows[] = {
        {"", ERR_MISSING, 0},
        {"Content-Length: 0\r\n", 0, 0},
        {"content-length:65537\r\n", 0, 65537},
        {"Content-Length: 999999999999999\r\n", 0, 999999999999999},
        {"Content-Length: 1000000000000000\r\n", ERR_SYNTAX, 0},
        {"Content-Length: \r\n", ERR_SYNTAX, 0},
        {"Content-Length: -1\r\n", ERR_SYNTAX, 0},
        {"Content-Length: +1\r\n", ERR_SYNTAX, 0},
        {"Content-Length: 0x10\r\n", ERR_SYNTAX, 0},
        {"Content-Length: 1 2\r\n", ERR_SYNTAX, 0},
        {"Content-Length: 5, 5\r\n", ERR_SYNTAX, 0},
        {"Content-Length: 5\r\nContent-Length: 5\r\n", ERR_SYNTAX, 0},
    };
    static struct http_head h;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b;
        size_t len = 77;

        buf_init(&b, 1000);
        assert_int_equal(buf_printf(&b, "POST / HTTP/1.1\r\n%s\r\n", rows[i].fields), 0);
        assert_int_equal(http_head_parse(buf_bytes(&b), &h), 0);
        assert_int_equal(http_head_content_length(&h, &len), rows[i].err);
        assert_int_equal(len, rows[i].err == 0 ? rows[i].len : 77);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_list_values), cmocka_unit_test(test_content_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
