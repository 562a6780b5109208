/* SPDX-License-Identifier: MIT */
#pragma once
/* The frames a client receives, as JSON text, each exactly as PROTOCOL.md has it. All append to
 * `out`; errors are those of struct buf. */
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/codes.h"
#include "proto/json_out.h"

struct chat_message {
    int64_t id, channel_id;
    int64_t author_id;
    struct bytes author_username, author_avatar;
    struct bytes content;
    uint64_t timestamp_ms;
    int64_t reply_to; /* 0 = null */
    uint64_t seq;
    struct bytes client_id;   /* empty = not given */
    struct bytes attachments; /* JSON array; empty = none */
};
NODISCARD int server_chat_message(const struct chat_message *m, struct buf *out);
/* The id of the message in such a frame; 0 = it is none. */
int64_t server_chat_message_id(struct bytes frame);
/* Append such a frame as it is after the message's deletion: with an empty text, without
 * attachments. Errors:
 * ERR_SYNTAX it is none; those of struct buf. */
NODISCARD int server_chat_message_emptied(struct bytes frame, struct buf *out);
/* Its "message" alone, as a value: seven keys, without seq and client_id. Pages of history have
 * messages in the same form. */
void server_put_message(struct json_out *j, const struct chat_message *m);

struct message_edit {
    int64_t message_id, channel_id, user_id;
    struct bytes new_content;
    uint64_t edited_at_ms, seq;
};
NODISCARD int server_edit_message(const struct message_edit *e, struct buf *out);

struct message_deletion {
    int64_t message_id, channel_id, user_id;
    uint64_t deleted_at_ms, seq;
};
NODISCARD int server_delete_message(const struct message_deletion *d, struct buf *out);

struct batch_update {
    struct bytes updates; /* a JSON array, sanitised */
    int64_t user_id, channel_id;
    struct bytes username;
    uint64_t seq, timestamp_ms;
};
NODISCARD int server_batch_update(const struct batch_update *b, struct buf *out);

struct read_receipt {
    int64_t message_id, user_id, channel_id;
    struct bytes username;
    uint64_t timestamp_ms;
};
NODISCARD int server_read_receipt(const struct read_receipt *r, struct buf *out);

struct typing {
    int64_t channel_id, user_id;
    struct bytes username;
    bool is_typing;
};
NODISCARD int server_typing(const struct typing *t, struct buf *out);

struct online_user {
    int64_t user_id;
    struct bytes username;
    struct bytes status;
    uint64_t last_seen_ms; /* of the status endpoint only */
};
struct chat_established {
    int64_t user_id, channel_id;
    struct bytes username, channel;
    uint64_t seq;
    bool is_resumed;
    const struct online_user *online;
    size_t online_count;
};
NODISCARD int server_chat_established(const struct chat_established *e, struct buf *out);

NODISCARD int server_notifications_established(int64_t user_id, struct bytes username,
                                               int64_t unread_count, struct buf *out);
struct status_established {
    int64_t user_id;
    struct bytes username;
    const struct online_user *online;
    size_t online_count;
};
NODISCARD int server_status_established(const struct status_established *e, struct buf *out);

struct notification {
    int64_t id;
    struct bytes title, message, category, url;
    uint64_t created_at_ms;
};
NODISCARD int server_notification(const struct notification *n, struct buf *out);
/* id 0 = all of them (null) */
NODISCARD int server_notification_update(int64_t id, struct bytes status, int64_t unread_count,
                                         struct buf *out);
NODISCARD int server_unread_count(int64_t count, struct buf *out);
NODISCARD int server_user_status(const struct online_user *user, struct buf *out);

struct room_presence {
    bool is_joined; /* user_joined, else user_left */
    int64_t user_id, channel_id;
    struct bytes username;
    uint64_t timestamp_ms;
};
NODISCARD int server_room_presence(const struct room_presence *p, struct buf *out);

/* {"type":"error","error","code"} and client_id unless it is empty; the rate-limit error never
 * carries one. `sentence` NULL = the code's own. */
NODISCARD int server_error(enum client_code code, const char *sentence, struct bytes client_id,
                           struct buf *out);
/* {"type":"token_refreshed","expires_at"}: the answer to refresh_token */
NODISCARD int server_token_refreshed(uint64_t expires_at_ms, struct buf *out);
NODISCARD int server_pong(uint64_t timestamp_ms, struct buf *out);
NODISCARD int server_heartbeat_ack(uint64_t timestamp_ms, struct buf *out);
