/* SPDX-License-Identifier: MIT */
/* The partitions in the hands of the pipeline: taken over, drained, lost, and taken over anew
 * when something failed. Called by coordinator (take, drain, lose), broker (drop) and the other
 * files of the pipeline (abort). */
#include "broker/pipeline_private.h"

#include <utlist.h>

#include "common/log.h"
#include "common/mem.h"

static void start_takeover(struct pipeline *pl, struct partition *p)
{
    int err;
    partition_reset(p, PARTITION_CLAIMING);
    recent_forget(pl->recent, p->id);
    id_pool_empty(pl->ids);
    metric_add(pl->m.takeovers, 1);
    err = takeover_start(&pl->takeover, p);
    if (err) {
        log_warn("takeover_not_started", LOG_U64("partition", p->id), LOG_ERR(err));
        loop_timer_start(pl->retry_timer, PIPELINE_RETRY_MS, 0);
    }
}

void pipeline_on_takeover_ready(void *arg, struct partition *p, const struct message_row *rows,
                                size_t count)
{
    struct pipeline *pl = arg;
    struct batch *b = pipeline_new_batch(pl);
    int err = b ? batch_add_again(b, p, rows, count) : ERR_NOMEM;

    for (size_t i = 0; i < count && !err; i++) {
        err = partition_note_stored(p, &rows[i].origin);
    }
    if (err) {
        batch_free(b);
        partition_reset(p, PARTITION_CLAIMING);
        loop_timer_start(pl->retry_timer, PIPELINE_RETRY_MS, 0);
        return;
    }
    if (count && partition_note_undelivered(p, p->position, rows[0].id)) {
        log_warn("redelivery_not_noted", LOG_U64("partition", p->id));
    }
    p->state = PARTITION_ACTIVE;
    log_info("partition_taken", LOG_U64("partition", p->id), LOG_I64("fence", p->fence),
             LOG_U64("again", count));
    pipeline_submit(pl, b);
    pl->deps.on_room(pl->deps.arg);
}

void pipeline_on_takeover_failed(void *arg, struct partition *p, int err)
{
    struct pipeline *pl = arg;
    log_warn("takeover_failed", LOG_U64("partition", p->id), LOG_ERR(err));
    p->generation++;
    p->fence = 0;
    loop_timer_start(pl->retry_timer, PIPELINE_RETRY_MS, 0);
}

/* A CLAIMING partition whose takeover is not under way has fence 0 and waits for this. */
void pipeline_retry(void *arg)
{
    struct pipeline *pl = arg;
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        if (pl->partitions[i].state == PARTITION_CLAIMING) {
            start_takeover(pl, &pl->partitions[i]);
        }
    }
    pipeline_schedule(pl);
}

void pipeline_take(struct pipeline *pl, struct partition *p)
{
    start_takeover(pl, p);
}

static bool is_under_way(const struct pipeline *pl, const struct partition *p)
{
    const struct batch *b;
    DL_FOREACH(pl->batches, b)
    {
        for (size_t i = 0; i < b->part_count; i++) {
            if (b->parts[i].p == p && b->parts[i].generation == p->generation) {
                return true;
            }
        }
    }
    return false;
}

void pipeline_finish_draining(struct pipeline *pl)
{
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        struct partition *p = &pl->partitions[i];
        if (p->state != PARTITION_DRAINING || is_under_way(pl, p)) {
            continue;
        }
        if (entry_id_cmp(p->delivered, p->watermark) > 0) {
            watermark_write_all(pl);
            continue;
        }
        log_info("partition_released", LOG_U64("partition", p->id));
        partition_reset(p, PARTITION_NONE);
        recent_forget(pl->recent, p->id);
        pl->deps.on_room(pl->deps.arg);
    }
}

void pipeline_drain(struct pipeline *pl, struct partition *p)
{
    if (p->state == PARTITION_ACTIVE) {
        p->state = PARTITION_DRAINING;
    } else if (p->state == PARTITION_CLAIMING) {
        partition_reset(p, PARTITION_NONE);
    }
    pipeline_schedule(pl);
}

static void reclaim(struct pipeline *pl, struct partition *p, uint32_t generation)
{
    if (p->generation == generation &&
        (p->state == PARTITION_ACTIVE || p->state == PARTITION_DRAINING)) {
        start_takeover(pl, p);
    }
}

void pipeline_abort_from(struct pipeline *pl, struct batch *from)
{
    bool is_concerned[PARTITIONS_MAX] = {false};
    uint32_t generations[PARTITIONS_MAX];
    struct batch *b = from, *next;

    metric_add(pl->m.aborts, 1);
    for (; b; b = next) {
        next = b->next;
        for (size_t i = 0; i < b->part_count; i++) {
            is_concerned[b->parts[i].p->id] = true;
            generations[b->parts[i].p->id] = b->parts[i].generation;
        }
        pipeline_remove_batch(pl, b);
    }
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        if (is_concerned[i]) {
            reclaim(pl, &pl->partitions[i], generations[i]);
        }
    }
    pl->deps.on_room(pl->deps.arg);
}

void pipeline_lose(struct pipeline *pl, struct partition *p)
{
    struct batch *b;

    if (p->state == PARTITION_NONE) {
        return;
    }
    partition_reset(p, PARTITION_NONE);
    recent_forget(pl->recent, p->id);
    /* Batches hold pointers to its rooms: they and all after them are run again. */
    DL_FOREACH(pl->batches, b)
    {
        for (size_t i = 0; batch_is_open(b) && i < b->part_count; i++) {
            if (b->parts[i].p == p) {
                pipeline_abort_from(pl, b);
                return;
            }
        }
    }
}

void pipeline_drop_all(struct pipeline *pl)
{
    while (pl->batches) {
        pipeline_remove_batch(pl, pl->batches);
    }
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        partition_reset(&pl->partitions[i], PARTITION_NONE);
        recent_forget(pl->recent, i);
    }
    id_pool_empty(pl->ids);
}

/* Rooms without connections are forgotten when no batch can point to them. */
void pipeline_evict_rooms(struct pipeline *pl)
{
    struct room *room, *tmp;
    if (!pl->want_evict || pl->batches) {
        return;
    }
    pl->want_evict = false;
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        HASH_ITER(hh, pl->partitions[i].rooms.table, room, tmp)
        {
            if (room_is_empty(room) && !room->is_loading) {
                rooms_drop(&pl->partitions[i].rooms, room);
            }
        }
    }
}

void pipeline_on_evict_time(void *arg)
{
    struct pipeline *pl = arg;
    pl->want_evict = true;
    pipeline_evict_rooms(pl);
}

void pipeline_gateway_dead(struct pipeline *pl, struct bytes gateway)
{
    struct batch *b = pipeline_new_batch(pl);
    if (!b || arena_dup(b->arena, gateway, &b->dead_gateway)) {
        batch_free(b);
        return;
    }
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        if (pl->partitions[i].state == PARTITION_ACTIVE) {
            batch_part(b, &pl->partitions[i]);
        }
    }
    pipeline_submit(pl, b);
}
