/* SPDX-License-Identifier: MIT */
/* A chat message: checked, sanitised, given its id and place in the channel, stored and shown.
 * A repeat (same author, channel and client_id) stores nothing and is answered with the first
 * copy. The rules are those of PROTOCOL.md, section "Chat". */
#include "broker/dispatch.h"

static enum client_code check_references(const struct work *work)
{
    const struct client_msg *msg = &work->env.frame.msg;

    if (msg->channel_id != 0 && msg->channel_id != work->room->channel_id) {
        switch (work->other_channel) {
        case ACCESS_UNKNOWN:
        case ACCESS_NO_CHANNEL:
            return CODE_CHANNEL_NOT_FOUND;
        case ACCESS_DENIED:
            return CODE_PERMISSION_DENIED;
        case ACCESS_ALLOWED:
            return CODE_INVALID_MESSAGE;
        }
    }
    if (msg->reply_to != 0 && !work->reply_to_exists) {
        return CODE_INVALID_MESSAGE;
    }
    /* Nobody has a completed upload yet, so no attachment can be one's own. */
    return msg->attachment_count ? CODE_INVALID_MESSAGE : CODE_NONE;
}

/* The text as it will be stored, in the arena. */
static enum client_code clean_text(struct world *w, const struct work *work, struct bytes *out)
{
    size_t code_points = 0;
    int err;

    buf_reset(w->scratch);
    err = sanitize_text(w->sanitize_mode, work->env.frame.msg.text, w->scratch, &code_points);
    if (err == ERR_UTF8 || err == ERR_RANGE) {
        return CODE_INVALID_MESSAGE;
    }
    if (err) {
        return CODE_MESSAGE_TOO_LARGE;
    }
    if (code_points == 0) {
        return CODE_INVALID_MESSAGE;
    }
    if (code_points > w->message_max_chars) {
        return CODE_MESSAGE_TOO_LARGE;
    }
    if (arena_dup(w->fx->arena, buf_bytes(w->scratch), out)) {
        w->fx->err = ERR_NOMEM;
        return CODE_INTERNAL_ERROR;
    }
    return CODE_NONE;
}

static int64_t take_id(struct world *w)
{
    int64_t id = w->ids[0];
    w->ids++;
    w->id_count--;
    return id;
}

static void store_and_show(struct world *w, struct work *work, struct bytes content)
{
    const struct up_frame *frame = &work->env.frame;
    struct room *room = work->room;
    struct client_key key = {room->channel_id, frame->actor.user_id, frame->msg.client_id};
    struct content_row row = {.id = take_id(w),
                              .channel_id = room->channel_id,
                              .author_id = frame->actor.user_id,
                              .content = content,
                              .client_id = frame->msg.client_id,
                              .timestamp_ms = w->now_ms,
                              .seq = ++room->last_seq,
                              .reply_to = frame->msg.reply_to,
                              .origin = work->origin};
    struct chat_message message;
    struct rcbuf *kept;

    row.author_username = frame->actor.username;
    row.author_avatar = frame->actor.avatar;
    message = message_of_row(&row);
    buf_reset(w->scratch);
    if (server_chat_message(&message, w->scratch)) {
        w->fx->err = ERR_NOMEM;
        return;
    }
    effects_store(w->fx, &row);
    publish_message(w, room, row.seq, buf_bytes(w->scratch));
    reply_ack(w, work);
    if (key.client_id.len && (kept = rcbuf_new(buf_bytes(w->scratch)))) {
        recent_put(w->recent, work->origin.partition, &key, kept);
        rcbuf_unref(kept);
    }
}

void handle_chat_message(struct world *w, struct work *work)
{
    const struct up_frame *frame = &work->env.frame;
    struct client_key key = {work->room->channel_id, frame->actor.user_id, frame->msg.client_id};
    struct rcbuf *first = recent_find(w->recent, &key);
    struct bytes content = BYTES_NONE;
    enum client_code code;

    if (first) {
        reply_json(w, work, rcbuf_bytes(first));
        return;
    }
    code = check_references(work);
    if (code == CODE_NONE) {
        code = clean_text(w, work, &content);
    }
    if (code == CODE_NONE && (work->is_replay || w->id_count == 0)) {
        /* It was refused before, or nothing may be stored for it any more. */
        code = CODE_SERVICE_UNAVAILABLE;
    }
    if (code != CODE_NONE) {
        reply_error(w, work, code, NULL);
        return;
    }
    store_and_show(w, work, content);
}
