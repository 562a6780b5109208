/* SPDX-License-Identifier: MIT */
/* Points of the history of use, and names, on the store's connection for the API. Called by
 * request_usage.c and usage_watch.c. */
#include "broker/store_usage.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"
#include "common/mem.h"

#define REAL_BYTES 40u

static void on_put(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.done(r.arg, store_pg_api_error(r.store, err, result));
}

static struct pg_param real(double value, char text[REAL_BYTES])
{
    int len = snprintf(text, REAL_BYTES, "%.6f", value);

    return (struct pg_param){bytes_of(text, (size_t)len), false};
}

int store_usage_put(struct store *s, const struct usage_point *p, store_done_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    struct pg_i64 at = pg_i64_of((int64_t)p->at_ms), connections = pg_i64_of(p->connections),
                  created = pg_i64_of(p->created), closed = pg_i64_of(p->closed),
                  errors = pg_i64_of(p->errors), keep = pg_i64_of(USAGE_HOURS_MAX * 3600);
    char rate[REAL_BYTES], p50[REAL_BYTES], p95[REAL_BYTES], p99[REAL_BYTES];
    const struct pg_param params[] = {pg_param_i64(&at),      pg_param_i64(&connections),
                                      pg_param_i64(&created), pg_param_i64(&closed),
                                      pg_param_i64(&errors),  real(p->messages_per_second, rate),
                                      real(p->p50_ms, p50),   real(p->p95_ms, p95),
                                      real(p->p99_ms, p99),   pg_param_i64(&keep)};

    return store_pg_submit(s->api, STMT_USAGE_PUT, params, 10, on_put, &request);
}

static double real_of(const struct pg_result *r, size_t row, size_t column)
{
    struct bytes text = pg_result_get(r, row, column);
    char copy[REAL_BYTES];

    snprintf(copy, sizeof(copy), "%.*s", BYTES_FMT(text));
    return strtod(copy, NULL);
}

static void on_points(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = err == 0 ? pg_result_rows(result) : 0;
    struct usage_point *points = NULL;

    err = store_pg_api_error(r.store, err, result);
    if (err == 0) {
        points = mem_alloc((count + 1) * sizeof(*points));
        err = points ? 0 : ERR_NOMEM;
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        points[i] = (struct usage_point){.at_ms = (uint64_t)pg_result_i64(result, i, 0),
                                         .connections = pg_result_i64(result, i, 1),
                                         .created = pg_result_i64(result, i, 2),
                                         .closed = pg_result_i64(result, i, 3),
                                         .errors = pg_result_i64(result, i, 4),
                                         .messages_per_second = real_of(result, i, 5),
                                         .p50_ms = real_of(result, i, 6),
                                         .p95_ms = real_of(result, i, 7),
                                         .p99_ms = real_of(result, i, 8)};
    }
    r.fn.points(r.arg, err, points, err == 0 ? count : 0);
    mem_free(points);
}

int store_usage_history(struct store *s, uint32_t hours, store_points_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.points = fn};
    struct pg_i64 n = pg_i64_of(hours), most = pg_i64_of(USAGE_POINTS_MAX);
    const struct pg_param params[] = {pg_param_i64(&n), pg_param_i64(&most)};

    return store_pg_submit(s->api, STMT_USAGE_HISTORY, params, 2, on_points, &request);
}

static void on_names(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = err == 0 ? pg_result_rows(result) : 0;
    struct channel_name_row *rows = NULL;

    err = store_pg_api_error(r.store, err, result);
    if (err == 0) {
        rows = mem_alloc((count + 1) * sizeof(*rows));
        err = rows ? 0 : ERR_NOMEM;
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        rows[i] =
            (struct channel_name_row){pg_result_i64(result, i, 0), pg_result_get(result, i, 1)};
    }
    r.fn.names(r.arg, err, rows, err == 0 ? count : 0);
    mem_free(rows);
}

int store_channel_names(struct store *s, const int64_t *ids, size_t count, store_names_fn *fn,
                        void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.names = fn};
    struct pg_param params[PG_LINK_PARAMS_MAX];
    struct pg_arrays a;
    int err;

    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_i64(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(&a, ids[i]);
    }
    err = pg_arrays_finish(&a, params);
    if (err == 0) {
        err = store_pg_submit(s->api, STMT_CHANNEL_NAMES, params, 1, on_names, &request);
    }
    buf_reset(&s->scratch);
    return err;
}
