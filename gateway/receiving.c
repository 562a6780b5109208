/* SPDX-License-Identifier: MIT */
/* Messages of clients: asks inbound what to do with each and does it. Frames for brokers are
 * numbered, noted in inflight, charged to the user's quota, and handed to the uplink.
 *
 *     message -> inbound_judge -> answer here | error | encode -> quota -> uplink
 *                                                                   `-> wait for a lease, paused */
#include <stdio.h>
#include <utlist.h>

#include "common/io/clock.h"
#include "gateway/gateway_metrics.h"
#include "gateway/gateway_glue.h"
#include "gateway/outbox.h"
#include "gateway/ws_frame.h"
#include "proto/limits.h"
#include "proto/server_msg.h"
#include "proto/stream_keys.h"

#define ECHO_WAITING_MAX 16u /* frames; then reading is paused until they are written */
#define WS_OPCODE_TEXT 0x1
#define WS_OPCODE_BINARY 0x2

static void touch(struct session *s, uint64_t now_ms)
{
    struct gateway *g = s->gateway;

    s->last_data_ms = now_ms;
    DL_DELETE2(g->idle, s, idle_prev, idle_next);
    DL_APPEND2(g->idle, s, idle_prev, idle_next);
}

/* --- echo ------------------------------------------------------------------------------------ */

static int echo_frame(struct session *s, struct bytes message, bool is_binary)
{
    struct gateway *g = s->gateway;
    int err;

    buf_reset(&g->frame);
    err = frame_for(s, message, &g->frame);
    if (err == 0 && is_binary) {
        g->frame.data[0] = (char)(g->frame.data[0] ^ WS_OPCODE_TEXT ^ WS_OPCODE_BINARY);
    }
    return err;
}

static void echo(struct session *s, struct bytes message, bool is_binary)
{
    if (echo_frame(s, message, is_binary) != 0 ||
        send_frame(s, buf_bytes(&s->gateway->frame)) != 0) {
        sending_evict(s, "outbox");
    } else if (outbox_count(s->outbox) >= ECHO_WAITING_MAX) {
        ws_conn_pause(s->conn, true);
    }
}

/* --- answers given here ------------------------------------------------------------------------
 */

static void answer(struct session *s, enum inbound_action action)
{
    struct buf *json = &s->gateway->json;
    int err;

    buf_reset(json);
    err = action == INBOUND_PONG ? server_pong(clock_wall_ms(), json)
                                 : server_heartbeat_ack(clock_wall_ms(), json);
    if (err == 0) {
        send_private(s, buf_bytes(json));
    }
}

static void refuse(struct session *s, enum inbound_action action, enum client_code code,
                   struct bytes client_id)
{
    send_error(s, code, client_id);
    if (action == INBOUND_FLOOD) {
        session_cut(s, CLOSE_FLOOD, "too many refused messages");
    }
}

/* --- frames for brokers -------------------------------------------------------------------------
 */

void receiving_release(struct session *s, uint64_t frame_no, uint32_t partition,
                       struct bytes envelope)
{
    struct gateway *g = s->gateway;
    struct inflight_entry entry;
    int err = uplink_push(g->uplink, partition, UPLINK_ONCE, envelope);

    if (err != 0 && inflight_take(g->inflight, INFLIGHT_FRAME, s->id, frame_no, &entry)) {
        send_error(s, CODE_SERVICE_UNAVAILABLE, entry.client_id);
    }
}

void receiving_refuse(struct session *s, uint64_t frame_no)
{
    struct inflight_entry entry;

    if (inflight_take(s->gateway->inflight, INFLIGHT_FRAME, s->id, frame_no, &entry)) {
        refuse(s, inbound_refuse(&s->meter, clock_mono_ms()), CODE_RATE_LIMIT_EXCEEDED,
               entry.client_id);
    }
}

void receiving_go_on(struct session *s)
{
    if (session_state(s) == SESSION_OPEN && s->quota_waiting == 0 && !uploading_is_full(s)) {
        ws_conn_pause(s->conn, false);
    }
}

static int wait_for_lease(struct session *s, uint64_t counted_ms, uint32_t partition)
{
    struct gateway *g = s->gateway;
    struct quota_waiter w = {
        .conn = s->id, .frame_no = s->frame_no, .counted_ms = counted_ms, .partition = partition};
    int err;

    w.envelope = rcbuf_new(buf_bytes(&g->envelope));
    if (!w.envelope) {
        return ERR_NOMEM;
    }
    err = quota_wait(&s->user->quota, &w);
    rcbuf_unref(w.envelope);
    if (err == 0) {
        s->quota_waiting++;
        ws_conn_pause(s->conn, true);
        quota_lease(g, s->user);
    }
    return err;
}

/* A newer token is no frame of the topic: whoever reads it first may look at it. */
static void make_refresh(const struct session *s, const struct client_msg *msg,
                         uint64_t received_us, struct up_envelope *out)
{
    *out = (struct up_envelope){.kind = UP_REFRESH,
                                .conn = s->id,
                                .refresh = {.frame_no = s->frame_no,
                                            .received_us = received_us,
                                            .user_id = s->user->user_id,
                                            .client_id = msg->client_id,
                                            .token = msg->text}};
}

/* The topic is the socket's own, or that of the channel where its user types meanwhile. */
static void make_frame(const struct session *s, const struct client_msg *msg, uint64_t received_us,
                       char *channel_topic, struct up_envelope *out)
{
    bool is_outside = s->endpoint == ENDPOINT_STATUS && msg->kind == KIND_TYPING;
    struct bytes topic = topic_name(s->sub.topic);

    if (is_outside) {
        topic = typing_topic(msg->channel_id, channel_topic);
    }
    *out = (struct up_envelope){.kind = UP_FRAME,
                                .conn = s->id,
                                .frame = {.frame_no = s->frame_no,
                                          .received_us = received_us,
                                          .actor = user_actor(s->user),
                                          .topic = topic,
                                          .is_outside = is_outside,
                                          .msg = *msg}};
}

/* Number, encode, note, charge, send. */
static int send_up(struct session *s, const struct client_msg *msg, uint64_t counted_ms)
{
    struct gateway *g = s->gateway;
    const uint64_t received_us = clock_mono_us();
    char channel_topic[TOPIC_MAX_BYTES];
    uint32_t partition;
    struct up_envelope env;

    if (msg->kind == KIND_UPLOAD_CHUNK) {
        return uploading_chunk(s, msg); /* free of both limits on messages */
    }
    s->frame_no++;
    if (msg->kind == KIND_REFRESH_TOKEN) {
        partition = partition_of_id(s->id, g->conf->partitions);
        make_refresh(s, msg, received_us, &env);
    } else if (msg->kind == KIND_UPLOAD_FILE || msg->kind == KIND_CANCEL_UPLOAD) {
        uploading_make(s, msg, received_us, &env);
        partition = partition_of(env.upload.topic, g->conf->partitions);
    } else {
        make_frame(s, msg, received_us, channel_topic, &env);
        typing_note(s, &env.frame);
        partition = partition_of(env.frame.topic, g->conf->partitions);
    }
    const struct inflight_entry entry = {.kind = INFLIGHT_FRAME,
                                         .conn = s->id,
                                         .frame_no = s->frame_no,
                                         .received_us = received_us,
                                         .client_id = msg->client_id};
    int err;

    buf_reset(&g->envelope);
    err = up_envelope_encode(&env, &g->envelope);
    if (err == 0) {
        err = inflight_add(g->inflight, &entry, NULL, clock_mono_ms());
    }
    if (err != 0) {
        return err;
    }
    if (g->user_limit == 0 || quota_take(&s->user->quota, clock_mono_ms()) == 0) {
        receiving_release(s, s->frame_no, partition, buf_bytes(&g->envelope));
        return 0;
    }
    err = wait_for_lease(s, counted_ms, partition);
    if (err != 0) {
        struct inflight_entry ignored;
        inflight_take(g->inflight, INFLIGHT_FRAME, s->id, s->frame_no, &ignored);
    }
    return err;
}

static void perform(struct session *s, const struct inbound_verdict *verdict)
{
    switch (verdict->action) {
    case INBOUND_DROP:
        break;
    case INBOUND_PONG:
    case INBOUND_HEARTBEAT_ACK:
        answer(s, verdict->action);
        break;
    case INBOUND_ERROR:
    case INBOUND_FLOOD:
        refuse(s, verdict->action, verdict->code, verdict->msg.client_id);
        break;
    case INBOUND_BATCH:
        break; /* its parts are judged one by one */
    case INBOUND_FORWARD:
        if (send_up(s, &verdict->msg, verdict->counted_ms) != 0) {
            if (kind_info(verdict->msg.kind)->counts) {
                inbound_give_back(s->meter, verdict->counted_ms);
            }
            send_error(s, CODE_SERVICE_UNAVAILABLE, verdict->msg.client_id);
        }
        break;
    }
}

static void count_message(struct gateway *g, enum client_kind kind)
{
    metric_add_label(gateway_metrics.messages, kind_info(kind)->type, 1);
    usage_message(&g->usage, clock_mono_ms());
}

/* Each frame of a batch as if it had been sent alone, then the rest as one. */
static void receive_parts(struct session *s, const struct inbound_frame *whole,
                          const struct client_msg *batch)
{
    struct gateway *g = s->gateway;
    struct inbound_verdict verdict;

    for (uint32_t i = 0; i < batch->part_count && session_state(s) == SESSION_OPEN; i++) {
        struct inbound_frame part = *whole;
        part.message = batch->parts[i];
        part.is_part = true;
        inbound_judge(&part, g->conf->rate_limit, &s->meter, g->arena, &verdict);
        count_message(g, verdict.msg.kind);
        perform(s, &verdict);
    }
    if (batch->text.len > 0 && session_state(s) == SESSION_OPEN) {
        inbound_judge_rest(batch, g->conf->rate_limit, &s->meter, whole->now_ms, &verdict);
        perform(s, &verdict);
    }
}

static void receive(struct session *s, struct inbound_frame *frame)
{
    struct gateway *g = s->gateway;
    struct inbound_verdict verdict;

    frame->endpoint = (enum endpoint)s->endpoint;
    frame->state = session_state(s);
    inbound_judge(frame, g->conf->rate_limit, &s->meter, g->arena, &verdict);
    if (verdict.action != INBOUND_DROP) {
        count_message(g, verdict.msg.kind);
    }
    if (verdict.action == INBOUND_BATCH) {
        receive_parts(s, frame, &verdict.msg);
    } else {
        perform(s, &verdict);
    }
}

void receiving_on_message(void *session, struct bytes message, bool is_binary)
{
    struct session *s = session;
    struct inbound_frame frame = {
        .message = message, .is_binary = is_binary, .now_ms = clock_mono_ms()};

    touch(s, frame.now_ms);
    if (s->endpoint != ENDPOINT_ECHO) {
        receive(s, &frame);
    } else if (session_state(s) == SESSION_LOCAL) {
        echo(s, message, is_binary);
    }
}

void receiving_on_oversize(void *session)
{
    struct session *s = session;
    struct inbound_frame frame = {.is_oversize = true, .now_ms = clock_mono_ms()};

    touch(s, frame.now_ms);
    if (s->endpoint != ENDPOINT_ECHO) {
        receive(s, &frame);
    } else {
        send_error(s, CODE_MESSAGE_TOO_LARGE, BYTES_NONE);
    }
}
