/* SPDX-License-Identifier: MIT */
/* Tests of which addresses are public, at the edges of each block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>

#include "broker/net_address.h"

static bool is_public(const char *text)
{
    unsigned char ip[16];
    bool is_6 = strchr(text, ':') != NULL;

    assert_int_equal(inet_pton(is_6 ? AF_INET6 : AF_INET, text, ip), 1);
    return net_address_is_public(ip, is_6 ? 16 : 4);
}

static void test_not_public(void **state)
{
    static const char *const cases[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:c0a8:1::1",
        "fe80::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "2001:1ff::1",
        "3fff::1",
        "::127.0.0.1",
        "4000::1",
        "100::1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (is_public(cases[i])) {
            fail_msg("%s", cases[i]);
        }
    }
}

static void test_public(void **state)
{
    static const char *const cases[] = {
        "1.1.1.1",         "9.255.255.255", "11.0.0.0",        "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0",     "169.253.255.255", "172.15.255.255", "172.32.0.0",
        "192.167.255.255", "192.169.0.0",   "198.17.255.255",  "198.20.0.0",     "223.255.255.255",
        "2606:4700::1111", "2001:200::1",   "2001:4860::8888", "::ffff:1.1.1.1", "64:ff9b::101:101",
        "2002:101:101::",  "2a00:1450::1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!is_public(cases[i])) {
            fail_msg("%s", cases[i]);
        }
    }
    assert_false(net_address_is_public((const unsigned char *)"\1\1\1\1", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_not_public),
                                       cmocka_unit_test(test_public)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
