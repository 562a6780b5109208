/* SPDX-License-Identifier: MIT */
#pragma once
/* One asynchronous PostgreSQL connection in libpq's pipeline mode: connects, reconnects with
 * backoff, prepares its statements on connect. Each query is followed by its own sync, so that
 * each is a transaction of its own and one failing leaves the others alone. Exactly one
 * completion per accepted query, in order, never inside the submitting call. A query that is
 * unanswered for timeout_ms breaks the connection. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "common/io/loop.h"

#define PG_LINK_PARAMS_MAX 40u
#define PG_LINK_PENDING_MAX 4096u
#define PG_LINK_RETRY_BASE_MS 50u /* first reconnect soon: most outages are a restart */
#define PG_LINK_RETRY_CAP_MS 5000u

struct pg_link;
struct pg_result; /* borrowed for the duration of the callback */

struct pg_statement {
    const char *name, *sql; /* static */
};

struct pg_param {
    struct bytes value; /* text or binary; ptr NULL = NULL */
    bool is_binary;
};

/* err: 0; ERR_UNAVAILABLE (connection lost or timed out, result NULL); ERR_REMOTE (result has
 * the SQLSTATE). */
typedef void pg_result_fn(void *arg, int err, const struct pg_result *result);

struct pg_link_conf {
    const char *dsn, *application_name;    /* copied */
    const char *session_sql;               /* static; one statement run on connect, or NULL */
    const struct pg_statement *statements; /* static */
    size_t statement_count;
    uint32_t timeout_ms; /* of a query, and of connecting */
};
struct pg_link_events {
    void (*on_up)(void *arg);
    void (*on_down)(void *arg); /* after all pending queries were completed */
};

/* Connects by itself, from the next turn of the loop on. NULL: no memory, or the dsn is malformed
 * (which is logged, without the dsn). A host name in the dsn is resolved blockingly, by libpq. */
struct pg_link *pg_link_new(struct loop *loop, const struct pg_link_conf *conf,
                            const struct pg_link_events *events, void *arg);
/* Pending queries complete with ERR_UNAVAILABLE; on_down is not called. May be called from the
 * link's own callbacks. NULL is fine. */
void pg_link_free(struct pg_link *l);
/* Drop the connection at the end of this turn and connect anew: for a session that answers but
 * is of no use (a standby, a server without resources). */
void pg_link_restart(struct pg_link *l);
bool pg_link_is_up(const struct pg_link *l);
size_t pg_link_pending(const struct pg_link *l);
/* statement: index into conf.statements. Results come in text format. Parameters are copied.
 * Errors: ERR_UNAVAILABLE, ERR_BUSY, ERR_NOMEM, ERR_LIMIT (over PG_LINK_PARAMS_MAX, a value of
 * 1 GiB), ERR_SYNTAX (a NUL in a text parameter; binary ones may be used for text as well). */
NODISCARD int pg_link_query(struct pg_link *l, size_t statement, const struct pg_param *params,
                            size_t param_count, pg_result_fn *fn, void *arg);

const char *pg_result_sqlstate(const struct pg_result *r); /* "" when none */
/* Name of the constraint that an error is about; "" when none. */
const char *pg_result_constraint(const struct pg_result *r);
size_t pg_result_rows(const struct pg_result *r);
struct bytes pg_result_get(const struct pg_result *r, size_t row,
                           size_t column);                                   /* ptr NULL: NULL */
int64_t pg_result_i64(const struct pg_result *r, size_t row, size_t column); /* 0 for NULL */
bool pg_result_bool(const struct pg_result *r, size_t row, size_t column);
