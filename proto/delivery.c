/* SPDX-License-Identifier: MIT */
/* The items of deliveries: struct <-> msgpack. Checks form and bounds, not meaning. Encoded by
 * broker/egress, decoded by gateway/downlink.
 *
 *     item     [kind, conn, fields…]      "…" in the order of the struct
 */
#include "proto/delivery.h"

#include "proto/envelope_parts.h"

#define ITEM_HEAD_FIELDS 2u /* kind, conn */

/* Fields of each kind behind the head. */
static const unsigned char KIND_FIELDS[] = {
    [DOWN_GRANTED] = 5, [DOWN_REFUSED] = 2, [DOWN_JOINED] = 4,    [DOWN_TOPIC] = 6,
    [DOWN_REPLY] = 3,   [DOWN_ACK] = 2,     [DOWN_HTTP] = 7,      [DOWN_KICK] = 6,
    [DOWN_TYPING] = 5,  [DOWN_HISTORY] = 4, [DOWN_REFRESHED] = 4, [DOWN_SEND] = 1,
    [DOWN_WANTED] = 3,  [DOWN_PULLED] = 3,
};
#define DOWN_KIND_MAX DOWN_PULLED

/* --- parts ------------------------------------------------------------------------------- */

static bool is_close_code(uint64_t n)
{
    switch ((enum close_code)n) {
    case CLOSE_NONE:
    case CLOSE_GOING_AWAY:
    case CLOSE_PROTOCOL_ERROR:
    case CLOSE_BAD_DATA:
    case CLOSE_POLICY:
    case CLOSE_TOO_BIG:
    case CLOSE_INTERNAL:
    case CLOSE_RESTART:
    case CLOSE_TRY_LATER:
    case CLOSE_AUTH:
    case CLOSE_DENIED:
    case CLOSE_NO_CHANNEL:
    case CLOSE_IDLE:
    case CLOSE_SLOW:
    case CLOSE_FLOOD:
        return true;
    }
    return false;
}

static enum close_code get_close_code(struct mp_read *r)
{
    uint64_t n = mp_u64(r, UINT16_MAX);

    if (!is_close_code(n)) {
        mp_fail(r, ERR_RANGE);
    }
    return (enum close_code)n;
}

static struct bytes get_topic(struct mp_read *r)
{
    return mp_text(r, TOPIC_MAX_BYTES);
}

static struct bytes get_json(struct mp_read *r)
{
    return mp_text(r, ENVELOPE_MAX_BYTES);
}

/* --- the kinds --------------------------------------------------------------------------- */

static void put_granted(struct mp_write *w, const struct down_granted *granted)
{
    actor_put(w, &granted->actor);
    mp_put_str(w, granted->topic);
    mp_put_u64(w, granted->as_of_ms);
    mp_put_u64(w, granted->login);
    mp_put_u64(w, granted->expires_s);
}

static void get_granted(struct mp_read *r, struct down_granted *granted)
{
    granted->actor = actor_get(r);
    granted->topic = get_topic(r);
    granted->as_of_ms = mp_u64(r, UINT64_MAX);
    granted->login = mp_u64(r, UINT64_MAX);
    granted->expires_s = mp_u64(r, UINT64_MAX);
}

static void put_refused(struct mp_write *w, const struct down_refused *refused)
{
    mp_put_u64(w, refused->code);
    mp_put_u64(w, refused->close);
}

static void get_refused(struct mp_read *r, struct down_refused *refused)
{
    refused->code = (enum client_code)mp_i64(r, CODE_NONE + 1, CODE_COUNT - 1);
    refused->close = get_close_code(r);
}

static void put_joined(struct mp_write *w, const struct down_joined *joined)
{
    mp_put_str(w, joined->topic);
    mp_put_u64(w, joined->seq);
    mp_put_bool(w, joined->is_resumed);
    mp_put_str(w, joined->json);
}

static void get_joined(struct mp_read *r, struct down_joined *joined)
{
    joined->topic = get_topic(r);
    joined->seq = mp_u64(r, ID_MAX);
    joined->is_resumed = mp_bool(r);
    joined->json = get_json(r);
}

static void put_topic(struct mp_write *w, const struct down_topic *topic)
{
    mp_put_str(w, topic->topic);
    mp_put_u64(w, topic->seq);
    mp_put_i64(w, topic->exclude_user);
    mp_put_u64(w, topic->exclude_conn);
    mp_put_i64(w, topic->author);
    mp_put_str(w, topic->json);
}

static void get_topic_frame(struct mp_read *r, struct down_topic *topic)
{
    topic->topic = get_topic(r);
    topic->seq = mp_u64(r, ID_MAX);
    topic->exclude_user = id_get(r, 0);
    topic->exclude_conn = mp_u64(r, UINT64_MAX);
    topic->author = id_get(r, 0);
    topic->json = get_json(r);
}

static void put_reply(struct mp_write *w, const struct down_reply *reply)
{
    mp_put_u64(w, reply->frame_no);
    mp_put_u64(w, reply->received_us);
    mp_put_str(w, reply->json);
}

static void get_reply(struct mp_read *r, struct down_reply *reply)
{
    reply->frame_no = mp_u64(r, UINT64_MAX);
    reply->received_us = mp_u64(r, UINT64_MAX);
    reply->json = get_json(r);
}

static void put_ack(struct mp_write *w, const struct down_ack *ack)
{
    mp_put_u64(w, ack->frame_no);
    mp_put_u64(w, ack->received_us);
}

static void get_ack(struct mp_read *r, struct down_ack *ack)
{
    ack->frame_no = mp_u64(r, UINT64_MAX);
    ack->received_us = mp_u64(r, UINT64_MAX);
}

static void put_http(struct mp_write *w, const struct down_http *http)
{
    mp_put_u64(w, http->status);
    mp_put_bin(w, http->content_type);
    mp_put_bin(w, http->headers);
    mp_put_bin(w, http->body);
    mp_put_str(w, http->ref);
    mp_put_u64(w, http->ref_offset);
    mp_put_u64(w, http->ref_bytes);
}

static void get_http(struct mp_read *r, struct down_http *http)
{
    http->status = (uint32_t)mp_i64(r, 100, 599);
    http->content_type = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    http->headers = mp_bytes(r, HEADER_VALUE_MAX_BYTES);
    http->body = mp_bytes(r, HTTP_REPLY_MAX_BYTES);
    http->ref = mp_text(r, STORAGE_KEY_MAX_BYTES);
    http->ref_offset = mp_u64(r, ID_MAX);
    http->ref_bytes = mp_u64(r, ID_MAX);
}

static void put_kick(struct mp_write *w, const struct down_kick *kick)
{
    mp_put_i64(w, kick->user_id);
    mp_put_str(w, kick->topic);
    mp_put_u64(w, kick->login);
    mp_put_u64(w, kick->as_of_ms);
    mp_put_u64(w, kick->code);
    mp_put_u64(w, kick->close);
}

static void get_kick(struct mp_read *r, struct down_kick *kick)
{
    kick->user_id = id_get(r, 0);
    kick->topic = get_topic(r);
    kick->login = mp_u64(r, UINT64_MAX);
    kick->as_of_ms = mp_u64(r, UINT64_MAX);
    kick->code = (enum client_code)mp_i64(r, CODE_NONE, CODE_COUNT - 1);
    kick->close = get_close_code(r);
    if (!r->err && kick->user_id == 0 && kick->topic.len == 0 && kick->login == 0) {
        mp_fail(r, ERR_RANGE); /* nobody may close everything by accident */
    }
}

static void put_typing(struct mp_write *w, const struct down_typing *typing)
{
    mp_put_str(w, typing->topic);
    mp_put_i64(w, typing->channel_id);
    mp_put_i64(w, typing->user_id);
    mp_put_str(w, typing->username);
    mp_put_u64(w, typing->change);
}

static void get_typing(struct mp_read *r, struct down_typing *typing)
{
    typing->topic = get_topic(r);
    typing->channel_id = id_get(r, 1);
    typing->user_id = id_get(r, 1);
    typing->username = mp_text(r, USERNAME_MAX_BYTES);
    typing->change = (enum typing_change)mp_i64(r, TYPING_ON, TYPING_STOP);
}

static void put_history(struct mp_write *w, const struct down_history *history)
{
    mp_put_str(w, history->topic);
    mp_put_u64(w, history->after);
    mp_put_u64(w, history->until);
    mp_put_str(w, history->frames);
}

static void get_history(struct mp_read *r, struct down_history *history)
{
    history->topic = get_topic(r);
    history->after = mp_u64(r, ID_MAX);
    history->until = mp_u64(r, ID_MAX);
    history->frames = get_json(r);
}

static void put_refreshed(struct mp_write *w, const struct down_refreshed *refreshed)
{
    mp_put_u64(w, refreshed->frame_no);
    mp_put_u64(w, refreshed->received_us);
    mp_put_u64(w, refreshed->login);
    mp_put_u64(w, refreshed->expires_s);
}

static void get_refreshed(struct mp_read *r, struct down_refreshed *refreshed)
{
    refreshed->frame_no = mp_u64(r, UINT64_MAX);
    refreshed->received_us = mp_u64(r, UINT64_MAX);
    refreshed->login = mp_u64(r, UINT64_MAX);
    refreshed->expires_s = mp_u64(r, UINT64_MAX);
}

/* --- items ------------------------------------------------------------------------------- */

static void put_fields(struct mp_write *w, const struct down_item *item)
{
    switch (item->kind) {
    case DOWN_GRANTED:
        put_granted(w, &item->granted);
        break;
    case DOWN_REFUSED:
        put_refused(w, &item->refused);
        break;
    case DOWN_JOINED:
        put_joined(w, &item->joined);
        break;
    case DOWN_TOPIC:
        put_topic(w, &item->topic);
        break;
    case DOWN_REPLY:
        put_reply(w, &item->reply);
        break;
    case DOWN_ACK:
        put_ack(w, &item->ack);
        break;
    case DOWN_HTTP:
        put_http(w, &item->http);
        break;
    case DOWN_KICK:
        put_kick(w, &item->kick);
        break;
    case DOWN_TYPING:
        put_typing(w, &item->typing);
        break;
    case DOWN_HISTORY:
        put_history(w, &item->history);
        break;
    case DOWN_REFRESHED:
        put_refreshed(w, &item->refreshed);
        break;
    case DOWN_SEND:
        mp_put_str(w, item->send.json);
        break;
    case DOWN_WANTED:
        wanted_put(w, &item->wanted);
        break;
    case DOWN_PULLED:
        pulled_put(w, &item->pulled);
        break;
    }
}

static void get_fields(struct mp_read *r, struct down_item *item)
{
    switch (item->kind) {
    case DOWN_GRANTED:
        get_granted(r, &item->granted);
        break;
    case DOWN_REFUSED:
        get_refused(r, &item->refused);
        break;
    case DOWN_JOINED:
        get_joined(r, &item->joined);
        break;
    case DOWN_TOPIC:
        get_topic_frame(r, &item->topic);
        break;
    case DOWN_REPLY:
        get_reply(r, &item->reply);
        break;
    case DOWN_ACK:
        get_ack(r, &item->ack);
        break;
    case DOWN_HTTP:
        get_http(r, &item->http);
        break;
    case DOWN_KICK:
        get_kick(r, &item->kick);
        break;
    case DOWN_TYPING:
        get_typing(r, &item->typing);
        break;
    case DOWN_HISTORY:
        get_history(r, &item->history);
        break;
    case DOWN_REFRESHED:
        get_refreshed(r, &item->refreshed);
        break;
    case DOWN_SEND:
        item->send.json = get_json(r);
        break;
    case DOWN_WANTED:
        wanted_get(r, &item->wanted);
        break;
    case DOWN_PULLED:
        pulled_get(r, &item->pulled);
        break;
    }
}

int down_item_encode(const struct down_item *item, struct buf *out)
{
    size_t start = out->len;
    struct mp_write w;

    mp_write_init(&w, out);
    mp_put_array(&w, ITEM_HEAD_FIELDS + KIND_FIELDS[item->kind]);
    mp_put_u64(&w, item->kind);
    mp_put_u64(&w, item->conn);
    put_fields(&w, item);
    return encode_finish(&w, start);
}

/* A frame for a topic and a kick are for many connections, all else is for one. */
static bool is_conn_legal(const struct down_item *item)
{
    bool is_for_one =
        item->kind != DOWN_TOPIC && item->kind != DOWN_TYPING && item->kind != DOWN_KICK;

    return is_for_one == (item->conn != 0);
}

int down_item_decode(struct mp_read *r, struct down_item *out)
{
    struct down_item item = {0};

    uint32_t count = mp_array(r, UINT32_MAX);
    item.kind = (enum down_kind)mp_i64(r, DOWN_GRANTED, DOWN_KIND_MAX);
    if (!r->err && count != ITEM_HEAD_FIELDS + KIND_FIELDS[item.kind]) {
        mp_fail(r, ERR_TYPE);
    }
    item.conn = mp_u64(r, UINT64_MAX);
    if (!r->err && !is_conn_legal(&item)) {
        mp_fail(r, ERR_RANGE);
    }
    if (!r->err) {
        get_fields(r, &item);
    }
    if (!r->err) {
        *out = item;
    }
    return r->err;
}
