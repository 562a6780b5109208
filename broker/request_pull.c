/* SPDX-License-Identifier: MIT */
/* A piece of a file for a gateway that passes it on to a client: out of the storage (a thread),
 * into Redis under a key of its own. Called by requests.c.
 *
 *   turn -> storage -> Redis -> PULLED */
#include <string.h>

#include "broker/files.h"
#include "broker/storage_key.h"
#include "broker/request_files.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/stream_keys.h"

struct pull_job {
    struct files *files;
    struct step *step;
    int err;
    struct buf data;
    struct up_pull pull; /* without its views */
    char key[STORAGE_KEY_MAX];
};

static void answer(struct request *req, uint32_t bytes)
{
    const struct pull_work *w = &req->work.pull;
    struct down_item item = {.kind = DOWN_PULLED,
                             .pulled = {.offset = w->offset, .blob = w->blob, .bytes = bytes}};

    request_answer(req, &item);
}

void request_pull_done(struct request *req)
{
    if (req->work.pull.has_turn) {
        files_leave(req->owner->deps.files);
    }
}

static void job_free(struct pull_job *job)
{
    if (job) {
        buf_done(&job->data);
        mem_free(job);
    }
}

static void on_put(void *arg, int err, struct bytes data)
{
    struct request *req = step_end(arg);

    (void)data;
    if (req) {
        answer(req, err == 0 ? req->work.pull.bytes : 0);
    }
}

static void on_read(void *arg)
{
    struct pull_job *job = arg;
    struct request *req = step_end(job->step);
    struct files *f = job->files;
    struct step *step;
    int err = job->err;

    if (!req) {
        job_free(job);
        return;
    }
    step = err == 0 ? step_begin(req) : NULL;
    if (step) {
        const struct blob_name blob = {.gateway = request_gateway(req),
                                       .partition = partition_of_id(req->conn, f->conf->partitions),
                                       .serial = req->work.pull.blob};
        err = blobs_put(f->blobs, &blob, buf_bytes(&job->data), on_put, step);
    }
    if (!step || err) {
        static struct log_limit limit = {.per_minute = 6};
        step_end(step);
        if (log_limit_pass(&limit, clock_mono_ms())) {
            log_warn("file_not_read", LOG_STR("key", job->key), LOG_ERR(err));
        }
        answer(req, 0);
    }
    job_free(job);
}

static void run(void *arg)
{
    struct pull_job *job = arg;

    job->err =
        storage_get(job->files->storage, job->key, job->pull.offset, job->pull.bytes, &job->data);
}

/* Its turn has come. */
static void on_turn(void *arg)
{
    struct pull_job *job = arg;
    struct request *req = step_end(job->step);

    if (!req) {
        files_leave(job->files);
        job_free(job);
        return;
    }
    req->work.pull.has_turn = true;
    job->step = step_begin(req);
    job->err = ERR_UNAVAILABLE; /* if no thread comes to it */
    if (!job->step || worker_submit(job->files->pieces, run, on_read, job) != 0) {
        step_end(job->step);
        job_free(job);
        answer(req, 0);
    }
}

void request_pull_refuse(struct request *req, const struct up_pull *pull)
{
    req->work.pull = (struct pull_work){.offset = pull->offset, .blob = pull->blob};
    answer(req, 0);
}

void request_pull_start(struct request *req, const struct up_pull *pull)
{
    struct pull_job *job = storage_key_is_file(pull->ref) ? mem_zalloc(sizeof(*job)) : NULL;
    int err = ERR_NOMEM;

    req->work.pull =
        (struct pull_work){.offset = pull->offset, .blob = pull->blob, .bytes = pull->bytes};
    if (job) {
        job->files = req->owner->deps.files;
        job->pull.offset = pull->offset;
        job->pull.bytes = pull->bytes;
        memcpy(job->key, pull->ref.ptr, pull->ref.len);
        buf_init(&job->data, PULL_MAX_BYTES);
        job->step = step_begin(req);
        err = job->step ? files_enter(job->files, on_turn, job) : ERR_NOMEM;
    }
    if (err) {
        if (job) {
            step_end(job->step);
        }
        job_free(job);
        answer(req, 0);
    }
}
