/* SPDX-License-Identifier: MIT */
/* Trusted proxies: the setting, and whose address a request has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/buf.h"
#include "gateway/client_address.h"

static void test_setting(void **state)
{
    static const struct {
        const char *list;
        int err;
        size_t count;
    } rows[] = {
        {"", 0, 0},
        {" , ,", 0, 0},
        {"10.0.0.0/8", 0, 1},
        {" 10.0.0.0/8 ,\t192.0.2.7, 2001:db8::/32,::1", 0, 4},
        {"0.0.0.0/0,::/0", 0, 2},
        {"10.0.0.0/33", ERR_SYNTAX, 0},
        {"2001:db8::/129", ERR_SYNTAX, 0},
        {"10.0.0.0/", ERR_SYNTAX, 0},
        {"10.0.0.0/8x", ERR_SYNTAX, 0},
        {"10.0.0.0/-1", ERR_SYNTAX, 0},
        {"10.0.0.0/0008", ERR_SYNTAX, 0},
        {"10.0.0", ERR_SYNTAX, 0},
        {"proxy.example.com", ERR_SYNTAX, 0},
        {"/8", ERR_SYNTAX, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trusted_proxies got;

        assert_int_equal(trusted_proxies_parse(rows[i].list, &got), rows[i].err);
        if (rows[i].err == 0) {
            assert_int_equal(got.count, rows[i].count);
        }
    }
}

static void test_setting_limit(void **state)
{
    struct trusted_proxies got;
    struct buf list;

    (void)state;
    buf_init(&list, 4096);
    for (unsigned i = 0; i < TRUSTED_PROXIES_MAX; i++) {
        assert_int_equal(buf_printf(&list, "192.0.2.%u,", i), 0);
    }
    assert_int_equal(buf_append_char(&list, '\0'), 0);
    assert_int_equal(trusted_proxies_parse(list.data, &got), 0);
    list.len--;
    assert_int_equal(buf_append(&list, bytes_of("10.0.0.1", sizeof("10.0.0.1"))), 0);
    assert_int_equal(trusted_proxies_parse(list.data, &got), ERR_LIMIT);
    buf_done(&list);
}

static void test_walk(void **state)
{
    static const struct {
        const char *trusted, *peer, *headers, *want;
    } rows[] = {
#define XFF "X-Forwarded-For: "
        /* Nobody is trusted, or not this peer: what it says is its own business. */
        {"", "10.0.0.1", XFF "192.0.2.1\r\n", "10.0.0.1"},
        {"10.0.0.0/8", "11.0.0.1", XFF "192.0.2.1\r\n", "11.0.0.1"},
        {"10.0.0.0/8", "10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "192.0.2.1\r\n", "192.0.2.1"},
        {"10.0.0.0/8", "10.0.0.1", "x-forwarded-for:\t192.0.2.1 \r\n", "192.0.2.1"},
        /* What the client itself wrote stands before what the proxy saw. */
        {"10.0.0.0/8", "10.0.0.1", XFF "6.6.6.6, 192.0.2.1\r\n", "192.0.2.1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "6.6.6.6\r\n" XFF "192.0.2.1\r\n", "192.0.2.1"},
        /* Through several of ours, in one line or in two. */
        {"10.0.0.0/8", "10.0.0.1", XFF "192.0.2.1, 10.9.9.9\r\n", "192.0.2.1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "6.6.6.6,192.0.2.1\r\n" XFF "10.9.9.9\r\n", "192.0.2.1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "10.1.1.1, 10.9.9.9\r\n", "10.1.1.1"},
        /* No address: the last one that is known. */
        {"10.0.0.0/8", "10.0.0.1", XFF "unknown\r\n", "10.0.0.1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "6.6.6.6, , 10.9.9.9\r\n", "10.9.9.9"},
        {"10.0.0.0/8", "10.0.0.1", XFF "1.2.3.4.5\r\n", "10.0.0.1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "[::1\r\n", "10.0.0.1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "\r\n", "10.0.0.1"},
        /* Ports, brackets, both families, one name for each address. */
        {"10.0.0.0/8", "10.0.0.1", XFF "192.0.2.1:4711\r\n", "192.0.2.1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "[2001:db8::1]:4711\r\n", "2001:db8::1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "2001:DB8:0:0::1\r\n", "2001:db8::1"},
        {"10.0.0.0/8", "10.0.0.1", XFF "::ffff:192.0.2.1\r\n", "192.0.2.1"},
        {"fd00::/8", "fd00::1", XFF "192.0.2.1\r\n", "192.0.2.1"},
        /* Networks that end within a byte. */
        {"172.16.0.0/12", "172.31.255.255", XFF "192.0.2.1\r\n", "192.0.2.1"},
        {"172.16.0.0/12", "172.32.0.0", XFF "192.0.2.1\r\n", "172.32.0.0"},
        {"::/0", "10.0.0.1", XFF "6.6.6.6, 7.7.7.7\r\n", "6.6.6.6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trusted_proxies trusted;
        char address[CLIENT_ADDRESS_MAX] = "";
        struct http_head head;
        struct buf text;

        buf_init(&text, 4096);
        assert_int_equal(trusted_proxies_parse(rows[i].trusted, &trusted), 0);
        assert_int_equal(buf_printf(&text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", rows[i].headers),
                         0);
        assert_int_equal(http_head_parse(buf_bytes(&text), &head), 0);
        memcpy(address, rows[i].peer, strlen(rows[i].peer));
        client_address_find(&trusted, &head, address);
        assert_string_equal(address, rows[i].want);
        buf_done(&text);
    }
}

static void test_a_long_chain_ends(void **state)
{
    char address[CLIENT_ADDRESS_MAX] = "10.0.0.1";
    struct trusted_proxies trusted;
    struct http_head head;
    struct buf text;

    (void)state;
    buf_init(&text, HTTP_HEAD_MAX);
    assert_int_equal(trusted_proxies_parse("10.0.0.0/8", &trusted), 0);
    assert_int_equal(buf_printf(&text, "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1"), 0);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(buf_printf(&text, ", 10.0.1.%u", i), 0);
    }
    assert_int_equal(buf_printf(&text, "\r\n\r\n"), 0);
    assert_int_equal(http_head_parse(buf_bytes(&text), &head), 0);
    client_address_find(&trusted, &head, address);
    assert_string_equal(address, "10.0.1.8"); /* 32 entries from the end */
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setting),
        cmocka_unit_test(test_setting_limit),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_a_long_chain_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
