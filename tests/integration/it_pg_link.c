/* SPDX-License-Identifier: MIT */
/* Tests of pg_link against a real PostgreSQL: order, errors of one query among others, parameters,
 * lost connections, deadlines, freeing inside callbacks, and that no password reaches the log. */
#include "tests/integration/pg_fixture.h"

#include "broker/io/pg_link.h"
#include "common/log.h"
#include "common/mem.h"

enum { ECHO_TEXT, DIVIDE, SLEEP, LENGTH, DEFERRED, SETTING };

static const struct pg_statement statements[] = {
    [ECHO_TEXT] = {"echo", "SELECT $1::text, $1::text IS NULL, 42"},
    [DIVIDE] = {"divide", "SELECT 12 / $1::text::integer"},
    [SLEEP] = {"sleep", "SELECT pg_sleep($1::text::float)"},
    [LENGTH] = {"length", "SELECT octet_length($1::text)"},
    [DEFERRED] = {"deferred", "INSERT INTO late VALUES ($1::text::integer)"},
    [SETTING] = {"setting", "SELECT current_setting('plan_cache_mode')"},
};

#define ANSWERS_MAX 16

static struct {
    struct pg_link *link;
    int ups, downs, answers;
    size_t pending_at_down;
    int errs[ANSWERS_MAX];
    char texts[ANSWERS_MAX][64], sqlstates[ANSWERS_MAX][8];
    int64_t numbers[ANSWERS_MAX];
    bool free_on_up, free_on_down, free_on_answer;
} seen;

static char log_text[8192];

static void keep_log(void *arg, struct bytes line)
{
    size_t used = strlen(log_text);

    (void)arg;
    (void)snprintf(log_text + used, sizeof(log_text) - used, "%.*s", BYTES_FMT(line));
}

static void drop_if(bool is_wanted)
{
    if (is_wanted) {
        pg_link_free(seen.link);
        seen.link = NULL;
    }
}

static void on_up(void *arg)
{
    (void)arg;
    seen.ups++;
    drop_if(seen.free_on_up);
}

static void on_down(void *arg)
{
    (void)arg;
    seen.downs++;
    seen.pending_at_down = pg_link_pending(seen.link);
    drop_if(seen.free_on_down);
}

static void on_answer(void *arg, int err, const struct pg_result *result)
{
    int i = seen.answers++;

    (void)arg;
    if (i < ANSWERS_MAX) {
        seen.errs[i] = err;
        seen.numbers[i] = err == 0 ? pg_result_i64(result, 0, 0) : 0;
        (void)snprintf(seen.sqlstates[i], sizeof(seen.sqlstates[i]), "%s",
                       pg_result_sqlstate(result));
        (void)snprintf(seen.texts[i], sizeof(seen.texts[i]), "%.*s",
                       BYTES_FMT(pg_result_get(result, 0, 0)));
    }
    drop_if(seen.free_on_answer);
}

static struct pg_link *new_link(const char *dsn, uint32_t timeout_ms)
{
    static const struct pg_link_events events = {on_up, on_down};
    const struct pg_link_conf conf = {
        .dsn = dsn,
        .application_name = "it",
        .session_sql = "SET plan_cache_mode = force_generic_plan",
        .statements = statements,
        .statement_count = sizeof(statements) / sizeof(statements[0]),
        .timeout_ms = timeout_ms,
    };

    return pg_link_new(fx.loop, &conf, &events, NULL);
}

static int set_up(void **state)
{
    memset(&seen, 0, sizeof(seen));
    log_text[0] = '\0';
    log_set_sink(keep_log, NULL);
    if (fixture_set_up(state) != 0) {
        return -1;
    }
    fixture_sql("CREATE TABLE late_target (n integer PRIMARY KEY);"
                "CREATE TABLE late (n integer REFERENCES late_target"
                " DEFERRABLE INITIALLY DEFERRED)");
    seen.link = new_link(fx.dsn, 3000);
    return seen.link ? 0 : -1;
}

static int tear_down(void **state)
{
    pg_link_free(seen.link);
    seen.link = NULL;
    log_set_sink(NULL, NULL);
    return fixture_tear_down(state);
}

static int query(size_t statement, const char *text)
{
    const struct pg_param param = {bytes_str(text), false};

    return pg_link_query(seen.link, statement, &param, statement == SETTING ? 0 : 1, on_answer,
                         NULL);
}

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

/* ---- freeing inside callbacks: ASan and valgrind watch ---- */

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

/* ---- connecting ---- */

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
        TEST(a_killed_session_fails_what_was_pending_and_comes_back),
        TEST(an_idle_link_notices_its_loss),
        TEST(an_unanswered_query_breaks_the_link),
        TEST(restart_reconnects),
        TEST(freed_in_on_up),
        TEST(freed_in_on_down),
        TEST(freed_in_an_answer_completes_the_others),
        TEST(freed_while_failing_completes_each_once),
        TEST(freed_before_it_connects),
        TEST(the_log_has_no_password),
        TEST(statements_that_cannot_be_prepared_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
