/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests against PostgreSQL share: a schema of their own in the database of
 * KIBRAY_TEST_DATABASE_URL, a plain connection for looking behind the scenes, and a loop that
 * runs until something has been counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/io/migrate.h"
#include "broker/io/pg_cli.h"
#include "common/io/clock.h"
#include "common/io/loop.h"

#define FIXTURE_WAIT_MS 8000u

static struct {
    struct pg_cli *sql; /* sees the schema */
    struct loop *loop;
    struct loop_timer *tick;
    const int *counter; /* what fixture_wait waits for */
    int wanted;
    uint64_t deadline_ms;
    char name[64]; /* of the schema, and application_name of everything on fx.dsn */
    char dsn[1024];
} fx;

static inline void fixture_sql(const char *sql)
{
    int err = pg_cli_exec(fx.sql, sql);

    if (err != 0) {
        print_error("%s: %s\n", sql, pg_cli_problem(fx.sql));
    }
    assert_int_equal(err, 0);
}

/* The first column of the first row as a number. */
static inline int64_t fixture_number(const char *sql)
{
    struct pg_result *r = NULL;
    int64_t n;

    assert_int_equal(pg_cli_query(fx.sql, sql, NULL, 0, &r), 0);
    assert_true(pg_result_rows(r) > 0);
    n = pg_result_i64(r, 0, 0);
    pg_cli_result_free(r);
    return n;
}

/* Kill, or with "pg_cancel_backend" disturb, the sessions on fx.dsn but this one. */
static inline void fixture_signal_sessions(const char *function)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(%s(pid)) FROM pg_stat_activity"
                   " WHERE application_name = '%s' AND pid <> pg_backend_pid()",
                   function, fx.name);
    assert_true(fixture_number(sql) > 0);
}

/* Until somebody stands before a lock: what was sent has begun. */
static inline void fixture_await_lock(void)
{
    const struct timespec pause = {.tv_nsec = 10L * 1000 * 1000};
    int tries = 0;

    while (fixture_number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
        assert_true(tries++ < 1000);
        nanosleep(&pause, NULL);
    }
}

/* Kill them and see them gone: what answers after this is a new one. */
static inline void fixture_end_sessions(void)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000))"
                   " FROM pg_stat_activity WHERE application_name = '%s'"
                   " AND pid <> pg_backend_pid()",
                   fx.name);
    assert_true(fixture_number(sql) > 0);
}

static inline void fixture_on_tick(void *arg)
{
    (void)arg;
    if (*fx.counter >= fx.wanted || clock_mono_ms() > fx.deadline_ms) {
        loop_stop(fx.loop);
    }
}

/* Run the loop until *counter has reached `wanted`; fails after FIXTURE_WAIT_MS. */
static inline void fixture_wait(const int *counter, int wanted)
{
    fx.counter = counter;
    fx.wanted = wanted;
    fx.deadline_ms = clock_mono_ms() + FIXTURE_WAIT_MS;
    loop_timer_start(fx.tick, 0, 1);
    loop_run(fx.loop);
    loop_timer_stop(fx.tick);
    assert_in_range(*counter, wanted, INT32_MAX);
}

static inline int fixture_set_up(void **state)
{
    static int serial;
    const char *url = getenv("KIBRAY_TEST_DATABASE_URL");
    struct pg_cli *c;
    char sql[128];
    bool is_uri;

    (void)state;
    if (!url) {
        print_error("KIBRAY_TEST_DATABASE_URL is not set\n");
        return -1;
    }
    (void)snprintf(fx.name, sizeof(fx.name), "it_%d_%d", (int)getpid(), ++serial);
    c = pg_cli_open(url, "it");
    if (!c) {
        return -1;
    }
    (void)snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", fx.name);
    if (pg_cli_exec(c, sql) != 0) {
        return -1;
    }
    pg_cli_close(c);
    is_uri = strstr(url, "://") != NULL;
    (void)snprintf(fx.dsn, sizeof(fx.dsn),
                   is_uri ? "%s%capplication_name=%s&options=-csearch_path%%3D%s"
                          : "%s%capplication_name=%s options='-csearch_path=%s'",
                   url, is_uri ? (strchr(url, '?') ? '&' : '?') : ' ', fx.name, fx.name);
    fx.sql = pg_cli_open(fx.dsn, "it");
    fx.loop = loop_new();
    fx.tick = fx.loop ? loop_timer_new(fx.loop, fixture_on_tick, NULL) : NULL;
    return fx.sql && fx.tick ? 0 : -1;
}

static inline int fixture_tear_down(void **state)
{
    char sql[256];
    int err;

    (void)state;
    /* A link that was freed with work under way leaves the server at it, holding locks. */
    (void)snprintf(sql, sizeof(sql),
                   "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                   " WHERE application_name = '%s' AND pid <> pg_backend_pid()",
                   fx.name);
    if (pg_cli_exec(fx.sql, sql) != 0) {
        return -1;
    }
    (void)snprintf(sql, sizeof(sql), "DROP SCHEMA %s CASCADE", fx.name);
    err = pg_cli_exec(fx.sql, sql);
    pg_cli_close(fx.sql);
    loop_timer_free(fx.tick);
    loop_free(fx.loop);
    return err;
}
