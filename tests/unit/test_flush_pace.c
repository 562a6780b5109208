/* SPDX-License-Identifier: MIT */
/* The flusher's tick: none while rounds are cheap, as long as a round within its bounds else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/flush_pace.h"

static void test_wait_follows_the_cost(void **state)
{
    static const struct {
        uint64_t took_us, wait_us;
    } rows[] = {
        {0, 0},
        {FLUSH_CHEAP_US - 1, 0},
        {FLUSH_CHEAP_US, FLUSH_WAIT_MIN_US},
        {FLUSH_WAIT_MIN_US - 1, FLUSH_WAIT_MIN_US},
        {FLUSH_WAIT_MIN_US, FLUSH_WAIT_MIN_US},
        {7000, 7000},
        {FLUSH_WAIT_MAX_US, FLUSH_WAIT_MAX_US},
        {FLUSH_WAIT_MAX_US + 1, FLUSH_WAIT_MAX_US},
        {5000000, FLUSH_WAIT_MAX_US},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct flush_pace p = {0};
        assert_int_equal(flush_pace_wait_us(&p, 1000000), 0);
        flush_pace_done(&p, 1000000, rows[i].took_us);
        assert_int_equal(flush_pace_wait_us(&p, 1000000), rows[i].wait_us);
    }
}

static void test_wait_runs_out(void **state)
{
    struct flush_pace p = {0};

    (void)state;
    flush_pace_done(&p, 1000000, 5000);
    assert_int_equal(flush_pace_wait_us(&p, 1004999), 1);
    assert_int_equal(flush_pace_wait_us(&p, 1005000), 0);
    assert_int_equal(flush_pace_wait_us(&p, 9000000), 0);
    flush_pace_done(&p, 9000000, 10); /* cheap again */
    assert_int_equal(flush_pace_wait_us(&p, 9000000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_follows_the_cost),
        cmocka_unit_test(test_wait_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
