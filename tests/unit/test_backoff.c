/* SPDX-License-Identifier: MIT */
/* Tests of the backoff: bounds of each attempt, spread, reset, extreme parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/backoff.h"

static void each_delay_is_within_its_ceiling(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct backoff b;

        backoff_init(&b, 50, 2000, seed);
        for (uint32_t n = 0; n < 70; n++) {
            uint64_t ceiling = n < 6 ? 50u << n : 2000;

            assert_true(backoff_next_ms(&b) <= ceiling);
        }
    }
}

static void delays_use_the_whole_range(void **state)
{
    uint32_t least = UINT32_MAX, most = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct backoff b;
        uint32_t delay;

        backoff_init(&b, 100, 100, seed);
        delay = backoff_next_ms(&b);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_int_equal(least, 0);
    assert_int_equal(most, 100);
}

static void reset_starts_again(void **state)
{
    struct backoff b;

    (void)state;
    backoff_init(&b, 1, UINT32_MAX, 42);
    for (int i = 0; i < 40; i++) {
        (void)backoff_next_ms(&b);
    }
    backoff_reset(&b);
    assert_true(backoff_next_ms(&b) <= 1);
}

static void extremes(void **state)
{
    struct backoff b;

    (void)state;
    backoff_init(&b, 0, 1000, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(backoff_next_ms(&b), 0);
    }
    backoff_init(&b, UINT32_MAX, 10, 1);
    for (int i = 0; i < 100; i++) {
        assert_true(backoff_next_ms(&b) <= 10);
    }
    b.attempt = UINT32_MAX;
    assert_true(backoff_next_ms(&b) <= 10);
    assert_int_equal(b.attempt, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_delay_is_within_its_ceiling),
        cmocka_unit_test(delays_use_the_whole_range),
        cmocka_unit_test(reset_starts_again),
        cmocka_unit_test(extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
