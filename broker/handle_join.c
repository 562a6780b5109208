/* SPDX-License-Identifier: MIT */
/* A connection enters a room: it gets connection_established as its first frame, the others are
 * told of a user's first connection. Access was checked when the connection was granted. */
#include "broker/dispatch.h"

void refuse_join(struct world *w, const struct work *work, enum client_code code)
{
    struct down_item item = {.kind = DOWN_REFUSED, .conn = work->env.conn};
    item.refused.code = code;
    item.refused.close = code_close(code);
    effects_item(w->fx, work->gateway, &item);
}

/* At most room_presence_limit people are listed; larger rooms show no presence at all. */
static size_t list_online(struct world *w, const struct room *room, struct online_user **out_list)
{
    size_t count = room_user_count(room), n = 0;
    struct online_user *list;
    const struct room_user *u;

    if (count > w->room_presence_limit) {
        count = w->room_presence_limit;
    }
    list = arena_alloc(w->fx->arena, (count ? count : 1) * sizeof(*list));
    if (!list) {
        w->fx->err = ERR_NOMEM;
        return 0;
    }
    for (u = room->users; u && n < count; u = u->hh.next) {
        list[n].user_id = u->user_id;
        list[n].username = bytes_of(u->username, u->name_len);
        list[n].status = BYTES_LIT("online");
        n++;
    }
    *out_list = list;
    return n;
}

/* May the client have what it missed, frame by frame? A seq of the future is of another life of
 * this channel. */
static bool is_resumed(const struct world *w, const struct work *work)
{
    const struct up_join *join = &work->env.join;
    uint64_t last_seq = work->room->last_seq;

    return join->has_since && join->since <= last_seq && last_seq - join->since <= w->resume_limit;
}

static int write_established(struct world *w, const struct work *work)
{
    const struct actor *actor = &work->env.join.actor;
    struct online_user *online = NULL;
    struct chat_established e = {.user_id = actor->user_id,
                                 .channel_id = work->room->channel_id,
                                 .username = actor->username,
                                 .channel = work->room->name,
                                 .seq = work->room->last_seq,
                                 .is_resumed = is_resumed(w, work)};
    e.online_count = list_online(w, work->room, &online);
    e.online = online;
    buf_reset(w->scratch);
    return server_chat_established(&e, w->scratch);
}

void handle_join(struct world *w, struct work *work)
{
    const struct up_join *join = &work->env.join;
    struct down_item item = {.kind = DOWN_JOINED, .conn = work->env.conn};
    bool is_first = false;
    int err;

    if (work->room->is_missing) {
        refuse_join(w, work, CODE_CHANNEL_NOT_FOUND);
        return;
    }
    err = room_add(work->room, work->gateway, work->env.conn, join->actor.user_id,
                   join->actor.username, &is_first);
    if (err) {
        refuse_join(w, work, CODE_SERVICE_UNAVAILABLE);
        return;
    }
    item.joined.topic = room_topic(work->room);
    item.joined.seq = work->room->last_seq;
    item.joined.is_resumed = is_resumed(w, work);
    if (!join->is_rejoin) {
        if (write_established(w, work)) {
            w->fx->err = ERR_NOMEM;
            return;
        }
        item.joined.json = buf_bytes(w->scratch);
    }
    effects_item(w->fx, work->gateway, &item);
    if (is_first && !join->is_rejoin) {
        announce_presence(w, work->room, true, join->actor.user_id, join->actor.username);
    }
}
