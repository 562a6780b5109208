/* SPDX-License-Identifier: MIT */
/* A chunk of an upload, of a socket or of a request's body. Called by request_upload.c.
 *
 *   turn -> the user's bytes of this minute -> bytes out of Redis -> a place in the database
 *        -> storage (a thread) -> stored -> answer, and with the last one the file is finished
 *
 * The bytes stay in Redis until all that is done: a broker that takes over finds them there. */
#include <stdio.h>

#include "broker/storage_key.h"
#include "broker/openssl.h"
#include "broker/request_upload.h"
#include "broker/upload_finish.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/encoding.h"
#include "proto/stream_keys.h"

struct put_job {
    struct step *step;
    struct storage *storage;
    int err;
    size_t len;
    char *data; /* owned */
    char key[STORAGE_KEY_MAX];
};

static struct blob_name blob_of(const struct request *req)
{
    return (struct blob_name){.gateway = request_gateway(req),
                              .partition = req->upload->partition,
                              .serial = req->upload->blob};
}

/* ---- the end ---- */

/* For good: nobody needs its bytes any more. */
static void refuse(struct request *req, enum upload_verdict verdict)
{
    const struct blob_name blob = blob_of(req);

    blobs_drop(req->owner->deps.files->blobs, &blob);
    upload_fail_verdict(req, verdict);
}

static void answer_progress(struct request *req, int64_t received, int64_t total)
{
    const struct blob_name blob = blob_of(req);
    const struct upload_progress p = {.upload_id = bytes_str(req->upload->upload_id),
                                      .chunk_index = req->upload->chunk_index,
                                      .received = received,
                                      .total = total};
    struct buf json;

    blobs_drop(req->owner->deps.files->blobs, &blob);
    buf_init(&json, 512);
    if (server_upload_progress(&p, &json) == 0) {
        upload_reply(req, buf_bytes(&json));
    } else {
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    }
    buf_done(&json);
}

static void on_stored(void *arg, int err, const struct chunk_stored *stored)
{
    struct request *req = step_end(arg);
    char upload_id[UPLOAD_ID_MAX_BYTES + 1];
    struct files *f;

    if (!req) {
        return;
    }
    if (err) {
        upload_fail_store(req, err, "chunk_stored");
        return;
    }
    if (stored->verdict != UPLOAD_OK) {
        refuse(req, stored->verdict);
        return;
    }
    f = req->owner->deps.files;
    memcpy(upload_id, req->upload->upload_id, sizeof(upload_id));
    answer_progress(req, stored->received, stored->total);
    if (stored->is_last) {
        upload_finish(f, bytes_str(upload_id));
    }
}

/* ---- into the storage ---- */

static void run_put(void *arg)
{
    struct put_job *job = arg;

    job->err = storage_stage(job->storage, job->key, bytes_of(job->data, job->len));
}

static void on_put(void *arg)
{
    struct put_job job = *(struct put_job *)arg;
    struct request *req = step_end(job.step);
    struct step *step;
    int err;

    mem_free(job.data);
    mem_free(arg);
    if (!req) {
        return;
    }
    if (job.err) {
        log_warn("chunk_not_stored", LOG_STR("upload", req->upload->upload_id), LOG_ERR(job.err));
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    step = step_begin(req);
    err = step ? store_chunk_stored(req->owner->deps.store, bytes_str(req->upload->upload_id),
                                    req->upload->chunk_index, req->upload->part, UPLOAD_LEASE_MS,
                                    on_stored, step)
               : ERR_NOMEM;
    if (err) {
        step_end(step);
        upload_fail_store(req, err, "chunk_stored");
    }
}

static void store_chunk(struct request *req)
{
    struct upload_work *w = req->upload;
    struct files *f = req->owner->deps.files;
    struct put_job *job = mem_zalloc(sizeof(*job));
    int err = ERR_NOMEM;

    if (job) {
        job->err = ERR_UNAVAILABLE; /* if no thread comes to it */
        job->storage = f->storage;
        job->step = step_begin(req);
        storage_key_of_part(w->storage_name, w->part, job->key);
        err = job->step ? 0 : ERR_NOMEM;
    }
    if (err == 0) {
        job->data = w->data;
        job->len = w->chunk_bytes;
        w->data = NULL;
        err = worker_submit(f->pieces, run_put, on_put, job);
    }
    if (err) {
        if (job) {
            step_end(job->step);
            mem_free(job->data);
            mem_free(job);
        }
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    }
}

/* ---- its place ---- */

static void on_place(void *arg, int err, const struct chunk_place *place)
{
    struct request *req = step_end(arg);
    struct upload_work *w;

    if (!req) {
        return;
    }
    if (err) {
        upload_fail_store(req, err, "chunk_reserve");
        return;
    }
    switch (place->verdict) {
    case UPLOAD_OK:
        w = req->upload;
        w->part = place->part;
        snprintf(w->storage_name, sizeof(w->storage_name), "%.*s", BYTES_FMT(place->storage_name));
        store_chunk(req);
        return;
    case UPLOAD_REPEAT:
        answer_progress(req, place->received, place->total);
        return;
    case UPLOAD_UNKNOWN:
    case UPLOAD_FOREIGN:
    case UPLOAD_NO_CHANNEL:
    case UPLOAD_NO_ACCESS:
    case UPLOAD_TOO_MANY:
    case UPLOAD_CONFLICT:
        break;
    }
    refuse(req, place->verdict);
}

static void reserve(struct request *req)
{
    struct upload_work *w = req->upload;
    struct step *step = step_begin(req);
    const struct new_chunk chunk = {.by = upload_by(req),
                                    .index = w->chunk_index,
                                    .size = w->chunk_bytes,
                                    .digest = bytes_str(w->digest)};
    int err =
        step ? store_chunk_reserve(req->owner->deps.store, &chunk, on_place, step) : ERR_NOMEM;

    if (err) {
        step_end(step);
        upload_fail_store(req, err, "chunk_reserve");
    }
}

/* ---- its bytes ---- */

static void on_blob(void *arg, int err, struct bytes data)
{
    struct request *req = step_end(arg);
    unsigned char digest[SHA256_DIGEST_LENGTH];

    if (!req) {
        return;
    }
    /* Gone: it was done before and the answer is lost, or it waited for too long. */
    if (err || data.len != req->upload->chunk_bytes || data.len == 0) {
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    req->upload->data = mem_alloc(data.len);
    if (!req->upload->data) {
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    memcpy(req->upload->data, data.ptr, data.len);
    SHA256((const unsigned char *)data.ptr, data.len, digest);
    hex_encode(digest, sizeof(digest), req->upload->digest);
    reserve(req);
}

static void fetch(struct request *req)
{
    const struct blob_name blob = blob_of(req);
    struct step *step = step_begin(req);
    int err = step ? blobs_read(req->owner->deps.files->blobs, &blob, on_blob, step) : ERR_NOMEM;

    if (err) {
        step_end(step);
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    }
}

/* ---- the user's bytes ---- */

static void on_rate(void *arg, int err, const struct redis_value *v)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err) {
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    } else if (redis_value_int(v) == 0) {
        const struct blob_name blob = blob_of(req);
        blobs_drop(req->owner->deps.files->blobs, &blob);
        upload_fail(req, CODE_RATE_LIMIT_EXCEEDED, NULL);
    } else {
        fetch(req);
    }
}

/* Counts what is taken within a minute from the first byte on. */
static void check_rate(struct request *req)
{
    static const char script[] =
        "local n = tonumber(redis.call('GET', KEYS[1]) or '0') "
        "if n + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return 0 end "
        "redis.call('INCRBY', KEYS[1], ARGV[1]) "
        "if n == 0 then redis.call('PEXPIRE', KEYS[1], 60000) end return 1";
    const struct broker_conf *conf = req->owner->deps.conf;
    struct stream_key key = key_upload_rate(conf->redis_prefix, req->upload->user_id);
    char bytes[16], limit[16];
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    snprintf(bytes, sizeof(bytes), "%u", req->upload->chunk_bytes);
    snprintf(limit, sizeof(limit), "%u", conf->upload_bytes_per_minute);
    if (step) {
        const struct bytes argv[] = {BYTES_LIT("EVAL"),      bytes_str(script), BYTES_LIT("1"),
                                     stream_key_bytes(&key), bytes_str(bytes),  bytes_str(limit)};
        err = redis_link_command(req->owner->deps.redis, argv, 6, on_rate, step);
    }
    if (err) {
        step_end(step);
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    }
}

/* ---- its turn ---- */

struct turn {
    struct files *files;
    struct step *step;
};

static void on_turn(void *arg)
{
    struct turn turn = *(struct turn *)arg;
    struct request *req = step_end(turn.step);

    mem_free(arg);
    if (!req) {
        files_leave(turn.files);
        return;
    }
    req->upload->has_turn = true;
    if (req->owner->deps.conf->upload_bytes_per_minute > 0) {
        check_rate(req);
    } else {
        fetch(req);
    }
}

void request_chunk_start(struct request *req)
{
    struct turn *turn = mem_zalloc(sizeof(*turn));
    int err = ERR_NOMEM;

    if (turn) {
        turn->files = req->owner->deps.files;
        turn->step = step_begin(req);
        err = turn->step ? files_enter(turn->files, on_turn, turn) : ERR_NOMEM;
    }
    if (err) {
        if (turn) {
            step_end(turn->step);
        }
        mem_free(turn);
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    }
}
