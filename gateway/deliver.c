/* SPDX-License-Identifier: MIT */
/* What brokers say, item by item: answers find their session or request, topic frames go into
 * their topic's log. Called by downlink for everything that it let pass.
 *
 * A topic's content is checked by its seq: a repeat is dropped; a hole means that frames were lost
 * on the way (trimmed, a Redis that forgot), so the topic's sockets are closed and come back with
 * since=. */
#include "common/io/clock.h"
#include "common/log.h"
#include "gateway/events.h"
#include "gateway/gateway_metrics.h"
#include "gateway/gateway_glue.h"
#include "gateway/ws_frame.h"
#include "proto/server_msg.h"

/* --- topics ------------------------------------------------------------------------------------
 */

/* The frame's bytes in each form that somebody reads. The plain one is in g->frame, the deflated
 * one behind it in g->out, unless both are the same bytes. */
static int make_frame(struct gateway *g, const struct topic *t, struct bytes json,
                      struct topic_frame *out)
{
    bool wants_deflated = topic_wants(t, TOPIC_DEFLATED), is_deflated = false;
    int err;

    buf_reset(&g->frame);
    buf_reset(&g->deflated);
    buf_reset(&g->out);
    if (wants_deflated && json.len >= g->conf->compress_min_bytes) {
        is_deflated = deflate_message(g->deflate, json, &g->deflated) == 0;
    }
    err = ws_text_frame(json, false, &g->frame);
    if (err == 0 && is_deflated) {
        err = ws_text_frame(buf_bytes(&g->deflated), true, &g->out);
    }
    if (err != 0) {
        return err;
    }
    if (topic_wants(t, TOPIC_PLAIN)) {
        out->bytes[TOPIC_PLAIN] = buf_bytes(&g->frame);
    }
    if (wants_deflated) {
        out->bytes[TOPIC_DEFLATED] = is_deflated ? buf_bytes(&g->out) : buf_bytes(&g->frame);
    }
    return 0;
}

static void hole(struct gateway *g, struct topic *t, uint64_t seq)
{
    log_warn(EV_TOPIC_HOLE, LOG_BYTES("topic", topic_name(t)), LOG_U64("have", topic_seq(t)),
             LOG_U64("got", seq), LOG_U64("sockets", topic_subscribers(t)));
    topic_close_for_resume(g, t, "hole");
    topic_set_seq(t, seq);
}

void deliver_append(struct gateway *g, struct topic *t, const struct down_topic *item,
                    int64_t passing)
{
    struct topic_frame frame = {
        .exclude_user = item->exclude_user, .exclude_conn = item->exclude_conn, .passing = passing};
    int err = make_frame(g, t, item->json, &frame);

    if (err == 0) {
        err = topic_append(t, &frame);
    }
    if (err != 0) {
        log_error(EV_TOPIC_FULL, LOG_BYTES("topic", topic_name(t)), LOG_ERR(err));
        topic_close_for_resume(g, t, "memory");
        return;
    }
    flusher_news(g, t);
}

static void deliver_topic(struct gateway *g, const struct down_topic *item)
{
    struct topic *t = topic_find(&g->topics, item->topic);
    int64_t passing = 0;

    if (!t) {
        return; /* nobody here any more; the broker has not heard of it yet */
    }
    if (item->seq > 0) {
        switch (topic_check_seq(t, item->seq)) {
        case SEQ_REPEAT:
            metric_add(gateway_metrics.downlink_repeats, 1);
            return;
        case SEQ_HOLE:
            hole(g, t, item->seq);
            return;
        case SEQ_NEXT:
            topic_set_seq(t, item->seq);
            break;
        }
    }
    if (item->author && item->seq > 0) {
        typing_stop(g, t, item->author);
    } else if (item->author) {
        passing = PASSING_PRESENCE(item->author);
    }
    deliver_append(g, t, item, passing);
}

/* --- answers -------------------------------------------------------------------------------------
 */

static void deliver_granted(struct gateway *g, const struct down_item *item)
{
    struct session *s = session_table_find(g->sessions, item->conn);
    const struct session_input in = {.item = item};
    struct inflight_entry ignored;
    struct session_plan plan;

    inflight_take(g->inflight, INFLIGHT_OPEN, item->conn, 0, &ignored);
    if (s) {
        session_handle(s, SESSION_ON_GRANTED, &in);
    } else if (session_step(SESSION_GONE, SESSION_ON_GRANTED, &plan) == 0 &&
               (plan.actions & DO_GIVE_BACK)) {
        give_back(g, item);
    }
}

static void deliver_refused(struct gateway *g, const struct down_item *item)
{
    struct session *s = session_table_find(g->sessions, item->conn);
    const struct session_input in = {.code = item->refused.code, .close = item->refused.close};
    struct inflight_entry ignored;

    inflight_take(g->inflight, INFLIGHT_OPEN, item->conn, 0, &ignored);
    inflight_take(g->inflight, INFLIGHT_JOIN, item->conn, 0, &ignored);
    if (s) {
        log_debug(EV_SOCKET_REFUSED, LOG_ID("conn", s->id),
                  LOG_STR("code", code_name(item->refused.code)));
        session_handle(s, SESSION_ON_REFUSED, &in);
    }
}

/* The answer to a registration at a Redis that had forgotten: has anything been missed? */
static void deliver_rejoined(struct gateway *g, struct session *s, const struct down_joined *joined)
{
    struct topic *t = s->sub.topic;

    if (t && bytes_eq(topic_name(t), joined->topic) && joined->seq > topic_seq(t)) {
        hole(g, t, joined->seq);
    }
}

static void deliver_joined(struct gateway *g, const struct down_item *item)
{
    struct session *s = session_table_find(g->sessions, item->conn);
    const struct session_input in = {.item = item};
    struct inflight_entry ignored;

    inflight_take(g->inflight, INFLIGHT_JOIN, item->conn, 0, &ignored);
    if (!s || !s->topic_name || !bytes_eq_str(item->joined.topic, s->topic_name)) {
        return;
    }
    if (item->joined.json.len == 0) {
        deliver_rejoined(g, s, &item->joined);
    } else {
        session_handle(s, SESSION_ON_JOINED, &in);
    }
}

/* Of a broker's making: ours are counted where they are made. */
static void note_error(struct gateway *g, struct bytes frame)
{
    enum client_code code = usage_code_of(frame);

    if (code != CODE_NONE) {
        metric_add_label(gateway_metrics.errors, code_name(code), 1);
        usage_error(&g->usage, clock_mono_ms(), clock_wall_ms(), code);
    }
}

static void deliver_reply(struct gateway *g, const struct down_item *item)
{
    struct session *s = session_table_find(g->sessions, item->conn);
    struct inflight_entry entry;

    if (!inflight_take(g->inflight, INFLIGHT_FRAME, item->conn, item->reply.frame_no, &entry)) {
        return;
    }
    if (s && session_state(s) == SESSION_OPEN) {
        note_error(g, item->reply.json);
        send_private(s, item->reply.json);
        observe_latency(g, entry.received_us);
    }
    if (entry.chunk_bytes > 0) {
        uploading_answered(g, s, entry.chunk_bytes);
    }
}

static void deliver_send(struct gateway *g, const struct down_item *item)
{
    struct session *s = session_table_find(g->sessions, item->conn);

    if (s && session_state(s) == SESSION_OPEN) {
        note_error(g, item->send.json);
        send_private(s, item->send.json);
    }
}

static void deliver_ack(struct gateway *g, const struct down_item *item)
{
    struct session *s = session_table_find(g->sessions, item->conn);
    struct inflight_entry entry;

    if (http_upload_acked(g, item)) {
        return;
    }
    if (inflight_take(g->inflight, INFLIGHT_FRAME, item->conn, item->ack.frame_no, &entry) && s) {
        flusher_acked(g, s->sub.topic, entry.received_us);
    }
}

static void deliver_refreshed(struct gateway *g, const struct down_item *item)
{
    struct session *s = session_table_find(g->sessions, item->conn);
    const struct down_refreshed *refreshed = &item->refreshed;
    struct inflight_entry entry;

    if (!inflight_take(g->inflight, INFLIGHT_FRAME, item->conn, refreshed->frame_no, &entry) ||
        !s || session_state(s) != SESSION_OPEN) {
        return;
    }
    s->login = refreshed->login;
    s->expires_s = refreshed->expires_s;
    buf_reset(&g->json);
    if (server_token_refreshed(refreshed->expires_s * 1000, &g->json) == 0) {
        send_private(s, buf_bytes(&g->json));
    }
    observe_latency(g, entry.received_us);
}

/* --- kicks --------------------------------------------------------------------------------------
 */

static bool is_meant(const struct session *s, const struct down_kick *kick)
{
    return s->user && (kick->user_id == 0 || kick->user_id == s->user->user_id) &&
           (kick->topic.len == 0 || bytes_eq_str(kick->topic, s->topic_name)) &&
           (kick->login == 0 || kick->login == s->login) && s->as_of_ms <= kick->as_of_ms;
}

static void kick_one(struct session *s, const struct down_kick *kick)
{
    enum session_state state = session_state(s);

    if (state != SESSION_OPEN && state != SESSION_JOINING) {
        return;
    }
    log_info(EV_SOCKET_KICKED, LOG_ID("conn", s->id), LOG_STR("code", code_name(kick->code)));
    if (kick->code == CODE_NONE) {
        session_close_for_resume(s, "kick");
        return;
    }
    send_error(s, kick->code, BYTES_NONE);
    session_cut(s, kick->close, NULL);
}

static void deliver_kick(struct gateway *g, const struct down_kick *kick)
{
    uint32_t cursor = 0;
    struct session *s;

    while ((s = session_table_next(g->sessions, &cursor)) != NULL) {
        if (is_meant(s, kick)) {
            kick_one(s, kick);
        }
    }
}

void deliver_item(void *gateway, const struct down_item *item)
{
    struct gateway *g = gateway;

    switch (item->kind) {
    case DOWN_GRANTED:
        deliver_granted(g, item);
        break;
    case DOWN_REFUSED:
        deliver_refused(g, item);
        break;
    case DOWN_JOINED:
        deliver_joined(g, item);
        break;
    case DOWN_TOPIC:
        deliver_topic(g, &item->topic);
        break;
    case DOWN_REPLY:
        deliver_reply(g, item);
        break;
    case DOWN_ACK:
        deliver_ack(g, item);
        break;
    case DOWN_HTTP:
        http_front_answer(g, item);
        break;
    case DOWN_KICK:
        deliver_kick(g, &item->kick);
        break;
    case DOWN_TYPING:
        typing_deliver(g, &item->typing);
        break;
    case DOWN_HISTORY:
        resume_deliver(g, item);
        break;
    case DOWN_REFRESHED:
        deliver_refreshed(g, item);
        break;
    case DOWN_SEND:
        deliver_send(g, item);
        break;
    case DOWN_WANTED:
        http_upload_wanted(g, item);
        break;
    case DOWN_PULLED:
        http_download_pulled(g, item);
        break;
    }
}
