/* SPDX-License-Identifier: MIT */
/* Notifications: told to people by services and chats, opened, read and dismissed by their sockets.
 * Nothing is decided here from memory: each becomes an operation that the database performs in
 * order (store_user_ops), and pipeline_people.c shows what came of it. */
#include "broker/dispatch.h"

#include <inttypes.h>
#include <stdio.h>

/* Which of the people have a socket here that is to be told. NULL without memory. */
static bool *find_online(struct world *w, const struct work *work)
{
    const struct up_notify *n = &work->env.notify;
    size_t count = notify_user_count(n);
    bool *is_online = arena_alloc(w->fx->arena, count);

    for (size_t i = 0; is_online && i < count; i++) {
        char topic[32];
        int len = snprintf(topic, sizeof(topic), "user:%" PRId64, notify_user(n, i));
        const struct room *room = rooms_find(work->rooms, bytes_of(topic, (size_t)len));
        is_online[i] = room && !room_is_empty(room);
    }
    return is_online;
}

void handle_notify(struct world *w, struct work *work)
{
    const struct user_op op = {
        .kind = OP_NOTIFY, .notify = &work->env.notify, .is_online = find_online(w, work)};

    if (!op.is_online) {
        w->fx->err = ERR_NOMEM;
        return;
    }
    effects_people(w->fx, &op, work);
}

void handle_notifications_join(struct world *w, struct work *work)
{
    const struct up_join *join = &work->env.join;
    const struct user_op op = {.kind = OP_OPEN, .user_id = work->room->owner_id};
    bool is_first;

    if (join->actor.user_id != work->room->owner_id) {
        refuse_join(w, work, CODE_PERMISSION_DENIED);
    } else if (room_add(work->room, work->gateway, work->env.conn, join->actor.user_id,
                        join->actor.username, &is_first)) {
        refuse_join(w, work, CODE_SERVICE_UNAVAILABLE);
    } else {
        effects_people(w->fx, &op, work);
    }
}

void notifications_gone(struct world *w, enum user_op_kind kind, struct bytes users)
{
    struct up_notify *whom = arena_alloc(w->fx->arena, sizeof(*whom));
    const struct user_op op = {.kind = kind, .notify = whom};

    if (!whom) {
        w->fx->err = ERR_NOMEM;
        return;
    }
    *whom = (struct up_notify){.users = users};
    effects_people(w->fx, &op, NULL);
}

/* Also when the connection is not there any more: a run before this one may have removed it from
 * the record and not have come to the operation. */
void handle_notifications_leave(struct world *w, struct work *work)
{
    char *user;
    bool is_last;

    room_remove(work->room, work->gateway, work->env.conn, &is_last);
    if (work->env.leave.is_clean || !room_is_empty(work->room)) {
        return;
    }
    user = arena_alloc(w->fx->arena, 8);
    if (!user) {
        w->fx->err = ERR_NOMEM;
        return;
    }
    notify_user_put(user, work->room->owner_id);
    notifications_gone(w, OP_BROKE, bytes_of(user, 8));
}

void handle_notification_frame(struct world *w, struct work *work)
{
    const struct client_msg *msg = &work->env.frame.msg;
    struct user_op op = {.user_id = work->env.frame.actor.user_id,
                         .notification_id = msg->notification_id};

    if (msg->kind == KIND_MARK_READ) {
        op.kind = OP_READ;
    } else if (msg->kind == KIND_DISMISS) {
        op.kind = OP_DISMISS;
    } else if (msg->kind == KIND_MARK_ALL_READ) {
        op.kind = OP_READ_ALL;
    }
    if (op.kind == 0 || op.user_id != work->room->owner_id ||
        (op.kind != OP_READ_ALL && op.notification_id == 0)) {
        reply_error(w, work, CODE_INVALID_MESSAGE, NULL);
        return;
    }
    effects_people(w->fx, &op, work);
}
