/* SPDX-License-Identifier: MIT */
/* The two ends of a handled batch: its transaction, and then its sections on their way to the
 * gateways. A batch is delivered only after it and all before it are committed. */
#include "broker/pipeline_private.h"

#include <utlist.h>

#include "common/io/clock.h"
#include "common/log.h"

static void note_first_copies(struct pipeline *pl, const struct batch *b)
{
    for (size_t i = 0; i < b->fx.row_count; i++) {
        const struct content_row *row = &b->fx.rows[i];
        const struct client_key key = {row->channel_id, row->author_id, row->client_id};
        if (row->client_id.len) {
            recent_commit(pl->recent, &key);
        }
    }
}

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
        pipeline_set_state(pl, b, BATCH_FAILED);
        pipeline_commit_failed(pl, b, err);
        return;
    }
    note_first_copies(pl, b);
    pipeline_set_state(pl, b, BATCH_COMMITTED);
    pipeline_schedule(pl);
    pl->deps.on_room(pl->deps.arg);
}

int pipeline_commit(struct pipeline *pl, struct batch *b)
{
    struct position_move moves[PARTITIONS_MAX];
    struct store_batch batch = {.positions = moves,
                                .seqs = b->fx.seqs,
                                .seq_count = b->fx.seq_count,
                                .rows = b->fx.rows,
                                .row_count = b->fx.row_count,
                                .reads = b->fx.reads,
                                .read_count = b->fx.read_count};
    int err;

    for (size_t i = 0; i < b->part_count; i++) {
        struct batch_part *part = &b->parts[i];
        if (!part->has_stores) {
            continue;
        }
        moves[batch.position_count++] = (struct position_move){
            .partition = part->p->id,
            .fence = part->p->fence,
            .expected = part->p->position,
            .last = part->last,
            .redeliver_from = partition_redeliver_from(part->p, part->lowest_id)};
        err = part->lowest_id == 0
                  ? 0
                  : partition_note_undelivered(part->p, part->last, part->lowest_id);
        if (err) {
            return err;
        }
    }
    err = store_commit(pl->deps.store, &batch, on_committed, b);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < b->part_count; i++) {
        if (b->parts[i].has_stores) {
            b->parts[i].p->position = b->parts[i].last;
        }
    }
    b->submitted_us = clock_mono_us();
    b->refs++;
    pl->commits++;
    pipeline_set_state(pl, b, BATCH_STORING);
    return 0;
}

void pipeline_finish_delivered(struct pipeline *pl)
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
        if (b->is_presence_tick) {
            pipeline_store_presence(pl, b);
        }
        pipeline_remove_batch(pl, b);
        pl->deps.on_room(pl->deps.arg);
    }
}

bool pipeline_take_answer(struct batch *b)
{
    bool is_dropped = b->is_dropped;

    b->refs--;
    b->deliveries--;
    if (is_dropped && b->refs == 0) {
        batch_free(b);
    }
    return !is_dropped;
}

static void on_delivered(void *arg, int err)
{
    struct batch *b = arg;
    struct pipeline *pl = b->owner;

    if (!pipeline_take_answer(b)) {
        return;
    }
    if (err) {
        pipeline_abort_from(pl, pl->batches, AFTER_PAUSE);
        return;
    }
    if (b->deliveries == 0) {
        b->state = BATCH_DELIVERED;
        pipeline_schedule(pl);
    }
}

void pipeline_on_told(void *arg, int err, const struct redis_value *v)
{
    (void)v;
    on_delivered(arg, err);
}

/* May all its sections be queued? Otherwise Redis takes them more slowly than we commit; the batch
 * waits, and with PIPELINE_BATCHES_MAX of them reading stops. */
static bool can_deliver(const struct pipeline *pl, const struct batch *b)
{
    const struct effects_gateway *g;
    for (g = b->fx.gateways; g; g = g->hh.next) {
        if (g->section_count && !egress_has_room(pl->deps.egress, g->name, g->sections.len)) {
            return false;
        }
    }
    return true;
}

/* Returns false when the batch was aborted. */
bool pipeline_deliver(struct pipeline *pl, struct batch *b)
{
    if (!can_deliver(pl, b)) {
        pipeline_retry_soon(pl);
        return true;
    }
    pipeline_set_state(pl, b, BATCH_DELIVERING);
    content_log_write(pl, b); /* before anybody can hear of it and ask for what was before */
    return pipeline_notify(pl, b) && pipeline_do_people(pl, b) && pipeline_send(pl, b, &b->fx);
}

bool pipeline_send(struct pipeline *pl, struct batch *b, const struct effects *fx)
{
    struct effects_gateway *g, *tmp;

    HASH_ITER(hh, fx->gateways, g, tmp) {
        int err;
        if (g->section_count == 0) {
            continue;
        }
        err = egress_sections(pl->deps.egress, g->name, buf_bytes(&g->sections), g->section_count,
                              on_delivered, b);
        if (err) {
            log_warn("delivery_failed", LOG_BYTES("gateway", g->name), LOG_ERR(err));
            pipeline_abort_from(pl, pl->batches, AFTER_PAUSE);
            return false;
        }
        b->deliveries++;
        b->refs++;
    }
    if (b->deliveries == 0) {
        b->state = BATCH_DELIVERED;
        pipeline_schedule(pl);
    }
    return true;
}
