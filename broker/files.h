/* SPDX-License-Identifier: MIT */
#pragma once
/* What everything that handles files shares: the storage, threads for it (they wait for disks and
 * networks), the way of bytes from and to the gateways, and turns, which bound how many pieces are
 * in memory at a time. Glue. */
#include "broker/broker_conf.h"
#include "broker/egress.h"
#include "broker/io/storage.h"
#include "broker/io/worker.h"
#include "broker/store_files.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"
#include "proto/io/blobs.h"

/* Pieces in memory at a time, of at most UPLOAD_CHUNK_MAX_BYTES each. Enough to keep the threads
 * busy while others wait for Redis and PostgreSQL. */
#define FILE_TURNS 8u
#define FILE_THREADS 4u   /* for pieces: more than a disk needs, S3 takes some in parallel */
#define FINISH_THREADS 2u /* for whole files, so that they hold up no pieces */

struct files {
    struct loop *loop;
    struct store *store;
    struct redis_link *redis;
    struct egress *egress;
    const struct broker_conf *conf;
    struct storage *storage;
    struct worker *pieces, *finishers;
    struct blobs *blobs;
    struct upload_keep *keep;
    struct file_wait *waiting; /* for a turn, the first one first */
    struct loop_task next;
    uint32_t turns;                /* taken */
    struct finish_wait *to_finish; /* upload_finish.c: the first one first */
    uint32_t finishing;
};

struct files_deps { /* all borrowed */
    struct loop *loop;
    struct store *store;
    struct redis_link *redis;
    struct egress *egress;
    const struct broker_conf *conf;
};

/* Errors: those of storage_new; ERR_NOMEM. */
struct files *files_new(const struct files_deps *deps, int *out_err);
/* Waits for what the threads are doing; what they have not begun, and who waits for a turn, is
 * called as ever. After the requests, before links and store are freed. NULL is fine. */
void files_stop(struct files *f);
void files_free(struct files *f);
/* Look after what others have left, from now on, or not any more. */
void files_start(struct files *f);
void files_pause(struct files *f);

/* A turn: fn(arg) is called, now or later; then files_leave when it has ended. Errors: ERR_NOMEM.
 */
typedef void files_turn_fn(void *arg);
NODISCARD int files_enter(struct files *f, files_turn_fn *fn, void *arg);
void files_leave(struct files *f);
