/* SPDX-License-Identifier: MIT */
/* The fields of each kind of client message: JSON values -> struct client_msg. Called by
 * client_msg.c when type and client_id are read. */
#include "proto/client_msg_impl.h"
#include "proto/encoding.h"

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

/* A text of bounded length that is not empty. */
static int read_short(const json_t *value, size_t max_bytes, struct arena *arena,
                      struct bytes *out_text)
{
    if (!value) {
        return ERR_MISSING;
    }
    if (!json_is_string(value)) {
        return ERR_TYPE;
    }
    struct bytes text = client_string(value);
    if (text.len == 0 || text.len > max_bytes) {
        return ERR_LIMIT;
    }
    return arena_dup(arena, text, out_text);
}

static int read_upload_id(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    return read_short(client_field(frame, "upload_id"), UPLOAD_ID_MAX_BYTES, arena,
                      &msg->upload_id);
}

static int read_file(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    const json_t *size = client_field(frame, "file_size");
    int err = read_short(client_field(frame, "file_name"), FILE_NAME_GIVEN_MAX_BYTES, arena,
                         &msg->file_name);

    if (!err) {
        err = read_short(client_field(frame, "file_type"), FILE_TYPE_MAX_BYTES, arena,
                         &msg->file_type);
    }
    return err ? err : size ? read_id(size, &msg->file_size) : ERR_MISSING;
}

static int read_upload_file(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    const json_t *channel = client_field(frame, "channel_id"), *post = client_field(frame, "post");
    int err = read_file(frame, arena, msg);

    if (!err) {
        err = channel ? read_id(channel, &msg->channel_id) : ERR_MISSING;
    }
    if (!err && client_field(frame, "upload_id")) {
        err = read_upload_id(frame, arena, msg);
    }
    if (!err && post && !json_is_boolean(post)) {
        err = ERR_TYPE;
    }
    msg->is_posted = !json_is_false(post);
    return err;
}

static int read_chunk_data(const json_t *value, struct arena *arena, struct client_msg *msg)
{
    if (!value) {
        return ERR_MISSING;
    }
    if (!json_is_string(value)) {
        return ERR_TYPE;
    }
    struct bytes text = client_string(value);
    if (msg->chunk.len > 0 && bytes_eq_str(text, CHUNK_CUT_MARK)) {
        text = msg->chunk; /* was cut out before */
    }
    if (text.len == 0 || text.len / 4 * 3 > UPLOAD_CHUNK_MAX_BYTES + 2) {
        return ERR_LIMIT;
    }
    size_t len;
    char *room = arena_alloc(arena, text.len / 4 * 3 + 1);
    if (!room) {
        return ERR_NOMEM;
    }
    int err = base64_decode_to(BASE64_STANDARD, text, room, &len);
    if (!err && (len == 0 || len > UPLOAD_CHUNK_MAX_BYTES)) {
        err = ERR_LIMIT;
    }
    msg->chunk = err ? BYTES_NONE : bytes_of(room, len);
    return err;
}

static int read_upload_chunk(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    const json_t *index = client_field(frame, "chunk_index");
    int err = read_upload_id(frame, arena, msg);

    if (err) {
        return err;
    }
    if (!json_is_integer(index)) {
        return index ? ERR_TYPE : ERR_MISSING;
    }
    if (json_integer_value(index) < 0 || json_integer_value(index) >= (int)UPLOAD_CHUNKS_MAX) {
        return ERR_RANGE;
    }
    msg->chunk_index = (uint32_t)json_integer_value(index);
    return read_chunk_data(client_field(frame, "chunk_data"), arena, msg);
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
    case KIND_UPLOAD_FILE:
        return read_upload_file(frame, arena, msg);
    case KIND_UPLOAD_CHUNK:
        return read_upload_chunk(frame, arena, msg);
    case KIND_CANCEL_UPLOAD:
        return read_upload_id(frame, arena, msg);
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
