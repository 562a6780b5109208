/* SPDX-License-Identifier: MIT */
/* Names of logins: the same as sha256sum gives, and never 0 for one that is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/login_id.h"

static void test_are_hashes(void **state)
{
    (void)state;
    /* printf session:abc | sha256sum */
    assert_true(login_id_of_session(BYTES_LIT("abc")) == UINT64_C(0xa29d803b477eb420));
    assert_true(login_id_of_family(BYTES_LIT("0123456789abcdef0123456789abcdef")) ==
                UINT64_C(0xf73770f225aedcbf));
}

static void test_kinds_differ(void **state)
{
    (void)state;
    assert_true(login_id_of_session(BYTES_LIT("x")) != login_id_of_family(BYTES_LIT("x")));
}

static void test_no_login(void **state)
{
    static char longest[LOGIN_NAME_MAX_BYTES + 1];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    assert_true(login_id_of_session(BYTES_NONE) == 0);
    assert_true(login_id_of_family(BYTES_LIT("")) == 0);
    assert_true(login_id_of_family(bytes_of(longest, LOGIN_NAME_MAX_BYTES)) != 0);
    assert_true(login_id_of_family(bytes_of(longest, LOGIN_NAME_MAX_BYTES + 1)) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_are_hashes),
        cmocka_unit_test(test_kinds_differ),
        cmocka_unit_test(test_no_login),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
