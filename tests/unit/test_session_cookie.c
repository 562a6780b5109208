/* SPDX-License-Identifier: MIT */
/* The cookie header, word for word; no key can add an attribute or a header to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/session_cookie.h"

#define LONGEST "0123456789abcdefghijABCDEFGHIJ0123456789"

static void test_cookies(void **state)
{
    static const struct {
        const char *key;
        uint32_t age_s;
        bool is_secure;
        int err;
        const char *text;
    } cases[] = {
        {"abc123", 60, true, 0,
         "sessionid=abc123; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"},
        {"abc123", 60, false, 0, "sessionid=abc123; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"},
        {"", 0, true, 0, "sessionid=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"},
        {LONGEST, UINT32_MAX, true, 0,
         "sessionid=" LONGEST "; Path=/; HttpOnly; SameSite=Lax; Max-Age=4294967295; Secure"},
        {LONGEST "0", 60, true, ERR_SYNTAX, ""},
        {"a;b", 60, true, ERR_SYNTAX, ""},
        {"a\r\nX: y", 60, true, ERR_SYNTAX, ""},
        {"a b", 60, true, ERR_SYNTAX, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;

        buf_init(&out, SESSION_COOKIE_TEXT_MAX);
        assert_int_equal(
            session_cookie(bytes_str(cases[i].key), cases[i].age_s, cases[i].is_secure, &out),
            cases[i].err);
        assert_true(bytes_eq_str(buf_bytes(&out), cases[i].text));
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cookies)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
