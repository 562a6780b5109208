/* SPDX-License-Identifier: MIT */
/* The order of all effects. Batches stand in one list; the first unhandled one is looked up and
 * handled, up to two commits are under way, committed ones are delivered strictly in order, and a
 * partition's watermark follows what was delivered.
 *
 *   submit -> [prefetch] -> handle -> store_commit -> egress_sections -> watermark */
#include "broker/pipeline_private.h"

#include <utlist.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"

#define RETRY_MS 50u    /* a look-up failed: try again */
#define ROOM_EVICT_INTERVAL_MS 10000u

void pipeline_schedule(struct pipeline *pl)
{
    loop_at_turn_end(pl->deps.loop, &pl->run_task);
}

static bool is_open(const struct batch *b)
{
    return b->state == BATCH_PREPARING || b->state == BATCH_STORING || b->state == BATCH_FAILED;
}

static void set_state(struct pipeline *pl, struct batch *b, enum batch_state state)
{
    bool was_open = is_open(b);
    b->state = state;
    if (was_open && !is_open(b)) {
        pl->open_count--;
    }
}

static void remove_batch(struct pipeline *pl, struct batch *b)
{
    DL_DELETE(pl->batches, b);
    pl->batch_count--;
    if (is_open(b)) {
        pl->open_count--;
    }
    b->is_dropped = true;
    if (b->refs == 0) {
        batch_free(b);
    }
}

/* ---- partitions ---- */

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
        loop_timer_start(pl->retry_timer, RETRY_MS, 0);
    }
}

static void on_takeover_ready(void *arg, struct partition *p, const struct message_row *rows,
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
        loop_timer_start(pl->retry_timer, RETRY_MS, 0);
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

static void on_takeover_failed(void *arg, struct partition *p, int err)
{
    struct pipeline *pl = arg;
    log_warn("takeover_failed", LOG_U64("partition", p->id), LOG_ERR(err));
    p->generation++;
    p->fence = 0;
    loop_timer_start(pl->retry_timer, RETRY_MS, 0);
}

/* A CLAIMING partition whose takeover is not under way has fence 0 and waits for this. */
static void retry(void *arg)
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
    DL_FOREACH(pl->batches, b) {
        for (size_t i = 0; i < b->part_count; i++) {
            if (b->parts[i].p == p && b->parts[i].generation == p->generation) {
                return true;
            }
        }
    }
    return false;
}

static void finish_draining(struct pipeline *pl)
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

/* ---- failure ---- */

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
        remove_batch(pl, b);
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
    DL_FOREACH(pl->batches, b) {
        for (size_t i = 0; is_open(b) && i < b->part_count; i++) {
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
        remove_batch(pl, pl->batches);
    }
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        partition_reset(&pl->partitions[i], PARTITION_NONE);
        recent_forget(pl->recent, i);
    }
    id_pool_empty(pl->ids);
}

/* ---- delivery ---- */

static void finish_delivered(struct pipeline *pl)
{
    while (pl->batches && pl->batches->state == BATCH_DELIVERED) {
        struct batch *b = pl->batches;
        for (size_t i = 0; i < b->part_count; i++) {
            struct batch_part *part = &b->parts[i];
            if (part->p->generation == part->generation &&
                entry_id_cmp(part->last, part->p->delivered) > 0) {
                part->p->delivered = part->last;
            }
        }
        remove_batch(pl, b);
        pl->deps.on_room(pl->deps.arg);
    }
}

static void on_delivered(void *arg, int err)
{
    struct batch *b = arg;
    struct pipeline *pl = b->owner;

    b->refs--;
    b->deliveries--;
    if (b->is_dropped) {
        if (b->refs == 0) {
            batch_free(b);
        }
        return;
    }
    if (err) {
        pipeline_abort_from(pl, pl->batches);
        return;
    }
    if (b->deliveries == 0) {
        b->state = BATCH_DELIVERED;
        pipeline_schedule(pl);
    }
}

/* Returns false when the batch was aborted. */
static bool deliver(struct pipeline *pl, struct batch *b)
{
    struct effects_gateway *g, *tmp;

    set_state(pl, b, BATCH_DELIVERING);
    HASH_ITER(hh, b->fx.gateways, g, tmp) {
        int err;
        if (g->section_count == 0) {
            continue;
        }
        err = egress_sections(pl->deps.egress, g->name, buf_bytes(&g->sections), g->section_count,
                              on_delivered, b);
        if (err) {
            log_warn("delivery_failed", LOG_BYTES("gateway", g->name), LOG_ERR(err));
            pipeline_abort_from(pl, pl->batches);
            return false;
        }
        b->deliveries++;
        b->refs++;
    }
    if (b->deliveries == 0) {
        b->state = BATCH_DELIVERED;
    }
    return true;
}

/* ---- commit ---- */

static void on_committed(void *arg, int err)
{
    struct batch *b = arg;
    struct pipeline *pl = b->owner;

    pl->commits--;
    b->refs--;
    if (b->is_dropped) {
        if (b->refs == 0) {
            batch_free(b);
        }
        return;
    }
    metric_observe(pl->m.commit_seconds, (double)(clock_mono_us() - b->submitted_us) / 1e6);
    if (err) {
        set_state(pl, b, BATCH_FAILED);
        pipeline_commit_failed(pl, b, err);
        return;
    }
    set_state(pl, b, BATCH_COMMITTED);
    pipeline_schedule(pl);
    pl->deps.on_room(pl->deps.arg);
}

static int commit(struct pipeline *pl, struct batch *b)
{
    struct position_move moves[PARTITIONS_MAX];
    struct store_batch batch = {.positions = moves,
                                .seqs = b->fx.seqs,
                                .seq_count = b->fx.seq_count,
                                .messages = b->fx.messages,
                                .message_count = b->fx.message_count};
    int err;

    for (size_t i = 0; i < b->part_count; i++) {
        struct batch_part *part = &b->parts[i];
        if (part->lowest_id == 0) {
            continue;
        }
        moves[batch.position_count++] = (struct position_move){
            .partition = part->p->id,
            .fence = part->p->fence,
            .last = part->last,
            .redeliver_from = partition_redeliver_from(part->p, part->lowest_id)};
        err = partition_note_undelivered(part->p, part->last, part->lowest_id);
        if (err) {
            return err;
        }
    }
    err = store_commit(pl->deps.store, &batch, on_committed, b);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < b->part_count; i++) {
        if (b->parts[i].lowest_id) {
            b->parts[i].p->position = b->parts[i].last;
        }
    }
    b->submitted_us = clock_mono_us();
    b->refs++;
    pl->commits++;
    set_state(pl, b, BATCH_STORING);
    return 0;
}

/* ---- the run ---- */

static size_t count_frames(const struct batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->work_count; i++) {
        n += b->works[i].env.kind == UP_FRAME;
    }
    return n;
}

static void on_prefetched(void *arg, struct batch *b)
{
    struct pipeline *pl = arg;
    if (b->is_dropped) {
        if (b->refs == 0) {
            batch_free(b);
        }
        return;
    }
    if (b->failure) {
        b->is_prepared = false;
        loop_timer_start(pl->retry_timer, RETRY_MS, 0);
        return;
    }
    pipeline_schedule(pl);
}

/* Is everything there to handle the batch? Starts what is missing. */
static bool prepare(struct pipeline *pl, struct batch *b, bool is_first)
{
    const int64_t *ids;
    size_t frames;

    if (!b->is_prepared) {
        if (!is_first && b->has_reads) {
            return false; /* messages of batches before it must be committed to be seen */
        }
        b->is_prepared = true;
        prefetch_start(&pl->prefetch, b);
        if (b->failure && b->waiting == 0) {
            b->is_prepared = false;
            loop_timer_start(pl->retry_timer, RETRY_MS, 0);
            return false;
        }
    }
    frames = count_frames(b);
    return b->waiting == 0 && b->failure == 0 &&
           id_pool_peek(pl->ids, frames, &ids) >= frames;
}

/* Handle and commit. Returns false when the batch was aborted or must wait. */
static bool advance(struct pipeline *pl, struct batch *b, bool is_first)
{
    int err;

    if (pl->commits >= PIPELINE_COMMITS_MAX || !prepare(pl, b, is_first)) {
        return false;
    }
    err = pipeline_handle(pl, b);
    if (!err && b->fx.message_count) {
        err = commit(pl, b);
    } else if (!err) {
        set_state(pl, b, BATCH_COMMITTED);
    }
    if (err) {
        log_error("batch_aborted", LOG_ERR(err), LOG_U64("envelopes", b->work_count));
        pipeline_abort_from(pl, b);
        return false;
    }
    metric_add(pl->m.batches, 1);
    return true;
}

/* Rooms without connections are forgotten when no batch can point to them. */
static void evict_rooms(struct pipeline *pl)
{
    struct room *room, *tmp;
    if (!pl->want_evict || pl->batches) {
        return;
    }
    pl->want_evict = false;
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        HASH_ITER(hh, pl->partitions[i].rooms.table, room, tmp) {
            if (room_is_empty(room) && !room->is_loading) {
                rooms_drop(&pl->partitions[i].rooms, room);
            }
        }
    }
}

static void on_evict_time(void *arg)
{
    struct pipeline *pl = arg;
    pl->want_evict = true;
    evict_rooms(pl);
}

static void run(void *arg)
{
    struct pipeline *pl = arg;
    struct batch *b, *next;
    bool all_committed = true, all_delivered = true;

    for (b = pl->batches; b; b = next) {
        next = b->next;
        if (b->state == BATCH_PREPARING && !advance(pl, b, all_committed)) {
            break;
        }
        if (b->state == BATCH_FAILED) {
            break;
        }
        if (b->state == BATCH_COMMITTED && all_delivered && !deliver(pl, b)) {
            return;
        }
        all_committed = all_committed && b->state != BATCH_STORING;
        all_delivered = all_delivered && b->state >= BATCH_DELIVERING;
    }
    finish_delivered(pl);
    finish_draining(pl);
    evict_rooms(pl);
}

void pipeline_submit(struct pipeline *pl, struct batch *b)
{
    for (size_t i = 0; i < b->work_count; i++) {
        struct work *w = &b->works[i];
        if (w->env.kind == UP_OPEN || w->env.kind == UP_HTTP) {
            requests_start(pl->deps.requests, w->gateway, &w->env);
        }
    }
    b->has_reads = prefetch_reads_messages(b);
    DL_APPEND(pl->batches, b);
    pl->batch_count++;
    pl->open_count++;
    if (pl->single_entries) {
        pl->single_entries--;
    }
    pipeline_schedule(pl);
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

/* ---- small ones ---- */

struct partition *pipeline_partition(struct pipeline *pl, uint32_t id)
{
    return &pl->partitions[id];
}

bool pipeline_has_room(const struct pipeline *pl)
{
    return pl->open_count < PIPELINE_OPEN_MAX && pl->batch_count < PIPELINE_BATCHES_MAX;
}

bool pipeline_wants_single_entries(const struct pipeline *pl)
{
    return pl->single_entries > 0;
}

struct batch *pipeline_new_batch(struct pipeline *pl)
{
    return batch_new(pl);
}

bool pipeline_is_idle(const struct pipeline *pl)
{
    if (pl->batches) {
        return false;
    }
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        if (pl->partitions[i].state != PARTITION_NONE) {
            return false;
        }
    }
    return true;
}

void pipeline_set_clock_offset(struct pipeline *pl, int64_t offset_ms)
{
    pl->clock_offset_ms = offset_ms;
}

static void on_ids(void *arg)
{
    pipeline_schedule(arg);
}

static void register_metrics(struct pipeline *pl)
{
    static const double bounds[] = {.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5};
    pl->m.messages =
        metric_counter("broker_messages_total", "Client messages handled", "type");
    pl->m.batches = metric_counter("broker_batches_total", "Batches handled", NULL);
    pl->m.commit_seconds = metric_histogram("broker_commit_seconds", "Time of a commit", bounds,
                                            sizeof(bounds) / sizeof(bounds[0]));
    pl->m.takeovers = metric_counter("broker_takeovers_total", "Partitions taken over", NULL);
    pl->m.aborts = metric_counter("broker_aborts_total", "Batches run again", NULL);
    pl->m.poison = metric_counter("broker_dead_letters_total", "Entries given up", NULL);
    pl->m.refused_stale =
        metric_counter("broker_stale_total", "Messages refused because they were too old", NULL);
}

struct pipeline *pipeline_new(const struct pipeline_deps *deps)
{
    struct pipeline *pl = mem_zalloc(sizeof(*pl));
    if (!pl) {
        return NULL;
    }
    pl->deps = *deps;
    pl->takeover = (struct takeover_deps){.store = deps->store,
                                          .redis = deps->redis,
                                          .prefix = deps->conf->redis_prefix,
                                          .owner = deps->owner,
                                          .on_ready = on_takeover_ready,
                                          .on_failed = on_takeover_failed,
                                          .arg = pl};
    pl->prefetch = (struct prefetch_deps){.store = deps->store,
                                          .redis = deps->redis,
                                          .prefix = deps->conf->redis_prefix,
                                          .partitions = deps->conf->partitions,
                                          .on_done = on_prefetched,
                                          .arg = pl};
    for (uint32_t i = 0; i < PARTITIONS_MAX; i++) {
        pl->partitions[i].id = i;
    }
    buf_init(&pl->scratch, ENVELOPE_MAX_BYTES);
    loop_task_init(&pl->run_task, run, pl);
    register_metrics(pl);
    pl->recent = recent_new();
    pl->ids = id_pool_new(deps->store, on_ids, pl);
    pl->retry_timer = loop_timer_new(deps->loop, retry, pl);
    pl->watermark_timer = loop_timer_new(deps->loop, watermark_write_all, pl);
    pl->evict_timer = loop_timer_new(deps->loop, on_evict_time, pl);
    if (!pl->recent || !pl->ids || !pl->retry_timer || !pl->watermark_timer || !pl->evict_timer) {
        pipeline_free(pl);
        return NULL;
    }
    loop_timer_start(pl->watermark_timer, WATERMARK_INTERVAL_MS, WATERMARK_INTERVAL_MS);
    loop_timer_start(pl->evict_timer, ROOM_EVICT_INTERVAL_MS, ROOM_EVICT_INTERVAL_MS);
    return pl;
}

void pipeline_free(struct pipeline *pl)
{
    if (!pl) {
        return;
    }
    pipeline_drop_all(pl);
    loop_task_cancel(pl->deps.loop, &pl->run_task);
    loop_timer_free(pl->retry_timer);
    loop_timer_free(pl->watermark_timer);
    loop_timer_free(pl->evict_timer);
    id_pool_free(pl->ids);
    recent_free(pl->recent);
    buf_done(&pl->scratch);
    mem_free(pl);
}
