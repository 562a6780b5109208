/* SPDX-License-Identifier: MIT */
/* A chat message: checked, sanitised, given its id and place in the channel, stored and shown.
 * A repeat (same author, channel and client_id) stores nothing and is answered with the first
 * copy. The rules are those of PROTOCOL.md, section "Chat". */
#include "broker/content.h"
#include "broker/frame_rules.h"

static enum client_code check_references(const struct world *w, const struct work *work)
{
    const struct client_msg *msg = &work->env.frame.msg;
    struct target_state target;
    enum client_code code = rule_channel(work);

    if (code != CODE_NONE) {
        return code;
    }
    if (msg->reply_to != 0 && (!rule_target(w, work, &target) || target.is_deleted)) {
        return CODE_INVALID_MESSAGE;
    }
    return CODE_NONE;
}

static void remember(struct world *w, const struct work *work, const struct content_row *row)
{
    const struct client_key key = {row->channel_id, row->author_id, row->client_id};
    const struct target_state state = {.author_id = row->author_id};
    struct rcbuf *kept;

    targets_put(w->targets, work->origin.partition, row->channel_id, row->id, &state);
    if (key.client_id.len && (kept = rcbuf_new(buf_bytes(w->scratch)))) {
        recent_put(w->recent, work->origin.partition, &key, kept);
        rcbuf_unref(kept);
    }
}

void handle_chat_message(struct world *w, struct work *work)
{
    const struct up_frame *frame = &work->env.frame;
    const struct client_key key = {work->room->channel_id, frame->actor.user_id,
                                   frame->msg.client_id};
    struct content_row row = {.kind = CONTENT_MESSAGE,
                              .client_id = frame->msg.client_id,
                              .reply_to = frame->msg.reply_to};
    struct rcbuf *first = recent_find(w->recent, &key);
    enum client_code code;

    if (first) {
        reply_json(w, work, rcbuf_bytes(first));
        return;
    }
    code = check_references(w, work);
    if (code == CODE_NONE) {
        code = rule_attachments(w, work, &row);
    }
    if (code == CODE_NONE) {
        code = rule_text(w, work, &row.content);
    }
    if (content_conclude(w, work, code, &row)) {
        remember(w, work, &row);
    }
}
