/* SPDX-License-Identifier: MIT */
/* Tests of what pg_link does when its connection is lost, or when it is freed: each query
 * completes once, and the link comes back. ASan and valgrind watch the freeing in callbacks. */
#include "tests/integration/pg_probe.h"

static void a_killed_session_fails_what_was_pending_and_comes_back(void **state)
{
    (void)state;
    fixture_wait(&seen.ups, 1);
    assert_int_equal(query(DIVIDE, "1"), 0);
    assert_int_equal(query(SLEEP, "60"), 0);
    assert_int_equal(query(DIVIDE, "1"), 0);
    fixture_wait(&seen.answers, 1);
    fixture_signal_sessions("pg_terminate_backend");
    fixture_wait(&seen.downs, 1);
    assert_int_equal(seen.answers, 3);
    assert_int_equal(seen.errs[0], 0);
    assert_int_equal(seen.errs[1], ERR_UNAVAILABLE);
    assert_int_equal(seen.errs[2], ERR_UNAVAILABLE);
    assert_int_equal(seen.pending_at_down, 0);
    assert_false(pg_link_is_up(seen.link));
    assert_int_equal(query(DIVIDE, "1"), ERR_UNAVAILABLE);
    fixture_wait(&seen.ups, 2);
    assert_int_equal(query(DIVIDE, "6"), 0);
    fixture_wait(&seen.answers, 4);
    assert_int_equal(seen.numbers[3], 2);
}

static void an_idle_link_notices_its_loss(void **state)
{
    (void)state;
    fixture_wait(&seen.ups, 1);
    fixture_signal_sessions("pg_terminate_backend");
    fixture_wait(&seen.downs, 1);
    fixture_wait(&seen.ups, 2);
    assert_int_equal(seen.answers, 0);
}

static void an_unanswered_query_breaks_the_link(void **state)
{
    uint64_t start_ms, took_ms;

    (void)state;
    pg_link_free(seen.link);
    seen.link = new_link(fx.dsn, 250);
    fixture_wait(&seen.ups, 1);
    start_ms = clock_mono_ms();
    assert_int_equal(query(SLEEP, "60"), 0);
    fixture_wait(&seen.downs, 1);
    took_ms = clock_mono_ms() - start_ms;
    assert_int_equal(seen.errs[0], ERR_UNAVAILABLE);
    assert_in_range(took_ms, 240, 3000);
    fixture_wait(&seen.ups, 2);
    fixture_signal_sessions("pg_cancel_backend"); /* the server does not know that we went */
}

static void restart_reconnects(void **state)
{
    (void)state;
    fixture_wait(&seen.ups, 1);
    assert_int_equal(query(SLEEP, "0.5"), 0);
    pg_link_restart(seen.link);
    assert_int_equal(seen.downs, 0); /* not inside the call */
    assert_int_equal(query(DIVIDE, "1"), ERR_UNAVAILABLE);
    fixture_wait(&seen.ups, 2);
    assert_int_equal(seen.downs, 1);
    assert_int_equal(seen.errs[0], ERR_UNAVAILABLE);
}

static void freed_in_on_up(void **state)
{
    (void)state;
    seen.free_on_up = true;
    fixture_wait(&seen.ups, 1);
    assert_null(seen.link);
}

static void freed_in_on_down(void **state)
{
    (void)state;
    seen.free_on_down = true;
    fixture_wait(&seen.ups, 1);
    fixture_signal_sessions("pg_terminate_backend");
    fixture_wait(&seen.downs, 1);
    assert_null(seen.link);
    assert_int_equal(seen.ups, 1);
}

static void freed_in_an_answer_completes_the_others(void **state)
{
    (void)state;
    fixture_wait(&seen.ups, 1);
    seen.free_on_answer = true;
    assert_int_equal(query(DIVIDE, "1"), 0);
    assert_int_equal(query(DIVIDE, "2"), 0);
    assert_int_equal(query(SLEEP, "60"), 0);
    fixture_wait(&seen.answers, 1);
    assert_null(seen.link);
    assert_int_equal(seen.answers, 3);
    assert_int_equal(seen.errs[0], 0);
    assert_int_equal(seen.errs[1], ERR_UNAVAILABLE);
    assert_int_equal(seen.errs[2], ERR_UNAVAILABLE);
    assert_int_equal(seen.downs, 0);
}

static void freed_while_failing_completes_each_once(void **state)
{
    (void)state;
    fixture_wait(&seen.ups, 1);
    seen.free_on_answer = true;
    assert_int_equal(query(SLEEP, "60"), 0);
    assert_int_equal(query(DIVIDE, "2"), 0);
    fixture_signal_sessions("pg_terminate_backend");
    fixture_wait(&seen.answers, 2);
    assert_int_equal(seen.answers, 2);
    assert_int_equal(seen.downs, 0);
}

static void freed_before_it_connects(void **state)
{
    (void)state;
    pg_link_free(seen.link);
    seen.link = NULL;
    pg_link_free(NULL);
    assert_int_equal(seen.ups + seen.downs + seen.answers, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_killed_session_fails_what_was_pending_and_comes_back),
        TEST(an_idle_link_notices_its_loss),
        TEST(an_unanswered_query_breaks_the_link),
        TEST(restart_reconnects),
        TEST(freed_in_on_up),
        TEST(freed_in_on_down),
        TEST(freed_in_an_answer_completes_the_others),
        TEST(freed_while_failing_completes_each_once),
        TEST(freed_before_it_connects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
