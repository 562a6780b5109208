/* SPDX-License-Identifier: MIT */
/* Asks PostgreSQL and Redis for what a batch needs before it can be handled. Answers are written
 * into the batch's works and rooms, unless the batch was dropped meanwhile. A failed look-up
 * leaves batch->failure; the pipeline decides what that means. */
#include "broker/prefetch_impl.h"

#include <stdio.h>

#include "broker/frame_rules.h"
#include "broker/store_files.h"
#include "common/mem.h"
#include "proto/stream_keys.h"

void lookup_end(struct lookup *l, int err)
{
    const struct prefetch_deps *deps = l->deps;
    struct batch *b = l->b;

    mem_free(l);
    if (err && !b->failure) {
        b->failure = err;
    }
    b->refs--;
    if (--b->waiting == 0) {
        deps->on_done(deps->arg, b);
    }
}

struct lookup *lookup_begin(const struct prefetch_deps *deps, struct batch *b, struct room *room,
                            struct work *work)
{
    struct lookup *l = mem_zalloc(sizeof(*l));
    if (!l) {
        b->failure = ERR_NOMEM;
        return NULL;
    }
    *l = (struct lookup){.deps = deps, .b = b, .room = room, .work = work};
    b->waiting++;
    b->refs++;
    return l;
}

void lookup_cancel(struct lookup *l, int err)
{
    l->b->failure = err;
    l->b->waiting--;
    l->b->refs--;
    mem_free(l);
}

static void on_target(void *arg, int err, const struct target_row *target)
{
    struct lookup *l = arg;
    struct work *w = l->work;

    if (!err && !l->b->is_dropped) {
        w->is_target_known = true;
        w->has_target = target != NULL;
    }
    if (!err && !l->b->is_dropped && target) {
        w->target = (struct target_state){target->author_id, target->is_deleted};
        w->read_id = target->read_id;
        targets_put(l->deps->targets, w->origin.partition, w->room->channel_id,
                    frame_target_id(&w->env.frame.msg), &w->target);
    }
    lookup_end(l, err);
}

static void on_other_channel(void *arg, int err, const struct channel_row *channel)
{
    struct lookup *l = arg;
    if (!err && !l->b->is_dropped) {
        l->work->other_channel = !channel                                     ? ACCESS_NO_CHANNEL
                                 : channel->is_private && !channel->is_member ? ACCESS_DENIED
                                                                              : ACCESS_ALLOWED;
    }
    lookup_end(l, err);
}

/* Does memory have all that the frame needs to know of its message? */
static bool is_in_memory(const struct prefetch_deps *deps, const struct room *room,
                         const struct up_frame *frame)
{
    const struct room_user *user = room_find_user(room, frame->actor.user_id);
    struct target_state ignored;

    if (frame_is_receipt(&frame->msg) && (!user || user->read_id == 0)) {
        return false;
    }
    return targets_find(deps->targets, room->channel_id, frame_target_id(&frame->msg), &ignored);
}

/* Kept with the work: memory may have forgotten it when the work is handled. */
static void take_from_memory(const struct prefetch_deps *deps, struct work *w)
{
    const struct room_user *user = room_find_user(w->room, w->env.frame.actor.user_id);

    w->is_target_known = true;
    w->has_target = targets_find(deps->targets, w->room->channel_id,
                                 frame_target_id(&w->env.frame.msg), &w->target);
    w->read_id = user ? user->read_id : 0;
}

static void look_up_target(const struct prefetch_deps *deps, struct batch *b, struct work *w)
{
    const struct client_msg *msg = &w->env.frame.msg;
    int64_t reader_id = frame_is_receipt(msg) ? w->env.frame.actor.user_id : 0;
    struct lookup *l;
    int err;

    if (is_in_memory(deps, w->room, &w->env.frame)) {
        take_from_memory(deps, w);
        return;
    }
    l = lookup_begin(deps, b, NULL, w);
    if (!l) {
        return;
    }
    err = store_target(deps->store, w->room->channel_id, frame_target_id(msg), reader_id, on_target,
                       l);
    if (err) {
        lookup_cancel(l, err);
    }
}

/* Copies, so that they live as long as the batch does. */
static int keep_attachments(struct lookup *l, const struct attachment_row *rows, size_t count)
{
    struct arena *arena = l->b->arena;
    struct attachment *kept = arena_alloc(arena, (count + 1) * sizeof(*kept));
    int err = kept ? 0 : ERR_NOMEM;

    for (size_t i = 0; i < count && !err; i++) {
        kept[i] = (struct attachment){.id = rows[i].id, .file_size = rows[i].file_size};
        err = arena_dup(arena, rows[i].file_name, &kept[i].file_name);
        err = err ? err : arena_dup(arena, rows[i].file_type, &kept[i].file_type);
    }
    if (!err) {
        l->work->attachments = kept;
        l->work->attachment_count = (uint32_t)count;
        l->work->are_attachments_known = true;
    }
    return err;
}

static void on_attachments(void *arg, int err, const struct attachment_row *rows, size_t count)
{
    struct lookup *l = arg;

    if (!err && !l->b->is_dropped) {
        err = keep_attachments(l, rows, count);
    }
    lookup_end(l, err);
}

static bool wants_attachments(const struct work *w)
{
    return w->env.kind == UP_FRAME && w->env.frame.msg.attachment_count > 0 &&
           !w->are_attachments_known;
}

static void look_up_attachments(const struct prefetch_deps *deps, struct batch *b, struct work *w)
{
    const struct client_msg *msg = &w->env.frame.msg;
    struct lookup *l = lookup_begin(deps, b, NULL, w);
    int err;

    if (!l) {
        return;
    }
    err =
        store_attachments_find(deps->store, msg->attachments, msg->attachment_count,
                               w->room->channel_id, w->env.frame.actor.user_id, on_attachments, l);
    if (err) {
        lookup_cancel(l, err);
    }
}

/* What an earlier try has found is not asked for again: a batch with more look-ups than the store
 * takes at a time gets on with each try. */
static void look_up_frame(const struct prefetch_deps *deps, struct batch *b, struct work *w)
{
    const struct client_msg *msg = &w->env.frame.msg;
    int64_t channel_id = msg->channel_id ? msg->channel_id : w->room->channel_id;
    bool is_other = w->env.frame.is_outside || channel_id != w->room->channel_id;
    struct lookup *l;
    int err;

    if (frame_target_id(msg) && !w->is_target_known) {
        look_up_target(deps, b, w);
    }
    if (wants_attachments(w)) {
        look_up_attachments(deps, b, w);
    }
    if (is_other && w->other_channel == ACCESS_UNKNOWN && (l = lookup_begin(deps, b, NULL, w))) {
        err = store_channel_by_id(deps->store, channel_id, w->env.frame.actor.user_id,
                                  on_other_channel, l);
        if (err) {
            lookup_cancel(l, err);
        }
    }
}

static struct bytes topic_of(const struct work *w)
{
    switch (w->env.kind) {
    case UP_JOIN:
        return w->env.join.topic;
    case UP_LEAVE:
        return w->env.leave.topic;
    case UP_FRAME:
        return w->env.frame.topic;
    case UP_OPEN:
    case UP_HTTP:
    case UP_HISTORY:
    case UP_REFRESH:
    case UP_NOTIFY:
    case UP_UPLOAD:
    case UP_PULL:
        break;
    }
    return BYTES_NONE;
}

static struct partition *partition_of_work(struct batch *b, const struct work *w)
{
    for (size_t i = 0; i < b->part_count; i++) {
        if (b->parts[i].p->id == w->origin.partition) {
            return b->parts[i].p;
        }
    }
    return NULL;
}

static void find_room(const struct prefetch_deps *deps, struct batch *b, struct work *w)
{
    struct partition *p = partition_of_work(b, w);
    struct bytes topic = topic_of(w);

    /* A topic in the wrong partition would have two owners: refused like a missing channel. */
    if (topic.len == 0 || partition_of(topic, deps->partitions) != p->id) {
        w->room = NULL;
        return;
    }
    w->room = rooms_get(&p->rooms, topic);
    if (!w->room) {
        b->failure = ERR_NOMEM;
        return;
    }
    w->rooms = &p->rooms;
    if (w->room->kind == TOPIC_KIND_USER) {
        prefetch_users(deps, b, p);
        w->room->is_loaded = true; /* as far as all of them are: they are before this is handled */
    } else {
        prefetch_room(deps, b, w->room);
    }
}

static bool reads_message(const struct prefetch_deps *deps, struct batch *b, const struct work *w)
{
    const struct room *room;

    if (w->env.kind != UP_FRAME || w->is_target_known || !frame_target_id(&w->env.frame.msg)) {
        return false;
    }
    room = rooms_find(&partition_of_work(b, w)->rooms, w->env.frame.topic);
    return !room || !is_in_memory(deps, room, &w->env.frame);
}

bool prefetch_reads_messages(const struct prefetch_deps *deps, struct batch *b)
{
    for (size_t i = 0; i < b->work_count; i++) {
        if (wants_attachments(&b->works[i]) || reads_message(deps, b, &b->works[i])) {
            return true;
        }
    }
    return false;
}

static void find_again_rooms(const struct prefetch_deps *deps, struct batch *b)
{
    for (size_t i = 0; i < b->again_count; i++) {
        char topic[32];
        int len = snprintf(topic, sizeof(topic), "chat:%lld", (long long)b->again[i].channel_id);
        b->again_rooms[i] = rooms_get(&b->parts[0].p->rooms, bytes_of(topic, (size_t)len));
        if (!b->again_rooms[i]) {
            b->failure = ERR_NOMEM;
            return;
        }
        prefetch_room(deps, b, b->again_rooms[i]);
    }
}

static void find_presence(const struct prefetch_deps *deps, struct batch *b)
{
    struct room *room =
        b->is_presence_tick ? rooms_get(&b->parts[0].p->rooms, BYTES_LIT(TOPIC_STATUS)) : NULL;

    if (room) {
        prefetch_room(deps, b, room);
    }
}

void prefetch_start(const struct prefetch_deps *deps, struct batch *b)
{
    b->failure = 0;
    find_again_rooms(deps, b);
    find_presence(deps, b);
    if (b->dead_gateway.len > 0) { /* also people who nobody has asked for yet may have gone */
        for (size_t i = 0; i < b->part_count && !b->failure; i++) {
            prefetch_users(deps, b, b->parts[i].p);
        }
    }
    for (size_t i = 0; i < b->work_count && !b->failure; i++) {
        struct work *w = &b->works[i];
        if (w->env.kind == UP_NOTIFY) {
            struct partition *p = partition_of_work(b, w);
            w->rooms = &p->rooms;
            prefetch_users(deps, b, p);
        }
        if (up_kind_is_request(w->env.kind) || w->env.kind == UP_NOTIFY) {
            continue;
        }
        find_room(deps, b, w);
        if (w->room && w->room->kind == TOPIC_KIND_CHAT && w->env.kind == UP_FRAME &&
            !w->is_stored) {
            w->room->channel_id = w->room->owner_id;
            look_up_frame(deps, b, w);
        }
    }
}
