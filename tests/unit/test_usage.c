/* SPDX-License-Identifier: MIT */
/* What a gateway counts of its use, through its report and the brokers' sum of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <jansson.h>

#include "broker/usage_sum.h"
#include "gateway/usage.h"

#define WALL_MS UINT64_C(1800000000000)
#define START_MS UINT64_C(50000)

static void no_users(void *arg, usage_put_fn *put, void *to)
{
    (void)arg;
    (void)put;
    (void)to;
}

static void some_users(void *arg, usage_put_fn *put, void *to)
{
    (void)arg;
    put(to, BYTES_LIT("alice"), 2);
    put(to, BYTES_LIT("b\"ob"), 1);
}

static void some_topics(void *arg, usage_put_fn *put, void *to)
{
    (void)arg;
    put(to, BYTES_LIT("chat:7"), 2);
    put(to, BYTES_LIT("chat:8"), 1);
}

static void report_of(struct usage *u, uint64_t mono_ms, bool has_people, struct buf *out)
{
    const struct usage_listing who = {.users = has_people ? some_users : no_users,
                                      .topics = has_people ? some_topics : no_users,
                                      .connections = has_people ? 3 : 0};

    buf_reset(out);
    assert_int_equal(usage_report(u, mono_ms, &who, out), 0);
}

static json_t *sum_of(const struct bytes *reports, size_t count, uint64_t now_ms)
{
    struct usage_sum *s = usage_sum_new();
    struct buf text;
    json_t *root;

    assert_non_null(s);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(usage_sum_add(s, reports[i]), 0);
    }
    assert_int_equal(usage_sum_name(s, 7, BYTES_LIT("general")), 0);
    assert_int_equal(usage_sum_name(s, 99, BYTES_LIT("nobody's")), 0);
    buf_init(&text, 1 << 20);
    assert_int_equal(usage_sum_render(s, now_ms, &text), 0);
    root = json_loadb(text.data, text.len, 0, NULL);
    assert_non_null(root);
    buf_done(&text);
    usage_sum_free(s);
    return root;
}

static const json_t *at(const json_t *root, const char *a, const char *b, const char *c)
{
    const json_t *v = json_object_get(root, a);

    v = b ? json_object_get(v, b) : v;
    v = c ? json_object_get(v, c) : v;
    assert_non_null(v);
    return v;
}

static void test_two_gateways_are_added_up(void **state)
{
    struct usage a, b;
    struct buf one, two;
    json_t *root;

    (void)state;
    buf_init(&one, USAGE_REPORT_MAX_BYTES);
    buf_init(&two, USAGE_REPORT_MAX_BYTES);
    usage_init(&a, START_MS, WALL_MS);
    usage_init(&b, START_MS, WALL_MS + 5000);
    for (int i = 0; i < 60; i++) {
        usage_message(&a, START_MS + 1000);
        usage_latency(&a, START_MS + 1000, 1500);
    }
    usage_latency(&b, START_MS + 1000, 900000);
    usage_created(&a, START_MS);
    usage_created(&b, START_MS);
    usage_closed(&b, START_MS + 90000, 90000);
    usage_error(&a, START_MS, WALL_MS, CODE_INVALID_MESSAGE);
    usage_error(&b, START_MS, WALL_MS + 1, CODE_RATE_LIMIT_EXCEEDED);
    report_of(&a, START_MS + 50000, true, &one);
    report_of(&b, START_MS + 50000, true, &two);
    root = sum_of((struct bytes[]){buf_bytes(&one), buf_bytes(&two)}, 2, WALL_MS + 60000);
    assert_int_equal(json_integer_value(at(root, "uptime_seconds", NULL, NULL)), 60);
    assert_int_equal(json_integer_value(at(root, "connections", "total", NULL)), 6);
    assert_int_equal(json_integer_value(at(root, "connections", "by_user", "alice")), 4);
    assert_int_equal(json_integer_value(at(root, "connections", "by_user", "b\"ob")), 2);
    assert_int_equal(json_integer_value(at(root, "connections", "by_channel", "general")), 4);
    assert_int_equal(json_integer_value(at(root, "connections", "by_channel", "8")), 2);
    assert_int_equal(json_integer_value(at(root, "connections", "created", NULL)), 2);
    assert_int_equal(json_integer_value(at(root, "connections", "closed", NULL)), 1);
    assert_true(json_real_value(at(root, "messages", "rate_1m", NULL)) == 1.0);
    assert_true(json_real_value(at(root, "messages", "rate_5m", NULL)) == 0.2);
    assert_int_equal(json_integer_value(at(root, "messages", "latency", "count")), 61);
    assert_true(json_real_value(at(root, "messages", "latency", "min")) == 1.5);
    assert_true(json_real_value(at(root, "messages", "latency", "max")) == 900.0);
    assert_true(json_real_value(at(root, "messages", "latency", "p50")) >= 1.5);
    assert_true(json_real_value(at(root, "messages", "latency", "p50")) <= 2.0);
    assert_int_equal(json_integer_value(at(root, "errors", "total", NULL)), 2);
    assert_int_equal(json_integer_value(at(root, "errors", "by_type", "INVALID_MESSAGE")), 1);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(at(root, "errors", "recent", NULL), 0), "type")),
                        "RATE_LIMIT_EXCEEDED");
    assert_true(json_real_value(at(root, "connection_duration", "avg", NULL)) == 90.0);
    assert_true(json_real_value(at(root, "connection_duration", "median", NULL)) == 90.0);
    json_decref(root);
    buf_done(&one);
    buf_done(&two);
}

static void test_what_is_long_past_is_forgotten(void **state)
{
    struct usage u;
    struct buf text;
    json_t *root;
    struct bytes report;

    (void)state;
    buf_init(&text, USAGE_REPORT_MAX_BYTES);
    usage_init(&u, START_MS, WALL_MS);
    usage_message(&u, START_MS);
    usage_latency(&u, START_MS, 1000);
    usage_message(&u, START_MS + 400000);
    report_of(&u, START_MS + 400000, false, &text);
    report = buf_bytes(&text);
    root = sum_of(&report, 1, WALL_MS);
    assert_true(json_real_value(at(root, "messages", "rate_1m", NULL)) > 0.016);
    assert_true(json_real_value(at(root, "messages", "rate_15m", NULL)) > 0.002);
    assert_int_equal(json_integer_value(at(root, "messages", "latency", "count")), 0);
    json_decref(root);
    report_of(&u, START_MS + 100000000, false, &text);
    report = buf_bytes(&text);
    root = sum_of(&report, 1, WALL_MS);
    assert_true(json_real_value(at(root, "messages", "rate_15m", NULL)) == 0);
    json_decref(root);
    buf_done(&text);
}

static void test_hostile_reports_change_nothing(void **state)
{
    static const char *const BAD[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"v\":2}",
        "{\"v\":\"1\"}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"};
    static const char *const ODD[] = {
        "{\"v\":1}",
        "{\"v\":1,\"connections\":-5,\"created\":\"x\",\"messages\":{},\"latency\":[],\"errors\":"
        "7}",
        "{\"v\":1,\"users\":[[1,2],[\"\",3],[\"a\"],[],7],\"topics\":{\"chat:1\":2},"
        "\"errors\":{\"list\":[{\"type\":\"NOPE\"},1]}}",
        "{\"v\":1,\"latency\":{\"count\":1,\"buckets\":[-1,1.5,\"x\"],\"min_us\":-3}}"};
    struct usage_sum *s = usage_sum_new();
    json_t *root;

    (void)state;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        assert_int_not_equal(usage_sum_add(s, bytes_str(BAD[i])), 0);
    }
    usage_sum_free(s);
    for (size_t i = 0; i < sizeof(ODD) / sizeof(ODD[0]); i++) {
        struct bytes report = bytes_str(ODD[i]);
        root = sum_of(&report, 1, WALL_MS);
        assert_int_equal(json_integer_value(at(root, "connections", "total", NULL)), 0);
        assert_int_equal(json_integer_value(at(root, "errors", "total", NULL)), 0);
        json_decref(root);
    }
}

static void test_codes_of_frames(void **state)
{
    (void)state;
    assert_int_equal(usage_code_of(BYTES_LIT("{\"type\":\"error\",\"error\":\"x\",\"code\":"
                                             "\"PERMISSION_DENIED\",\"client_id\":\"c\"}")),
                     CODE_PERMISSION_DENIED);
    assert_int_equal(usage_code_of(BYTES_LIT("{\"type\":\"error\"}")), CODE_INTERNAL_ERROR);
    assert_int_equal(usage_code_of(BYTES_LIT("{\"type\":\"pong\"}")), CODE_NONE);
    assert_int_equal(usage_code_of(BYTES_NONE), CODE_NONE);
}

static void test_quantiles(void **state)
{
    static const uint32_t BOUNDS[] = {10, 20};
    static const uint64_t NONE[] = {0, 0, 0}, ONE[] = {0, 1, 0}, SPREAD[] = {50, 50, 0},
                          ABOVE[] = {0, 0, 4};

    (void)state;
    assert_true(usage_quantile(BOUNDS, NONE, 2, 0.5, 0, 0) == 0);
    assert_true(usage_quantile(BOUNDS, ONE, 2, 0.99, 15, 15) == 15);
    assert_true(usage_quantile(BOUNDS, SPREAD, 2, 0.5, 0, 20) == 10);
    assert_true(usage_quantile(BOUNDS, SPREAD, 2, 0.75, 0, 20) == 15);
    assert_true(usage_quantile(BOUNDS, ABOVE, 2, 0.5, 25, 45) == 32.5);
    assert_int_equal(usage_bucket(BOUNDS, 2, 10), 0);
    assert_int_equal(usage_bucket(BOUNDS, 2, 11), 1);
    assert_int_equal(usage_bucket(BOUNDS, 2, 21), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_gateways_are_added_up),
        cmocka_unit_test(test_what_is_long_past_is_forgotten),
        cmocka_unit_test(test_hostile_reports_change_nothing),
        cmocka_unit_test(test_codes_of_frames),
        cmocka_unit_test(test_quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
