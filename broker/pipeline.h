/* SPDX-License-Identifier: MIT */
#pragma once
/* The only place that orders effects: look up -> handle -> commit -> deliver -> move the
 * watermark, batch after batch. Any failure drops what is not committed, and the partitions
 * concerned are taken over anew from their watermark, the same way as after a death. Glue. */
#include "broker/batch.h"
#include "broker/broker_conf.h"
#include "broker/egress.h"
#include "broker/redis_clock.h"
#include "broker/requests.h"
#include "broker/store.h"
#include "broker/takeover.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"

#define PIPELINE_COMMITS_MAX 2u   /* in flight; a third gains nothing (measured) */
#define PIPELINE_OPEN_MAX 3u      /* batches read and not yet committed */
#define PIPELINE_BATCHES_MAX 32u  /* including those being delivered */
#define WATERMARK_INTERVAL_MS 50u /* it only shortens what a successor delivers again */

struct pipeline_deps {
    struct loop *loop;
    struct redis_link *redis;
    struct store *store;
    struct egress *egress;
    struct requests *requests;
    const struct broker_conf *conf;
    struct redis_clock *clock;
    struct bytes owner;
    /* The pipeline may take another batch, or a partition changed: intake looks again. */
    void (*on_room)(void *arg);
    void *arg;
};

struct pipeline;
struct pipeline *pipeline_new(const struct pipeline_deps *deps);
void pipeline_free(struct pipeline *pl);

struct partition *pipeline_partition(struct pipeline *pl, uint32_t id);
bool pipeline_has_room(const struct pipeline *pl);
/* After a batch that the database refused: one entry at a time, so that a poisonous one is found.
 */
bool pipeline_wants_single_entries(const struct pipeline *pl);
struct batch *pipeline_new_batch(struct pipeline *pl);
/* takes the batch; its works of kinds OPEN and HTTP are started at once. */
void pipeline_submit(struct pipeline *pl, struct batch *b);

/* The lease of a free partition was obtained: take it over. */
void pipeline_take(struct pipeline *pl, struct partition *p);
/* Stop reading a partition and, when nothing of it is under way, give it up; then on_room. */
void pipeline_drain(struct pipeline *pl, struct partition *p);
/* The lease is gone: forget the partition at once. */
void pipeline_lose(struct pipeline *pl, struct partition *p);
/* Redis or PostgreSQL has gone: forget everything. */
void pipeline_drop_all(struct pipeline *pl);
/* No batch is under way and all watermarks are written. */
bool pipeline_is_idle(const struct pipeline *pl);
/* A gateway's lease has run out. */
void pipeline_gateway_dead(struct pipeline *pl, struct bytes gateway);
/* Redis' clock minus ours, for the age of entries. */
void pipeline_set_clock_offset(struct pipeline *pl, int64_t offset_ms);
