/* SPDX-License-Identifier: MIT */
/* The gateway's settings: defaults, the user limit, and the checks that rows cannot express. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/gateway_conf.h"

static const char *const *environment;

static const char *look_up(void *arg, const char *name)
{
    (void)arg;
    for (const char *const *e = environment; e && e[0]; e += 2) {
        if (strcmp(e[0], name) == 0) {
            return e[1];
        }
    }
    return NULL;
}

static int load(const char *const *env, struct gateway_conf *c, struct buf *problem)
{
    char *argv[] = {"kibray-gateway", NULL};
    const struct conf_input input = {1, argv, look_up, NULL};
    struct conf_words words;

    environment = env;
    *c = (struct gateway_conf){0};
    return conf_load(gateway_conf_rows, gateway_conf_row_count, c, &input, &words, problem);
}

static void done(struct gateway_conf *c, struct buf *problem)
{
    conf_free(gateway_conf_rows, gateway_conf_row_count, c);
    buf_done(problem);
}

static void test_defaults(void **state)
{
    struct gateway_conf c;
    struct buf problem;

    (void)state;
    buf_init(&problem, 4096);
    assert_int_equal(load(NULL, &c, &problem), 0);
    assert_int_equal(gateway_conf_check(&c, &problem), 0);
    assert_int_equal(c.port, 8001);
    assert_int_equal(c.rate_limit, 60);
    assert_int_equal(gateway_conf_user_limit(&c), 300);
    assert_int_equal(c.message_max_bytes, 1048576);
    assert_int_equal(c.idle_timeout_s, 3600);
    assert_int_equal(c.channel_capacity, 1500);
    assert_int_equal(c.channel_buffer_bytes, 8 * 1024 * 1024);
    assert_int_equal(c.channel_expiry_s, 10);
    assert_int_equal(c.connections_per_address, 200);
    assert_int_equal(c.ping_interval_s, 30);
    assert_int_equal(c.pong_timeout_s, 20);
    assert_false(c.is_echo_enabled);
    done(&c, &problem);
}

static void test_rows_are_in_order_and_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < gateway_conf_row_count; i++) {
        const struct conf_row *row = &gateway_conf_rows[i];
        assert_true(row->help && row->help[0] && row->help[strlen(row->help) - 1] == '.');
        assert_true(i == 0 || strcmp(gateway_conf_rows[i - 1].name, row->name) < 0);
    }
}

static void test_user_limit(void **state)
{
    static const struct {
        const char *env[5];
        uint32_t limit;
    } rows[] = {
        {{"WEBSOCKET_RATE_LIMIT", "10"}, 50},
        {{"WEBSOCKET_RATE_LIMIT", "0"}, 0},
        {{"WEBSOCKET_RATE_LIMIT", "0", "USER_RATE_LIMIT", "7"}, 0},
        {{"WEBSOCKET_RATE_LIMIT", "10", "USER_RATE_LIMIT", "7"}, 7},
        {{"USER_RATE_LIMIT", "0"}, 0},
        {{"WEBSOCKET_RATE_LIMIT", "1000000"}, 1000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gateway_conf c;
        struct buf problem;

        buf_init(&problem, 4096);
        assert_int_equal(load(rows[i].env, &c, &problem), 0);
        assert_int_equal(gateway_conf_check(&c, &problem), 0);
        assert_int_equal(gateway_conf_user_limit(&c), rows[i].limit);
        done(&c, &problem);
    }
}

static void test_checks(void **state)
{
    static const char name_110[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char name_112[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const struct {
        const char *env[5];
        int err;
    } rows[] = {
        {{"GATEWAY_NAME", "gw-1.eu_west"}, 0},
        {{"GATEWAY_NAME", "gw 1"}, ERR_SYNTAX},
        {{"GATEWAY_NAME", "gw{1}"}, ERR_SYNTAX},
        {{"GATEWAY_NAME", name_110}, 0},
        {{"GATEWAY_NAME", name_112}, ERR_LIMIT},
        {{"USER_RATE_LIMIT", "x"}, ERR_RANGE},
        {{"USER_RATE_LIMIT", "-1"}, ERR_RANGE},
        {{"USER_RATE_LIMIT", "1000001"}, ERR_RANGE},
        {{"USER_RATE_LIMIT", "99999999999999"}, ERR_RANGE},
        {{"REDIS_PREFIX", "k{b}:"}, ERR_SYNTAX},
        {{"REDIS_PREFIX", "12345678901234567890123456789012"}, 0},
        {{"REDIS_PREFIX", "123456789012345678901234567890123"}, ERR_SYNTAX},
        {{"REDIS_URL", "redis+cluster://a,b", "REDIS_PREFIX", ""}, ERR_SYNTAX},
        {{"REDIS_URL", "redis+cluster://a,b"}, 0},
        {{"REDIS_URL", "http://a"}, ERR_SYNTAX},
        {{"TLS_CERT", "cert.pem", "TLS_KEY", "key.pem"}, 0},
        {{"TLS_CERT", "cert.pem"}, ERR_MISSING},
        {{"TLS_KEY", "key.pem"}, ERR_MISSING},
        {{"TRUSTED_PROXIES", "10.0.0.0/8,::1"}, 0},
        {{"TRUSTED_PROXIES", "10.0.0.0/33"}, ERR_SYNTAX},
        {{"METRICS_PORT", "65535", "WORKERS", "1"}, 0},
        {{"METRICS_PORT", "65535", "WORKERS", "2"}, ERR_RANGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gateway_conf c;
        struct buf problem;

        buf_init(&problem, 4096);
        assert_int_equal(load(rows[i].env, &c, &problem), 0);
        assert_int_equal(gateway_conf_check(&c, &problem), rows[i].err);
        assert_int_equal(problem.len > 0, rows[i].err != 0);
        done(&c, &problem);
    }
}

static void test_clean_names(void **state)
{
    char *name = gateway_name_clean(bytes_str("my host/1"));

    (void)state;
    assert_string_equal(name, "my-host-1");
    mem_free(name);
    name = gateway_name_clean(BYTES_NONE);
    assert_string_equal(name, "gateway");
    mem_free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_rows_are_in_order_and_complete),
        cmocka_unit_test(test_user_limit),  cmocka_unit_test(test_checks),
        cmocka_unit_test(test_clean_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
