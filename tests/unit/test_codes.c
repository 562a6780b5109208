/* SPDX-License-Identifier: MIT */
/* The client-visible codes against a second, hand-written list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/codes.h"

static const struct {
    enum client_code code;
    const char *name;
    int close;
} EXPECTED[] = {
    {CODE_NONE, "", 0},
    {CODE_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", 4401},
    {CODE_RATE_LIMIT_EXCEEDED, "RATE_LIMIT_EXCEEDED", 4429},
    {CODE_INVALID_MESSAGE, "INVALID_MESSAGE", 1008},
    {CODE_PERMISSION_DENIED, "PERMISSION_DENIED", 4403},
    {CODE_CHANNEL_NOT_FOUND, "CHANNEL_NOT_FOUND", 4404},
    {CODE_MESSAGE_TOO_LARGE, "MESSAGE_TOO_LARGE", 1009},
    {CODE_SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", 1013},
    {CODE_INTERNAL_ERROR, "INTERNAL_ERROR", 1011},
};

static void every_code_has_its_name_and_close(void **state)
{
    (void)state;
    assert_int_equal(sizeof(EXPECTED) / sizeof(EXPECTED[0]), CODE_COUNT);
    for (size_t i = 0; i < CODE_COUNT; i++) {
        assert_int_equal(EXPECTED[i].code, i);
        assert_string_equal(code_name(EXPECTED[i].code), EXPECTED[i].name);
        assert_int_equal(code_close(EXPECTED[i].code), EXPECTED[i].close);
    }
}

static void every_code_has_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(code_sentence(CODE_NONE), "");
    for (int i = CODE_NONE + 1; i < CODE_COUNT; i++) {
        const char *sentence = code_sentence((enum client_code)i);
        assert_true(strlen(sentence) > 10);
        assert_int_equal(sentence[strlen(sentence) - 1], '.');
    }
    /* documented by the customer, word for word */
    assert_string_equal(code_sentence(CODE_RATE_LIMIT_EXCEEDED),
                        "Rate limit exceeded. Please slow down.");
}

static void unknown_numbers_are_harmless(void **state)
{
    (void)state;
    assert_string_equal(code_name(CODE_COUNT), "");
    assert_string_equal(code_name((enum client_code)1000), "");
    assert_string_equal(code_sentence((enum client_code)1000), "");
    assert_int_equal(code_close(CODE_COUNT), CLOSE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_name_and_close),
        cmocka_unit_test(every_code_has_a_sentence),
        cmocka_unit_test(unknown_numbers_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
