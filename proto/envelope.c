/* SPDX-License-Identifier: MIT */
/* Envelopes: struct <-> msgpack. Checks form and bounds, not meaning; whether a kind is legal now
 * is the broker's matter. Encoded by gateway/uplink, decoded by broker/intake.
 *
 *     [version, kind, conn, fields…]      "…" in the order of the struct; actor, credentials
 *                                         and client message are arrays of their own
 *
 * What a user typed or a broker made is str, checked to be UTF-8; what came in HTTP headers and
 * bodies is bin, any bytes. Decoding a second time gives the same struct, so a field must be read
 * exactly as it is put: the pairs put_x / get_x below stand next to each other. */
#include "proto/envelope.h"

#include "proto/envelope_parts.h"

#define HEAD_FIELDS 3u /* version, kind, conn */
#define CREDENTIAL_FIELDS 5u
#define MSG_FIELDS 9u

/* Fields of each kind behind the head. */
static const unsigned char KIND_FIELDS[] = {
    [UP_OPEN] = 4,    [UP_JOIN] = 5,    [UP_LEAVE] = 5,  [UP_FRAME] = 6,   [UP_HTTP] = 11,
    [UP_HISTORY] = 3, [UP_REFRESH] = 5, [UP_NOTIFY] = 9, [UP_UPLOAD] = 15, [UP_PULL] = 4,
};
#define UP_KIND_MAX UP_PULL

/* --- credentials ------------------------------------------------------------------------- */

static void put_credentials(struct mp_write *w, const struct credentials *cred)
{
    mp_put_array(w, CREDENTIAL_FIELDS);
    mp_put_bin(w, cred->authorization);
    mp_put_bin(w, cred->query_token);
    mp_put_bin(w, cred->subprotocol);
    mp_put_bin(w, cred->cookie);
    mp_put_bool(w, cred->has_query_token);
}

static void get_credentials(struct mp_read *r, struct credentials *cred)
{
    mp_array_exact(r, CREDENTIAL_FIELDS);
    cred->authorization = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    cred->query_token = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    cred->subprotocol = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    cred->cookie = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    cred->has_query_token = mp_bool(r);
}

/* --- client message ---------------------------------------------------------------------- */

static void put_msg(struct mp_write *w, const struct client_msg *msg)
{
    mp_put_array(w, MSG_FIELDS);
    mp_put_u64(w, msg->kind);
    mp_put_str(w, msg->client_id);
    mp_put_str(w, msg->text);
    mp_put_i64(w, msg->channel_id);
    mp_put_i64(w, msg->reply_to);
    mp_put_i64(w, msg->message_id);
    mp_put_i64(w, msg->notification_id);
    mp_put_bool(w, msg->is_typing);
    mp_put_array(w, msg->attachment_count);
    for (uint32_t i = 0; i < msg->attachment_count; i++) {
        mp_put_i64(w, msg->attachments[i]);
    }
}

static void get_msg(struct mp_read *r, struct client_msg *msg)
{
    mp_array_exact(r, MSG_FIELDS);
    msg->kind = (enum client_kind)mp_i64(r, KIND_INVALID + 1, KIND_COUNT - 1);
    msg->client_id = mp_text(r, CLIENT_ID_MAX_BYTES);
    msg->text = mp_text(r, MESSAGE_MAX_BYTES);
    msg->channel_id = id_get(r, 0);
    msg->reply_to = id_get(r, 0);
    msg->message_id = id_get(r, 0);
    msg->notification_id = id_get(r, 0);
    msg->is_typing = mp_bool(r);
    msg->attachment_count = mp_array(r, ATTACHMENTS_MAX);
    for (uint32_t i = 0; i < msg->attachment_count; i++) {
        msg->attachments[i] = id_get(r, 1);
    }
}

/* --- the kinds --------------------------------------------------------------------------- */

static void put_open(struct mp_write *w, const struct up_open *open)
{
    mp_put_u64(w, open->endpoint);
    mp_put_str(w, open->room);
    put_credentials(w, &open->cred);
    mp_put_str(w, open->address);
}

static void get_open(struct mp_read *r, struct up_open *open)
{
    open->endpoint = (enum endpoint)mp_i64(r, ENDPOINT_NONE + 1, ENDPOINT_COUNT - 1);
    open->room = mp_text(r, ROOM_NAME_MAX);
    get_credentials(r, &open->cred);
    open->address = mp_text(r, ADDRESS_MAX_BYTES);
}

static void put_join(struct mp_write *w, const struct up_join *join)
{
    actor_put(w, &join->actor);
    mp_put_str(w, join->topic);
    mp_put_bool(w, join->is_rejoin);
    mp_put_bool(w, join->has_since);
    mp_put_u64(w, join->since);
}

static void get_join(struct mp_read *r, struct up_join *join)
{
    join->actor = actor_get(r);
    join->topic = mp_text(r, TOPIC_MAX_BYTES);
    join->is_rejoin = mp_bool(r);
    join->has_since = mp_bool(r);
    join->since = mp_u64(r, ID_MAX);
}

static void put_leave(struct mp_write *w, const struct up_leave *leave)
{
    mp_put_i64(w, leave->user_id);
    mp_put_str(w, leave->username);
    mp_put_str(w, leave->topic);
    mp_put_bool(w, leave->is_clean);
    mp_put_bool(w, leave->is_typing);
}

static void get_leave(struct mp_read *r, struct up_leave *leave)
{
    leave->user_id = id_get(r, 1);
    leave->username = mp_text(r, USERNAME_MAX_BYTES);
    leave->topic = mp_text(r, TOPIC_MAX_BYTES);
    leave->is_clean = mp_bool(r);
    leave->is_typing = mp_bool(r);
}

static void put_frame(struct mp_write *w, const struct up_frame *frame)
{
    mp_put_u64(w, frame->frame_no);
    mp_put_u64(w, frame->received_us);
    actor_put(w, &frame->actor);
    mp_put_str(w, frame->topic);
    mp_put_bool(w, frame->is_outside);
    put_msg(w, &frame->msg);
}

static void get_frame(struct mp_read *r, struct up_frame *frame)
{
    frame->frame_no = mp_u64(r, UINT64_MAX);
    frame->received_us = mp_u64(r, UINT64_MAX);
    frame->actor = actor_get(r);
    frame->topic = mp_text(r, TOPIC_MAX_BYTES);
    frame->is_outside = mp_bool(r);
    get_msg(r, &frame->msg);
}

static void put_http(struct mp_write *w, const struct up_http *http)
{
    mp_put_bin(w, http->method);
    mp_put_bin(w, http->path);
    mp_put_bin(w, http->query);
    mp_put_bin(w, http->body);
    mp_put_bin(w, http->content_type);
    mp_put_str(w, http->address);
    put_credentials(w, &http->cred);
    mp_put_bin(w, http->range);
    mp_put_bin(w, http->if_range);
    mp_put_bin(w, http->if_none_match);
    mp_put_u64(w, http->body_bytes);
}

static void get_http(struct mp_read *r, struct up_http *http)
{
    http->method = mp_bytes(r, HTTP_METHOD_MAX_BYTES);
    http->path = mp_bytes(r, HTTP_PATH_MAX_BYTES);
    http->query = mp_bytes(r, HTTP_PATH_MAX_BYTES);
    http->body = mp_bytes(r, HTTP_BODY_MAX_BYTES);
    http->content_type = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    http->address = mp_text(r, ADDRESS_MAX_BYTES);
    get_credentials(r, &http->cred);
    http->range = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    http->if_range = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    http->if_none_match = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    http->body_bytes = mp_u64(r, ID_MAX);
}

static void put_history(struct mp_write *w, const struct up_history *history)
{
    mp_put_str(w, history->topic);
    mp_put_u64(w, history->after);
    mp_put_u64(w, history->until);
}

static void get_history(struct mp_read *r, struct up_history *history)
{
    history->topic = mp_text(r, TOPIC_MAX_BYTES);
    history->after = mp_u64(r, ID_MAX);
    history->until = mp_u64(r, ID_MAX);
}

static void put_refresh(struct mp_write *w, const struct up_refresh *refresh)
{
    mp_put_u64(w, refresh->frame_no);
    mp_put_u64(w, refresh->received_us);
    mp_put_i64(w, refresh->user_id);
    mp_put_str(w, refresh->client_id);
    mp_put_str(w, refresh->token);
}

static void get_refresh(struct mp_read *r, struct up_refresh *refresh)
{
    refresh->frame_no = mp_u64(r, UINT64_MAX);
    refresh->received_us = mp_u64(r, UINT64_MAX);
    refresh->user_id = id_get(r, 1);
    refresh->client_id = mp_text(r, CLIENT_ID_MAX_BYTES);
    refresh->token = mp_text(r, CREDENTIAL_MAX_BYTES);
}

static void put_notify(struct mp_write *w, const struct up_notify *n)
{
    mp_put_str(w, n->source);
    mp_put_i64(w, n->channel_id);
    mp_put_i64(w, n->message_id);
    mp_put_u64(w, n->created_ms);
    mp_put_str(w, n->title);
    mp_put_str(w, n->message);
    mp_put_str(w, n->category);
    mp_put_str(w, n->url);
    mp_put_bin(w, n->users);
}

static void get_notify(struct mp_read *r, struct up_notify *n)
{
    n->source = mp_text(r, NOTIFY_SOURCE_MAX_BYTES);
    n->channel_id = id_get(r, 0);
    n->message_id = id_get(r, 0);
    n->created_ms = mp_u64(r, ID_MAX);
    n->title = mp_text(r, NOTIFY_TITLE_MAX_BYTES);
    n->message = mp_text(r, NOTIFY_MESSAGE_MAX_BYTES);
    n->category = mp_text(r, NOTIFY_CATEGORY_MAX_BYTES);
    n->url = mp_text(r, NOTIFY_URL_MAX_BYTES);
    n->users = mp_bytes(r, 8u * NOTIFY_USERS_MAX);
    if (!r->err && (n->users.len == 0 || n->users.len % 8 != 0)) {
        mp_fail(r, ERR_RANGE);
    }
    if (!r->err && notify_frames_bytes(n) > NOTIFY_FRAMES_MAX_BYTES) {
        mp_fail(r, ERR_LIMIT);
    }
}

int64_t notify_user(const struct up_notify *n, size_t i)
{
    uint64_t id = 0;

    for (size_t k = 8; k-- > 0;) {
        id = id << 8 | (unsigned char)n->users.ptr[i * 8 + k];
    }
    return id <= ID_MAX ? (int64_t)id : 0;
}

size_t notify_frames_bytes(const struct up_notify *n)
{
    /* Sanitised text grows to twice its length at most when it is quoted. */
    size_t texts = n->title.len + n->message.len + n->category.len + n->url.len;

    return notify_user_count(n) * (NOTIFY_FRAME_ROOM + 2 * texts);
}

void notify_user_put(char out[8], int64_t user_id)
{
    for (size_t k = 0; k < 8; k++) {
        out[k] = (char)((uint64_t)user_id >> (8 * k));
    }
}

/* --- whole envelopes --------------------------------------------------------------------- */

int up_envelope_encode(const struct up_envelope *env, struct buf *out)
{
    size_t start = out->len;
    struct mp_write w;

    mp_write_init(&w, out);
    mp_put_array(&w, HEAD_FIELDS + KIND_FIELDS[env->kind]);
    mp_put_u64(&w, PROTO_VERSION);
    mp_put_u64(&w, env->kind);
    mp_put_u64(&w, env->conn);
    switch (env->kind) {
    case UP_OPEN:
        put_open(&w, &env->open);
        break;
    case UP_JOIN:
        put_join(&w, &env->join);
        break;
    case UP_LEAVE:
        put_leave(&w, &env->leave);
        break;
    case UP_FRAME:
        put_frame(&w, &env->frame);
        break;
    case UP_HTTP:
        put_http(&w, &env->http);
        break;
    case UP_HISTORY:
        put_history(&w, &env->history);
        break;
    case UP_REFRESH:
        put_refresh(&w, &env->refresh);
        break;
    case UP_NOTIFY:
        put_notify(&w, &env->notify);
        break;
    case UP_UPLOAD:
        upload_put(&w, &env->upload);
        break;
    case UP_PULL:
        pull_put(&w, &env->pull);
        break;
    }
    return encode_finish(&w, start);
}

static void get_fields(struct mp_read *r, struct up_envelope *env)
{
    switch (env->kind) {
    case UP_OPEN:
        get_open(r, &env->open);
        break;
    case UP_JOIN:
        get_join(r, &env->join);
        break;
    case UP_LEAVE:
        get_leave(r, &env->leave);
        break;
    case UP_FRAME:
        get_frame(r, &env->frame);
        break;
    case UP_HTTP:
        get_http(r, &env->http);
        break;
    case UP_HISTORY:
        get_history(r, &env->history);
        break;
    case UP_REFRESH:
        get_refresh(r, &env->refresh);
        break;
    case UP_NOTIFY:
        get_notify(r, &env->notify);
        break;
    case UP_UPLOAD:
        upload_get(r, &env->upload);
        break;
    case UP_PULL:
        pull_get(r, &env->pull);
        break;
    }
}

int up_envelope_decode(struct bytes in, struct up_envelope *out_env, size_t *out_used)
{
    struct up_envelope env = {0};
    struct mp_read r;

    mp_read_init(&r, in);
    uint32_t count = versioned_array_get(&r);
    env.kind = (enum up_kind)mp_i64(&r, UP_OPEN, UP_KIND_MAX);
    if (!r.err && count != HEAD_FIELDS + KIND_FIELDS[env.kind]) {
        mp_fail(&r, ERR_TYPE);
    }
    env.conn = mp_u64(&r, UINT64_MAX);
    if (!r.err && env.conn == 0) {
        mp_fail(&r, ERR_RANGE);
    }
    if (!r.err) {
        get_fields(&r, &env);
    }
    if (r.err) {
        return r.err;
    }
    *out_env = env;
    *out_used = r.pos;
    return 0;
}
