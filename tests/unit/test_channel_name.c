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

static void names(void **state)
{
    static const struct {
        struct bytes name;
        int err;
    } cases[] = {
        {BYTES_LIT("general"), 0},
        {BYTES_LIT("a"), 0},
        {BYTES_LIT("A-Z_az09"), 0},
        {BYTES_LIT("-"), 0},
        {BYTES_LIT("12a"), 0},
        {BYTES_LIT("1-2"), 0},
        {BYTES_LIT(""), ERR_LIMIT},
        {{NULL, 0}, ERR_LIMIT},
        {BYTES_LIT("0"), ERR_SYNTAX},
        {BYTES_LIT("123"), ERR_SYNTAX},
        {BYTES_LIT("a b"), ERR_SYNTAX},
        {BYTES_LIT("a.b"), ERR_SYNTAX},
        {BYTES_LIT("a/b"), ERR_SYNTAX},
        {BYTES_LIT("a\0b"), ERR_SYNTAX},
        {BYTES_LIT("caf\xc3\xa9"), ERR_SYNTAX},
        {BYTES_LIT("a:"), ERR_SYNTAX},
        {BYTES_LIT("@a"), ERR_SYNTAX},
        {BYTES_LIT("[a"), ERR_SYNTAX},
        {BYTES_LIT("`a"), ERR_SYNTAX},
        {BYTES_LIT("{a"), ERR_SYNTAX},
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
        {BYTES_LIT("1"), 0, 1},
        {BYTES_LIT("007"), 0, 7},
        {BYTES_LIT("9007199254740991"), 0, 9007199254740991},
        {BYTES_LIT("9007199254740992"), ERR_RANGE, -1},
        {BYTES_LIT("18446744073709551617"), ERR_RANGE, -1},
        {BYTES_LIT("99999999999999999999999999999999999999999999"), ERR_RANGE, -1},
        {BYTES_LIT("0"), ERR_RANGE, -1},
        {BYTES_LIT(""), ERR_SYNTAX, -1},
        {BYTES_LIT("-1"), ERR_SYNTAX, -1},
        {BYTES_LIT("+1"), ERR_SYNTAX, -1},
        {BYTES_LIT(" 1"), ERR_SYNTAX, -1},
        {BYTES_LIT("1a"), ERR_SYNTAX, -1},
        {BYTES_LIT("1\0"), ERR_SYNTAX, -1},
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
