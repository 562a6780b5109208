/* SPDX-License-Identifier: MIT */
/* Tests of pg_link against a real PostgreSQL: order, errors of one query among others, parameters,
 * bounds, and that no password reaches the log. */
#include "tests/integration/pg_probe.h"

#include "common/mem.h"

static void answers_come_in_order_and_later(void **state)
{
    (void)state;
    assert_int_equal(query(ECHO_TEXT, "early"), ERR_UNAVAILABLE);
    fixture_wait(&seen.ups, 1);
    assert_true(pg_link_is_up(seen.link));
    assert_int_equal(query(ECHO_TEXT, "one"), 0);
    assert_int_equal(query(DIVIDE, "4"), 0);
    assert_int_equal(query(SETTING, NULL), 0);
    assert_int_equal(pg_link_pending(seen.link), 3);
    assert_int_equal(seen.answers, 0);
    fixture_wait(&seen.answers, 3);
    assert_string_equal(seen.texts[0], "one");
    assert_int_equal(seen.numbers[1], 3);
    assert_string_equal(seen.texts[2], "force_generic_plan");
    assert_int_equal(pg_link_pending(seen.link), 0);
}

static void an_error_leaves_the_others_alone(void **state)
{
    (void)state;
    fixture_wait(&seen.ups, 1);
    assert_int_equal(query(DIVIDE, "3"), 0);
    assert_int_equal(query(DIVIDE, "0"), 0);
    assert_int_equal(query(DIVIDE, "2"), 0);
    fixture_wait(&seen.answers, 3);
    assert_int_equal(seen.errs[0], 0);
    assert_int_equal(seen.errs[1], ERR_REMOTE);
    assert_string_equal(seen.sqlstates[1], "22012");
    assert_int_equal(seen.errs[2], 0);
    assert_int_equal(seen.numbers[2], 6);
    assert_int_equal(seen.downs, 0);
}

static void an_error_of_the_commit_is_the_querys(void **state)
{
    (void)state;
    fixture_wait(&seen.ups, 1);
    assert_int_equal(query(DEFERRED, "1"), 0);
    assert_int_equal(query(DIVIDE, "1"), 0);
    fixture_wait(&seen.answers, 2);
    assert_int_equal(seen.errs[0], ERR_REMOTE);
    assert_string_equal(seen.sqlstates[0], "23503");
    assert_int_equal(seen.errs[1], 0);
}

static void parameters_are_data(void **state)
{
    static const char hostile[] = "'; DROP TABLE late; -- \\ $1 \"";
    const struct pg_param null = {BYTES_NONE, false};
    const struct pg_param nul_inside = {{"a\0b", 3}, false};
    const struct pg_param nul_in_binary = {{"a\0b", 3}, true};
    const struct pg_param not_terminated = {{"abcdef", 3}, false};

    (void)state;
    fixture_wait(&seen.ups, 1);
    assert_int_equal(query(ECHO_TEXT, hostile), 0);
    assert_int_equal(pg_link_query(seen.link, ECHO_TEXT, &null, 1, on_answer, NULL), 0);
    assert_int_equal(pg_link_query(seen.link, ECHO_TEXT, &nul_inside, 1, on_answer, NULL),
                     ERR_SYNTAX);
    assert_int_equal(pg_link_query(seen.link, ECHO_TEXT, &nul_in_binary, 1, on_answer, NULL), 0);
    assert_int_equal(pg_link_query(seen.link, ECHO_TEXT, &not_terminated, 1, on_answer, NULL), 0);
    fixture_wait(&seen.answers, 4);
    assert_string_equal(seen.texts[0], hostile);
    assert_int_equal(seen.errs[1], 0);
    assert_string_equal(seen.texts[1], "");
    assert_int_equal(seen.errs[2], ERR_REMOTE);
    assert_string_equal(seen.sqlstates[2], "22021");
    assert_string_equal(seen.texts[3], "abc");
}

static void too_many_parameters_are_refused(void **state)
{
    struct pg_param params[PG_LINK_PARAMS_MAX + 1] = {{BYTES_NONE, false}};

    (void)state;
    fixture_wait(&seen.ups, 1);
    assert_int_equal(
        pg_link_query(seen.link, ECHO_TEXT, params, PG_LINK_PARAMS_MAX + 1, on_answer, NULL),
        ERR_LIMIT);
    /* At the limit it is for PostgreSQL to say that the statement takes one. */
    assert_int_equal(
        pg_link_query(seen.link, ECHO_TEXT, params, PG_LINK_PARAMS_MAX, on_answer, NULL), 0);
    fixture_wait(&seen.answers, 1);
    assert_string_equal(seen.sqlstates[0], "08P01");
}

static void large_values_pass(void **state)
{
    size_t len = 24u * 1024u * 1024u;
    char *text = mem_alloc(len);
    const struct pg_param param = {{text, len}, true};

    (void)state;
    memset(text, 'x', len);
    fixture_wait(&seen.ups, 1);
    assert_int_equal(pg_link_query(seen.link, LENGTH, &param, 1, on_answer, NULL), 0);
    assert_int_equal(pg_link_query(seen.link, LENGTH, &param, 1, on_answer, NULL), 0);
    mem_free(text);
    fixture_wait(&seen.answers, 2);
    assert_int_equal(seen.numbers[0], len);
    assert_int_equal(seen.numbers[1], len);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    fixture_wait(&seen.ups, 1);
    for (size_t i = 0; i < PG_LINK_PENDING_MAX; i++) {
        assert_int_equal(query(DIVIDE, "1"), 0);
    }
    assert_int_equal(query(DIVIDE, "1"), ERR_BUSY);
    fixture_wait(&seen.answers, (int)PG_LINK_PENDING_MAX);
    assert_int_equal(query(DIVIDE, "1"), 0);
    fixture_wait(&seen.answers, (int)PG_LINK_PENDING_MAX + 1);
}

static int never;

static void let_it_run(uint32_t ms)
{
    fx.counter = &never;
    fx.wanted = 1;
    fx.deadline_ms = clock_mono_ms() + ms;
    loop_timer_start(fx.tick, 0, 1);
    loop_run(fx.loop);
    loop_timer_stop(fx.tick);
}

static void the_log_has_no_password(void **state)
{
    static const char *const unreachable[] = {
        "postgresql://bob:sEcret@/x?host=/nonexistent",
        "host=/nonexistent user=bob password=sEcret",
        "postgresql://bob:sEcret@127.0.0.1:1/x",
    };
    static const char *const malformed[] = {
        "postgresql://bob:pa@sEcret@127.0.0.1/x",
        "postgresql://bob:sEcret/pa@127.0.0.1/x",
        "postgresql:/bob:sEcret@h/x",
        "host=a password='sEcret",
        "password=a sEcret",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(unreachable) / sizeof(unreachable[0]); i++) {
        struct pg_link *l = new_link(unreachable[i], 1000);

        assert_non_null(l);
        let_it_run(100);
        assert_false(pg_link_is_up(l));
        pg_link_free(l);
    }
    assert_non_null(strstr(log_text, "pg_link_down"));
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        assert_null(new_link(malformed[i], 1000));
    }
    assert_non_null(strstr(log_text, "pg_dsn_malformed"));
    assert_null(strstr(log_text, "sEcret"));
}

static void statements_that_cannot_be_prepared_are_said(void **state)
{
    static const struct pg_statement bad[] = {{"ok", "SELECT 1"}, {"bad", "SELECT FROM not_there"}};
    static const struct pg_link_events events = {on_up, on_down};
    const struct pg_link_conf conf = {.dsn = fx.dsn,
                                      .application_name = "it-bad",
                                      .statements = bad,
                                      .statement_count = 2,
                                      .timeout_ms = 1000};
    struct pg_link *l;

    (void)state;
    fixture_wait(&seen.ups, 1);
    l = pg_link_new(fx.loop, &conf, &events, NULL);
    assert_non_null(l);
    let_it_run(200);
    assert_int_equal(seen.ups, 1);
    assert_false(pg_link_is_up(l));
    assert_non_null(strstr(log_text, "42P01"));
    pg_link_free(l);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(answers_come_in_order_and_later),
        TEST(an_error_leaves_the_others_alone),
        TEST(an_error_of_the_commit_is_the_querys),
        TEST(parameters_are_data),
        TEST(too_many_parameters_are_refused),
        TEST(large_values_pass),
        TEST(the_queue_is_bounded),
        TEST(the_log_has_no_password),
        TEST(statements_that_cannot_be_prepared_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
