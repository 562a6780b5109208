/* SPDX-License-Identifier: MIT */
#pragma once
/* The inside of a pg_link, shared by its two halves: pg_link.c (life of the connection) and
 * pg_pipeline.c (queries and answers). */
#include <libpq-fe.h>
#include "broker/io/pg_link.h"
#include "common/backoff.h"

/* DOWN -> CONNECTING -> PREPARING -> UP -> DOWN …; any state -> DOWN when something breaks. */
enum pg_link_state { PG_LINK_DOWN, PG_LINK_CONNECTING, PG_LINK_PREPARING, PG_LINK_UP };

struct pg_pending {
    pg_result_fn *fn;
    void *arg;
    uint64_t deadline_ms;
};

struct pg_link {
    struct loop *loop;
    char *dsn, *application_name;
    const char *session_sql;
    const struct pg_statement *statements;
    size_t statement_count;
    uint32_t timeout_ms;
    struct pg_link_events events;
    void *arg;

    enum pg_link_state state;
    struct name_lookup *lookup; /* CONNECTING, before there is a conn */
    PGconn *conn;               /* NULL when DOWN */
    struct loop_fd *fd;         /* on PQsocket(conn); NULL when DOWN */
    int fd_number;
    struct loop_timer *retry;    /* runs when DOWN */
    struct loop_timer *deadline; /* runs while something is unanswered */
    struct loop_task break_task; /* puts the work of breaking outside the submitting call */
    const char *break_why;
    struct backoff backoff;

    struct pg_pending *pending; /* ring of PG_LINK_PENDING_MAX */
    size_t first, count;
    PGresult *head_result; /* what has come of the answer to the first pending one */
    uint32_t depth;        /* of our own calls that lead to callbacks */
    bool is_freed;         /* by one of them: the memory goes when depth is 0 again */
};

/* Bracket around everything that may call back. pg_link_leave frees what was freed inside. */
void pg_link_enter(struct pg_link *l);
void pg_link_leave(struct pg_link *l);
/* Mark the connection as broken; pending queries complete and on_down runs at the turn's end.
 * `why` is static. */
void pg_link_break_later(struct pg_link *l, const char *why);
/* The same at once, for callers that are not below a user's submitting call. */
void pg_link_break(struct pg_link *l, const char *why);
/* The statements are ready. */
void pg_link_set_up(struct pg_link *l);
/* Watch for what libpq waits for: always reading, and writing while it has unsent bytes.
 * False: the connection broke. */
bool pg_link_flush(struct pg_link *l);
/* PQerrorMessage's first line; without secrets because of pg_dsn_check. */
struct bytes pg_link_problem(const struct pg_link *l);

/* pg_pipeline.c */
NODISCARD int pg_pipeline_prepare(struct pg_link *l); /* send session_sql and all statements */
void pg_pipeline_read(struct pg_link *l);             /* take in answers and complete queries */
void pg_pipeline_fail_all(struct pg_link *l);         /* complete all with ERR_UNAVAILABLE */
