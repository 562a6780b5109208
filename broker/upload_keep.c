/* SPDX-License-Identifier: MIT */
/* Three rounds by one timer: left uploads and messages, garbage of the storage, and (seldom) what
 * has expired. Called by files.c. */
#include "broker/upload_keep.h"

#include "broker/storage_key.h"
#include "broker/upload_finish.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

#define ROUND_MS 2000u
#define EXPIRE_ROUNDS 15u       /* every half minute */
#define CLAIM_TRIES 200u        /* of 20 s: an hour of a storage that is away */
#define GARBAGE_LEASE_MS 60000u /* longer than it takes a slow storage to delete so many */

struct deletion { /* keys, deleted on a thread; those that could not be stay for later */
    struct upload_keep *owner;
    struct storage *storage;
    size_t count, deleted;
    char keys[GARBAGE_MAX][STORAGE_KEY_MAX];
};

struct upload_keep {
    struct files *files;
    struct loop_timer *timer;
    struct metric *garbage;
    uint32_t rounds;
    bool is_running, is_claiming, is_expiring, is_deleting;
};

static void complain(const char *what, int err)
{
    if (err != ERR_UNAVAILABLE) { /* that the database is away, others say */
        log_warn("uploads_not_kept", LOG_STR("step", what), LOG_ERR(err));
    }
}

/* ---- what was left ---- */

static void on_left(void *arg, int err, const struct left_upload *rows, size_t count)
{
    struct upload_keep *k = arg;

    k->is_claiming = false;
    if (err) {
        complain("claim", err);
        return;
    }
    for (size_t i = 0; i < count && k->is_running; i++) {
        const struct left_upload *u = &rows[i];
        log_info("upload_taken_up", LOG_BYTES("upload", u->upload_id),
                 LOG_STR("for", u->is_done ? "its message" : "its file"));
        if (u->is_done) {
            upload_post(k->files, &(struct upload_post){.channel_id = u->channel_id,
                                                        .user_id = u->user_id,
                                                        .attachment_id = u->attachment_id,
                                                        .username = u->username,
                                                        .avatar = u->avatar,
                                                        .is_staff = u->is_staff});
        } else {
            upload_finish(k->files, u->upload_id);
        }
    }
}

static void claim(struct upload_keep *k)
{
    int err;

    if (k->is_claiming) {
        return;
    }
    err = store_upload_claim(k->files->store, UPLOAD_LEASE_MS, CLAIM_TRIES, on_left, k);
    k->is_claiming = err == 0;
}

/* ---- what has expired ---- */

static void on_expired(void *arg, int err)
{
    struct upload_keep *k = arg;

    k->is_expiring = false;
    if (err) {
        complain("expire", err);
    }
}

static void expire(struct upload_keep *k)
{
    const struct broker_conf *conf = k->files->conf;
    int err;

    if (k->is_expiring || ++k->rounds % EXPIRE_ROUNDS != 0) {
        return;
    }
    err = store_upload_expire(k->files->store, conf->upload_expiry_s, conf->attachment_expiry_s,
                              on_expired, k);
    k->is_expiring = err == 0;
}

/* ---- garbage ---- */

static void delete_all(void *arg)
{
    struct deletion *d = arg;

    for (size_t i = 0; i < d->count; i++) {
        int err = storage_delete(d->storage, d->keys[i]);
        if (err == 0 || err == ERR_SYNTAX) {
            memmove(d->keys[d->deleted], d->keys[i], STORAGE_KEY_MAX);
            d->deleted++;
        } else if (err == ERR_UNAVAILABLE) {
            return; /* so are the others */
        }
    }
}

static void take_garbage(struct upload_keep *k);

static void on_noted(void *arg, int err)
{
    struct upload_keep *k = arg;

    k->is_deleting = false;
    if (err) {
        complain("garbage", err); /* they are deleted again, which changes nothing */
    } else if (k->is_running) {
        take_garbage(k);
    }
}

static void on_deleted(void *arg)
{
    struct deletion *d = arg;
    struct upload_keep *k = d->owner;
    struct bytes keys[GARBAGE_MAX];
    int err = ERR_UNAVAILABLE;

    for (size_t i = 0; i < d->deleted; i++) {
        keys[i] = bytes_str(d->keys[i]);
    }
    metric_add(k->garbage, (double)d->deleted);
    if (d->deleted > 0) {
        err = store_garbage_done(k->files->store, keys, d->deleted, on_noted, k);
    }
    k->is_deleting = err == 0;
    mem_free(d);
}

static void on_garbage(void *arg, int err, const struct bytes *keys, size_t count)
{
    struct upload_keep *k = arg;
    struct deletion *d;

    k->is_deleting = false;
    if (err || count == 0) {
        if (err) {
            complain("garbage", err);
        }
        return;
    }
    d = mem_zalloc(sizeof(*d));
    if (!d) {
        return;
    }
    d->owner = k;
    d->storage = k->files->storage;
    for (size_t i = 0; i < count && keys[i].len < STORAGE_KEY_MAX; i++) {
        memcpy(d->keys[d->count++], keys[i].ptr, keys[i].len);
    }
    if (worker_submit(k->files->pieces, delete_all, on_deleted, d) != 0) {
        mem_free(d);
        return;
    }
    k->is_deleting = true;
}

static void take_garbage(struct upload_keep *k)
{
    int err;

    if (k->is_deleting) {
        return;
    }
    err = store_garbage_take(k->files->store, GARBAGE_LEASE_MS, on_garbage, k);
    k->is_deleting = err == 0;
}

/* ---- the rounds ---- */

static void on_round(void *arg)
{
    struct upload_keep *k = arg;

    claim(k);
    take_garbage(k);
    expire(k);
}

struct upload_keep *upload_keep_new(struct files *f)
{
    struct upload_keep *k = mem_zalloc(sizeof(*k));

    if (!k) {
        return NULL;
    }
    k->files = f;
    k->garbage = metric_counter("storage_deleted_total", "Objects deleted from the storage", NULL);
    k->timer = loop_timer_new(f->loop, on_round, k);
    if (!k->timer) {
        upload_keep_free(k);
        return NULL;
    }
    return k;
}

void upload_keep_free(struct upload_keep *k)
{
    if (k) {
        loop_timer_free(k->timer);
        mem_free(k);
    }
}

void upload_keep_start(struct upload_keep *k)
{
    k->is_running = true;
    loop_timer_start(k->timer, ROUND_MS, ROUND_MS);
}

void upload_keep_pause(struct upload_keep *k)
{
    k->is_running = false;
    loop_timer_stop(k->timer);
}
