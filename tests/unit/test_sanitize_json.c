/* SPDX-License-Identifier: MIT */
/* Every string of a JSON text is sanitised, keys too, and nothing else of it changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "broker/sanitize_json.h"
#include "common/mem.h"

static const struct {
    const char *in, *out;
} CASES[] = {
    {"[]", "[]"},
    {"{}", "{}"},
    {"[{\"a\":1,\"b\":[true,false,null,-3,1.5]}]", "[{\"a\":1,\"b\":[true,false,null,-3,1.5]}]"},
    {"[ { \"z\" : 1 , \"a\" : 2 } ]", "[{\"z\":1,\"a\":2}]"},
    {"[\"<script>x</script>ok\"]", "[\"ok\"]"},
    {"[\"java\\u0073cript:x\"]", "[\"x\"]"},
    {"[{\"<b>\":\"<i>\"}]", "[{\"<\xe2\x80\x8b"
                            "b>\":\"<\xe2\x80\x8b"
                            "i>\"}]"},
    {"[{\"onclick=a\":1,\"a\":2}]", "[{\"a\":2}]"},
    {"[{\"a\":2,\"onclick=a\":1}]", "[{\"a\":2}]"},
    {"[{\"k\":1,\"javascript:k\":2,\"z\":3}]", "[{\"k\":1,\"z\":3}]"},
    {"[{\"javascript:k\":2,\"onclick=k\":3}]", "[{\"k\":2}]"},
    {"[{\"javascript:k\":2,\"k\":[],\"onclick=k\":3}]", "[{\"k\":[]}]"},
    {"[[[{\"x\":[\"eval(1)\"]}]]]", "[[[{\"x\":[\"1)\"]}]]]"},
    {"[\"a < b & \\\"c\\\" \\\\ \\n\"]", "[\"a < b & \\\"c\\\" \\\\ \\n\"]"},
    {"[\"\\u00e9\\ud83d\\ude00\"]", "[\"\xc3\xa9\xf0\x9f\x98\x80\"]"},
    {"[\"bell\\u0007\"]", "[\"bell\"]"},
    {"[\"\"]", "[\"\"]"},
};

static void texts_become_clean(void **state)
{
    struct buf out, again;

    (void)state;
    buf_init(&out, 4096);
    buf_init(&again, 4096);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        buf_reset(&out);
        buf_reset(&again);
        assert_int_equal(sanitize_json(SANITIZE_MARKUP, bytes_str(CASES[i].in), &out), 0);
        if (!bytes_eq_str(buf_bytes(&out), CASES[i].out)) {
            fail_msg("%s became %.*s", CASES[i].in, (int)out.len, out.data);
        }
        assert_int_equal(sanitize_json(SANITIZE_MARKUP, buf_bytes(&out), &again), 0);
        assert_true(bytes_eq(buf_bytes(&out), buf_bytes(&again)));
    }
    buf_done(&out);
    buf_done(&again);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *in;
        int err;
    } cases[] = {
        {"", ERR_SYNTAX},
        {"x", ERR_SYNTAX},
        {"\"text\"", ERR_SYNTAX},
        {"[1", ERR_SYNTAX},
        {"[\"\\u0000\"]", ERR_RANGE},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", ERR_DEPTH},
    };
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(buf_append(&out, BYTES_LIT("kept")), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(sanitize_json(SANITIZE_MARKUP, bytes_str(cases[i].in), &out),
                         cases[i].err);
        assert_true(bytes_eq_str(buf_bytes(&out), "kept"));
    }
    buf_done(&out);
}

static void too_long_for_the_buffer(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 8);
    assert_int_equal(sanitize_json(SANITIZE_ESCAPE, BYTES_LIT("[\"<<<<\"]"), &out), ERR_FULL);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void every_failing_allocation_is_an_error(void **state)
{
    struct buf out;
    int err = ERR_NOMEM;

    (void)state;
    for (unsigned n = 1; err == ERR_NOMEM && n < 100; n++) {
        buf_init(&out, 4096);
        mem_fail_after(n);
        err = sanitize_json(SANITIZE_MARKUP, BYTES_LIT("[{\"a\":[\"<b>\",\"x\"]},\"y\"]"), &out);
        mem_fail_after(0);
        buf_done(&out);
    }
    assert_int_equal(err, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_clean),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(too_long_for_the_buffer),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
