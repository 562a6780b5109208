/* SPDX-License-Identifier: MIT */
/* "Read up to here": stored per user and channel, moves only forward. A message that was deleted
 * is a place like any other. */
#include "broker/frame_rules.h"

/* How far the sender has read, as of everything handled so far. */
static int64_t read_so_far(const struct work *work, const struct room_user *user)
{
    int64_t stored = work->is_target_known ? work->read_id : 0;

    return user && user->read_id > stored ? user->read_id : stored;
}

static void show(struct world *w, const struct work *work)
{
    const struct up_frame *frame = &work->env.frame;
    const struct read_receipt receipt = {.message_id = frame->msg.message_id,
                                         .user_id = frame->actor.user_id,
                                         .channel_id = work->room->channel_id,
                                         .username = frame->actor.username,
                                         .timestamp_ms = w->now_ms};
    struct down_item item = {.kind = DOWN_TOPIC};

    buf_reset(w->scratch);
    if (server_read_receipt(&receipt, w->scratch)) {
        w->fx->err = ERR_NOMEM;
        return;
    }
    item.topic.topic = room_topic(work->room);
    item.topic.json = buf_bytes(w->scratch);
    effects_publish(w->fx, work->room, &item);
}

static void store(struct world *w, const struct work *work, struct room_user *user)
{
    const struct up_frame *frame = &work->env.frame;
    const struct read_row row = {.channel_id = work->room->channel_id,
                                 .user_id = frame->actor.user_id,
                                 .message_id = frame->msg.message_id,
                                 .timestamp_ms = w->now_ms};

    effects_read(w->fx, &row);
    if (user) {
        user->read_id = row.message_id;
    }
}

void handle_read_receipt(struct world *w, struct work *work)
{
    const struct up_frame *frame = &work->env.frame;
    struct room_user *user = room_find_user(work->room, frame->actor.user_id);
    int64_t read_id = read_so_far(work, user);
    struct target_state ignored;

    if (!rule_target(w, work, &ignored)) {
        reply_error(w, work, CODE_INVALID_MESSAGE, NULL);
        return;
    }
    if (frame->msg.message_id > read_id && work->is_replay) {
        reply_error(w, work, CODE_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    if (frame->msg.message_id > read_id) {
        store(w, work, user);
        show(w, work);
    } else if (work->is_replay && frame->msg.message_id == read_id) {
        show(w, work); /* it may be this very frame that was stored and not shown */
    }
    reply_ack(w, work);
}
