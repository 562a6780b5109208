/* SPDX-License-Identifier: MIT */
/* Answers to requests for files: ranges, conditions, header lines, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "broker/http_file.h"
#include "broker/upload_rules.h"
#include "common/mem.h"

#define TAG "0123abc"
#define PRIVATE                                                                                    \
    "Cache-Control: private, no-cache\r\n"                                                         \
    "ETag: \"" TAG "\"\r\n"
#define WHOLE                                                                                      \
    "Accept-Ranges: bytes\r\n"                                                                     \
    "Content-Security-Policy: sandbox\r\n"                                                         \
    "Content-Disposition: attachment; filename=\"a.txt\"\r\n"

static struct http_file file_of(uint64_t size)
{
    return (struct http_file){.name = BYTES_LIT("a.txt"),
                              .type = BYTES_LIT("text/plain"),
                              .etag = BYTES_LIT(TAG),
                              .size = size};
}

static struct http_file_answer ask(uint64_t size, const struct http_file_request *req,
                                   const char *headers)
{
    const struct http_file file = file_of(size);
    struct http_file_answer a = {0};
    struct buf out;

    buf_init(&out, HTTP_FILE_HEADERS_MAX_BYTES);
    assert_int_equal(http_file_answer(&file, req, &a, &out), 0);
    if (headers && !bytes_eq_str(buf_bytes(&out), headers)) {
        fail_msg("%.*s", BYTES_FMT(buf_bytes(&out)));
    }
    buf_done(&out);
    return a;
}

/* ---- ranges ---- */

static const struct {
    const char *range;
    uint64_t size;
    uint32_t status;
    uint64_t offset, bytes;
} RANGES[] = {
    {"", 1000, 200, 0, 1000},
    /* one range */
    {"bytes=0-0", 1000, 206, 0, 1},
    {"bytes=0-99", 1000, 206, 0, 100},
    {"bytes=500-599", 1000, 206, 500, 100},
    {"bytes=500-500", 1000, 206, 500, 1},
    {"bytes=0-999", 1000, 206, 0, 1000},
    {"bytes=999-999", 1000, 206, 999, 1},
    {" \tbytes=0-9\t ", 1000, 206, 0, 10},
    {"bytes=0000-0009", 1000, 206, 0, 10},
    {"bytes=0-0", 1, 206, 0, 1},
    /* open */
    {"bytes=0-", 1000, 206, 0, 1000},
    {"bytes=999-", 1000, 206, 999, 1},
    /* the last so many */
    {"bytes=-1", 1000, 206, 999, 1},
    {"bytes=-1000", 1000, 206, 0, 1000},
    {"bytes=-1001", 1000, 206, 0, 1000},
    {"bytes=-18446744073709551615", 1000, 206, 0, 1000},
    /* beyond the end */
    {"bytes=0-1000", 1000, 206, 0, 1000},
    {"bytes=900-18446744073709551615", 1000, 206, 900, 100},
    {"bytes=900-99999999999999999999999999999", 1000, 206, 900, 100},
    {"bytes=1000-", 1000, 416, 0, 0},
    {"bytes=1000-1001", 1000, 416, 0, 0},
    {"bytes=18446744073709551615-", 1000, 416, 0, 0},
    {"bytes=99999999999999999999999999999-", 1000, 416, 0, 0},
    {"bytes=18446744073709551614-18446744073709551615", 1000, 416, 0, 0},
    {"bytes=99999999999999999998-99999999999999999999", 1000, 416, 0, 0},
    {"bytes=9999999999999999999-99999999999999999999", 1000, 416, 0, 0},
    {"bytes=-0", 1000, 416, 0, 0},
    /* of an empty file */
    {"bytes=0-", 0, 416, 0, 0},
    {"bytes=-1", 0, 416, 0, 0},
    {"", 0, 200, 0, 0},
    /* none that we know: the whole file */
    {"bytes=5-4", 1000, 200, 0, 1000},
    {"bytes=-", 1000, 200, 0, 1000},
    {"bytes=", 1000, 200, 0, 1000},
    {"bytes", 1000, 200, 0, 1000},
    {"bytes=0", 1000, 200, 0, 1000},
    {"bytes=0-9,20-29", 1000, 200, 0, 1000},
    {"bytes=0-0,-1", 1000, 200, 0, 1000},
    {"bytes=0-9,", 1000, 200, 0, 1000},
    {"bytes=,0-9", 1000, 200, 0, 1000},
    {"bytes= 0-9", 1000, 200, 0, 1000},
    {"bytes=0 -9", 1000, 200, 0, 1000},
    {"bytes=0- 9", 1000, 200, 0, 1000},
    {"bytes =0-9", 1000, 200, 0, 1000},
    {"bytes=+0-9", 1000, 200, 0, 1000},
    {"bytes=0--9", 1000, 200, 0, 1000},
    {"bytes=--9", 1000, 200, 0, 1000},
    {"bytes=0x0-9", 1000, 200, 0, 1000},
    {"bytes=a-b", 1000, 200, 0, 1000},
    {"bytes=0-9x", 1000, 200, 0, 1000},
    {"pages=0-9", 1000, 200, 0, 1000},
    {"0-9", 1000, 200, 0, 1000},
    {"-", 1000, 200, 0, 1000},
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(RANGES) / sizeof(RANGES[0]); i++) {
        const struct http_file_request req = {.range = bytes_str(RANGES[i].range)};
        struct http_file_answer a = ask(RANGES[i].size, &req, NULL);
        if (a.status != RANGES[i].status || a.offset != RANGES[i].offset ||
            a.bytes != RANGES[i].bytes) {
            fail_msg("%s of %u: %u, %u from %u", RANGES[i].range, (unsigned)RANGES[i].size,
                     a.status, (unsigned)a.bytes, (unsigned)a.offset);
        }
    }
}

/* As large as ids may be, beyond what 32 bits hold. */
static void test_a_range_of_a_large_file(void **state)
{
    const uint64_t size = UINT64_C(9007199254740991);
    const struct http_file_request req = {.range = BYTES_LIT("bytes=9007199254740000-")};
    struct http_file_answer a =
        ask(size, &req,
            PRIVATE
            "Content-Range: bytes 9007199254740000-9007199254740990/9007199254740991\r\n" WHOLE);

    (void)state;
    assert_int_equal(a.status, 206);
    assert_true(a.offset == UINT64_C(9007199254740000));
    assert_int_equal(a.bytes, 991);
}

/* ---- header lines ---- */

static void test_headers(void **state)
{
    (void)state;
    assert_int_equal(ask(1000, &(struct http_file_request){0}, PRIVATE WHOLE).status, 200);
    assert_int_equal(ask(1000, &(struct http_file_request){.range = BYTES_LIT("bytes=10-19")},
                         PRIVATE "Content-Range: bytes 10-19/1000\r\n" WHOLE)
                         .status,
                     206);
    assert_int_equal(ask(1000, &(struct http_file_request){.range = BYTES_LIT("bytes=1000-")},
                         PRIVATE "Content-Range: bytes */1000\r\n")
                         .status,
                     416);
    assert_int_equal(
        ask(1000, &(struct http_file_request){.if_none_match = BYTES_LIT("\"" TAG "\"")}, PRIVATE)
            .status,
        304);
}

/* ---- conditions ---- */

static void test_if_none_match(void **state)
{
    static const struct {
        const char *list;
        uint32_t status;
    } cases[] = {
        {"\"" TAG "\"", 304},
        {" \"" TAG "\" ", 304},
        {"W/\"" TAG "\"", 304},
        {"*", 304},
        {" * ", 304},
        {"\"x\", \"" TAG "\"", 304},
        {"\"x\",W/\"y\" ,\tW/\"" TAG "\",\"z\"", 304},
        {",,\"" TAG "\",,", 304},
        {"", 200},
        {",", 200},
        {"\"\"", 200},
        {"\"", 200},
        {TAG, 200},
        {"\"" TAG, 200},
        {TAG "\"", 200},
        {"'" TAG "'", 200},
        {"w/\"" TAG "\"", 200},
        {"W/W/\"" TAG "\"", 200},
        {"W/", 200},
        {"\"" TAG "x\"", 200},
        {"\"0123ABC\"", 200},
        {"\"*\"", 200},
        {"\"x\", \"y\"", 200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct http_file_request req = {.if_none_match = bytes_str(cases[i].list)};
        struct http_file_answer a = ask(1000, &req, NULL);
        if (a.status != cases[i].status || a.bytes != (a.status == 304 ? 0 : 1000)) {
            fail_msg("%s: %u", cases[i].list, a.status);
        }
    }
}

/* RFC 9110 §13.2.2: it is looked at before ranges are. */
static void test_not_modified_goes_before_ranges(void **state)
{
    const struct http_file_request req = {.range = BYTES_LIT("bytes=2000-"),
                                          .if_none_match = BYTES_LIT("*")};

    (void)state;
    assert_int_equal(ask(1000, &req, NULL).status, 304);
}

static void test_if_range(void **state)
{
    static const struct {
        const char *tag;
        uint32_t status;
    } cases[] = {
        {"\"" TAG "\"", 206},
        {" \"" TAG "\"\t", 206},
        {"W/\"" TAG "\"", 200}, /* only a strong one is good enough */
        {"\"x\"", 200},
        {TAG, 200},
        {"*", 200},
        {" ", 200},
        {"\"x\", \"" TAG "\"", 200},
        {"Wed, 25 Nov 2026 20:00:00 GMT", 200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct http_file_request req = {.range = BYTES_LIT("bytes=0-9"),
                                              .if_range = bytes_str(cases[i].tag)};
        struct http_file_answer a = ask(1000, &req, NULL);
        if (a.status != cases[i].status) {
            fail_msg("%s: %u", cases[i].tag, a.status);
        }
    }
    /* What is outside is no error when another file was meant. */
    assert_int_equal(ask(1000,
                         &(struct http_file_request){.range = BYTES_LIT("bytes=1000-"),
                                                     .if_range = BYTES_LIT("\"x\"")},
                         NULL)
                         .status,
                     200);
}

/* ---- names ---- */

static const struct {
    const char *name, *type, *value;
} NAMES[] = {
    {"a.txt", "text/plain", "attachment; filename=\"a.txt\""},
    {"a b;c,d=e'f.txt", "text/plain", "attachment; filename=\"a b;c,d=e'f.txt\""},
    {"\"a\".txt", "text/plain", "attachment; filename=\"_a_.txt\"; filename*=UTF-8''%22a%22.txt"},
    {"a\\b.txt", "text/plain", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%5Cb.txt"},
    {"a/b.txt", "text/plain", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%2Fb.txt"},
    {"100%.txt", "text/plain", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"},
    {"a%41.txt", "text/plain", "attachment; filename=\"a_41.txt\"; filename*=UTF-8''a%2541.txt"},
    {"\xC3\xBC.txt", "text/plain", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"},
    {"\xE2\x82\xAC \xF0\x9F\x98\x80", "text/plain",
     "attachment; filename=\"_ _\"; filename*=UTF-8''%E2%82%AC%20%F0%9F%98%80"},
    {"a\r\nX: y", "text/plain",
     "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"},
    {"a\x7f"
     "b\tc",
     "text/plain", "attachment; filename=\"a_b_c\"; filename*=UTF-8''a%7Fb%09c"},
    {"\"!#$&+-.^_`|~*'()", "text/plain",
     "attachment; filename=\"_!#$&+-.^_`|~*'()\"; filename*=UTF-8''%22!#$&+-.^_`|~%2A%27%28%29"},
    {"", "text/plain", "attachment; filename=\"\""},
    {"a.png", "image/png", "inline; filename=\"a.png\""},
    {"a.jpg", "image/jpeg", "inline; filename=\"a.jpg\""},
    {"a.gif", "image/gif", "inline; filename=\"a.gif\""},
    {"a.webp", "image/webp", "inline; filename=\"a.webp\""},
    {"a.svg", "image/svg+xml", "attachment; filename=\"a.svg\""},
    {"a.png", "image/png; x", "attachment; filename=\"a.png\""},
    {"a.png", "image/pngx", "attachment; filename=\"a.png\""},
    {"a.html", "text/html", "attachment; filename=\"a.html\""},
    {"a.pdf", "application/pdf", "attachment; filename=\"a.pdf\""},
    {"a.png", "", "attachment; filename=\"a.png\""},
};

static void test_names(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, HTTP_FILE_HEADERS_MAX_BYTES);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        const struct http_file file = {.name = bytes_str(NAMES[i].name),
                                       .type = bytes_str(NAMES[i].type)};
        buf_reset(&out);
        assert_int_equal(http_file_disposition(&file, &out), 0);
        if (!bytes_eq_str(buf_bytes(&out), NAMES[i].value)) {
            fail_msg("%.*s", BYTES_FMT(buf_bytes(&out)));
        }
    }
    buf_done(&out);
}

/* No byte of a name leaves the line that it is in. */
static void test_no_name_breaks_a_header(void **state)
{
    char name[1] = "";
    struct http_file file = {.name = bytes_of(name, 1), .type = BYTES_LIT("text/plain")};
    struct buf out;

    (void)state;
    buf_init(&out, HTTP_FILE_HEADERS_MAX_BYTES);
    for (int c = 0; c < 256; c++) {
        size_t quotes = 0;
        name[0] = (char)c;
        buf_reset(&out);
        assert_int_equal(http_file_disposition(&file, &out), 0);
        for (size_t i = 0; i < out.len; i++) {
            assert_true(out.data[i] >= ' ' && out.data[i] < 0x7f);
            quotes += out.data[i] == '"';
        }
        assert_int_equal(quotes, 2);
    }
    buf_done(&out);
}

/* The longest name that is stored, all of it encoded, fits into what a gateway takes. */
static void test_the_longest_name_fits(void **state)
{
    char name[STORED_NAME_MAX_BYTES] = "", etag[65] = "";
    struct http_file file = {.name = bytes_of(name, sizeof(name)),
                             .type = BYTES_LIT("text/plain"),
                             .etag = bytes_of(etag, sizeof(etag)),
                             .size = UINT64_C(9007199254740991)};
    const struct http_file_request req = {.range = BYTES_LIT("bytes=9007199254740990-")};
    struct http_file_answer a;
    struct buf out;

    (void)state;
    memset(name, '%', sizeof(name));
    memset(etag, 'f', sizeof(etag));
    buf_init(&out, HTTP_FILE_HEADERS_MAX_BYTES);
    assert_int_equal(http_file_answer(&file, &req, &a, &out), 0);
    assert_int_equal(a.status, 206);
    buf_done(&out);
}

static void test_no_room(void **state)
{
    const struct http_file file = file_of(1000);
    const struct http_file_request req = {.range = BYTES_LIT("bytes=0-9")};
    struct http_file_answer a = {.status = 7};
    struct buf out;

    (void)state;
    for (size_t max = 1; max < sizeof(PRIVATE WHOLE) + 30; max++) {
        buf_init(&out, max);
        assert_int_equal(buf_append_char(&out, 'x'), 0);
        assert_int_equal(http_file_answer(&file, &req, &a, &out), ERR_FULL);
        assert_int_equal(out.len, 1);
        assert_int_equal(a.status, 7);
        buf_done(&out);
    }
    buf_init(&out, HTTP_FILE_HEADERS_MAX_BYTES);
    mem_fail_after(1);
    assert_int_equal(http_file_answer(&file, &req, &a, &out), ERR_NOMEM);
    mem_fail_after(0);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_a_range_of_a_large_file),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_if_none_match),
        cmocka_unit_test(test_not_modified_goes_before_ranges),
        cmocka_unit_test(test_if_range),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_name_breaks_a_header),
        cmocka_unit_test(test_the_longest_name_fits),
        cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
