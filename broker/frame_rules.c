/* SPDX-License-Identifier: MIT */
/* Rules of PROTOCOL.md, section "Chat", that are not of one kind of frame alone. Called by the
 * handlers; what they look at was looked up by prefetch. */
#include "broker/frame_rules.h"

enum client_code rule_channel(const struct work *work)
{
    const struct client_msg *msg = &work->env.frame.msg;

    bool is_outside = work->env.frame.is_outside;

    if (!is_outside && (msg->channel_id == 0 || msg->channel_id == work->room->channel_id)) {
        return CODE_NONE;
    }
    switch (work->other_channel) {
    case ACCESS_UNKNOWN:
    case ACCESS_NO_CHANNEL:
        return CODE_CHANNEL_NOT_FOUND;
    case ACCESS_DENIED:
        return CODE_PERMISSION_DENIED;
    case ACCESS_ALLOWED:
        break;
    }
    return is_outside ? CODE_NONE : CODE_INVALID_MESSAGE;
}

/* Memory first: it knows what earlier frames of this batch did. */
bool rule_target(const struct world *w, const struct work *work, struct target_state *out_target)
{
    int64_t id = frame_target_id(&work->env.frame.msg);

    if (targets_find(w->targets, work->room->channel_id, id, out_target)) {
        return true;
    }
    if (work->is_target_known && work->has_target) {
        *out_target = work->target;
        return true;
    }
    return false;
}

static const struct attachment *find_attachment(const struct work *work, int64_t id)
{
    for (uint32_t i = 0; i < work->attachment_count; i++) {
        if (work->attachments[i].id == id) {
            return &work->attachments[i];
        }
    }
    return NULL;
}

static bool has_id(const int64_t *ids, uint32_t count, int64_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* Is it in a message of this batch already? */
static bool is_taken(const struct effects *fx, int64_t id)
{
    for (size_t i = 0; i < fx->row_count; i++) {
        if (has_id(fx->rows[i].attachment_ids, fx->rows[i].attachment_count, id)) {
            return true;
        }
    }
    return false;
}

enum client_code rule_attachments(struct world *w, const struct work *work, struct content_row *row)
{
    const struct client_msg *msg = &work->env.frame.msg;
    struct json_out j;
    int64_t *ids;

    if (msg->attachment_count == 0) {
        return CODE_NONE;
    }
    buf_reset(w->scratch);
    json_out_init(&j, w->scratch);
    json_begin_array(&j);
    for (uint32_t i = 0; i < msg->attachment_count; i++) {
        const struct attachment *a = find_attachment(work, msg->attachments[i]);
        if (!a || has_id(msg->attachments, i, a->id) || is_taken(w->fx, a->id)) {
            return CODE_INVALID_MESSAGE;
        }
        server_put_attachment(&j, a);
    }
    json_end_array(&j);
    ids = arena_alloc(w->fx->arena, msg->attachment_count * sizeof(*ids));
    if (j.err || !ids || arena_dup(w->fx->arena, buf_bytes(w->scratch), &row->attachments)) {
        w->fx->err = ERR_NOMEM;
        return CODE_INTERNAL_ERROR;
    }
    memcpy(ids, msg->attachments, msg->attachment_count * sizeof(*ids));
    row->attachment_ids = ids;
    row->attachment_count = msg->attachment_count;
    return CODE_NONE;
}

enum client_code rule_text(struct world *w, const struct work *work, struct bytes *out_text)
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
    if (code_points == 0 && work->env.frame.msg.attachment_count == 0) {
        return CODE_INVALID_MESSAGE;
    }
    if (code_points > w->message_max_chars) {
        return CODE_MESSAGE_TOO_LARGE;
    }
    if (arena_dup(w->fx->arena, buf_bytes(w->scratch), out_text)) {
        w->fx->err = ERR_NOMEM;
        return CODE_INTERNAL_ERROR;
    }
    return CODE_NONE;
}
