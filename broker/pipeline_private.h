/* SPDX-License-Identifier: MIT */
#pragma once
/* Shared by the files of the pipeline only. */
#include "broker/id_pool.h"
#include "broker/pipeline.h"
#include "broker/prefetch.h"
#include "broker/presence.h"
#include "broker/recent.h"
#include "common/io/clock.h"
#include "common/metrics.h"
#include "proto/stream_keys.h"

struct poison {
    uint32_t partition;
    struct entry_id entry;
};
#define PIPELINE_RETRY_MS 50u /* a look-up or takeover failed: try again */
#define POISON_MAX 64u        /* remembered entries that the database refused */

struct pipeline {
    struct pipeline_deps deps;
    struct takeover_deps takeover;
    struct prefetch_deps prefetch;
    struct partition partitions[PARTITIONS_MAX];
    struct batch *batches; /* in order */
    uint32_t batch_count, open_count, commits;
    struct recent *recent;
    struct targets *targets;
    struct presence *presence;
    bool is_presence_tick_under_way; /* not handled yet */
    struct {
        uint32_t generation;   /* raised when writes under way are not ours to judge any more */
        uint32_t ticks;        /* with changes, not stored yet */
        struct entry_id until; /* what was chosen up to here is told and stored */
    } shown;
    struct id_pool *ids;
    struct buf scratch;
    struct loop_timer *retry_timer, *watermark_timer, *evict_timer, *presence_timer;
    bool want_evict;
    struct loop_task run_task;
    uint32_t single_entries; /* reads left in the careful mode */
    struct poison poison[POISON_MAX];
    uint32_t poison_count;
    struct {
        struct metric *messages, *batches, *entry_age, *commit_seconds, *takeovers, *aborts,
            *poison, *refused_stale;
    } m;
};

/* pipeline_handle.c: handle all works of a prepared batch. 0, or the batch must be aborted. */
NODISCARD int pipeline_handle(struct pipeline *pl, struct batch *b);
/* The sockets of people that a dead gateway had, out of the record in Redis: when what follows from
 * it is in the database, so that a successor finds them until then. */
void pipeline_forget_gone(struct pipeline *pl, const struct batch *b);
bool pipeline_is_poison(const struct pipeline *pl, const struct origin *origin);
/* pipeline_repair.c: a commit failed; the batch is FAILED. */
void pipeline_commit_failed(struct pipeline *pl, struct batch *b, int err);
/* pipeline.c */
void pipeline_schedule(struct pipeline *pl);
void pipeline_retry_soon(struct pipeline *pl); /* pipeline_retry after PIPELINE_RETRY_MS */
void pipeline_set_state(struct pipeline *pl, struct batch *b, enum batch_state state);
void pipeline_remove_batch(struct pipeline *pl, struct batch *b);
/* pipeline_commit.c */
NODISCARD int pipeline_commit(struct pipeline *pl, struct batch *b);
bool pipeline_deliver(struct pipeline *pl, struct batch *b); /* false: it was aborted */
void pipeline_finish_delivered(struct pipeline *pl);
/* Hand the sections to egress; each counts as a delivery of the batch. false: it was aborted. */
bool pipeline_send(struct pipeline *pl, struct batch *b, const struct effects *fx);
/* Something that counts as a delivery has been answered. false: the batch was dropped meanwhile and
 * may be gone now. */
bool pipeline_take_answer(struct batch *b);
/* An answer to something that counts as a delivery of the batch `arg`. */
void pipeline_on_told(void *arg, int err, const struct redis_value *v);
/* pipeline_notify.c */
bool pipeline_notify(struct pipeline *pl, struct batch *b); /* false: it was aborted */
/* pipeline_people.c */
bool pipeline_do_people(struct pipeline *pl, struct batch *b); /* false: it was aborted */
/* pipeline_presence.c */
void pipeline_on_presence_time(void *pipeline);
void pipeline_handle_presence(struct pipeline *pl, struct world *world, struct batch *b);
void pipeline_store_presence(struct pipeline *pl, struct batch *b); /* the tick was delivered */
bool pipeline_presence_is_told(struct pipeline *pl, const struct partition *p); /* and stored */
/* How far a successor need not read again. */
struct entry_id pipeline_settled(struct pipeline *pl, const struct partition *p);
void pipeline_forget_presence(struct pipeline *pl, const struct partition *p);
/* content_log.c */
void content_log_write(struct pipeline *pl, struct batch *b);
/* pipeline_partitions.c */
void pipeline_on_takeover_ready(void *arg, struct partition *p, const struct content_row *rows,
                                size_t count);
void pipeline_on_takeover_failed(void *arg, struct partition *p, int err);
void pipeline_retry(void *pipeline);
void pipeline_finish_draining(struct pipeline *pl);
void pipeline_evict_rooms(struct pipeline *pl);
void pipeline_on_evict_time(void *pipeline);
/* Drop `from` and everything after it, and take the partitions concerned over anew: at once, or
 * after a pause, when what failed is likely to fail again. */
enum pipeline_pace { AT_ONCE, AFTER_PAUSE };
void pipeline_abort_from(struct pipeline *pl, struct batch *from, enum pipeline_pace pace);
/* Take one partition over anew, with what is under way and not yet committed. */
void pipeline_renew(struct pipeline *pl, struct partition *p);
/* watermark.c */
void watermark_write_all(void *pipeline);
