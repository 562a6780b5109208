/* SPDX-License-Identifier: MIT */
/* Performs what the session machine plans: the only caller of session_step(). Events come from
 * opening.c (sockets, answers), upkeep.c (time), sending.c (slow readers), drain.c and deliver.c.
 *
 *     event -> session_step -> plan -> actions, in the order of enum session_action */
#include <stdio.h>
#include <utlist.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/events.h"
#include "gateway/gateway_metrics.h"
#include "gateway/gateway_glue.h"
#include "proto/stream_keys.h"

#define DEFLATE_WINDOW_BYTES 32768u /* who takes this takes every deflated frame of ours */
#define RETRY_MIN_MS 1000u

static bool is_typing(const struct gateway *g, int64_t user_id, struct bytes topic)
{
    const struct topic *t = topic_find(&g->topics, topic);

    return t && typing_watch_is_on(g->typing, t, user_id);
}

static void send_leave(struct gateway *g, uint64_t conn, const struct actor *actor,
                       struct bytes topic, bool is_clean)
{
    const struct up_envelope env = {.kind = UP_LEAVE,
                                    .conn = conn,
                                    .leave = {.user_id = actor->user_id,
                                              .username = actor->username,
                                              .topic = topic,
                                              .is_clean = is_clean,
                                              .is_typing = is_typing(g, actor->user_id, topic)}};
    /* Without room for it: brokers drop the place when this life's lease ends. */
    int ignored =
        gateway_send_up(g, partition_of(topic, g->conf->partitions), UPLINK_LASTING, &env);

    (void)ignored;
}

void give_back(struct gateway *g, const struct down_item *granted)
{
    send_leave(g, granted->conn, &granted->granted.actor, granted->granted.topic, false);
}

/* Sends what must be answered. Without room for it the wait is over at once. */
static void ask(struct session *s, enum inflight_kind kind, uint32_t partition,
                const struct up_envelope *env)
{
    static const struct session_input too_much = {.code = CODE_SERVICE_UNAVAILABLE,
                                                  .close = CLOSE_TRY_LATER};
    struct gateway *g = s->gateway;
    const struct inflight_entry entry = {.kind = kind, .conn = s->id};
    struct inflight_entry ignored;
    struct rcbuf *again = NULL;
    uint64_t now_ms = clock_mono_ms();
    int err;

    err = gateway_send_up(g, partition, UPLINK_AGAIN, env);
    if (err == 0 && kind == INFLIGHT_OPEN) {
        again = rcbuf_new(buf_bytes(&g->envelope)); /* NULL: it is not repeated, no more */
    }
    if (err == 0) {
        err = inflight_add(g->inflight, &entry, again, now_ms);
    }
    rcbuf_unref(again);
    if (err != 0) {
        inflight_take(g->inflight, kind, s->id, 0, &ignored);
        session_handle(s, SESSION_ON_WAIT_OVER, &too_much);
    }
}

static void send_open(struct session *s, const struct session_input *in)
{
    const struct ws_request *req = in->request;
    const struct up_envelope env = {
        .kind = UP_OPEN,
        .conn = s->id,
        .open = {.endpoint = (enum endpoint)s->endpoint,
                 .room = in->handshake->room,
                 .cred = {.authorization = req->authorization,
                          .query_token = in->handshake->query_token,
                          .subprotocol = req->subprotocols,
                          .cookie = req->cookie,
                          .has_query_token = in->handshake->has_query_token},
                 .address = ws_conn_address(s->conn)}};

    ask(s, INFLIGHT_OPEN, partition_of_id(s->id, s->gateway->conf->partitions), &env);
}

static bool enter_user(struct session *s, const struct down_item *item)
{
    s->as_of_ms = item->granted.as_of_ms;
    s->login = item->granted.login;
    s->expires_s = item->granted.expires_s;
    s->topic_name = mem_dup_str(item->granted.topic);
    return s->topic_name && user_enter(&s->gateway->users, s, &item->granted.actor) == 0;
}

static void send_join(struct session *s)
{
    struct up_envelope env = {
        .kind = UP_JOIN,
        .conn = s->id,
        .join = {.actor = user_actor(s->user), .topic = bytes_str(s->topic_name)}};
    struct gateway *g = s->gateway;

    env.join.has_since = resume_since(s, &env.join.since);
    ask(s, INFLIGHT_JOIN, partition_of(bytes_str(s->topic_name), g->conf->partitions), &env);
}

static enum topic_class class_of(const struct session *s)
{
    return s->gateway->conf->compress_min_bytes > 0 && ws_conn_has_deflate(s->conn) &&
                   ws_conn_takes_deflated(s->conn, DEFLATE_WINDOW_BYTES)
               ? TOPIC_DEFLATED
               : TOPIC_PLAIN;
}

/* Frames, a line each. */
static void send_lines(struct session *s, struct bytes lines)
{
    struct bytes line;

    while (bytes_next_line(&lines, &line) && session_state(s) == SESSION_OPEN) {
        send_private(s, line);
    }
}

/* Into the topic at its end; the first frame goes before the topic's. */
static bool attach(struct session *s, const struct down_joined *joined)
{
    struct gateway *g = s->gateway;
    bool is_new;
    struct topic *t =
        topic_get(&g->topics, joined->topic, g->topic_limits.bytes + ENVELOPE_MAX_BYTES, &is_new);

    if (!t) {
        return false;
    }
    if (joined->seq < topic_seq(t)) {
        return false; /* a broker that slept: what came since would be missing */
    }
    if (joined->seq > topic_seq(t)) {
        topic_close_for_resume(g, t, "hole"); /* nobody is there when it is new */
        topic_set_seq(t, joined->seq);
    }
    topic_attach(t, &s->sub, s->user->user_id, s->id, class_of(s));
    send_lines(s, joined->json);
    resume_begin(s, joined);
    log_debug(EV_SOCKET_OPEN, LOG_ID("conn", s->id), LOG_I64("user_id", s->user->user_id),
              LOG_BYTES("topic", joined->topic));
    return true;
}

static void close_conn(struct session *s, const struct session_input *in)
{
    char label[12];

    if (in->close != CLOSE_NONE) {
        send_now(s);
    }
    snprintf(label, sizeof(label), "%d", (int)in->close);
    metric_add_label(gateway_metrics.closed, in->close == CLOSE_NONE ? "cut" : label, 1);
    ws_conn_close(s->conn, in->close, in->reason ? in->reason : "");
}

/* Out of all lists; the memory goes at the end of the turn. */
static void bury(struct session *s)
{
    struct gateway *g = s->gateway;
    struct user *last;

    if (s->opened_ms > 0) {
        usage_closed(&g->usage, clock_mono_ms(), clock_mono_ms() - s->opened_ms);
    }
    topic_detach(&s->sub);
    last = user_leave(s);
    if (last) {
        quota_give_back(g, last);
        user_remove(&g->users, last);
    }
    address_leave(&g->addresses, s->address);
    session_table_remove(g->sessions, s->id);
    DL_DELETE2(g->idle, s, idle_prev, idle_next);
    DL_APPEND2(g->dead, s, idle_prev, idle_next);
    s->conn = NULL;
    loop_at_turn_end(g->loop, &g->sweep);
}

/* The first half of a plan: towards OPEN. Returns false when memory was short. */
static bool advance(struct session *s, unsigned actions, const struct session_input *in)
{
    if (actions & DO_SEND_OPEN) {
        send_open(s, in);
    }
    if ((actions & DO_ENTER_USER) && !enter_user(s, in->item)) {
        return false;
    }
    if (actions & DO_SEND_JOIN) {
        send_join(s);
    }
    if ((actions & DO_ATTACH) && !attach(s, &in->item->joined)) {
        return false;
    }
    if (actions & DO_READ) {
        metric_add(gateway_metrics.connections_total, 1); /* accepted: open from here on */
        s->opened_ms = clock_mono_ms();
        usage_created(&s->gateway->usage, s->opened_ms);
        ws_conn_pause(s->conn, false);
    }
    return true;
}

/* The second half: towards GONE. */
static void retreat(struct session *s, unsigned actions, const struct session_input *in)
{
    if (actions & DO_TELL) {
        send_error(s, in->code, BYTES_NONE);
    }
    if (actions & DO_DETACH) {
        topic_detach(&s->sub);
    }
    if (actions & DO_CLOSE) {
        close_conn(s, in);
    }
    if (actions & DO_GIVE_BACK) {
        give_back(s->gateway, in->item);
    }
    if ((actions & DO_LEAVE) && s->user) {
        const struct actor actor = user_actor(s->user);
        typing_leave(s);
        send_leave(s->gateway, s->id, &actor, bytes_str(s->topic_name), in->is_clean);
    }
    if (actions & DO_FREE) {
        bury(s);
    }
}

void session_handle(struct session *s, enum session_event event, const struct session_input *in)
{
    struct session_plan plan;

    if (session_step(session_state(s), event, &plan) != 0) {
        return;
    }
    session_set_state(s, plan.next);
    if (!advance(s, plan.actions, in)) {
        if (!s->user) {
            give_back(s->gateway, in->item);
        }
        session_cut(s, CLOSE_TRY_LATER, NULL);
        return;
    }
    retreat(s, plan.actions, in);
}

void session_cut(struct session *s, enum close_code close, const char *reason)
{
    const struct session_input in = {.close = close, .reason = reason};

    session_handle(s, SESSION_ON_CUT, &in);
}

void session_close_for_resume(struct session *s, const char *why)
{
    struct gateway *g = s->gateway;
    uint32_t window_ms = g->conf->drain_s * 1000;
    char reason[32];

    metric_add_label(gateway_metrics.resumes, why, 1);
    if (!s->wants_resume) {
        session_cut(s, CLOSE_NONE, NULL);
        return;
    }
    window_ms = window_ms > RETRY_MIN_MS ? window_ms : RETRY_MIN_MS;
    snprintf(reason, sizeof(reason), "retry_ms=%u", gateway_random(g, window_ms));
    session_cut(s, CLOSE_RESTART, reason);
}

static void close_list(struct topic_sub *first, const char *why)
{
    struct topic_sub *next;

    for (struct topic_sub *sub = first; sub; sub = next) {
        next = sub->next;
        session_close_for_resume((struct session *)((char *)sub - offsetof(struct session, sub)),
                                 why);
    }
}

void topic_close_for_resume(struct gateway *g, struct topic *t, const char *why)
{
    (void)g;
    close_list(topic_first_ready(t), why);
    close_list(topic_first_stuck(t), why);
}
