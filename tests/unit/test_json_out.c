/* SPDX-License-Identifier: MIT */
/* The JSON writer: exact text, and a JSON reader that gets every string back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>
#include <jansson.h>

#include "common/err.h"
#include "common/mem.h"
#include "proto/json_out.h"
#include "tests/unit/wire_test.h"

static void check_text(struct buf *out, const char *want)
{
    assert_int_equal(buf_append_char(out, '\0'), 0);
    assert_string_equal(out->data, want);
    buf_reset(out);
}

static void commas_and_nesting(void **state)
{
    struct json_out j;
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    json_out_init(&j, &out);
    json_begin_object(&j);
    json_end_object(&j);
    check_text(&out, "{}");

    json_out_init(&j, &out);
    json_begin_object(&j);
    json_kstr(&j, "s", BYTES_LIT("x"));
    json_ki64(&j, "n", -5);
    json_kbool(&j, "t", true);
    json_kbool(&j, "f", false);
    json_key(&j, "z");
    json_nil(&j);
    json_key(&j, "a");
    json_begin_array(&j);
    json_i64(&j, 1);
    json_begin_array(&j);
    json_end_array(&j);
    json_begin_object(&j);
    json_end_object(&j);
    json_begin_object(&j);
    json_key(&j, "k");
    json_begin_object(&j);
    json_end_object(&j);
    json_kstr(&j, "e", BYTES_NONE);
    json_end_object(&j);
    json_str(&j, BYTES_LIT("y"));
    json_bool(&j, true);
    json_nil(&j);
    json_raw(&j, BYTES_LIT("[2]"));
    json_raw(&j, BYTES_LIT("{}"));
    json_end_array(&j);
    json_key(&j, "r");
    json_raw(&j, BYTES_LIT("1.5"));
    json_end_object(&j);
    assert_int_equal(j.err, 0);
    check_text(&out, "{\"s\":\"x\",\"n\":-5,\"t\":true,\"f\":false,\"z\":null,\"a\":[1,[],{},"
                     "{\"k\":{},\"e\":\"\"},\"y\",true,null,[2],{}],\"r\":1.5}");
    buf_done(&out);
}

static void integers(void **state)
{
    struct json_out j;
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    json_out_init(&j, &out);
    json_begin_array(&j);
    json_i64(&j, 0);
    json_i64(&j, INT64_MAX);
    json_i64(&j, INT64_MIN);
    json_i64(&j, 9007199254740991);
    json_end_array(&j);
    check_text(&out, "[0,9223372036854775807,-9223372036854775808,9007199254740991]");
    buf_done(&out);
}

static void escapes(void **state)
{
    static const struct {
        const char *in, *want;
    } CASES[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"\"", "\"\\\"\""},
        {"\\", "\"\\\\\""},
        {"/", "\"/\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\xC3\xBC\xF0\x9F\x98\x80", "\"\xC3\xBC\xF0\x9F\x98\x80\""},
        {"\xE2\x80\xA8", "\"\\u2028\""},
        {"a\xE2\x80\xA9z", "\"a\\u2029z\""},
        {"\xE2\x80\xA7\xE2\x80\xAA\xE2\x82\xA8\xE2\x82\xAC",
         "\"\xE2\x80\xA7\xE2\x80\xAA\xE2\x82\xA8\xE2\x82\xAC\""},
        {"\xE2\x80\xA8\xE2\x80\xA9\"", "\"\\u2028\\u2029\\\"\""},
        {"</script>", "\"</script>\""},
    };
    struct json_out j;
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        json_out_init(&j, &out);
        json_str(&j, bytes_str(CASES[i].in));
        assert_int_equal(j.err, 0);
        check_text(&out, CASES[i].want);
    }
    json_out_init(&j, &out);
    json_str(&j, bytes_of("a\0b", 3));
    check_text(&out, "\"a\\u0000b\"");
    /* not valid, but nothing is read past the end */
    json_out_init(&j, &out);
    char *cut = wire_copy(BYTES_LIT("\xE2\x80"));
    json_str(&j, bytes_of(cut, 2));
    check_text(&out, "\"\xE2\x80\"");
    free(cut);
    buf_done(&out);
}

/* One random character of each class that is treated differently. */
static void put_random_char(struct buf *text, uint64_t *random)
{
    static const char *const CHARS[] = {"\"",
                                        "\\",
                                        "\n",
                                        "\x01",
                                        "a",
                                        "longer run of text",
                                        "\xC3\xBC",
                                        "\xE2\x80\xA8",
                                        "\xE2\x80\xA9",
                                        "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80",
                                        "/",
                                        "\x7f",
                                        "<"};
    size_t pick = wire_random(random) % (sizeof(CHARS) / sizeof(CHARS[0]));

    assert_int_equal(buf_append(text, bytes_str(CHARS[pick])), 0);
}

static void a_reader_gets_random_strings_back(void **state)
{
    uint64_t random = 7;
    struct buf text, out;

    (void)state;
    buf_init(&text, 1u << 16);
    buf_init(&out, 1u << 16);
    for (int round = 0; round < 5000; round++) {
        struct json_out j;
        buf_reset(&text);
        buf_reset(&out);
        for (uint64_t n = wire_random(&random) % 40; n > 0; n--) {
            put_random_char(&text, &random);
        }
        json_out_init(&j, &out);
        json_begin_object(&j);
        json_kstr(&j, "s", buf_bytes(&text));
        json_end_object(&j);
        assert_int_equal(j.err, 0);
        json_t *read = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(read);
        json_t *s = json_object_get(read, "s");
        wire_assert_bytes(bytes_of(json_string_value(s), json_string_length(s)), buf_bytes(&text));
        json_decref(read);
    }
    buf_done(&text);
    buf_done(&out);
}

static void check_time(uint64_t wall_ms)
{
    char text[ISO_TIME_MAX];
    char want[64];
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);

    assert_non_null(gmtime_r(&seconds, &tm));
    snprintf(want, sizeof(want), "%04ld-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900L,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             (unsigned)(wall_ms % 1000));
    size_t len = iso_time(wall_ms, text);
    assert_string_equal(text, want);
    assert_int_equal(len, strlen(want));
}

static void times(void **state)
{
    static const uint64_t MS[] = {
        0,
        999,
        1000,
        951782399999,    /* 2000-02-28T23:59:59.999 */
        951782400000,    /* 2000-02-29 */
        951868800000,    /* 2000-03-01 */
        1704110400000,   /* 2024-01-01T12:00 */
        1709164800000,   /* 2024-02-29 */
        1735689599999,   /* the end of 2024 */
        4107542399999,   /* 2100-02-28: no leap year */
        4107542400000,   /* 2100-03-01 */
        253402300799999, /* the end of 9999 */
        253402300800000, /* 10000-01-01 */
    };
    uint64_t random = 3;

    (void)state;
    for (size_t i = 0; i < sizeof(MS) / sizeof(MS[0]); i++) {
        check_time(MS[i]);
    }
    for (int i = 0; i < 100000; i++) {
        check_time(wire_random(&random) % 253402300800000);
    }
    for (uint64_t day = 0; day < 150000; day++) { /* every day of 400 years */
        check_time(day * 86400000 + day % 86400000);
    }
    char text[ISO_TIME_MAX];
    assert_true(iso_time(UINT64_MAX, text) < ISO_TIME_MAX);
    assert_int_equal(iso_time(1704110400000, text), 24);
    assert_string_equal(text, "2024-01-01T12:00:00.000Z");
}

static void a_time_field(void **state)
{
    struct json_out j;
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    json_out_init(&j, &out);
    json_begin_object(&j);
    json_ki64(&j, "n", 1);
    json_ktime(&j, "timestamp", 1704110400123);
    json_end_object(&j);
    check_text(&out, "{\"n\":1,\"timestamp\":\"2024-01-01T12:00:00.123Z\"}");
    buf_done(&out);
}

static void write_all(struct json_out *j)
{
    json_begin_object(j);
    json_kstr(j, "key", BYTES_LIT("a\"\x01\xE2\x80\xA8z"));
    json_key(j, "list");
    json_begin_array(j);
    json_i64(j, 12345);
    json_bool(j, true);
    json_nil(j);
    json_raw(j, BYTES_LIT("{}"));
    json_end_array(j);
    json_ktime(j, "t", 0);
    json_end_object(j);
}

/* With every maximum below the length: the error is kept, and the maximum too. */
static void full(void **state)
{
    struct json_out j;
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    json_out_init(&j, &out);
    write_all(&j);
    assert_int_equal(j.err, 0);
    size_t whole = out.len;
    buf_done(&out);
    for (size_t max = 0; max <= whole; max++) {
        buf_init(&out, max);
        json_out_init(&j, &out);
        write_all(&j);
        assert_int_equal(j.err, max < whole ? ERR_FULL : 0);
        assert_true(out.len <= max);
        buf_done(&out);
    }
}

static void no_memory(void **state)
{
    struct json_out j;
    struct buf out;

    (void)state;
    for (size_t nth = 1; nth <= 2; nth++) {
        buf_init(&out, 4096);
        json_out_init(&j, &out);
        mem_fail_after(nth);
        write_all(&j);
        mem_fail_after(0);
        assert_int_equal(j.err, ERR_NOMEM);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_nesting),
        cmocka_unit_test(integers),
        cmocka_unit_test(escapes),
        cmocka_unit_test(a_reader_gets_random_strings_back),
        cmocka_unit_test(times),
        cmocka_unit_test(a_time_field),
        cmocka_unit_test(full),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
