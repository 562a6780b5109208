/* SPDX-License-Identifier: MIT */
/* Push jobs, on the store's connection for the API. Rows are views into the answer of PostgreSQL.
 * Called by push_queue.c. */
#include "broker/store_push.h"

#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"
#include "common/mem.h"

#define COL_DROPPED 13u

static void job_read(const struct pg_result *r, size_t row, struct push_job *out)
{
    *out = (struct push_job){
        .id = pg_result_i64(r, row, 0),
        .claim = pg_result_i64(r, row, 1),
        .attempts = (uint32_t)pg_result_i64(r, row, 2),
        .device_id = pg_result_i64(r, row, 3),
        .device_type = pg_result_get(r, row, 4),
        .token = pg_result_get(r, row, 5),
        .notification_id = pg_result_i64(r, row, 6),
        .user_id = pg_result_i64(r, row, 7),
        .channel_id = pg_result_i64(r, row, 8),
        .title = pg_result_get(r, row, 9),
        .message = pg_result_get(r, row, 10),
        .category = pg_result_get(r, row, 11),
        .url = pg_result_get(r, row, 12),
    };
}

static void on_jobs(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t rows = pg_result_rows(result), count = 0;
    struct push_job *jobs = err == 0 ? mem_alloc(rows * sizeof(*jobs)) : NULL;
    uint64_t dropped = 0;

    if (err == 0 && !jobs) {
        r.fn.jobs(r.arg, ERR_NOMEM, NULL, 0, 0);
        return;
    }
    if (err != 0) {
        r.fn.jobs(r.arg, store_pg_api_error(r.store, err, result), NULL, 0, 0);
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        if (pg_result_get(result, i, 0).ptr) {
            job_read(result, i, &jobs[count++]);
        } else {
            dropped = (uint64_t)pg_result_i64(result, i, COL_DROPPED);
        }
    }
    r.fn.jobs(r.arg, 0, jobs, count, dropped);
    mem_free(jobs);
}

int store_push_claim(struct store *s, uint32_t at_most, uint32_t lease_ms, store_jobs_fn *fn,
                     void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.jobs = fn};
    struct pg_i64 v[] = {pg_i64_of(at_most), pg_i64_of(lease_ms)};
    const struct pg_param params[] = {pg_param_i64(&v[0]), pg_param_i64(&v[1])};

    return store_pg_submit(s->api, STMT_PUSH_CLAIM, params, 2, on_jobs, &request);
}

static void on_settled(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.done(r.arg, store_pg_api_error(r.store, err, result));
}

static void put_arrays(struct pg_arrays *a, const struct push_settlement *rows, size_t count)
{
    pg_arrays_begin_i64(a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(a, rows[i].job_id);
    }
    pg_arrays_begin_i64(a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(a, rows[i].claim);
    }
    pg_arrays_begin_i64(a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(a, rows[i].device_id);
    }
    pg_arrays_begin_i32(a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i32(a, rows[i].action);
    }
    pg_arrays_begin_i64(a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(a, rows[i].delay_ms);
    }
}

int store_push_settle(struct store *s, const struct push_settlement *rows, size_t count,
                      store_done_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    struct pg_param params[PG_LINK_PARAMS_MAX];
    struct pg_arrays a;
    int err;

    if (count > PUSH_SETTLE_MAX) {
        return ERR_LIMIT;
    }
    pg_arrays_init(&a, &s->scratch);
    put_arrays(&a, rows, count);
    err = pg_arrays_finish(&a, params);
    if (err == 0) {
        err = store_pg_submit(s->api, STMT_PUSH_SETTLE, params, a.count, on_settled, &request);
    }
    buf_reset(&s->scratch);
    buf_shrink(&s->scratch, SCRATCH_KEEP_BYTES);
    return err;
}
