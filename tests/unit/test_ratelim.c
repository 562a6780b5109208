/* SPDX-License-Identifier: MIT */
/* Tests of the rolling window, against a slow model that keeps all times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/mem.h"
#include "common/ratelim.h"

static void the_edge_of_the_window_is_exact(void **state)
{
    struct ratelim r;

    (void)state;
    ratelim_init(&r, 2, 1000);
    assert_null(r.times);
    assert_int_equal(ratelim_wait_ms(&r, 5000), 0);
    assert_int_equal(ratelim_take(&r, 5000), 0);
    assert_int_equal(ratelim_take(&r, 5400), 0);
    assert_int_equal(ratelim_take(&r, 5400), ERR_LIMIT);
    assert_int_equal(ratelim_wait_ms(&r, 5400), 600);
    assert_int_equal(ratelim_take(&r, 5999), ERR_LIMIT);
    assert_int_equal(ratelim_wait_ms(&r, 5999), 1);
    assert_int_equal(ratelim_wait_ms(&r, 6000), 0);
    assert_int_equal(ratelim_take(&r, 6000), 0);
    assert_int_equal(ratelim_take(&r, 6000), ERR_LIMIT);
    assert_int_equal(ratelim_wait_ms(&r, 6000), 400);
    ratelim_done(&r);
}

static void zero_is_unlimited(void **state)
{
    struct ratelim r;

    (void)state;
    ratelim_init(&r, 0, 1000);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(ratelim_take(&r, 1), 0);
    }
    assert_int_equal(ratelim_wait_ms(&r, 1), 0);
    assert_null(r.times);
    ratelim_done(&r);
}

static void long_silence_is_not_mistaken(void **state)
{
    const uint64_t wrap = UINT64_C(1) << 32;
    struct ratelim r;

    (void)state;
    ratelim_init(&r, 1, 1000);
    assert_int_equal(ratelim_take(&r, wrap - 10), 0);
    assert_int_equal(ratelim_take(&r, wrap + 10), ERR_LIMIT);
    assert_int_equal(ratelim_wait_ms(&r, wrap + 10), 980);
    assert_int_equal(ratelim_take(&r, wrap + 990), 0);
    /* Exactly 2^32 ms later the low halves are equal. */
    assert_int_equal(ratelim_wait_ms(&r, 2 * wrap + 990), 0);
    assert_int_equal(ratelim_take(&r, 2 * wrap + 990), 0);
    ratelim_done(&r);
}

static void a_clock_that_goes_back_stands_still(void **state)
{
    struct ratelim r;

    (void)state;
    ratelim_init(&r, 1, 1000);
    assert_int_equal(ratelim_take(&r, 5000), 0);
    assert_int_equal(ratelim_take(&r, 10), ERR_LIMIT);
    assert_int_equal(ratelim_wait_ms(&r, 10), 1000);
    assert_int_equal(ratelim_take(&r, 6000), 0);
    ratelim_done(&r);
}

static void agrees_with_the_model(void **state)
{
    static uint64_t accepted[20000];
    const uint32_t limit = 37, window = 500;
    uint32_t random = 1;
    uint64_t now = (UINT64_C(1) << 32) - 20000;
    size_t count = 0;
    struct ratelim r;

    (void)state;
    ratelim_init(&r, limit, window);
    for (int i = 0; i < 20000; i++) {
        uint32_t inside = 0;
        int err;

        random = random * 1664525u + 1013904223u;
        now += (random >> 28) == 0 ? random >> 20 & 1023 : random >> 24 & 15;
        for (size_t j = count; j > 0 && now - accepted[j - 1] < window; j--) {
            inside++;
        }
        assert_int_equal(ratelim_wait_ms(&r, now) == 0, inside < limit);
        err = ratelim_take(&r, now);
        assert_int_equal(err, inside < limit ? 0 : ERR_LIMIT);
        if (err == 0) {
            accepted[count++] = now;
        }
    }
    assert_true(r.cap <= limit);
    ratelim_done(&r);
}

static void what_is_given_back_does_not_count(void **state)
{
    const uint64_t wrap = UINT64_C(1) << 32;
    struct ratelim r;

    (void)state;
    ratelim_init(&r, 3, 1000);
    ratelim_give_back(&r, 1); /* nothing was accepted */
    assert_int_equal(ratelim_take(&r, wrap - 20), 0);
    assert_int_equal(ratelim_take(&r, wrap - 10), 0);
    assert_int_equal(ratelim_take(&r, wrap + 10), 0);
    ratelim_give_back(&r, wrap - 15); /* not one of them */
    assert_int_equal(ratelim_take(&r, wrap + 10), ERR_LIMIT);
    ratelim_give_back(&r, wrap - 10); /* the others keep their times */
    assert_int_equal(ratelim_take(&r, wrap + 20), 0);
    assert_int_equal(ratelim_wait_ms(&r, wrap + 20), 960);
    ratelim_give_back(&r, wrap + 20);
    ratelim_give_back(&r, wrap + 10); /* the newest one is before the roll-over again */
    assert_int_equal(r.count, 1);
    assert_int_equal(ratelim_take(&r, wrap - 5), 0);
    assert_int_equal(ratelim_take(&r, wrap + 979), 0);
    assert_int_equal(ratelim_wait_ms(&r, wrap + 979), 1);
    assert_int_equal(ratelim_wait_ms(&r, wrap + 980), 0);
    ratelim_done(&r);
}

static void without_memory_nothing_is_recorded(void **state)
{
    struct ratelim r;
    int err;

    (void)state;
    ratelim_init(&r, 3, 1000);
    (void)mem_fail_after(1);
    err = ratelim_take(&r, 1);
    (void)mem_fail_after(0);
    assert_int_equal(err, ERR_NOMEM);
    assert_int_equal(r.count, 0);
    assert_int_equal(ratelim_take(&r, 1), 0);
    ratelim_done(&r);
}

static void the_largest_limit_is_bounded_and_given_back(void **state)
{
    struct ratelim r;

    (void)state;
    ratelim_init(&r, UINT32_MAX, 1000);
    assert_int_equal(r.limit, RATELIM_MAX_LIMIT);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(ratelim_take(&r, 1), 0);
    }
    assert_true(r.cap >= 5000);
    assert_int_equal(ratelim_take(&r, 1001), 0);
    assert_true(r.cap < 100);
    ratelim_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_edge_of_the_window_is_exact),
        cmocka_unit_test(zero_is_unlimited),
        cmocka_unit_test(long_silence_is_not_mistaken),
        cmocka_unit_test(a_clock_that_goes_back_stands_still),
        cmocka_unit_test(agrees_with_the_model),
        cmocka_unit_test(what_is_given_back_does_not_count),
        cmocka_unit_test(without_memory_nothing_is_recorded),
        cmocka_unit_test(the_largest_limit_is_bounded_and_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
