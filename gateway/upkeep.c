/* SPDX-License-Identifier: MIT */
/* What is done by the clock, ten times a second: answers that did not come, openings to be sent
 * again; and once a second: silent sockets, readers that take nothing, topics without sockets. */
#include "common/io/clock.h"
#include "gateway/gateway_metrics.h"
#include "gateway/gateway_glue.h"
#include "proto/stream_keys.h"

#define TICKS_PER_SECOND (1000u / UPKEEP_MS)
/* No tick for so long: the process stood still (stopped, a stalled machine). What came meanwhile,
 * answers and readers' progress, is read before anything is given up. */
#define SLEPT_MS 1000u
#define WAKE_MS 500u

static void wait_over(struct gateway *g, const struct inflight_entry *entry)
{
    static const struct session_input no_answer = {.code = CODE_SERVICE_UNAVAILABLE,
                                                   .close = CLOSE_TRY_LATER};
    struct session *s;

    if (entry->kind == INFLIGHT_HTTP) {
        http_front_wait_over(g, entry->conn);
        return;
    }
    s = session_table_find(g->sessions, entry->conn);
    if (entry->chunk_bytes > 0) {
        uploading_answered(g, s, entry->chunk_bytes);
    }
    if (!s) {
        return;
    }
    if (entry->kind == INFLIGHT_HISTORY) {
        session_close_for_resume(s, "history");
    } else if (entry->kind != INFLIGHT_FRAME) {
        session_handle(s, SESSION_ON_WAIT_OVER, &no_answer);
    } else if (session_state(s) == SESSION_OPEN) {
        send_error(s, CODE_SERVICE_UNAVAILABLE, entry->client_id);
    }
}

static void check_inflight(struct gateway *g, uint64_t now_ms)
{
    struct inflight_entry entry;
    struct rcbuf *again;
    uint64_t conn;

    while (inflight_expire(g->inflight, now_ms, &entry)) {
        wait_over(g, &entry);
    }
    while ((again = inflight_again(g->inflight, now_ms, &conn)) != NULL) {
        /* Without room the opening fails by time, as it would have anyway. */
        int ignored = uplink_push(g->uplink, partition_of_id(conn, g->conf->partitions),
                                  UPLINK_AGAIN, rcbuf_bytes(again));
        (void)ignored;
        rcbuf_unref(again);
    }
}

static void close_silent(struct gateway *g, uint64_t now_ms)
{
    uint64_t limit_ms = (uint64_t)g->conf->idle_timeout_s * 1000;
    struct session *next;

    for (struct session *s = g->idle; s && limit_ms > 0; s = next) {
        next = s->idle_next;
        if (now_ms - s->last_data_ms < limit_ms) {
            break;
        }
        session_cut(s, CLOSE_IDLE, "no message for too long");
    }
}

static void check_topics(struct gateway *g, uint64_t now_ms)
{
    struct topic *next;

    for (struct topic *t = topic_first(&g->topics); t; t = next) {
        struct topic_sub *sub = topic_first_stuck(t), *after;
        next = topic_after(t);
        for (; sub; sub = after) {
            after = sub->next;
            if (topic_sub_lag(sub, &g->topic_limits, now_ms) == LAG_TIME) {
                sending_evict((struct session *)((char *)sub - offsetof(struct session, sub)),
                              "time");
            }
        }
        topic_rest(t);
        if (topic_subscribers(t) == 0) {
            topic_news_remove(&g->flusher.news, t);
            typing_watch_forget(g->typing, t);
            topic_drop(&g->topics, t);
        }
    }
}

static void close_expired(struct gateway *g)
{
    uint64_t now_s = clock_wall_ms() / 1000;
    uint32_t cursor = 0;
    struct session *s;

    while ((s = session_table_next(g->sessions, &cursor)) != NULL) {
        if (s->expires_s > 0 && s->expires_s <= now_s && session_state(s) == SESSION_OPEN) {
            send_error(s, CODE_AUTHENTICATION_FAILED, BYTES_NONE);
            session_cut(s, CLOSE_AUTH, "token expired");
        }
    }
}

static bool is_waking(struct gateway *g, uint64_t now_ms)
{
    if (g->last_tick_ms > 0 && now_ms - g->last_tick_ms >= SLEPT_MS) {
        g->awake_ms = now_ms + WAKE_MS;
    }
    g->last_tick_ms = now_ms;
    return now_ms < g->awake_ms;
}

void upkeep_tick(void *gateway)
{
    struct gateway *g = gateway;
    uint64_t now_ms = clock_mono_ms();

    if (is_waking(g, now_ms)) {
        return;
    }
    check_inflight(g, now_ms);
    http_front_tick(g, now_ms);
    typing_tick(g, now_ms);
    if (++g->ticks % TICKS_PER_SECOND != 0) {
        return;
    }
    if (g->ticks % (TICKS_PER_SECOND * USAGE_PUBLISH_S) == 0) {
        usage_publish(g);
    }
    close_silent(g, now_ms);
    if (g->conf->is_closed_on_expiry) {
        close_expired(g);
    }
    check_topics(g, now_ms);
    uplink_tick(g->uplink);
    registry_set_connections(g->registry, session_table_count(g->sessions));
}
