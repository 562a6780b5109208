/* SPDX-License-Identifier: MIT */
/* Chooses the handler by the kind of envelope and of client message, and has the answers that
 * several handlers give. Called by the pipeline for each envelope in order. */
#include "broker/dispatch.h"

static bool is_asked_by_broker(const struct work *work)
{
    return work->env.frame.frame_no == 0;
}

void reply_json(struct world *w, const struct work *work, struct bytes json)
{
    struct down_item item = {.kind = DOWN_REPLY, .conn = work->env.conn};

    if (is_asked_by_broker(work)) {
        return;
    }
    item.reply.frame_no = work->env.frame.frame_no;
    item.reply.received_us = work->env.frame.received_us;
    item.reply.json = json;
    effects_item(w->fx, work->gateway, &item);
}

void reply_error(struct world *w, const struct work *work, enum client_code code,
                 const char *sentence)
{
    buf_reset(w->scratch);
    if (server_error(code, sentence, work->env.frame.msg.client_id, w->scratch)) {
        w->fx->err = ERR_NOMEM;
        return;
    }
    reply_json(w, work, buf_bytes(w->scratch));
}

void reply_ack(struct world *w, const struct work *work)
{
    struct down_item item = {.kind = DOWN_ACK, .conn = work->env.conn};

    if (is_asked_by_broker(work)) {
        return;
    }
    item.ack.frame_no = work->env.frame.frame_no;
    item.ack.received_us = work->env.frame.received_us;
    effects_item(w->fx, work->gateway, &item);
}

void announce_presence(struct world *w, struct room *room, bool is_joined, int64_t user_id,
                       struct bytes username)
{
    struct room_presence presence = {.is_joined = is_joined,
                                     .user_id = user_id,
                                     .channel_id = room->channel_id,
                                     .username = username,
                                     .timestamp_ms = w->now_ms};
    struct down_item item = {.kind = DOWN_TOPIC};

    if (room_user_count(room) > w->room_presence_limit) {
        return;
    }
    buf_reset(w->scratch);
    if (server_room_presence(&presence, w->scratch)) {
        w->fx->err = ERR_NOMEM;
        return;
    }
    item.topic.topic = room_topic(room);
    item.topic.exclude_user = user_id;
    item.topic.author = user_id;
    item.topic.json = buf_bytes(w->scratch);
    effects_publish(w->fx, room, &item);
}

static void handle_chat_frame(struct world *w, struct work *work)
{
    if (work->room->is_missing) {
        reply_error(w, work, CODE_CHANNEL_NOT_FOUND, NULL);
        return;
    }
    switch (work->env.frame.msg.kind) {
    case KIND_CHAT_MESSAGE:
        handle_chat_message(w, work);
        return;
    case KIND_EDIT_MESSAGE:
        handle_edit_message(w, work);
        return;
    case KIND_DELETE_MESSAGE:
        handle_delete_message(w, work);
        return;
    case KIND_TYPING:
        handle_typing(w, work);
        return;
    case KIND_READ_RECEIPT:
    case KIND_MARK_READ:
        handle_read_receipt(w, work);
        return;
    case KIND_BATCH_UPDATE:
        handle_batch_update(w, work);
        return;
    case KIND_MARK_ALL_READ:
    case KIND_DISMISS:
    case KIND_STATUS_UPDATE:
    case KIND_UPLOAD_FILE: /* these travel as UP_UPLOAD, */
    case KIND_UPLOAD_CHUNK:
    case KIND_CANCEL_UPLOAD:
    case KIND_REFRESH_TOKEN: /* this as UP_REFRESH */
    case KIND_PING:
    case KIND_HEARTBEAT:
    case KIND_INVALID:
    case KIND_COUNT:
        break;
    }
    reply_error(w, work, CODE_INVALID_MESSAGE, NULL);
}

static void handle_frame(struct world *w, struct work *work)
{
    if (work->is_stored) {
        reply_ack(w, work);
        return;
    }
    if (work->is_stale && !is_asked_by_broker(work)) {
        reply_error(w, work, CODE_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    switch (work->room->kind) {
    case TOPIC_KIND_CHAT:
        handle_chat_frame(w, work);
        return;
    case TOPIC_KIND_USER:
        handle_notification_frame(w, work);
        return;
    case TOPIC_KIND_STATUS:
        handle_status_frame(w, work);
        return;
    case TOPIC_KIND_NONE:
        break;
    }
    reply_error(w, work, CODE_CHANNEL_NOT_FOUND, NULL);
}

static void enter(struct world *w, struct work *work)
{
    switch (work->room->kind) {
    case TOPIC_KIND_USER:
        handle_notifications_join(w, work);
        return;
    case TOPIC_KIND_STATUS:
        handle_status_join(w, work);
        return;
    case TOPIC_KIND_CHAT:
    case TOPIC_KIND_NONE: /* is missing */
        break;
    }
    handle_join(w, work);
}

static void leave(struct world *w, struct work *work)
{
    switch (work->room->kind) {
    case TOPIC_KIND_USER:
        handle_notifications_leave(w, work);
        return;
    case TOPIC_KIND_STATUS:
        handle_status_leave(w, work);
        return;
    case TOPIC_KIND_CHAT:
    case TOPIC_KIND_NONE:
        break;
    }
    handle_leave(w, work);
}

void dispatch(struct world *w, struct work *work)
{
    switch (work->env.kind) {
    case UP_JOIN:
        enter(w, work);
        return;
    case UP_LEAVE:
        leave(w, work);
        return;
    case UP_FRAME:
        handle_frame(w, work);
        return;
    case UP_NOTIFY:
        handle_notify(w, work);
        return;
    case UP_OPEN:
    case UP_HTTP:
    case UP_HISTORY:
    case UP_REFRESH:
    case UP_UPLOAD:
    case UP_PULL:
        return; /* not ordered: requests.c has them */
    }
}
