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

#define ROOM_EVICT_INTERVAL_MS 10000u
#define PRESENCE_TICK_MS 100u /* changes within it are told net, in one batch */

void pipeline_schedule(struct pipeline *pl)
{
    loop_at_turn_end(pl->deps.loop, &pl->run_task);
}

void pipeline_retry_soon(struct pipeline *pl)
{
    if (!loop_timer_is_active(pl->retry_timer)) {
        loop_timer_start(pl->retry_timer, PIPELINE_RETRY_MS, 0);
    }
}

void pipeline_set_state(struct pipeline *pl, struct batch *b, enum batch_state state)
{
    bool was_open = batch_is_open(b);
    b->state = state;
    if (was_open && !batch_is_open(b)) {
        pl->open_count--;
    }
}

void pipeline_remove_batch(struct pipeline *pl, struct batch *b)
{
    DL_DELETE(pl->batches, b);
    pl->batch_count--;
    if (batch_is_open(b)) {
        pl->open_count--;
    }
    b->is_dropped = true;
    if (b->refs == 0) {
        batch_free(b);
    }
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
        pipeline_retry_soon(pl);
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
        if (!is_first && prefetch_reads_messages(&pl->prefetch, b)) {
            return false; /* messages of batches before it must be committed to be seen */
        }
        b->is_prepared = true;
        prefetch_start(&pl->prefetch, b);
        if (b->failure && b->waiting == 0) {
            b->is_prepared = false;
            pipeline_retry_soon(pl);
            return false;
        }
    }
    if (b->waiting || b->failure) {
        return false;
    }
    frames = count_frames(b);
    if (id_pool_peek(pl->ids, frames, &ids) < frames) {
        pipeline_retry_soon(pl); /* in case that the ids cannot be had now */
        return false;
    }
    return true;
}

/* Who was asleep until its leases ran out must not answer from a memory that is no longer true.
 * The coordinator renews or takes away the partition. */
static bool has_leases(struct pipeline *pl, const struct batch *b)
{
    uint64_t now = clock_mono_ms();
    for (size_t i = 0; i < b->part_count; i++) {
        if (now >= b->parts[i].p->lease_until_ms) {
            pipeline_retry_soon(pl);
            return false;
        }
    }
    return true;
}

/* Handle and commit. Returns false when the batch was aborted or must wait. */
static bool advance(struct pipeline *pl, struct batch *b, bool is_first)
{
    int err;

    if (pl->commits >= PIPELINE_COMMITS_MAX || !prepare(pl, b, is_first) || !has_leases(pl, b)) {
        return false;
    }
    err = pipeline_handle(pl, b);
    if (!err && effects_has_stores(&b->fx)) {
        err = pipeline_commit(pl, b);
    } else if (!err) {
        pipeline_set_state(pl, b, BATCH_COMMITTED);
    }
    if (err) {
        log_error("batch_aborted", LOG_ERR(err), LOG_U64("envelopes", b->work_count));
        pipeline_abort_from(pl, b, AFTER_PAUSE);
        return false;
    }
    metric_add(pl->m.batches, 1);
    return true;
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
        if (b->state == BATCH_COMMITTED && all_delivered && !pipeline_deliver(pl, b)) {
            return;
        }
        all_committed = all_committed && b->state != BATCH_STORING;
        all_delivered = all_delivered && b->state >= BATCH_DELIVERING;
    }
    pipeline_finish_delivered(pl);
    pipeline_finish_draining(pl);
    pipeline_evict_rooms(pl);
}

void pipeline_submit(struct pipeline *pl, struct batch *b)
{
    for (size_t i = 0; i < b->work_count; i++) {
        struct work *w = &b->works[i];
        if (up_kind_is_request(w->env.kind)) {
            requests_start(pl->deps.requests, w->gateway, &w->env);
        }
    }
    DL_APPEND(pl->batches, b);
    pl->batch_count++;
    pl->open_count++;
    if (pl->single_entries) {
        pl->single_entries--;
    }
    pipeline_schedule(pl);
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
    pl->deps.clock->offset_ms = offset_ms;
}

static void on_ids(void *arg)
{
    pipeline_schedule(arg);
}

static void register_metrics(struct pipeline *pl)
{
    static const double bounds[] = {.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5};
    static const double ages[] = {.001, .0025, .005, .01, .025, .05, .1,
                                  .25,  .5,    1,    2.5, 5,    15,  60};
    pl->m.messages = metric_counter("broker_messages_total", "Client messages handled", "type");
    pl->m.batches = metric_counter("broker_batches_total", "Batches handled", NULL);
    pl->m.entry_age =
        metric_histogram("broker_entry_age_seconds", "From the XADD of an entry to its handling",
                         ages, sizeof(ages) / sizeof(ages[0]));
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
                                          .on_ready = pipeline_on_takeover_ready,
                                          .on_failed = pipeline_on_takeover_failed,
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
    pl->targets = targets_new();
    pl->prefetch.targets = pl->targets;
    pl->presence = presence_new(deps->conf->presence_grace_s * 1000);
    pl->prefetch.presence = pl->presence;
    pl->presence_timer = loop_timer_new(deps->loop, pipeline_on_presence_time, pl);
    pl->ids = id_pool_new(deps->store, on_ids, pl);
    pl->retry_timer = loop_timer_new(deps->loop, pipeline_retry, pl);
    pl->watermark_timer = loop_timer_new(deps->loop, watermark_write_all, pl);
    pl->evict_timer = loop_timer_new(deps->loop, pipeline_on_evict_time, pl);
    if (!pl->recent || !pl->targets || !pl->presence || !pl->presence_timer || !pl->ids ||
        !pl->retry_timer || !pl->watermark_timer || !pl->evict_timer) {
        pipeline_free(pl);
        return NULL;
    }
    loop_timer_start(pl->watermark_timer, WATERMARK_INTERVAL_MS, WATERMARK_INTERVAL_MS);
    loop_timer_start(pl->presence_timer, PRESENCE_TICK_MS, PRESENCE_TICK_MS);
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
    loop_timer_free(pl->presence_timer);
    id_pool_free(pl->ids);
    recent_free(pl->recent);
    targets_free(pl->targets);
    presence_free(pl->presence);
    buf_done(&pl->scratch);
    mem_free(pl);
}
