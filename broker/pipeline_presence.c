/* SPDX-License-Identifier: MIT */
/* What people are shown as: changes are told by a tick, in a batch of its own, and stored when they
 * have been told. Until then the watermark stays below what they have chosen: who takes over reads
 * that again, and everything else from the connections and from what is stored.
 *
 *   due -> tick batch -> status_tick -> egress -> store_presence -> (watermark) */
#include "broker/pipeline_private.h"

#include "common/log.h"
#include "common/mem.h"

struct presence_write {
    struct pipeline *pl;
    uint32_t generation;
    bool is_all;           /* what had been chosen up to: */
    struct entry_id until; /* was in it or before */
};

static struct partition *status_partition(struct pipeline *pl)
{
    return &pl->partitions[partition_of(BYTES_LIT(TOPIC_STATUS), pl->deps.conf->partitions)];
}

/* ---- the watermark ---- */

static void note_stored(struct pipeline *pl)
{
    if (pl->shown.ticks == 0 && !presence_has_choice(pl->presence)) {
        pl->shown.until = status_partition(pl)->delivered;
    }
}

struct entry_id pipeline_settled(struct pipeline *pl, const struct partition *p)
{
    if (p != status_partition(pl)) {
        return p->delivered;
    }
    note_stored(pl);
    return entry_id_cmp(pl->shown.until, p->delivered) < 0 ? pl->shown.until : p->delivered;
}

/* ---- the tick ---- */

void pipeline_on_presence_time(void *pipeline)
{
    struct pipeline *pl = pipeline;
    struct partition *p = status_partition(pl);
    struct room *room = rooms_find(&p->rooms, BYTES_LIT(TOPIC_STATUS));
    bool is_loaded = room && room->is_loaded;
    struct batch *b;

    /* Just taken over: who is shown must be known before somebody names the room, else nobody
     * would notice that they are gone. Who gives it up tells what is left. */
    if ((p->state != PARTITION_ACTIVE && !(p->state == PARTITION_DRAINING && is_loaded)) ||
        pl->is_presence_tick_under_way || !pipeline_has_room(pl) ||
        (is_loaded && !presence_is_due(pl->presence, clock_wall_ms()))) {
        return;
    }
    b = pipeline_new_batch(pl);
    if (!b) {
        return;
    }
    b->is_presence_tick = true;
    pl->is_presence_tick_under_way = true;
    batch_part(b, p)->last = p->delivered;
    pipeline_submit(pl, b);
}

void pipeline_handle_presence(struct pipeline *pl, struct world *world, struct batch *b)
{
    struct partition *p = b->parts[0].p;
    struct room *room = rooms_find(&p->rooms, BYTES_LIT(TOPIC_STATUS));

    pl->is_presence_tick_under_way = false;
    if (!room || !room->is_loaded) {
        return;
    }
    effects_begin(world->fx, p->id, (struct entry_id){0, 0});
    status_tick(world, room);
    pl->shown.ticks += world->fx->presence_count > 0;
    b->is_presence_all = !presence_has_choice(pl->presence);
}

/* ---- told ---- */

static void on_presence_stored(void *arg, int err)
{
    struct presence_write w = *(struct presence_write *)arg;
    struct pipeline *pl = w.pl;

    mem_free(arg);
    if (err) {
        log_warn("presence_not_stored", LOG_ERR(err));
    }
    if (w.generation != pl->shown.generation) {
        return;
    }
    pl->shown.ticks--;
    if (err && err != ERR_REMOTE) { /* what the database refuses it would refuse again */
        pipeline_renew(pl, status_partition(pl));
        return;
    }
    if (w.is_all && entry_id_cmp(w.until, pl->shown.until) > 0) {
        pl->shown.until = w.until;
    }
    pipeline_schedule(pl);
}

void pipeline_store_presence(struct pipeline *pl, struct batch *b)
{
    const struct batch_part *part = &b->parts[0];
    struct presence_write *w;
    int err;

    if (part->p->generation != part->generation || b->fx.presence_count == 0) {
        return;
    }
    w = mem_zalloc(sizeof(*w));
    if (!w) {
        pipeline_renew(pl, part->p);
        return;
    }
    *w = (struct presence_write){pl, pl->shown.generation, b->is_presence_all, part->p->delivered};
    err =
        store_presence(pl->deps.store, b->fx.presence, b->fx.presence_count, on_presence_stored, w);
    if (err) {
        on_presence_stored(w, err);
    }
}

bool pipeline_presence_is_told(struct pipeline *pl, const struct partition *p)
{
    return p != status_partition(pl) || pl->shown.ticks == 0;
}

void pipeline_forget_presence(struct pipeline *pl, const struct partition *p)
{
    if (p == status_partition(pl)) {
        presence_clear(pl->presence);
        pl->is_presence_tick_under_way = false;
        pl->shown.generation++;
        pl->shown.ticks = 0;
        pl->shown.until = (struct entry_id){0, 0};
    }
}
