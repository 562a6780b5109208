/* SPDX-License-Identifier: MIT */
/* Any bytes as a frame of a browser: refused, or a message within all bounds that means the same
 * when it is written as JSON and read again, and that the broker's decoder accepts. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/client_msg.h"
#include "proto/encoding.h"
#include "proto/envelope.h"
#include "proto/json_out.h"

#define MEMORY_MAX (16u * 1024u * 1024u)

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void check_text(struct bytes text)
{
    check(utf8_check(text) == 0);
    check(text.len == 0 || !memchr(text.ptr, 0, text.len));
}

static void check_bounds(const struct client_msg *msg)
{
    check(msg->kind > KIND_INVALID && msg->kind < KIND_COUNT);
    check(utf8_count(msg->client_id) <= CLIENT_ID_MAX_CHARS);
    check_text(msg->client_id);
    check_text(msg->text);
    check(msg->channel_id >= 0 && msg->channel_id <= ID_MAX);
    check(msg->reply_to >= 0 && msg->reply_to <= ID_MAX);
    check(msg->attachment_count <= ATTACHMENTS_MAX);
    for (uint32_t i = 0; i < msg->attachment_count; i++) {
        check(msg->attachments[i] > 0 && msg->attachments[i] <= ID_MAX);
    }
    check_text(msg->upload_id);
    check_text(msg->file_name);
    check_text(msg->file_type);
    check(msg->upload_id.len <= UPLOAD_ID_MAX_BYTES);
    check(msg->chunk_index < UPLOAD_CHUNKS_MAX && msg->chunk.len <= UPLOAD_CHUNK_MAX_BYTES);
    check(msg->part_count <= BATCH_UPDATES_MAX);
}

static void check_same(const struct client_msg *a, const struct client_msg *b)
{
    check(a->kind == b->kind);
    check(bytes_eq(a->client_id, b->client_id));
    check(bytes_eq(a->text, b->text));
    check(a->channel_id == b->channel_id && a->reply_to == b->reply_to);
    check(a->attachment_count == b->attachment_count);
    check(memcmp(a->attachments, b->attachments, sizeof(a->attachments)) == 0);
    check(a->message_id == b->message_id && a->notification_id == b->notification_id);
    check(a->is_typing == b->is_typing);
}

/* What does not travel in an UP_FRAME. */
static void check_same_file(const struct client_msg *a, const struct client_msg *b)
{
    check(bytes_eq(a->upload_id, b->upload_id));
    check(bytes_eq(a->file_name, b->file_name) && bytes_eq(a->file_type, b->file_type));
    check(a->file_size == b->file_size && a->is_posted == b->is_posted);
    check(a->chunk_index == b->chunk_index && bytes_eq(a->chunk, b->chunk));
}

static void write_chunk(const struct client_msg *msg, struct json_out *j)
{
    struct buf text;

    buf_init(&text, MEMORY_MAX);
    check(base64_encode(BASE64_STANDARD, msg->chunk, &text) == 0);
    json_ki64(j, "chunk_index", msg->chunk_index);
    json_kstr(j, "chunk_data", buf_bytes(&text));
    buf_done(&text);
}

/* The key of the kind's text; NULL: it has none. */
static const char *text_key(enum client_kind kind)
{
    switch ((int)kind) {
    case KIND_CHAT_MESSAGE:
        return "message";
    case KIND_EDIT_MESSAGE:
        return "new_content";
    case KIND_STATUS_UPDATE:
        return "status";
    case KIND_REFRESH_TOKEN:
        return "token";
    default:
        return NULL;
    }
}

static void write_file(const struct client_msg *msg, struct json_out *j)
{
    json_kstr(j, "file_name", msg->file_name);
    json_kstr(j, "file_type", msg->file_type);
    json_ki64(j, "file_size", msg->file_size);
    json_kbool(j, "post", msg->is_posted);
}

static void write_json(const struct client_msg *msg, struct buf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, msg->kind == KIND_HEARTBEAT ? "action" : "type",
              bytes_str(kind_info(msg->kind)->type));
    if (text_key(msg->kind)) {
        json_kstr(&j, text_key(msg->kind), msg->text);
    }
    if (msg->kind == KIND_TYPING) {
        json_kbool(&j, "is_typing", msg->is_typing);
    } else if (msg->kind == KIND_UPLOAD_FILE) {
        write_file(msg, &j);
    } else if (msg->kind == KIND_UPLOAD_CHUNK) {
        write_chunk(msg, &j);
    }
    if (msg->upload_id.len) {
        json_kstr(&j, "upload_id", msg->upload_id);
    }
    if (msg->message_id) {
        json_ki64(&j, "message_id", msg->message_id);
    }
    if (msg->notification_id) {
        json_ki64(&j, "notification_id", msg->notification_id);
    }
    if (msg->client_id.len) {
        json_kstr(&j, "client_id", msg->client_id);
    }
    if (msg->channel_id) {
        json_ki64(&j, "channel_id", msg->channel_id);
    }
    if (msg->reply_to) {
        json_ki64(&j, "reply_to", msg->reply_to);
    }
    json_key(&j, "attachments");
    json_begin_array(&j);
    for (uint32_t i = 0; i < msg->attachment_count; i++) {
        json_i64(&j, msg->attachments[i]);
    }
    json_end_array(&j);
    json_end_object(&j);
    check(j.err == 0);
}

static void through_json(const struct client_msg *msg, struct arena *arena)
{
    struct client_msg back;
    struct buf json;

    buf_init(&json, MEMORY_MAX);
    write_json(msg, &json);
    check(client_msg_parse(buf_bytes(&json), arena, &back) == 0);
    check_same(msg, &back);
    check_same_file(msg, &back);
    buf_done(&json);
}

/* The frames of a batch: each is refused or understood as one that came alone. */
static void through_parts(const struct client_msg *batch, struct arena *arena)
{
    for (uint32_t i = 0; i < batch->part_count; i++) {
        struct client_msg part;
        if (client_msg_parse(batch->parts[i], arena, &part) == 0) {
            check_bounds(&part);
        }
    }
}

static void through_an_envelope(const struct client_msg *msg)
{
    struct up_envelope env = {
        .kind = UP_FRAME,
        .conn = 1,
        .frame = {.frame_no = 1, .actor = {.user_id = 1}, .msg = *msg},
    };
    struct up_envelope back;
    struct buf out;
    size_t used;

    buf_init(&out, ENVELOPE_MAX_BYTES);
    check(up_envelope_encode(&env, &out) == 0);
    check(up_envelope_decode(buf_bytes(&out), &back, &used) == 0);
    check_same(msg, &back.frame.msg);
    buf_done(&out);
}

/* "{" and a key: another key fits between the two. */
static bool begins_with_a_key(struct bytes json)
{
    return json.len > 2 && json.ptr[0] == '{' && json.ptr[1] == '"';
}

/* Whether the data of a chunk was cut out makes no difference: with an escape in front of it that
 * never happens. */
static void check_uncut(struct bytes json, int err, const struct client_msg *msg)
{
    struct arena *arena = arena_new(MEMORY_MAX);
    struct client_msg uncut;
    struct buf text;

    check(arena != NULL);
    buf_init(&text, MEMORY_MAX);
    check(buf_append(&text, BYTES_LIT("{\"z\\\\z\":0,")) == 0);
    check(buf_append(&text, bytes_skip(json, 1)) == 0);
    check(client_msg_parse(buf_bytes(&text), arena, &uncut) == err);
    check_same(msg, &uncut);
    check_same_file(msg, &uncut);
    buf_done(&text);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_msg msg;
    int err;
    struct arena *arena = arena_new(MEMORY_MAX);

    if (!arena) {
        return 0;
    }
    err = client_msg_parse(bytes_of(data, size), arena, &msg);
    if (begins_with_a_key(bytes_of(data, size))) {
        check_uncut(bytes_of(data, size), err, &msg);
    }
    if (err == 0) {
        check_bounds(&msg);
        if (msg.kind == KIND_BATCH_UPDATE) {
            through_parts(&msg, arena);
        } else {
            through_json(&msg, arena);
        }
        through_an_envelope(&msg);
    } else {
        check(msg.text.len == 0 && msg.attachment_count == 0);
        check_text(msg.client_id);
    }
    arena_free(arena);
    return 0;
}
