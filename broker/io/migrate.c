/* SPDX-License-Identifier: MIT */
/* Applies the compiled-in SQL migrations that a database does not have yet. Each one is a
 * transaction with its own record in it; an advisory lock lets one process at a time do this, so
 * that any number may be started together. Called by main for `kibray-broker migrate`. */
#include "broker/io/migrate.h"

#include <stdbool.h>
#include <stdio.h>

#include "broker/io/pg_cli.h"
#include "common/buf.h"

/* Any constant will do that others do not use: "kibray" in ASCII. */
#define LOCK_SQL "SELECT pg_advisory_lock(118074539794809)"

static const char record_table_sql[] =
    "CREATE TABLE IF NOT EXISTS kibray_migration (number integer PRIMARY KEY, name text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now())";

/* Is there a record of this migration? */
static int is_applied(struct pg_cli *c, struct bytes number, bool *out_is_applied)
{
    struct pg_result *result = NULL;
    int err = pg_cli_query(c, "SELECT FROM kibray_migration WHERE number = $1::text::integer",
                           &number, 1, &result);

    if (err == 0) {
        *out_is_applied = pg_result_rows(result) > 0;
    }
    pg_cli_result_free(result);
    return err;
}

static int record(struct pg_cli *c, struct bytes number, const char *name)
{
    const struct bytes params[] = {number, bytes_str(name)};
    struct pg_result *result = NULL;
    int err = pg_cli_query(
        c, "INSERT INTO kibray_migration (number, name) VALUES ($1::text::integer, $2::text)",
        params, 2, &result);

    pg_cli_result_free(result);
    return err;
}

static int apply(struct pg_cli *c, const struct migration *m)
{
    char text[16];
    struct bytes number = bytes_of(text, (size_t)snprintf(text, sizeof(text), "%d", m->number));
    bool is_done = false;
    int err = is_applied(c, number, &is_done);

    if (err != 0 || is_done) {
        return err;
    }
    printf("Applying %s … ", m->name);
    (void)fflush(stdout);
    err = pg_cli_exec(c, "BEGIN");
    if (err == 0) {
        err = pg_cli_exec(c, m->sql);
    }
    if (err == 0) {
        err = record(c, number, m->name);
    }
    if (err == 0) {
        err = pg_cli_exec(c, "COMMIT");
    }
    /* After a failure, closing the connection rolls back. */
    printf("%s\n", err == 0 ? "done" : "failed");
    return err;
}

int migrate_run(const char *dsn)
{
    struct pg_cli *c = pg_cli_open(dsn, "kibray-broker/migrate");
    int err;

    if (!c) {
        return 1;
    }
    err = pg_cli_exec(c, LOCK_SQL);
    if (err == 0) {
        err = pg_cli_exec(c, record_table_sql);
    }
    for (const struct migration *m = migrations; err == 0 && m->number != 0; m++) {
        err = apply(c, m);
    }
    if (err == 0) {
        printf("The database is up to date.\n");
    } else {
        fprintf(stderr, "Migrating failed: %s\n", pg_cli_problem(c));
    }
    pg_cli_close(c);
    return err == 0 ? 0 : 1;
}
