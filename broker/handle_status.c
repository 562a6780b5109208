/* SPDX-License-Identifier: MIT */
/* The sockets of /ws/status/: who comes, goes, and says how available one is. Changes are told by
 * the tick (status_tick), net, in the pipeline's order: what a newcomer's first frames say and what
 * follows fit together. */
#include "broker/dispatch.h"

#include "broker/presence.h"

/* Changes told at a time; the rest follows with the next ticks, so that no gateway gets more at
 * once than it can pass on, and no batch more than its bounds. */
#define STATUS_TICK_MAX 1000u

static struct online_user user_of(const struct presence_row *row)
{
    return (struct online_user){.user_id = row->user_id,
                                .username = row->username,
                                .status = row->shown,
                                .last_seen_ms = row->last_seen_ms};
}

/* connection_established, and a user_status for each of those in it, a line each. */
static int write_first_frames(struct world *w, const struct work *work)
{
    const struct actor *actor = &work->env.join.actor;
    struct presence_row *rows = arena_alloc(w->fx->arena, PRESENCE_LIST_MAX * sizeof(*rows));
    struct online_user *users = arena_alloc(w->fx->arena, PRESENCE_LIST_MAX * sizeof(*users));
    struct status_established e = {.user_id = actor->user_id, .username = actor->username};
    int err;

    if (!rows || !users) {
        return ERR_NOMEM;
    }
    e.online_count = presence_list(w->presence, rows);
    for (size_t i = 0; i < e.online_count; i++) {
        users[i] = user_of(&rows[i]);
    }
    e.online = users;
    buf_reset(w->scratch);
    err = server_status_established(&e, w->scratch);
    for (size_t i = 0; i < e.online_count && err == 0; i++) {
        err = buf_append_char(w->scratch, '\n');
        err = err ? err : server_user_status(&users[i], w->scratch);
    }
    return err;
}

static void note_sockets(struct world *w, const struct work *work, int64_t user_id,
                         struct bytes username, bool is_clean)
{
    const struct room_user *user = room_find_user(work->room, user_id);

    presence_sockets(w->presence, user_id, username, user ? user->connections : 0, is_clean,
                     w->now_ms);
}

void handle_status_join(struct world *w, struct work *work)
{
    const struct up_join *join = &work->env.join;
    struct down_item item = {.kind = DOWN_JOINED, .conn = work->env.conn};
    bool is_first;

    if (room_add(work->room, work->gateway, work->env.conn, join->actor.user_id,
                 join->actor.username, &is_first)) {
        refuse_join(w, work, CODE_SERVICE_UNAVAILABLE);
        return;
    }
    item.joined.topic = room_topic(work->room);
    if (!join->is_rejoin) {
        if (write_first_frames(w, work)) {
            w->fx->err = ERR_NOMEM;
            return;
        }
        item.joined.json = buf_bytes(w->scratch);
    }
    effects_item(w->fx, work->gateway, &item);
    note_sockets(w, work, join->actor.user_id, join->actor.username, false);
}

void handle_status_leave(struct world *w, struct work *work)
{
    const struct up_leave *leave = &work->env.leave;
    bool is_last;

    if (room_remove(work->room, work->gateway, work->env.conn, &is_last)) {
        note_sockets(w, work, leave->user_id, leave->username, leave->is_clean);
    }
}

void handle_status_frame(struct world *w, struct work *work)
{
    const struct up_frame *frame = &work->env.frame;

    if (frame->msg.kind != KIND_STATUS_UPDATE) {
        reply_error(w, work, CODE_INVALID_MESSAGE, NULL);
        return;
    }
    presence_choose(w->presence, frame->actor.user_id, frame->msg.text, w->now_ms);
    reply_ack(w, work);
}

void status_user_gone(struct world *w, int64_t user_id, struct bytes username)
{
    presence_sockets(w->presence, user_id, username, 0, false, w->now_ms);
}

void status_tick(struct world *w, const struct room *room)
{
    struct down_item item = {.kind = DOWN_TOPIC};
    struct presence_row row;

    for (unsigned told = 0;
         told < STATUS_TICK_MAX && w->fx->err == 0 && presence_next(w->presence, w->now_ms, &row);
         told++) {
        struct online_user user = user_of(&row);
        buf_reset(w->scratch);
        if (server_user_status(&user, w->scratch)) {
            w->fx->err = ERR_NOMEM;
            return;
        }
        item.topic.topic = room_topic(room);
        item.topic.author = row.user_id;
        item.topic.json = buf_bytes(w->scratch);
        effects_publish(w->fx, room, &item);
        effects_presence(w->fx, &row);
    }
}
