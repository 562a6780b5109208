/* SPDX-License-Identifier: MIT */
/* Who removes old notifications, how much at a time, and where it goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../fake/fake_clock.h"
#include "../fake/fake_later.h"
#include "../fake/fake_loop.h"
#include "broker/retention.h"
#include "common/log.h"
#include "common/metrics.h"

static struct {
    struct loop *loop;
    struct broker_conf conf;
    struct retention *retention;
    bool is_owner;
    int submit_err;
    /* what was asked last, and what is answered */
    unsigned asked;
    int64_t after_id;
    uint32_t days, limit;
    int err;
    int64_t next_id, removed;
} bench;

static store_pages_fn *answer_fn;
static void *answer_arg;

static void answer(void *arg)
{
    (void)arg;
    answer_fn(answer_arg, bench.err, bench.next_id, bench.removed);
}

int store_trim_notifications(struct store *s, int64_t after_id, uint32_t days, uint32_t limit,
                             store_pages_fn *fn, void *arg)
{
    (void)s;
    bench.asked++;
    bench.after_id = after_id;
    bench.days = days;
    bench.limit = limit;
    if (bench.submit_err == 0) {
        answer_fn = fn;
        answer_arg = arg;
        fake_later(answer, NULL);
    }
    return bench.submit_err;
}

static bool is_owner(void *arg)
{
    (void)arg;
    return bench.is_owner;
}

static void quiet(void *arg, struct bytes line)
{
    (void)arg;
    (void)line;
}

static int set_up(void **state)
{
    (void)state;
    memset(&bench, 0, sizeof(bench));
    log_set_sink(quiet, NULL);
    fake_clock_reset();
    bench.loop = loop_new();
    bench.conf.notification_retention_days = 90;
    bench.is_owner = true;
    bench.retention = retention_new(
        &(struct retention_deps){.loop = bench.loop, .conf = &bench.conf, .is_owner = is_owner});
    return bench.retention ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_run_all();
    retention_free(bench.retention);
    loop_free(bench.loop);
    log_set_sink(NULL, NULL);
    return 0;
}

static void tick(void)
{
    fake_loop_pass(bench.loop, RETENTION_TICK_MS);
}

/* How many pages are asked for in so many ticks, each answered at once. */
static unsigned pages_in(unsigned ticks)
{
    unsigned before = bench.asked;

    for (unsigned i = 0; i < ticks; i++) {
        tick();
        fake_run_all();
    }
    return bench.asked - before;
}

static void test_page_by_page(void **state)
{
    struct metric *removed = metric_counter("broker_notifications_removed_total", "", NULL);
    double before = metric_value(removed, NULL);

    (void)state;
    retention_start(bench.retention);
    tick();
    assert_int_equal(bench.asked, 1);
    assert_int_equal(bench.after_id, 0);
    assert_int_equal(bench.days, 90);
    assert_int_equal(bench.limit, RETENTION_ROWS);
    tick();
    assert_int_equal(bench.asked, 1); /* one at a time */
    bench.next_id = 1234;
    bench.removed = 7;
    fake_run_all();
    tick();
    assert_int_equal(bench.asked, 2);
    assert_int_equal(bench.after_id, 1234);
    bench.next_id = 0; /* the end */
    bench.removed = 0;
    fake_run_all();
    assert_true(metric_value(removed, NULL) == before + 7);
    assert_int_equal(pages_in(RETENTION_REST_TICKS), 0);
    assert_int_equal(pages_in(1), 1);
    assert_int_equal(bench.after_id, 0);
}

static void test_errors(void **state)
{
    (void)state;
    retention_start(bench.retention);
    bench.next_id = 5;
    assert_int_equal(pages_in(1), 1);
    bench.err = ERR_UNAVAILABLE;
    bench.next_id = 0;
    assert_int_equal(pages_in(2), 2);
    assert_int_equal(bench.after_id, 5); /* the same page again */
    bench.submit_err = ERR_UNAVAILABLE;
    assert_int_equal(pages_in(2), 2);
    bench.submit_err = 0;
    bench.err = 0;
    assert_int_equal(pages_in(1), 1);
    assert_int_equal(bench.after_id, 5);
}

static void test_only_the_owner(void **state)
{
    (void)state;
    bench.is_owner = false;
    retention_start(bench.retention);
    assert_int_equal(pages_in(3), 0);
    bench.is_owner = true;
    bench.next_id = 5;
    assert_int_equal(pages_in(1), 1);
    bench.is_owner = false;
    assert_int_equal(pages_in(1), 0);
    bench.is_owner = true;
    assert_int_equal(pages_in(1), 1);
    assert_int_equal(bench.after_id, 0); /* another one may have been there meanwhile */
    retention_pause(bench.retention);
    assert_int_equal(pages_in(3), 0);
}

static void test_all_are_kept(void **state)
{
    (void)state;
    bench.conf.notification_retention_days = 0;
    retention_start(bench.retention);
    assert_int_equal(pages_in(3), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_page_by_page),
        TEST(test_errors),
        TEST(test_only_the_owner),
        TEST(test_all_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
