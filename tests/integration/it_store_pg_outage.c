/* SPDX-License-Identifier: MIT */
/* Tests of the store when its server goes away or it is freed: every request completes once, what
 * was under way is not half done, and the store comes back. */
#include "tests/integration/commit_probe.h"

static void a_killed_server_session_fails_the_commit_and_comes_back(void **state)
{
    const struct content_row row = message(1, 1, NULL), second = message(1, 2, NULL);

    (void)state;
    fixture_sql("BEGIN; SELECT FROM broker_partition WHERE partition = 3 FOR UPDATE");
    assert_int_equal(commit(fence, 0, &row, 1), 0);
    assert_int_equal(commit(fence, 1, &second, 1), 0);
    fixture_signal_sessions("pg_terminate_backend");
    fixture_wait(&got.done, 3);
    assert_int_equal(got.errs[1], ERR_UNAVAILABLE);
    assert_int_equal(got.errs[2], ERR_UNAVAILABLE);
    fixture_wait(&got.downs, 1);
    fixture_sql("ROLLBACK");
    assert_stored(0, 0, 0);
    fixture_wait(&got.ups, 2);
    assert_true(store_pg_is_up(got.store));
    assert_int_equal(commit(fence, 0, &row, 1), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void a_server_that_gives_up_counts_as_lost(void **state)
{
    const struct content_row row = message(1, 1, NULL);

    (void)state;
    fixture_sql("BEGIN; SELECT FROM broker_partition WHERE partition = 3 FOR UPDATE");
    assert_int_equal(commit(fence, 0, &row, 1), 0);
    assert_int_equal(store_user_by_id(got.store, alice, on_user, NULL), 0);
    next();
    fixture_await_lock();
    fixture_signal_sessions("pg_cancel_backend");
    next();
    assert_int_equal(got.err, ERR_UNAVAILABLE);
    fixture_wait(&got.downs, 1);
    fixture_sql("ROLLBACK");
    fixture_wait(&got.ups, 2);
    assert_stored(0, 0, 0);
}

static void freeing_completes_what_is_pending(void **state)
{
    const struct content_row row = message(1, 1, NULL);

    (void)state;
    assert_int_equal(commit(fence, 0, &row, 1), 0);
    assert_int_equal(store_user_by_id(got.store, alice, on_user, NULL), 0);
    store_pg_free(got.store);
    got.store = NULL;
    assert_int_equal(got.done, 3);
    assert_int_equal(got.errs[1], ERR_UNAVAILABLE);
    assert_int_equal(got.errs[2], ERR_UNAVAILABLE);
    assert_int_equal(got.downs, 0);
}

static void freed_in_a_completion(void **state)
{
    const struct content_row row = message(1, 1, NULL), second = message(1, 2, NULL);

    (void)state;
    assert_int_equal(commit(fence, 0, &row, 1), 0);
    assert_int_equal(commit(fence, 1, &second, 1), 0);
    got.free_on_done = true;
    fixture_wait(&got.done, 3);
    assert_null(got.store);
    assert_int_equal(got.done, 3);
}

static void a_store_that_is_not_up_refuses(void **state)
{
    static const struct store_events events = {on_store_up, on_store_down};
    const struct content_row row = message(1, 1, NULL);

    (void)state;
    store_pg_free(got.store);
    got.store = store_pg_new(fx.loop, fx.dsn, &events, NULL);
    assert_non_null(got.store);
    assert_false(store_pg_is_up(got.store));
    assert_int_equal(commit(fence, 0, &row, 1), ERR_UNAVAILABLE);
    assert_int_equal(store_user_by_id(got.store, 1, on_user, NULL), ERR_UNAVAILABLE);
    store_note_login(got.store, 1);
    assert_null(store_pg_new(fx.loop, "host='", &events, NULL));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_killed_server_session_fails_the_commit_and_comes_back),
        TEST(a_server_that_gives_up_counts_as_lost),
        TEST(freeing_completes_what_is_pending),
        TEST(freed_in_a_completion),
        TEST(a_store_that_is_not_up_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
