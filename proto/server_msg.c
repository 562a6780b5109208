/* SPDX-License-Identifier: MIT */
/* The frames a client receives. One function a frame, keys in the order of PROTOCOL.md. Called by
 * the broker for what it answers and fans out, and by the gateway for what it answers itself. */
#include "proto/server_msg.h"

#include "proto/limits.h"

/* A frame begins: {"type":"<type>" */
static struct json_out begin(const char *type, struct buf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "type", bytes_str(type));
    return j;
}

/* A frame ends. On an error nothing of it stays in the buffer. */
static int finish(struct json_out *j, size_t start)
{
    json_end_object(j);
    if (j->err) {
        j->out->len = start;
    }
    return j->err;
}

static void put_author(struct json_out *j, const struct chat_message *m)
{
    json_key(j, "author");
    json_begin_object(j);
    json_ki64(j, "id", m->author_id);
    json_kstr(j, "username", m->author_username);
    json_kstr(j, "avatar", m->author_avatar);
    json_end_object(j);
}

void server_put_message(struct json_out *j, const struct chat_message *m)
{
    json_begin_object(j);
    json_ki64(j, "id", m->id);
    json_kstr(j, "content", m->content);
    put_author(j, m);
    json_ktime(j, "timestamp", m->timestamp_ms);
    json_ki64(j, "channel_id", m->channel_id);
    json_key(j, "reply_to");
    if (m->reply_to) {
        json_i64(j, m->reply_to);
    } else {
        json_nil(j);
    }
    json_key(j, "attachments");
    json_raw(j, m->attachments.len > 0 ? m->attachments : BYTES_LIT("[]"));
    json_end_object(j);
}

static void put_client_id(struct json_out *j, struct bytes client_id)
{
    if (client_id.len) {
        json_kstr(j, "client_id", client_id);
    }
}

int server_chat_message(const struct chat_message *m, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("chat_message", out);

    json_key(&j, "message");
    server_put_message(&j, m);
    json_ki64(&j, "seq", (int64_t)m->seq);
    put_client_id(&j, m->client_id);
    return finish(&j, start);
}

/* How such a frame begins; its id and its text follow. */
#define MESSAGE_HEAD "{\"type\":\"chat_message\",\"message\":{\"id\":"
#define TEXT_HEAD ",\"content\":\""
/* Its attachments, and what follows them. */
#define LIST_HEAD ",\"attachments\":["
#define LIST_END "]},\"seq\":"

static bool skip_text(struct bytes *rest, const char *text)
{
    size_t len = strlen(text);
    bool is_there = rest->len >= len && memcmp(rest->ptr, text, len) == 0;

    *rest = is_there ? bytes_skip(*rest, len) : *rest;
    return is_there;
}

/* Past the id. Gives it, or 0. */
static int64_t skip_id(struct bytes *rest)
{
    int64_t id = 0;

    if (!skip_text(rest, MESSAGE_HEAD)) {
        return 0;
    }
    while (rest->len > 0 && *rest->ptr >= '0' && *rest->ptr <= '9' && id <= ID_MAX / 10) {
        id = id * 10 + (*rest->ptr - '0');
        *rest = bytes_skip(*rest, 1);
    }
    return id;
}

int64_t server_chat_message_id(struct bytes frame)
{
    return skip_id(&frame);
}

/* What is left of `text` from the first `mark` on; empty when there is none. A quotation mark in a
 * string is escaped, so that marks with plain ones are found in the frame's own structure alone. */
static struct bytes from_mark(struct bytes text, const char *mark)
{
    const char *at = text.len > 0 ? memmem(text.ptr, text.len, mark, strlen(mark)) : NULL;

    return at ? bytes_skip(text, (size_t)(at - text.ptr)) : BYTES_NONE;
}

/* Append the frame from behind its text, without its attachments. */
static int append_without_attachments(struct bytes rest, struct buf *out)
{
    struct bytes list = from_mark(rest, LIST_HEAD), end = from_mark(list, LIST_END);
    int err;

    if (end.len == 0) {
        return ERR_SYNTAX;
    }
    err = buf_append(out, bytes_of(rest.ptr, rest.len - list.len + strlen(LIST_HEAD)));
    return err ? err : buf_append(out, end);
}

int server_chat_message_emptied(struct bytes frame, struct buf *out)
{
    size_t start = out->len, end = 0;
    struct bytes rest = frame;
    int err;

    if (skip_id(&rest) == 0 || !skip_text(&rest, TEXT_HEAD)) {
        return ERR_SYNTAX;
    }
    while (end < rest.len && rest.ptr[end] != '"') {
        end += rest.ptr[end] == '\\' ? 2 : 1; /* whatever is escaped does not end the text */
    }
    if (end >= rest.len) {
        return ERR_SYNTAX;
    }
    err = buf_append(out, bytes_of(frame.ptr, frame.len - rest.len));
    if (err == 0) {
        err = append_without_attachments(bytes_skip(rest, end), out);
    }
    if (err != 0) {
        out->len = start;
    }
    return err;
}

int server_edit_message(const struct message_edit *e, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("edit_message", out);

    json_ki64(&j, "message_id", e->message_id);
    json_kstr(&j, "new_content", e->new_content);
    json_ki64(&j, "channel_id", e->channel_id);
    json_ki64(&j, "user_id", e->user_id);
    json_ktime(&j, "edited_at", e->edited_at_ms);
    json_ki64(&j, "seq", (int64_t)e->seq);
    return finish(&j, start);
}

int server_delete_message(const struct message_deletion *d, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("delete_message", out);

    json_ki64(&j, "message_id", d->message_id);
    json_ki64(&j, "channel_id", d->channel_id);
    json_ki64(&j, "user_id", d->user_id);
    json_ktime(&j, "deleted_at", d->deleted_at_ms);
    json_ki64(&j, "seq", (int64_t)d->seq);
    return finish(&j, start);
}

int server_batch_update(const struct batch_update *b, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("batch_update", out);

    json_key(&j, "updates");
    json_raw(&j, b->updates);
    json_ki64(&j, "user_id", b->user_id);
    json_kstr(&j, "username", b->username);
    json_ki64(&j, "channel_id", b->channel_id);
    json_ki64(&j, "seq", (int64_t)b->seq);
    json_ktime(&j, "timestamp", b->timestamp_ms);
    return finish(&j, start);
}

int server_read_receipt(const struct read_receipt *r, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("read_receipt", out);

    json_ki64(&j, "message_id", r->message_id);
    json_ki64(&j, "user_id", r->user_id);
    json_kstr(&j, "username", r->username);
    json_ki64(&j, "channel_id", r->channel_id);
    json_ktime(&j, "timestamp", r->timestamp_ms);
    return finish(&j, start);
}

int server_typing(const struct typing *t, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("typing", out);

    json_ki64(&j, "channel_id", t->channel_id);
    json_ki64(&j, "user_id", t->user_id);
    json_kstr(&j, "username", t->username);
    json_kbool(&j, "is_typing", t->is_typing);
    return finish(&j, start);
}

/* has_last_seen: of the status endpoint. */
static void put_online_users(struct json_out *j, const struct online_user *users, size_t count,
                             bool has_last_seen)
{
    json_key(j, "online_users");
    json_begin_array(j);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(j);
        json_ki64(j, "user_id", users[i].user_id);
        json_kstr(j, "username", users[i].username);
        json_kstr(j, "status", users[i].status);
        if (has_last_seen) {
            json_ktime(j, "last_seen", users[i].last_seen_ms);
        }
        json_end_object(j);
    }
    json_end_array(j);
}

int server_chat_established(const struct chat_established *e, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("connection_established", out);

    json_kstr(&j, "endpoint", BYTES_LIT("chat"));
    json_ki64(&j, "user_id", e->user_id);
    json_kstr(&j, "username", e->username);
    json_ki64(&j, "channel_id", e->channel_id);
    json_kstr(&j, "channel", e->channel);
    json_ki64(&j, "seq", (int64_t)e->seq);
    json_kbool(&j, "resumed", e->is_resumed);
    put_online_users(&j, e->online, e->online_count, false);
    return finish(&j, start);
}

int server_notifications_established(int64_t user_id, struct bytes username, int64_t unread_count,
                                     struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("connection_established", out);

    json_kstr(&j, "endpoint", BYTES_LIT("notifications"));
    json_ki64(&j, "user_id", user_id);
    json_kstr(&j, "username", username);
    json_ki64(&j, "unread_count", unread_count);
    return finish(&j, start);
}

int server_status_established(const struct status_established *e, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("connection_established", out);

    json_kstr(&j, "endpoint", BYTES_LIT("status"));
    json_ki64(&j, "user_id", e->user_id);
    json_kstr(&j, "username", e->username);
    put_online_users(&j, e->online, e->online_count, true);
    return finish(&j, start);
}

int server_notification(const struct notification *n, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("notification", out);

    json_key(&j, "notification");
    json_begin_object(&j);
    json_ki64(&j, "id", n->id);
    json_kstr(&j, "title", n->title);
    json_kstr(&j, "message", n->message);
    json_kstr(&j, "category", n->category);
    json_kstr(&j, "url", n->url);
    json_ktime(&j, "created_at", n->created_at_ms);
    json_end_object(&j);
    return finish(&j, start);
}

int server_notification_update(int64_t id, struct bytes status, int64_t unread_count,
                               struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("notification_update", out);

    if (id) {
        json_ki64(&j, "notification_id", id);
    } else {
        json_key(&j, "notification_id");
        json_nil(&j);
    }
    json_kstr(&j, "status", status);
    json_ki64(&j, "unread_count", unread_count);
    return finish(&j, start);
}

int server_unread_count(int64_t count, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("unread_count", out);

    json_ki64(&j, "count", count);
    return finish(&j, start);
}

int server_user_status(const struct online_user *user, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("user_status", out);

    json_ki64(&j, "user_id", user->user_id);
    json_kstr(&j, "status", user->status);
    json_ktime(&j, "last_seen", user->last_seen_ms);
    json_kstr(&j, "username", user->username);
    return finish(&j, start);
}

int server_room_presence(const struct room_presence *p, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin(p->is_joined ? "user_joined" : "user_left", out);

    json_ki64(&j, "user_id", p->user_id);
    json_kstr(&j, "username", p->username);
    json_ki64(&j, "channel_id", p->channel_id);
    json_ktime(&j, "timestamp", p->timestamp_ms);
    return finish(&j, start);
}

int server_error(enum client_code code, const char *sentence, struct bytes client_id,
                 struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("error", out);

    json_kstr(&j, "error", bytes_str(sentence ? sentence : code_sentence(code)));
    json_kstr(&j, "code", bytes_str(code_name(code)));
    if (code != CODE_RATE_LIMIT_EXCEEDED) { /* documented without anything more */
        put_client_id(&j, client_id);
    }
    return finish(&j, start);
}

/* {"type","timestamp"} */
static int put_timed(const char *type, uint64_t timestamp_ms, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin(type, out);

    json_ktime(&j, "timestamp", timestamp_ms);
    return finish(&j, start);
}

int server_token_refreshed(uint64_t expires_at_ms, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("token_refreshed", out);

    json_ktime(&j, "expires_at", expires_at_ms);
    return finish(&j, start);
}

int server_pong(uint64_t timestamp_ms, struct buf *out)
{
    return put_timed("pong", timestamp_ms, out);
}

int server_heartbeat_ack(uint64_t timestamp_ms, struct buf *out)
{
    return put_timed("heartbeat_ack", timestamp_ms, out);
}
