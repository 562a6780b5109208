/* SPDX-License-Identifier: MIT */
/* Builds and ends what files need, and gives turns. Created by broker.c; used by request_chunk.c,
 * request_media.c, upload_finish.c and upload_keep.c. */
#include "broker/files.h"

#include <utlist.h>

#include "broker/upload_finish.h"
#include "broker/upload_keep.h"
#include "common/log.h"
#include "common/mem.h"

struct file_wait {
    struct file_wait *prev, *next;
    files_turn_fn *fn;
    void *arg;
};

static void give_turns(void *arg)
{
    struct files *f = arg;

    while (f->waiting && f->turns < FILE_TURNS) {
        struct file_wait w = *f->waiting, *done = f->waiting;
        DL_DELETE(f->waiting, done);
        mem_free(done);
        f->turns++;
        w.fn(w.arg);
    }
}

int files_enter(struct files *f, files_turn_fn *fn, void *arg)
{
    struct file_wait *w;

    if (!f->waiting && f->turns < FILE_TURNS) {
        f->turns++;
        fn(arg);
        return 0;
    }
    w = mem_zalloc(sizeof(*w));
    if (!w) {
        return ERR_NOMEM;
    }
    w->fn = fn;
    w->arg = arg;
    DL_APPEND(f->waiting, w);
    return 0;
}

void files_leave(struct files *f)
{
    f->turns--;
    loop_at_turn_end(f->loop, &f->next);
}

static struct storage *open_storage(const struct broker_conf *conf, int *out_err)
{
    const struct storage_conf storage = {
        .kind = (enum storage_kind)conf->storage,
        .root = conf->storage_root,
        .s3_url = conf->s3_url,
        .s3_public_url = conf->s3_public_url,
        .s3_bucket = conf->s3_bucket,
        .s3_region = conf->s3_region,
        .s3_access_key = conf->s3_access_key,
        .s3_secret_key = conf->s3_secret_key,
        .s3_ca_file = conf->s3_ca_file,
    };

    return storage_new(&storage, out_err);
}

static bool build(struct files *f)
{
    f->pieces = worker_new(f->loop, FILE_THREADS);
    f->finishers = worker_new(f->loop, FINISH_THREADS);
    f->blobs = blobs_new(f->loop, f->conf->redis_url, f->conf->redis_prefix, f->conf->name);
    f->keep = upload_keep_new(f);
    return f->pieces && f->finishers && f->blobs && f->keep;
}

struct files *files_new(const struct files_deps *deps, int *out_err)
{
    struct files *f = mem_zalloc(sizeof(*f));

    *out_err = ERR_NOMEM;
    if (!f) {
        return NULL;
    }
    f->loop = deps->loop;
    f->store = deps->store;
    f->redis = deps->redis;
    f->egress = deps->egress;
    f->conf = deps->conf;
    loop_task_init(&f->next, give_turns, f);
    f->storage = open_storage(f->conf, out_err);
    if (!f->storage) {
        log_error("storage_failed", LOG_ERR(*out_err));
    } else if (build(f)) {
        *out_err = 0;
        return f;
    } else {
        *out_err = ERR_NOMEM;
    }
    files_stop(f);
    files_free(f);
    return NULL;
}

void files_start(struct files *f)
{
    upload_keep_start(f->keep);
}

void files_pause(struct files *f)
{
    upload_keep_pause(f->keep);
}

void files_stop(struct files *f)
{
    struct file_wait *w, *tmp;

    if (!f) {
        return;
    }
    upload_finish_stop(f);
    worker_free(f->pieces);
    worker_free(f->finishers);
    blobs_free(f->blobs);
    f->pieces = f->finishers = NULL;
    f->blobs = NULL;
    DL_FOREACH_SAFE(f->waiting, w, tmp) {
        DL_DELETE(f->waiting, w);
        f->turns++;
        w->fn(w->arg); /* finds that its request has gone */
        mem_free(w);
    }
    loop_task_cancel(f->loop, &f->next);
}

void files_free(struct files *f)
{
    if (f) {
        upload_keep_free(f->keep);
        storage_free(f->storage);
        mem_free(f);
    }
}
