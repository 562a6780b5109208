/* SPDX-License-Identifier: MIT */
/* Writes: private frames through the outbox, topic frames straight from the topic's log. One
 * ws_conn_write() per socket and flush. Decides when a topic is flushed (flush_pace) and who is
 * too slow (topic_sub_lag).
 *
 *     private frame -> outbox --(writable)--+
 *                                           +--> socket      outbox first, then the topic
 *     topic log ------(flush, writable)-----+
 *
 * Private frames wait for "writable" because pongs of the library, which are older, go out there;
 * a socket with private frames is stuck in its topic until then, so nothing overtakes them. */
#include <utlist.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "gateway/events.h"
#include "gateway/gateway_metrics.h"
#include "gateway/gateway_glue.h"
#include "gateway/outbox.h"
#include "gateway/ws_frame.h"
#include "proto/server_msg.h"

static struct session *session_of(struct topic_sub *sub)
{
    return (struct session *)((char *)sub - offsetof(struct session, sub));
}

/* --- private frames ------------------------------------------------------------------------- */

void sending_evict(struct session *s, const char *why)
{
    static struct log_limit limit = {.per_minute = 60};

    metric_add_label(gateway_metrics.evictions, why, 1);
    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_info(EV_SOCKET_EVICTED, LOG_ID("conn", s->id), LOG_STR("why", why));
    }
    session_cut(s, CLOSE_SLOW, "slow reader");
}

int send_frame(struct session *s, struct bytes frame)
{
    struct rcbuf *block = rcbuf_new(frame);
    int err = block ? outbox_push(&s->outbox, block) : ERR_NOMEM;

    rcbuf_unref(block);
    if (err == 0) {
        topic_set_stuck(&s->sub, true, clock_mono_ms());
        ws_conn_want_writable(s->conn);
    }
    return err;
}

int frame_for(struct session *s, struct bytes json, struct buf *out)
{
    struct gateway *g = s->gateway;
    bool is_long = g->conf->compress_min_bytes > 0 && json.len >= g->conf->compress_min_bytes;

    buf_reset(&g->deflated);
    if (is_long && ws_conn_takes_deflated(s->conn, json.len) &&
        deflate_message(g->deflate, json, &g->deflated) == 0) {
        return ws_text_frame(buf_bytes(&g->deflated), true, out);
    }
    return ws_text_frame(json, false, out);
}

void send_private(struct session *s, struct bytes json)
{
    struct gateway *g = s->gateway;
    int err;

    buf_reset(&g->frame);
    err = frame_for(s, json, &g->frame);
    if (err == 0) {
        err = send_frame(s, buf_bytes(&g->frame));
    }
    if (err != 0) {
        sending_evict(s, "outbox");
    }
}

void send_error(struct session *s, enum client_code code, struct bytes client_id)
{
    struct gateway *g = s->gateway;

    metric_add_label(gateway_metrics.errors, code_name(code), 1);
    usage_error(&s->gateway->usage, clock_mono_ms(), clock_wall_ms(), code);
    buf_reset(&g->json);
    if (server_error(code, NULL, client_id, &g->json) == 0) {
        send_private(s, buf_bytes(&g->json));
    }
}

/* --- writing -------------------------------------------------------------------------------- */

/* Hand bytes to the socket. A failure means that it is gone; on_closed follows. */
static bool write_out(struct session *s, struct bytes frames)
{
    metric_add(gateway_metrics.sends, 1);
    return ws_conn_write(s->conn, frames) == 0;
}

/* The outbox, as far as one write goes. Returns whether the socket takes more. */
static bool write_outbox(struct session *s)
{
    struct gateway *g = s->gateway;
    uint32_t before = outbox_count(s->outbox);

    if (before == 0) {
        return true;
    }
    buf_reset(&g->out);
    if (outbox_drain(&s->outbox, SEND_MAX_BYTES, &g->out) != 0) {
        session_cut(s, CLOSE_TRY_LATER, NULL);
        return false;
    }
    metric_add(gateway_metrics.frames_sent, before - outbox_count(s->outbox));
    return write_out(s, buf_bytes(&g->out)) && !ws_conn_is_blocked(s->conn);
}

/* The next span of the topic. Returns whether the socket took it. */
static bool write_span(struct session *s, size_t max_bytes, uint64_t now_ms)
{
    struct gateway *g = s->gateway;
    struct bytes span;
    uint64_t next;

    if (topic_sub_span(&s->sub, max_bytes, &g->out, &span, &next) != 0) {
        session_close_for_resume(s, "memory");
        return false;
    }
    metric_add(gateway_metrics.frames_sent, (double)(next - s->sub.next_no));
    topic_sub_advance(&s->sub, next, now_ms);
    return span.len == 0 || write_out(s, span);
}

/* Put the subscriber on the list where it belongs now. */
static void settle(struct session *s, uint64_t now_ms)
{
    bool is_blocked = ws_conn_is_blocked(s->conn);
    bool has_more =
        !outbox_is_empty(s->outbox) || (topic_sub_is_behind(&s->sub) && !s->sub.is_held);

    topic_set_stuck(&s->sub, is_blocked || has_more, now_ms);
    if (has_more && !is_blocked) {
        ws_conn_want_writable(s->conn);
    }
}

static bool is_ended(const struct session *s)
{
    enum session_state state = session_state(s);

    return state == SESSION_CLOSING || state == SESSION_LEAVING || state == SESSION_GONE;
}

void send_now(struct session *s)
{
    if (!ws_conn_is_blocked(s->conn)) {
        write_outbox(s);
    }
}

/* Nothing private is left: what it missed before the topic's frames. */
static void go_on(struct session *s, uint64_t now_ms)
{
    if (s->sub.is_held) {
        resume_ask(s);
    } else if (topic_sub_is_behind(&s->sub)) {
        write_span(s, SEND_SLOW_MAX_BYTES, now_ms);
    }
}

void sending_on_writable(void *session)
{
    struct session *s = session;
    uint64_t now_ms = clock_mono_ms();

    if (is_ended(s) || ws_conn_is_blocked(s->conn)) {
        return;
    }
    /* It came back from being blocked: that is progress, whatever is left. */
    if (s->sub.topic) {
        topic_sub_advance(&s->sub, s->sub.next_no, now_ms);
    }
    if (write_outbox(s) && outbox_is_empty(s->outbox)) {
        go_on(s, now_ms);
    }
    if (is_ended(s)) {
        return;
    }
    settle(s, now_ms);
    if (s->endpoint == ENDPOINT_ECHO && outbox_is_empty(s->outbox)) {
        ws_conn_pause(s->conn, false);
    }
}

/* --- flush rounds ----------------------------------------------------------------------------- */

static void evict_laggards(struct gateway *g, struct topic *t, uint64_t now_ms)
{
    static const char *const why[] = {
        [LAG_NONE] = "", [LAG_FRAMES] = "frames", [LAG_BYTES] = "bytes", [LAG_TIME] = "time"};
    struct topic_sub *next;

    for (struct topic_sub *sub = topic_first_stuck(t); sub; sub = next) {
        enum topic_lag lag = topic_sub_lag(sub, &g->topic_limits, now_ms);
        next = sub->next;
        if (sub->is_held && (lag == LAG_FRAMES || lag == LAG_BYTES)) {
            session_close_for_resume(session_of(sub), "history"); /* not its own fault */
        } else if (lag != LAG_NONE) {
            sending_evict(session_of(sub), why[lag]);
        }
    }
}

static void flush_topic(struct gateway *g, struct topic *t)
{
    uint64_t now_ms = clock_mono_ms();
    struct topic_sub *next;

    for (struct topic_sub *sub = topic_first_ready(t); sub; sub = next) {
        struct session *s = session_of(sub);
        next = sub->next;
        if (!ws_conn_is_blocked(s->conn) && topic_sub_is_behind(sub)) {
            write_span(s, SEND_MAX_BYTES, now_ms);
        }
        if (!is_ended(s)) {
            settle(s, now_ms);
        }
    }
    if (topic_may_lag(t, &g->topic_limits)) {
        evict_laggards(g, t, now_ms);
    }
    topic_trim(t);
}

static void flush_round(struct gateway *g)
{
    struct flusher *f = &g->flusher;
    uint64_t start_us = clock_mono_us(), end_us;
    struct topic *t;

    while ((t = topic_news_take(&f->news)) != NULL) {
        flush_topic(g, t);
    }
    end_us = clock_mono_us();
    flush_pace_done(&f->pace, end_us, end_us - start_us);
    metric_observe(gateway_metrics.flush, (double)(end_us - start_us) / 1e6);
    for (uint32_t i = 0; i < f->ack_count; i++) {
        metric_observe(gateway_metrics.latency, (double)(end_us - f->acks_us[i]) / 1e6);
        usage_latency(&g->usage, end_us / 1000, end_us - f->acks_us[i]);
    }
    f->ack_count = 0;
}

static void on_turn_end(void *gateway)
{
    struct gateway *g = gateway;
    uint64_t wait_us;

    if (!g->flusher.news.head) {
        return;
    }
    wait_us = flush_pace_wait_us(&g->flusher.pace, clock_mono_us());
    if (wait_us == 0) {
        flush_round(g);
    } else if (!loop_timer_is_active(g->flusher.timer)) {
        loop_timer_start(g->flusher.timer, (uint32_t)(wait_us / 1000) + 1, 0);
    }
}

void flusher_news(struct gateway *g, struct topic *t)
{
    topic_news_add(&g->flusher.news, t);
    loop_at_turn_end(g->loop, &g->flusher.task);
}

void observe_latency(struct gateway *g, uint64_t received_us)
{
    uint64_t now_us = clock_mono_us();

    if (now_us >= received_us) {
        metric_observe(gateway_metrics.latency, (double)(now_us - received_us) / 1e6);
        usage_latency(&g->usage, now_us / 1000, now_us - received_us);
    }
}

void flusher_acked(struct gateway *g, struct topic *t, uint64_t received_us)
{
    struct flusher *f = &g->flusher;

    if (t && topic_has_news(t) && f->ack_count < PENDING_ACKS_MAX) {
        f->acks_us[f->ack_count++] = received_us;
    } else {
        observe_latency(g, received_us);
    }
}

int flusher_init(struct gateway *g)
{
    loop_task_init(&g->flusher.task, on_turn_end, g);
    g->flusher.timer = loop_timer_new(g->loop, on_turn_end, g);
    return g->flusher.timer ? 0 : ERR_NOMEM;
}

void flusher_done(struct gateway *g)
{
    loop_task_cancel(g->loop, &g->flusher.task);
    loop_timer_free(g->flusher.timer);
}
