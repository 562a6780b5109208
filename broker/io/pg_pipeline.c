/* SPDX-License-Identifier: MIT */
/* Queries and answers of one pg_link in libpq's pipeline mode. Each query is followed by its own
 * sync; the server answers in order:
 *
 *      sent:      bind+execute A, sync, bind+execute B, sync, …
 *      PQgetResult:  result A, NULL, PIPELINE_SYNC, result B, NULL, PIPELINE_SYNC, …
 *
 * A query completes at its sync, not at its result: the transaction is committed only there, and
 * an error of the commit itself comes between the two. */
#include "broker/io/pg_link_impl.h"

#include <limits.h>

#include "broker/io/pg_result_impl.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"

#define PARAM_MAX_BYTES (1u << 30) /* PostgreSQL's own bound of one value */

/* ---- sending ---- */

struct wire_params {
    const char *values[PG_LINK_PARAMS_MAX];
    int lengths[PG_LINK_PARAMS_MAX];
    int formats[PG_LINK_PARAMS_MAX];
    char *text; /* NUL-terminated copies of the text parameters, one after the other */
};

static int check_params(const struct pg_param *params, size_t count, size_t *out_text_bytes)
{
    size_t text_bytes = 0;

    if (count > PG_LINK_PARAMS_MAX) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        struct bytes v = params[i].value;

        if (v.len >= PARAM_MAX_BYTES) {
            return ERR_LIMIT;
        }
        if (!v.ptr || params[i].is_binary) {
            continue;
        }
        if (memchr(v.ptr, '\0', v.len)) {
            return ERR_SYNTAX;
        }
        text_bytes += v.len + 1;
    }
    *out_text_bytes = text_bytes;
    return 0;
}

static int wire_params_init(struct wire_params *w, const struct pg_param *params, size_t count)
{
    size_t text_bytes = 0;
    char *text;
    int err = check_params(params, count, &text_bytes);

    w->text = NULL;
    if (err != 0) {
        return err;
    }
    if (text_bytes > 0) {
        w->text = mem_alloc(text_bytes);
        if (!w->text) {
            return ERR_NOMEM;
        }
    }
    text = w->text;
    for (size_t i = 0; i < count; i++) {
        struct bytes v = params[i].value;

        w->values[i] = v.ptr;
        w->lengths[i] = (int)v.len;
        w->formats[i] = params[i].is_binary ? 1 : 0;
        if (v.ptr && !params[i].is_binary) {
            memcpy(text, v.ptr, v.len);
            text[v.len] = '\0';
            w->values[i] = text;
            text += v.len + 1;
        }
    }
    return 0;
}

static void push_pending(struct pg_link *l, pg_result_fn *fn, void *arg)
{
    size_t at = (l->first + l->count) % PG_LINK_PENDING_MAX;

    l->pending[at] = (struct pg_pending){fn, arg, clock_mono_ms() + l->timeout_ms};
    l->count++;
    if (!loop_timer_is_active(l->deadline)) {
        loop_timer_start(l->deadline, l->timeout_ms, 0);
    }
}

int pg_link_query(struct pg_link *l, size_t statement, const struct pg_param *params,
                  size_t param_count, pg_result_fn *fn, void *arg)
{
    struct wire_params wire;
    bool is_sent;
    int err;

    if (!pg_link_is_up(l)) {
        return ERR_UNAVAILABLE;
    }
    if (l->count == PG_LINK_PENDING_MAX) {
        return ERR_BUSY;
    }
    err = wire_params_init(&wire, params, param_count);
    if (err != 0) {
        return err;
    }
    is_sent = PQsendQueryPrepared(l->conn, l->statements[statement].name, (int)param_count,
                                  wire.values, wire.lengths, wire.formats, 0) == 1 &&
              PQpipelineSync(l->conn) == 1 && pg_link_flush(l);
    mem_free(wire.text);
    if (!is_sent) {
        /* What was sent of it is unknown: nobody may use this connection any more. */
        pg_link_break_later(l, "send");
        return ERR_UNAVAILABLE;
    }
    push_pending(l, fn, arg);
    return 0;
}

int pg_pipeline_prepare(struct pg_link *l)
{
    if (l->session_sql &&
        PQsendQueryParams(l->conn, l->session_sql, 0, NULL, NULL, NULL, NULL, 0) != 1) {
        return ERR_UNAVAILABLE;
    }
    for (size_t i = 0; i < l->statement_count; i++) {
        const struct pg_statement *s = &l->statements[i];

        if (PQsendPrepare(l->conn, s->name, s->sql, 0, NULL) != 1) {
            return ERR_UNAVAILABLE;
        }
    }
    return PQpipelineSync(l->conn) == 1 ? 0 : ERR_UNAVAILABLE;
}

/* ---- receiving ---- */

static bool is_success(const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);

    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Keep the first error; without one, the last result. */
static void keep_result(struct pg_link *l, PGresult *res)
{
    if (l->head_result && !is_success(l->head_result)) {
        PQclear(res);
        return;
    }
    PQclear(l->head_result);
    l->head_result = res;
}

static struct pg_pending pop_pending(struct pg_link *l)
{
    struct pg_pending head = l->pending[l->first];

    l->first = (l->first + 1) % PG_LINK_PENDING_MAX;
    l->count--;
    return head;
}

static void on_prepared(struct pg_link *l, const struct pg_result *result)
{
    if (result->res && is_success(result->res)) {
        pg_link_set_up(l);
        return;
    }
    /* Statements have no parameter values yet: the message is safe to show, and most often says
     * that the migrations have not been run. */
    log_error("pg_prepare_failed", LOG_STR("link", l->application_name),
              LOG_STR("sqlstate", pg_result_sqlstate(result)),
              LOG_STR("problem", PQresultErrorField(result->res, PG_DIAG_MESSAGE_PRIMARY)));
    pg_link_break(l, "prepare");
}

static void on_sync(struct pg_link *l)
{
    struct pg_result result = {l->head_result};
    struct pg_pending head;

    l->head_result = NULL;
    if (l->state == PG_LINK_PREPARING) {
        on_prepared(l, &result);
    } else if (l->count > 0) {
        head = pop_pending(l);
        head.fn(head.arg, result.res && is_success(result.res) ? 0 : ERR_REMOTE, &result);
    }
    PQclear(result.res);
}

/* Complete everything that has arrived. After each completion the link may be down or freed. */
static void take_results(struct pg_link *l)
{
    bool was_null = false;

    while (l->conn && !PQisBusy(l->conn)) {
        PGresult *res = PQgetResult(l->conn);

        if (!res) {
            /* One NULL ends each query, two mean that nothing is under way. */
            if (was_null) {
                return;
            }
            was_null = true;
            continue;
        }
        was_null = false;
        if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
            PQclear(res);
            on_sync(l);
        } else {
            keep_result(l, res);
        }
    }
}

void pg_pipeline_read(struct pg_link *l)
{
    /* Answers that came before the connection broke still count. */
    bool is_alive = PQconsumeInput(l->conn) == 1;

    take_results(l);
    if (l->state == PG_LINK_DOWN) {
        return;
    }
    if (!is_alive || PQstatus(l->conn) != CONNECTION_OK || !pg_link_flush(l)) {
        pg_link_break(l, "lost");
    }
}

void pg_pipeline_fail_all(struct pg_link *l)
{
    while (l->count > 0) {
        struct pg_pending head = pop_pending(l);

        head.fn(head.arg, ERR_UNAVAILABLE, NULL);
    }
}
