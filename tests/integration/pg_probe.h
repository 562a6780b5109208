/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of pg_link share: its statements, a link on a schema of its own, what its
 * callbacks have told, and the log. */
#include "tests/integration/pg_fixture.h"

#include "broker/io/pg_link.h"
#include "common/log.h"

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

static inline void keep_log(void *arg, struct bytes line)
{
    size_t used = strlen(log_text);

    (void)arg;
    (void)snprintf(log_text + used, sizeof(log_text) - used, "%.*s", BYTES_FMT(line));
}

static inline void drop_if(bool is_wanted)
{
    if (is_wanted) {
        pg_link_free(seen.link);
        seen.link = NULL;
    }
}

static inline void on_up(void *arg)
{
    (void)arg;
    seen.ups++;
    drop_if(seen.free_on_up);
}

static inline void on_down(void *arg)
{
    (void)arg;
    seen.downs++;
    seen.pending_at_down = pg_link_pending(seen.link);
    drop_if(seen.free_on_down);
}

static inline void on_answer(void *arg, int err, const struct pg_result *result)
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

static inline struct pg_link *new_link(const char *dsn, uint32_t timeout_ms)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    pg_link_free(seen.link);
    seen.link = NULL;
    log_set_sink(NULL, NULL);
    return fixture_tear_down(state);
}

static inline int query(size_t statement, const char *text)
{
    const struct pg_param param = {bytes_str(text), false};

    return pg_link_query(seen.link, statement, &param, statement == SETTING ? 0 : 1, on_answer,
                         NULL);
}
