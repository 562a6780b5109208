/* SPDX-License-Identifier: MIT */
/* Wrong passwords counted per user and address: the window, the limit, and a Redis that fails.
 * A right password is never refused. */
#include "requests_answers.h"

static void test_throttle(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(login(i, WRONG), 401);
        fake_clock_forward(1000);
    }
    fake_clock_forward(500);
    bench_post(4, "/api/token/", WRONG); /* 3.5 s into the window */
    assert_http(bench_answer(4), 429, NO_STORE "Retry-After: 57\r\n",
                "{\"detail\":\"Request was throttled. Expected available in 57 seconds.\","
                "\"code\":\"RATE_LIMIT_EXCEEDED\"}");
    assert_int_equal(login(5, RIGHT), 200); /* never locked out */
    assert_int_equal(login(6, WRONG), 429);
    assert_int_equal(login(7, LOGIN_OF("bob", "wrong")), 401); /* another user's are his own */
    fake_clock_forward(56500 - 1);
    bench_post(8, "/api/token/", WRONG);
    assert_http(bench_answer(8), 429, NO_STORE "Retry-After: 1\r\n",
                "{\"detail\":\"Request was throttled. Expected available in 1 second.\","
                "\"code\":\"RATE_LIMIT_EXCEEDED\"}");
    fake_clock_forward(1);
    assert_int_equal(login(9, WRONG), 401); /* a new window */
}

static void test_unknown_names_are_throttled_alike(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(login(i, LOGIN_OF("nobody", "x")), 401);
    }
    assert_int_equal(login(4, LOGIN_OF("nobody", "x")), 429);
    for (uint64_t i = 5; i <= 7; i++) {
        assert_int_equal(login(i, LOGIN_OF("dave", "dave-password")), 401);
    }
    assert_int_equal(login(8, LOGIN_OF("dave", "dave-password")), 429);
}

static void test_throttle_by_address(void **state)
{
    struct up_envelope env = {.kind = UP_HTTP, .conn = 5};

    (void)state;
    for (uint64_t i = 1; i <= 4; i++) {
        assert_int_equal(login(i, WRONG), i <= 3 ? 401 : 429);
    }
    env.http.method = BYTES_LIT("POST");
    env.http.path = BYTES_LIT("/api/token/");
    env.http.content_type = BYTES_LIT("application/json");
    env.http.body = BYTES_LIT(WRONG);
    env.http.address = BYTES_LIT("192.0.2.2");
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    assert_int_equal(bench_answer(5)->http.status, 401);
}

static void test_no_throttle(void **state)
{
    (void)state;
    bench.conf.login_failures_per_minute = 0;
    bench_restart();
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(login(i, WRONG), 401);
    }
    assert_int_equal(fake_redis_fault.calls, 0);
}

/* INCR, PTTL, PEXPIRE: without Redis a wrong password is still wrong. */
static void test_throttle_without_redis(void **state)
{
    static const int failures[] = {ERR_UNAVAILABLE, ERR_REMOTE};
    uint64_t conn = 1;

    (void)state;
    for (unsigned nth = 1; nth <= 3; nth++) {
        for (unsigned variant = 0; variant < 4; variant++, conn++) {
            fake_redis_reset();
            fake_redis_fault = (struct fake_fault){
                .nth = nth, .at_submit = variant & 1, .err = failures[variant / 2]};
            assert_int_equal(login(conn, WRONG), 401);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_throttle),
        TEST(test_unknown_names_are_throttled_alike),
        TEST(test_throttle_by_address),
        TEST(test_no_throttle),
        TEST(test_throttle_without_redis),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
