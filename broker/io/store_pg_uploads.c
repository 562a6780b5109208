/* SPDX-License-Identifier: MIT */
/* Uploads from their first frame to the whole file, on the store's connection for files. Called by
 * request_upload.c, request_chunk.c and upload_finish.c. */
#include <stdio.h>

#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"
#include "common/mem.h"

static void on_verdict(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.upload(r.arg, store_pg_files_error(r.store, err, result),
                (enum upload_verdict)pg_result_i64(result, 0, 0));
}

int store_upload_start(struct store *s, const struct new_upload *u, store_upload_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.upload = fn};
    struct pg_i64 user = pg_i64_of(u->by.user_id), channel = pg_i64_of(u->channel_id),
                  size = pg_i64_of(u->file_size), posted = pg_i64_of(u->is_posted),
                  most = pg_i64_of(u->open_max), conn = pg_i64_of((int64_t)u->by.conn);
    const struct pg_param params[] = {pg_param_text(u->by.upload_id),
                                      pg_param_i64(&user),
                                      pg_param_i64(&channel),
                                      pg_param_text(u->file_name),
                                      pg_param_text(u->file_type),
                                      pg_param_i64(&size),
                                      pg_param_i64(&posted),
                                      pg_param_text(u->storage_name),
                                      pg_param_i64(&most),
                                      pg_param_text(u->by.gateway),
                                      pg_param_i64(&conn)};

    return store_pg_submit(s->files, STMT_UPLOAD_START, params, 11, on_verdict, &request);
}

int store_upload_cancel(struct store *s, const struct upload_by *by, store_upload_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.upload = fn};
    struct pg_i64 user = pg_i64_of(by->user_id);
    const struct pg_param params[] = {pg_param_text(by->upload_id), pg_param_i64(&user)};

    return store_pg_submit(s->files, STMT_UPLOAD_CANCEL, params, 2, on_verdict, &request);
}

static void on_resumed(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct resumed_upload resumed = {.verdict = UPLOAD_UNKNOWN};

    err = store_pg_files_error(r.store, err, result);
    if (err == 0) {
        resumed.verdict = (enum upload_verdict)pg_result_i64(result, 0, 0);
        resumed.chunks = pg_result_get(result, 0, 1);
        resumed.attachment_id = pg_result_i64(result, 0, 2);
    }
    r.fn.resume(r.arg, err, err == 0 ? &resumed : NULL);
}

int store_upload_resume(struct store *s, const struct upload_by *by, int64_t channel_id,
                        int64_t file_size, store_resume_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.resume = fn};
    struct pg_i64 user = pg_i64_of(by->user_id), channel = pg_i64_of(channel_id),
                  size = pg_i64_of(file_size), conn = pg_i64_of((int64_t)by->conn);
    const struct pg_param params[] = {pg_param_text(by->upload_id), pg_param_i64(&user),
                                      pg_param_i64(&channel),       pg_param_i64(&size),
                                      pg_param_text(by->gateway),   pg_param_i64(&conn)};

    return store_pg_submit(s->files, STMT_UPLOAD_RESUME, params, 6, on_resumed, &request);
}

/* ---- chunks ---- */

static void on_place(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct chunk_place place = {.verdict = UPLOAD_UNKNOWN};

    err = store_pg_files_error(r.store, err, result);
    if (err == 0) {
        place.verdict = (enum upload_verdict)pg_result_i64(result, 0, 0);
        place.part = pg_result_i64(result, 0, 1);
        place.storage_name = pg_result_get(result, 0, 2);
        place.received = pg_result_i64(result, 0, 3);
        place.total = pg_result_i64(result, 0, 4);
    }
    r.fn.place(r.arg, err, err == 0 ? &place : NULL);
}

int store_chunk_reserve(struct store *s, const struct new_chunk *c, store_place_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.place = fn};
    struct pg_i64 user = pg_i64_of(c->by.user_id), index = pg_i64_of(c->index),
                  size = pg_i64_of(c->size), conn = pg_i64_of((int64_t)c->by.conn);
    const struct pg_param params[] = {pg_param_text(c->by.upload_id),
                                      pg_param_i64(&user),
                                      pg_param_i64(&index),
                                      pg_param_i64(&size),
                                      pg_param_text(c->digest),
                                      pg_param_text(c->by.gateway),
                                      pg_param_i64(&conn)};

    return store_pg_submit(s->files, STMT_CHUNK_RESERVE, params, 7, on_place, &request);
}

static void on_stored(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct chunk_stored stored = {.verdict = UPLOAD_UNKNOWN};

    err = store_pg_files_error(r.store, err, result);
    if (err == 0) {
        stored.verdict = (enum upload_verdict)pg_result_i64(result, 0, 0);
        stored.received = pg_result_i64(result, 0, 1);
        stored.total = pg_result_i64(result, 0, 2);
        stored.is_last = pg_result_bool(result, 0, 3);
    }
    r.fn.stored(r.arg, err, err == 0 ? &stored : NULL);
}

int store_chunk_stored(struct store *s, struct bytes upload_id, uint32_t index, int64_t part,
                       uint32_t lease_ms, store_stored_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.stored = fn};
    struct pg_i64 n = pg_i64_of(index), p = pg_i64_of(part), lease = pg_i64_of(lease_ms);
    const struct pg_param params[] = {pg_param_text(upload_id), pg_param_i64(&n), pg_param_i64(&p),
                                      pg_param_i64(&lease)};

    return store_pg_submit(s->files, STMT_CHUNK_STORED, params, 4, on_stored, &request);
}

/* ---- putting a file together ---- */

static void on_parts(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = err == 0 ? pg_result_rows(result) : 0;
    struct file_parts file = {.count = count};
    struct file_part *parts = NULL;

    err = store_pg_files_error(r.store, err, result);
    if (err == 0 && count > 0) {
        parts = mem_alloc(count * sizeof(*parts));
        err = parts ? 0 : ERR_NOMEM;
    }
    if (err != 0) {
        r.fn.parts(r.arg, err, NULL);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct bytes digest = pg_result_get(result, i, 8);
        parts[i] = (struct file_part){.part = pg_result_i64(result, i, 6),
                                      .size = (uint32_t)pg_result_i64(result, i, 7)};
        snprintf(parts[i].digest, sizeof(parts[i].digest), "%.*s", BYTES_FMT(digest));
    }
    if (count > 0) {
        file.user_id = pg_result_i64(result, 0, 0);
        file.channel_id = pg_result_i64(result, 0, 1);
        file.file_size = pg_result_i64(result, 0, 2);
        file.file_name = pg_result_get(result, 0, 3);
        file.file_type = pg_result_get(result, 0, 4);
        file.storage_name = pg_result_get(result, 0, 5);
        file.parts = parts;
    }
    r.fn.parts(r.arg, 0, &file);
    mem_free(parts);
}

int store_upload_parts(struct store *s, struct bytes upload_id, store_parts_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.parts = fn};
    const struct pg_param params[] = {pg_param_text(upload_id)};

    return store_pg_submit(s->files, STMT_UPLOAD_PARTS, params, 1, on_parts, &request);
}

static void on_finished(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct finished_upload f = {.verdict = UPLOAD_UNKNOWN};

    err = store_pg_files_error(r.store, err, result);
    if (err == 0) {
        f.verdict = (enum upload_verdict)pg_result_i64(result, 0, 0);
        f.attachment_id = pg_result_i64(result, 0, 1);
        f.gateway = pg_result_get(result, 0, 2);
        f.conn = (uint64_t)pg_result_i64(result, 0, 3);
        f.is_posted = pg_result_bool(result, 0, 4);
        f.username = pg_result_get(result, 0, 5);
        f.avatar = pg_result_get(result, 0, 6);
        f.is_staff = pg_result_bool(result, 0, 7);
    }
    r.fn.finished(r.arg, err, err == 0 ? &f : NULL);
}

int store_upload_done(struct store *s, struct bytes upload_id, struct bytes sha256,
                      struct bytes thumbnail_type, uint32_t thumbnail_bytes, uint32_t lease_ms,
                      store_finished_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.finished = fn};
    struct pg_i64 lease = pg_i64_of(lease_ms), bytes = pg_i64_of(thumbnail_bytes);
    const struct pg_param params[] = {pg_param_text(upload_id), pg_param_text(sha256),
                                      pg_param_text(thumbnail_type), pg_param_i64(&bytes),
                                      pg_param_i64(&lease)};

    return store_pg_submit(s->files, STMT_UPLOAD_DONE, params, 5, on_finished, &request);
}

int store_upload_refuse(struct store *s, struct bytes upload_id, store_finished_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.finished = fn};
    const struct pg_param params[] = {pg_param_text(upload_id)};

    return store_pg_submit(s->files, STMT_UPLOAD_REFUSE, params, 1, on_finished, &request);
}

int store_upload_reopen(struct store *s, struct bytes upload_id, const int64_t *parts, size_t count,
                        store_finished_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.finished = fn};
    struct pg_param params[PG_LINK_PARAMS_MAX];
    struct pg_arrays a;
    int err;

    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_i64(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(&a, parts[i]);
    }
    err = pg_arrays_finish(&a, params);
    if (err == 0) {
        params[1] = pg_param_text(upload_id);
        err = store_pg_submit(s->files, STMT_UPLOAD_REOPEN, params, 2, on_finished, &request);
    }
    buf_reset(&s->scratch);
    return err;
}

static void on_left(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct left_upload rows[UPLOAD_CLAIM_MAX];
    size_t count = err == 0 ? pg_result_rows(result) : 0;

    err = store_pg_files_error(r.store, err, result);
    count = count > UPLOAD_CLAIM_MAX ? UPLOAD_CLAIM_MAX : count;
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct left_upload){.upload_id = pg_result_get(result, i, 0),
                                       .is_done = pg_result_bool(result, i, 1),
                                       .attachment_id = pg_result_i64(result, i, 2),
                                       .channel_id = pg_result_i64(result, i, 3),
                                       .user_id = pg_result_i64(result, i, 4),
                                       .username = pg_result_get(result, i, 5),
                                       .avatar = pg_result_get(result, i, 6),
                                       .is_staff = pg_result_bool(result, i, 7)};
    }
    r.fn.left(r.arg, err, rows, count);
}

int store_upload_claim(struct store *s, uint32_t lease_ms, uint32_t tries, store_left_fn *fn,
                       void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.left = fn};
    struct pg_i64 most = pg_i64_of(UPLOAD_CLAIM_MAX), lease = pg_i64_of(lease_ms),
                  n = pg_i64_of(tries);
    const struct pg_param params[] = {pg_param_i64(&most), pg_param_i64(&lease), pg_param_i64(&n)};

    return store_pg_submit(s->files, STMT_UPLOAD_CLAIM, params, 3, on_left, &request);
}
