/* SPDX-License-Identifier: MIT */
/* Tests of channel names and of rooms that are numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/channel_name.h"
#include "proto/limits.h"

/* BYTES_LIT for static tables: a compound literal is no constant expression. */
#define TEXT(s)                                                                                    \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }

static void names(void **state)
{
    static const struct {
        struct bytes name;
        int err;
    } cases[] = {
        {TEXT("general"), 0},
        {TEXT("a"), 0},
        {TEXT("A-Z_az09"), 0},
        {TEXT("-"), 0},
        {TEXT("12a"), 0},
        {TEXT("1-2"), 0},
        {TEXT(""), ERR_LIMIT},
        {{NULL, 0}, ERR_LIMIT},
        {TEXT("0"), ERR_SYNTAX},
        {TEXT("123"), ERR_SYNTAX},
        {TEXT("a b"), ERR_SYNTAX},
        {TEXT("a.b"), ERR_SYNTAX},
        {TEXT("a/b"), ERR_SYNTAX},
        {TEXT("a\0b"), ERR_SYNTAX},
        {TEXT("caf\xc3\xa9"), ERR_SYNTAX},
        {TEXT("a:"), ERR_SYNTAX},
        {TEXT("@a"), ERR_SYNTAX},
        {TEXT("[a"), ERR_SYNTAX},
        {TEXT("`a"), ERR_SYNTAX},
        {TEXT("{a"), ERR_SYNTAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(channel_name_check(cases[i].name), cases[i].err);
    }
}

static void length_of_a_name(void **state)
{
    char text[ROOM_NAME_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(channel_name_check(bytes_of(text, ROOM_NAME_MAX)), 0);
    assert_int_equal(channel_name_check(bytes_of(text, ROOM_NAME_MAX + 1)), ERR_LIMIT);
}

static void numbers(void **state)
{
    static const struct {
        struct bytes room;
        int err;
        int64_t id;
    } cases[] = {
        {TEXT("1"), 0, 1},
        {TEXT("7"), 0, 7},
        {TEXT("07"), ERR_SYNTAX, -1},
        {TEXT("9007199254740991"), 0, 9007199254740991},
        {TEXT("9007199254740992"), ERR_RANGE, -1},
        {TEXT("18446744073709551617"), ERR_RANGE, -1},
        {TEXT("99999999999999999999999999999999999999999999"), ERR_RANGE, -1},
        {TEXT("0"), ERR_RANGE, -1},
        {TEXT(""), ERR_SYNTAX, -1},
        {TEXT("-1"), ERR_SYNTAX, -1},
        {TEXT("+1"), ERR_SYNTAX, -1},
        {TEXT(" 1"), ERR_SYNTAX, -1},
        {TEXT("1a"), ERR_SYNTAX, -1},
        {TEXT("1\0"), ERR_SYNTAX, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t id = -1;

        assert_int_equal(channel_number_parse(cases[i].room, &id), cases[i].err);
        assert_int_equal(id, cases[i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(length_of_a_name),
        cmocka_unit_test(numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
