/* SPDX-License-Identifier: MIT */
/* The fields of each kind of client message: JSON values -> struct client_msg. Called by
 * client_msg.c when type and client_id are read. */
#include "proto/client_msg_impl.h"

/* Absent: *out_id stays. */
static int read_id(const json_t *value, int64_t *out_id)
{
    if (!value) {
        return 0;
    }
    if (!json_is_integer(value)) {
        return ERR_TYPE;
    }
    json_int_t n = json_integer_value(value);
    if (n < 1 || n > ID_MAX) {
        return ERR_RANGE;
    }
    *out_id = n;
    return 0;
}

static int read_message_id(const json_t *frame, struct client_msg *msg)
{
    const json_t *value = client_field(frame, "message_id");

    return value ? read_id(value, &msg->message_id) : ERR_MISSING;
}

static int read_notification_id(const json_t *frame, struct client_msg *msg)
{
    const json_t *value = client_field(frame, "notification_id");

    return value ? read_id(value, &msg->notification_id) : ERR_MISSING;
}

/* A message in a chat, a notification elsewhere; which is meant is for who knows the endpoint. */
static int read_mark_read(const json_t *frame, struct client_msg *msg)
{
    const json_t *message = client_field(frame, "message_id");
    const json_t *notification = client_field(frame, "notification_id");
    int err = message || notification ? read_id(message, &msg->message_id) : ERR_MISSING;

    return err ? err : read_id(notification, &msg->notification_id);
}

/* A text that must be there. */
static int read_text(const json_t *frame, const char *name, struct arena *arena,
                     struct client_msg *msg)
{
    const json_t *value = client_field(frame, name);

    if (!value) {
        return ERR_MISSING;
    }
    if (!json_is_string(value)) {
        return ERR_TYPE;
    }
    return arena_dup(arena, client_string(value), &msg->text);
}

static int read_attachments(const json_t *frame, struct client_msg *msg)
{
    const json_t *list = client_field(frame, "attachments");

    if (!list) {
        return 0;
    }
    if (!json_is_array(list)) {
        return ERR_TYPE;
    }
    size_t count = json_array_size(list);
    if (count > ATTACHMENTS_MAX) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(list, i);
        int err = json_is_null(id) ? ERR_TYPE : read_id(id, &msg->attachments[i]);
        if (err) {
            return err;
        }
    }
    msg->attachment_count = (uint32_t)count;
    return 0;
}

static int read_chat_message(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    int err = read_id(client_field(frame, "channel_id"), &msg->channel_id);
    if (!err) {
        err = read_id(client_field(frame, "reply_to"), &msg->reply_to);
    }
    if (!err) {
        err = read_attachments(frame, msg);
    }
    if (!err) {
        err = read_text(frame, "message", arena, msg);
    }
    /* An attachment needs no words. */
    return err == ERR_MISSING && msg->attachment_count ? 0 : err;
}

static int read_edit_message(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    int err = read_message_id(frame, msg);

    return err ? err : read_text(frame, "new_content", arena, msg);
}

static int read_typing(const json_t *frame, struct client_msg *msg)
{
    const json_t *value = client_field(frame, "is_typing");
    int err = read_id(client_field(frame, "channel_id"), &msg->channel_id);

    if (err) {
        return err;
    }
    if (!value) {
        return ERR_MISSING;
    }
    if (!json_is_boolean(value)) {
        return ERR_TYPE;
    }
    msg->is_typing = json_is_true(value);
    return 0;
}

static int read_status(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    static const char *const STATUSES[] = {"online", "away", "busy", "offline"};
    int err = read_text(frame, "status", arena, msg);

    for (size_t i = 0; err == 0 && i < sizeof(STATUSES) / sizeof(STATUSES[0]); i++) {
        if (bytes_eq_str(msg->text, STATUSES[i])) {
            return 0;
        }
    }
    return err ? err : ERR_RANGE;
}

static int read_token(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    int err = read_text(frame, "token", arena, msg);

    return err == 0 && msg->text.len > CREDENTIAL_MAX_BYTES ? ERR_LIMIT : err;
}

int client_read_fields(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    switch (msg->kind) {
    case KIND_CHAT_MESSAGE:
        return read_chat_message(frame, arena, msg);
    case KIND_EDIT_MESSAGE:
        return read_edit_message(frame, arena, msg);
    case KIND_DELETE_MESSAGE:
    case KIND_READ_RECEIPT:
        return read_message_id(frame, msg);
    case KIND_MARK_READ:
        return read_mark_read(frame, msg);
    case KIND_DISMISS:
        return read_notification_id(frame, msg);
    case KIND_STATUS_UPDATE:
        return read_status(frame, arena, msg);
    case KIND_TYPING:
        return read_typing(frame, msg);
    case KIND_BATCH_UPDATE:
        return client_read_updates(frame, arena, msg);
    case KIND_REFRESH_TOKEN:
        return read_token(frame, arena, msg);
    case KIND_MARK_ALL_READ:
    case KIND_PING:
    case KIND_HEARTBEAT:
    case KIND_INVALID:
    case KIND_COUNT:
        break;
    }
    return 0;
}
