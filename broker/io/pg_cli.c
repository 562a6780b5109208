/* SPDX-License-Identifier: MIT */
/* A blocking PostgreSQL connection for the command line: thin over libpq, no reconnecting, no
 * pipeline. Used by migrate and admin. */
#include "broker/io/pg_cli.h"

#include <stdio.h>

#include "broker/io/pg_dsn.h"
#include "broker/io/pg_result_impl.h"
#include "common/mem.h"

#define PROBLEM_MAX_BYTES 512u

struct pg_cli {
    PGconn *conn;
    char problem[PROBLEM_MAX_BYTES];
};

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

struct pg_cli *pg_cli_open(const char *dsn, const char *application_name)
{
    const char *keys[] = {"dbname", "fallback_application_name", "client_encoding", NULL};
    const char *values[] = {dsn, application_name, "UTF8", NULL};
    struct pg_cli *c = NULL;

    if (pg_dsn_check(dsn) != 0) {
        fprintf(stderr, "The database URL is malformed (in a URL, write @ and / of a password as "
                        "%%40 and %%2F).\n");
        return NULL;
    }
    c = mem_zalloc(sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->conn = PQconnectdbParams(keys, values, 1);
    if (PQstatus(c->conn) != CONNECTION_OK) {
        fprintf(stderr, "Cannot connect to PostgreSQL: %s",
                c->conn ? PQerrorMessage(c->conn) : "out of memory\n");
        pg_cli_close(c);
        return NULL;
    }
    (void)PQsetNoticeReceiver(c->conn, ignore_notice, NULL);
    return c;
}

void pg_cli_close(struct pg_cli *c)
{
    if (c) {
        PQfinish(c->conn);
        mem_free(c);
    }
}

/* Judge an answer, and keep what it says went wrong. */
static int judge(struct pg_cli *c, const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    const char *text;

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        return 0;
    }
    text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    (void)snprintf(c->problem, sizeof(c->problem), "%s", text ? text : PQerrorMessage(c->conn));
    return PQstatus(c->conn) == CONNECTION_OK ? ERR_REMOTE : ERR_UNAVAILABLE;
}

int pg_cli_exec(struct pg_cli *c, const char *sql)
{
    PGresult *res = PQexec(c->conn, sql);
    int err = judge(c, res);

    PQclear(res);
    return err;
}

int pg_cli_query(struct pg_cli *c, const char *sql, const struct bytes *params, size_t param_count,
                 struct pg_result **out_result)
{
    const char *values[PG_LINK_PARAMS_MAX];
    int lengths[PG_LINK_PARAMS_MAX], formats[PG_LINK_PARAMS_MAX];
    struct pg_result *result;

    if (param_count > PG_LINK_PARAMS_MAX) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < param_count; i++) {
        values[i] = params[i].ptr;
        lengths[i] = (int)params[i].len;
        formats[i] = 1; /* the bytes of a text as they are: a NUL is refused, not cut off */
    }
    result = mem_alloc(sizeof(*result));
    if (!result) {
        return ERR_NOMEM;
    }
    result->res = PQexecParams(c->conn, sql, (int)param_count, NULL, values, lengths, formats, 0);
    *out_result = result;
    return judge(c, result->res);
}

void pg_cli_result_free(struct pg_result *r)
{
    if (r) {
        PQclear(r->res);
        mem_free(r);
    }
}

const char *pg_cli_problem(const struct pg_cli *c)
{
    return c->problem;
}
