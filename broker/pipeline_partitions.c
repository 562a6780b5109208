/* SPDX-License-Identifier: MIT */
/* The partitions in the hands of the pipeline: taken over, drained, lost, and taken over anew
 * when something failed. Called by coordinator (take, drain, lose), broker (drop) and the other
 * files of the pipeline (abort). */
#include "broker/pipeline_private.h"

#include <utlist.h>

#include "common/log.h"
#include "common/mem.h"

/* Of the rows that a takeover delivers again, in one batch: like one that was read, so that it
 * fits every buffer. */
#define AGAIN_ROWS_MAX 2048u
#define AGAIN_BYTES_MAX (1024u * 1024u)

static void forget(struct pipeline *pl, struct partition *p, enum partition_state next)
{
    partition_reset(p, next);
    if (next == PARTITION_NONE) {
        recent_forget(pl->recent, p->id);
    } else {
        recent_forget_pending(pl->recent, p->id);
    }
    targets_forget(pl->targets, p->id);
    pipeline_forget_presence(pl, p);
}

static void start_takeover(struct pipeline *pl, struct partition *p)
{
    int err;
    forget(pl, p, PARTITION_CLAIMING);
    metric_add(pl->m.takeovers, 1);
    err = takeover_start(&pl->takeover, p);
    p->is_taking = err == 0;
    if (err) {
        log_warn("takeover_not_started", LOG_U64("partition", p->id), LOG_ERR(err));
        pipeline_retry_soon(pl);
    }
}

static size_t again_count(const struct content_row *rows, size_t count)
{
    size_t n = 0, bytes = 0;
    while (n < count && n < AGAIN_ROWS_MAX && bytes < AGAIN_BYTES_MAX) {
        bytes += rows[n++].content.len;
    }
    return n;
}

/* The batches that deliver the rows again; at least one, which lets intake begin. */
static int make_again(struct pipeline *pl, struct partition *p, const struct content_row *rows,
                      size_t count, struct batch **list)
{
    size_t done = 0, n;
    do {
        struct batch *b = pipeline_new_batch(pl);
        n = again_count(rows + done, count - done);
        if (!b || batch_add_again(b, p, rows + done, n)) {
            batch_free(b);
            return ERR_NOMEM;
        }
        DL_APPEND(*list, b);
        done += n;
    } while (done < count);
    return 0;
}

/* What is needed of the rows to go on from here. */
static int note_rows(struct partition *p, const struct content_row *rows, size_t count)
{
    int64_t lowest_id = INT64_MAX;
    int err = 0;
    for (size_t i = 0; i < count && !err; i++) {
        lowest_id = rows[i].id < lowest_id ? rows[i].id : lowest_id;
        err = partition_note_stored(p, &rows[i].origin);
    }
    if (!err && count) {
        err = partition_note_undelivered(p, p->position, lowest_id);
    }
    return err;
}

void pipeline_on_takeover_ready(void *arg, struct partition *p, const struct content_row *rows,
                                size_t count)
{
    struct pipeline *pl = arg;
    struct batch *list = NULL, *b, *next;
    int err = make_again(pl, p, rows, count, &list);

    err = err ? err : note_rows(p, rows, count);
    if (err) {
        DL_FOREACH_SAFE(list, b, next) {
            batch_free(b);
        }
        partition_reset(p, PARTITION_CLAIMING);
        pipeline_retry_soon(pl);
        return;
    }
    id_pool_empty(pl->ids); /* another owner may have stored newer ones before our claim */
    p->is_taking = false;
    p->state = PARTITION_ACTIVE;
    log_info("partition_taken", LOG_U64("partition", p->id), LOG_I64("fence", p->fence),
             LOG_U64("again", count));
    DL_FOREACH_SAFE(list, b, next) {
        pipeline_submit(pl, b);
    }
    pl->deps.on_room(pl->deps.arg);
}

void pipeline_on_takeover_failed(void *arg, struct partition *p, int err)
{
    struct pipeline *pl = arg;
    log_warn("takeover_failed", LOG_U64("partition", p->id), LOG_ERR(err));
    partition_reset(p, PARTITION_CLAIMING);
    pipeline_retry_soon(pl);
}

/* Everything that waits for better times. */
void pipeline_retry(void *arg)
{
    struct pipeline *pl = arg;
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        struct partition *p = &pl->partitions[i];
        if (p->state == PARTITION_CLAIMING && !p->is_taking) {
            start_takeover(pl, p);
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
    DL_FOREACH(pl->batches, b) {
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
        if (p->state != PARTITION_DRAINING || is_under_way(pl, p) ||
            !pipeline_presence_is_told(pl, p)) {
            continue;
        }
        if (entry_id_cmp(p->delivered, p->watermark) > 0) {
            watermark_write_all(pl);
            continue;
        }
        log_info("partition_released", LOG_U64("partition", p->id));
        forget(pl, p, PARTITION_NONE);
        pl->deps.on_room(pl->deps.arg);
    }
}

void pipeline_drain(struct pipeline *pl, struct partition *p)
{
    if (p->state == PARTITION_ACTIVE) {
        p->state = PARTITION_DRAINING;
    } else if (p->state == PARTITION_CLAIMING) {
        partition_reset(p, PARTITION_NONE);
        pl->deps.on_room(pl->deps.arg);
    }
    pipeline_schedule(pl);
}

static void reclaim(struct pipeline *pl, struct partition *p, enum pipeline_pace pace)
{
    if (pace == AT_ONCE) {
        start_takeover(pl, p);
        return;
    }
    forget(pl, p, PARTITION_CLAIMING);
    pipeline_retry_soon(pl);
}

void pipeline_abort_from(struct pipeline *pl, struct batch *from, enum pipeline_pace pace)
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
        struct partition *p = &pl->partitions[i];
        if (is_concerned[i] && p->generation == generations[i] &&
            (p->state == PARTITION_ACTIVE || p->state == PARTITION_DRAINING)) {
            reclaim(pl, p, pace);
        }
    }
    pl->deps.on_room(pl->deps.arg);
}

/* The first batch that is not committed and has work of the partition. */
static struct batch *first_open(struct pipeline *pl, const struct partition *p)
{
    struct batch *b;
    DL_FOREACH(pl->batches, b) {
        for (size_t i = 0; batch_is_open(b) && i < b->part_count; i++) {
            if (b->parts[i].p == p) {
                return b;
            }
        }
    }
    return NULL;
}

void pipeline_lose(struct pipeline *pl, struct partition *p)
{
    struct batch *b = first_open(pl, p);

    if (p->state == PARTITION_NONE) {
        return;
    }
    forget(pl, p, PARTITION_NONE);
    /* Batches hold pointers to its rooms: they and all after them are run again. */
    if (b) {
        pipeline_abort_from(pl, b, AT_ONCE);
    }
}

void pipeline_renew(struct pipeline *pl, struct partition *p)
{
    struct batch *b = first_open(pl, p);

    if (p->state != PARTITION_ACTIVE && p->state != PARTITION_DRAINING) {
        return;
    }
    forget(pl, p, PARTITION_CLAIMING);
    pipeline_retry_soon(pl);
    if (b) {
        pipeline_abort_from(pl, b, AFTER_PAUSE);
    }
}

void pipeline_drop_all(struct pipeline *pl)
{
    while (pl->batches) {
        pipeline_remove_batch(pl, pl->batches);
    }
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        pipeline_forget_presence(pl, &pl->partitions[i]);
        partition_reset(&pl->partitions[i], PARTITION_NONE);
    }
    recent_clear(pl->recent);
    targets_clear(pl->targets);
    id_pool_empty(pl->ids);
}

/* Rooms without connections are forgotten when no batch can point to them or has moved their seq
 * without being committed. */
void pipeline_evict_rooms(struct pipeline *pl)
{
    struct room *room, *tmp;
    if (!pl->want_evict || pl->open_count > 0) {
        return;
    }
    pl->want_evict = false;
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        HASH_ITER(hh, pl->partitions[i].rooms.table, room, tmp) {
            if (room_is_empty(room) && !room->is_loading && room->kind != TOPIC_KIND_STATUS) {
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
