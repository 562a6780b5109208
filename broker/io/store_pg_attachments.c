/* SPDX-License-Identifier: MIT */
/* Attachments as messages and downloads ask for them, and what of the storage is to be deleted.
 * Called by prefetch.c, request_media.c and upload_keep.c. */
#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"

void store_pg_attachment_read(const struct pg_result *r, size_t row, struct attachment_row *out)
{
    *out = (struct attachment_row){.id = pg_result_i64(r, row, 0),
                                   .file_size = pg_result_i64(r, row, 1),
                                   .file_name = pg_result_get(r, row, 2),
                                   .file_type = pg_result_get(r, row, 3),
                                   .sha256 = pg_result_get(r, row, 4),
                                   .storage_name = pg_result_get(r, row, 5),
                                   .thumbnail_type = pg_result_get(r, row, 6),
                                   .thumbnail_bytes = (uint32_t)pg_result_i64(r, row, 7)};
}

static void on_attachment(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct attachment_row row;

    err = store_pg_files_error(r.store, err, result);
    if (err != 0 || pg_result_rows(result) == 0) {
        r.fn.attachment(r.arg, err, NULL);
        return;
    }
    store_pg_attachment_read(result, 0, &row);
    r.fn.attachment(r.arg, 0, &row);
}

int store_attachment(struct store *s, int64_t id, int64_t user_id, store_attachment_fn *fn,
                     void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.attachment = fn};
    struct pg_i64 a = pg_i64_of(id), u = pg_i64_of(user_id);
    const struct pg_param params[] = {pg_param_i64(&a), pg_param_i64(&u)};

    return store_pg_submit(s->files, STMT_ATTACHMENT, params, 2, on_attachment, &request);
}

static void on_attachments(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct attachment_row rows[ATTACHMENTS_MAX];
    size_t count = err == 0 ? pg_result_rows(result) : 0;

    err = err == 0 ? 0 : store_pg_error(r.store->reads, err, result);
    count = count > ATTACHMENTS_MAX ? ATTACHMENTS_MAX : count;
    for (size_t i = 0; i < count; i++) {
        store_pg_attachment_read(result, i, &rows[i]);
    }
    r.fn.attachments(r.arg, err, rows, count);
}

int store_attachments_find(struct store *s, const int64_t *ids, size_t count, int64_t channel_id,
                           int64_t user_id, store_attachments_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.attachments = fn};
    struct pg_i64 channel = pg_i64_of(channel_id), user = pg_i64_of(user_id);
    struct pg_param params[PG_LINK_PARAMS_MAX];
    struct pg_arrays a;
    int err;

    if (count > ATTACHMENTS_MAX) {
        return ERR_LIMIT;
    }
    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_i64(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(&a, ids[i]);
    }
    err = pg_arrays_finish(&a, params);
    if (err == 0) {
        params[1] = pg_param_i64(&channel);
        params[2] = pg_param_i64(&user);
        err = store_pg_submit(s->reads, STMT_ATTACHMENTS, params, 3, on_attachments, &request);
    }
    buf_reset(&s->scratch);
    return err;
}

/* ---- cleaning up ---- */

static void on_done(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.done(r.arg, store_pg_files_error(r.store, err, result));
}

int store_upload_expire(struct store *s, uint32_t idle_s, uint32_t unused_s, store_done_fn *fn,
                        void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    struct pg_i64 most = pg_i64_of(EXPIRE_MAX), idle = pg_i64_of(idle_s),
                  unused = pg_i64_of(unused_s);
    const struct pg_param params[] = {pg_param_i64(&most), pg_param_i64(&idle),
                                      pg_param_i64(&unused)};

    return store_pg_submit(s->files, STMT_UPLOAD_EXPIRE, params, 3, on_done, &request);
}

static void on_keys(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct bytes keys[GARBAGE_MAX];
    size_t count = err == 0 ? pg_result_rows(result) : 0;

    err = store_pg_files_error(r.store, err, result);
    count = count > GARBAGE_MAX ? GARBAGE_MAX : count;
    for (size_t i = 0; i < count; i++) {
        keys[i] = pg_result_get(result, i, 0);
    }
    r.fn.keys(r.arg, err, keys, count);
}

int store_garbage_take(struct store *s, uint32_t lease_ms, store_keys_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.keys = fn};
    struct pg_i64 most = pg_i64_of(GARBAGE_MAX), lease = pg_i64_of(lease_ms);
    const struct pg_param params[] = {pg_param_i64(&most), pg_param_i64(&lease)};

    return store_pg_submit(s->files, STMT_GARBAGE_TAKE, params, 2, on_keys, &request);
}

int store_garbage_done(struct store *s, const struct bytes *keys, size_t count, store_done_fn *fn,
                       void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    struct pg_param params[PG_LINK_PARAMS_MAX];
    struct pg_arrays a;
    int err;

    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_text(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_text(&a, keys[i]);
    }
    err = pg_arrays_finish(&a, params);
    if (err == 0) {
        err = store_pg_submit(s->files, STMT_GARBAGE_DONE, params, 1, on_done, &request);
    }
    buf_reset(&s->scratch);
    return err;
}
