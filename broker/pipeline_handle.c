/* SPDX-License-Identifier: MIT */
/* Handles one prepared batch: gives each envelope to its handler in order, and keeps the rooms'
 * record in Redis (key_sub) in step with memory. Its effects wait in batch->fx. */
#include "broker/pipeline_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "broker/content.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/stream_keys.h"

static int connection_field(struct bytes gateway, uint64_t conn, char *out, size_t cap)
{
    return snprintf(out, cap, "%.*s/%" PRIx64, BYTES_FMT(gateway), conn);
}

/* Not waited for: a Redis that loses it has also lost the connection to us or its gateway's
 * trust, and then the gateway registers again. One that cannot be sent aborts the batch: a
 * successor would not know of the connection. */
static void record(struct pipeline *pl, struct world *world, const struct work *w,
                   const struct bytes *value)
{
    char field[GATEWAY_NAME_MAX + 20];
    int len = connection_field(w->gateway, w->env.conn, field, sizeof(field));
    struct stream_key key =
        key_sub(pl->deps.conf->redis_prefix, w->origin.partition, room_record(w->room));
    struct bytes argv[] = {value ? BYTES_LIT("HSET") : BYTES_LIT("HDEL"), stream_key_bytes(&key),
                           bytes_of(field, (size_t)len), value ? *value : BYTES_NONE};
    int err = redis_link_command(pl->deps.redis, argv, value ? 4 : 3, NULL, NULL);
    if (err) {
        world->fx->err = err;
    }
}

static void record_join(struct pipeline *pl, struct world *world, const struct work *w)
{
    char text[USERNAME_MAX_BYTES + 24];
    const struct actor *a = &w->env.join.actor;
    int len = snprintf(text, sizeof(text), "%" PRId64 " %.*s", a->user_id, BYTES_FMT(a->username));
    struct bytes value = bytes_of(text, (size_t)len);
    record(pl, world, w, &value);
}

/* No room could be had (wrong partition, look-up failed for good): the sender is told. */
static void refuse_without_room(struct world *world, struct work *w)
{
    struct down_item item = {.kind = DOWN_REFUSED, .conn = w->env.conn};
    if (w->env.kind == UP_FRAME) {
        reply_error(world, w, CODE_SERVICE_UNAVAILABLE, NULL);
    } else if (w->env.kind == UP_JOIN) {
        item.refused.code = CODE_SERVICE_UNAVAILABLE;
        item.refused.close = code_close(CODE_SERVICE_UNAVAILABLE);
        effects_item(world->fx, w->gateway, &item);
    }
}

bool pipeline_is_poison(const struct pipeline *pl, const struct origin *origin)
{
    for (uint32_t i = 0; i < pl->poison_count; i++) {
        if (pl->poison[i].partition == origin->partition &&
            entry_id_cmp(pl->poison[i].entry, origin->entry) == 0) {
            return true;
        }
    }
    return false;
}

static void handle_work(struct pipeline *pl, struct world *world, struct work *w)
{
    if (up_kind_is_request(w->env.kind)) {
        return;
    }
    if (w->env.kind == UP_NOTIFY) {
        dispatch(world, w);
        return;
    }
    if (w->env.kind == UP_LEAVE) {
        requests_connection_gone(pl->deps.requests, w->gateway, w->env.conn, w->env.leave.user_id);
    }
    if (!w->room || !w->room->is_loaded) {
        refuse_without_room(world, w);
        return;
    }
    if (w->env.kind == UP_FRAME && pipeline_is_poison(pl, &w->origin)) {
        reply_error(world, w, CODE_INTERNAL_ERROR, NULL);
        return;
    }
    dispatch(world, w);
    if (w->env.kind == UP_JOIN && !w->room->is_missing) {
        record_join(pl, world, w);
    } else if (w->env.kind == UP_LEAVE) {
        record(pl, world, w, NULL);
    }
}

/* What the batch's part has stored since there were so many rows and receipts. */
static void note_stored(struct batch *b, const struct work *w, size_t rows, size_t reads)
{
    for (size_t i = 0; i < b->part_count; i++) {
        struct batch_part *part = &b->parts[i];
        if (part->p->id != w->origin.partition) {
            continue;
        }
        part->has_stores = part->has_stores || b->fx.row_count > rows || b->fx.read_count > reads;
        if (b->fx.row_count > rows && part->lowest_id == 0) {
            part->lowest_id = b->fx.rows[rows].id;
        }
    }
}

/* The first copy of a message, for repeats of it. */
static void remember(struct pipeline *pl, const struct content_row *row, struct bytes frame)
{
    const struct client_key key = {row->channel_id, row->author_id, row->client_id};
    struct rcbuf *kept;

    if (row->client_id.len && (kept = rcbuf_new(frame))) {
        recent_put(pl->recent, row->origin.partition, &key, kept);
        recent_commit(pl->recent, &key);
        rcbuf_unref(kept);
    }
}

static void handle_again(struct pipeline *pl, struct world *world, struct batch *b)
{
    for (size_t i = 0; i < b->again_count; i++) {
        struct content_row *row = &b->again[i];
        struct room *room = b->again_rooms[i];

        buf_reset(world->scratch);
        if (content_render(row, world->scratch)) {
            world->fx->err = ERR_NOMEM;
            return;
        }
        effects_begin(world->fx, row->origin.partition, row->origin.entry);
        if (room && room->is_loaded) {
            content_show_again(world, room, row, buf_bytes(world->scratch));
        }
        remember(pl, row, buf_bytes(world->scratch));
    }
}

/* A dead gateway's sockets in one partition; `users` have no other one: 8 bytes each. */
struct gone {
    struct world *world;
    char *users;
    size_t count;
};

static void on_user_gone(void *arg, struct room *room, int64_t user_id, struct bytes username)
{
    struct gone *gone = arg;

    switch (room->kind) {
    case TOPIC_KIND_STATUS:
        status_user_gone(gone->world, user_id, username);
        break;
    case TOPIC_KIND_USER:
        notify_user_put(gone->users + 8 * gone->count++, user_id);
        break;
    case TOPIC_KIND_CHAT:
        announce_typing(gone->world, room, user_id, username, TYPING_STOP);
        announce_presence(gone->world, room, false, user_id, username);
        break;
    case TOPIC_KIND_NONE:
        break;
    }
}

/* Removes every connection of one gateway from a record of rooms. */
static void record_dead_gateway(struct pipeline *pl, uint32_t partition, struct bytes record,
                                struct bytes gateway)
{
    static const char script[] = "for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do "
                                 "if string.sub(f, 1, #ARGV[1] + 1) == ARGV[1] .. '/' then "
                                 "redis.call('HDEL', KEYS[1], f) end end return 1";
    struct stream_key key = key_sub(pl->deps.conf->redis_prefix, partition, record);
    int err = redis_link_command(pl->deps.redis,
                                 (struct bytes[]){BYTES_LIT("EVAL"), bytes_str(script),
                                                  BYTES_LIT("1"), stream_key_bytes(&key), gateway},
                                 5, NULL, NULL);
    if (err) {
        log_debug("room_record_failed", LOG_ERR(err));
    }
}

void pipeline_forget_gone(struct pipeline *pl, const struct batch *b)
{
    for (size_t i = 0; i < b->part_count; i++) {
        if (b->parts[i].has_gone) {
            record_dead_gateway(pl, b->parts[i].p->id, BYTES_LIT(ROOM_RECORD_USERS),
                                b->dead_gateway);
        }
    }
}

/* How many of the partition's people have sockets at the gateway. */
static size_t count_people(const struct partition *p, struct bytes gateway)
{
    const struct room *room;
    size_t count = 0;

    for (room = p->rooms.table; room; room = room->hh.next) {
        count += room->kind == TOPIC_KIND_USER && room_has_gateway(room, gateway);
    }
    return count;
}

static void remove_from_part(struct pipeline *pl, struct world *world, struct batch_part *part,
                             struct bytes gateway)
{
    size_t people = count_people(part->p, gateway);
    struct gone gone = {.world = world, .users = arena_alloc(world->fx->arena, 8 * people + 8)};
    struct room *room, *tmp;

    if (!gone.users) {
        world->fx->err = ERR_NOMEM;
        return;
    }
    HASH_ITER(hh, part->p->rooms.table, room, tmp) {
        if (!room_has_gateway(room, gateway)) {
            continue;
        }
        if (room->kind != TOPIC_KIND_USER) {
            record_dead_gateway(pl, part->p->id, room_record(room), gateway);
        }
        room_remove_gateway(room, gateway, on_user_gone, &gone);
    }
    part->has_gone = people > 0;
    if (gone.count > 0) {
        notifications_gone(world, OP_GONE, bytes_of(gone.users, 8 * gone.count));
    }
}

static void handle_dead_gateway(struct pipeline *pl, struct world *world, struct batch *b)
{
    for (size_t i = 0; i < b->part_count && !world->fx->err; i++) {
        effects_begin(world->fx, b->parts[i].p->id, (struct entry_id){0, 0});
        remove_from_part(pl, world, &b->parts[i], b->dead_gateway);
    }
    log_info("gateway_removed", LOG_BYTES("gateway", b->dead_gateway),
             LOG_U64("batches", pl->batch_count));
}

static void count_work(struct pipeline *pl, const struct work *w)
{
    if (w->env.kind == UP_FRAME) {
        metric_add_label(pl->m.messages, kind_info(w->env.frame.msg.kind)->type, 1);
        if (w->is_stale) {
            metric_add(pl->m.refused_stale, 1);
        }
    }
}

/* How far behind its stream this broker is. Redis gave the entry its time, so its clock counts. */
static void note_age(struct pipeline *pl, uint64_t redis_now_ms, struct entry_id entry)
{
    uint64_t age_ms = redis_now_ms > entry.ms ? redis_now_ms - entry.ms : 0;

    metric_observe(pl->m.entry_age, (double)age_ms / 1e3);
}

int pipeline_handle(struct pipeline *pl, struct batch *b)
{
    const struct broker_conf *conf = pl->deps.conf;
    uint64_t now = clock_wall_ms();
    uint64_t redis_now = redis_clock_ms(pl->deps.clock);
    struct world world = {.now_ms = now,
                          .sanitize_mode = (enum sanitize_mode)conf->sanitize_mode,
                          .message_max_chars = conf->message_max_chars,
                          .room_presence_limit = conf->room_presence_limit,
                          .resume_limit = conf->resume_limit,
                          .recent = pl->recent,
                          .targets = pl->targets,
                          .presence = pl->presence,
                          .scratch = &pl->scratch,
                          .fx = &b->fx};
    struct entry_id entry = {0, 0};
    uint32_t partition = UINT32_MAX;

    world.id_count = id_pool_peek(pl->ids, 0, &world.ids);
    handle_again(pl, &world, b);
    if (b->dead_gateway.len) {
        handle_dead_gateway(pl, &world, b);
    }
    if (b->is_presence_tick) {
        pipeline_handle_presence(pl, &world, b);
    }
    for (size_t i = 0; i < b->work_count && !b->fx.err; i++) {
        struct work *w = &b->works[i];
        size_t rows = b->fx.row_count, reads = b->fx.read_count;
        if (w->origin.partition != partition || entry_id_cmp(w->origin.entry, entry) != 0) {
            partition = w->origin.partition;
            entry = w->origin.entry;
            note_age(pl, redis_now, entry);
            effects_begin(&b->fx, partition, entry);
        }
        w->is_stale = redis_now + w->waited_ms > entry.ms + FRAME_STALE_MS;
        count_work(pl, w);
        handle_work(pl, &world, w);
        note_stored(b, w, rows, reads);
    }
    effects_end(&b->fx);
    id_pool_use(pl->ids, b->fx.row_count);
    return b->fx.err;
}
