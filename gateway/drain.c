/* SPDX-License-Identifier: MIT */
/* The graceful end: no new sockets, the present ones are closed for resume at an even pace over
 * DRAIN_SECONDS, brokers are told of each, then the lease is given up and the loop stops. A second
 * gateway_stop() ends at once.
 *
 *     stop -> [close a share each tick] -> no sockets, uplink empty (or time is up) -> leave */
#include "common/io/clock.h"
#include "common/log.h"
#include "gateway/events.h"
#include "gateway/gateway_state.h"

#define DRAIN_TICK_MS 50u
#define DRAIN_GRACE_MS 3000u /* for close handshakes and the last envelopes */

static void stop_loop(void *gateway)
{
    struct gateway *g = gateway;

    loop_stop(g->loop);
}

/* Sockets that are not being closed yet, oldest silence first. */
static struct session *next_to_close(const struct gateway *g)
{
    struct session *s = g->idle;

    while (s && (session_state(s) == SESSION_CLOSING || session_state(s) == SESSION_LEAVING)) {
        s = s->idle_next;
    }
    return s;
}

/* How many may be left open now, when all were there at the start and none at the end. */
static uint32_t may_be_open(const struct gateway *g, uint64_t passed_ms)
{
    uint64_t window_ms = (uint64_t)g->conf->drain_s * 1000;

    return passed_ms >= window_ms
               ? 0
               : (uint32_t)(g->drain.open_at_start * (window_ms - passed_ms) / window_ms);
}

static void close_share(struct gateway *g, uint64_t passed_ms)
{
    uint32_t target = may_be_open(g, passed_ms);
    struct session *s;

    while (g->drain.open > target && (s = next_to_close(g)) != NULL) {
        session_close_for_resume(s, "restart");
        g->drain.open--;
    }
}

void drain_on_tick(void *gateway)
{
    struct gateway *g = gateway;
    uint64_t passed_ms = clock_mono_ms() - g->drain.started_ms;
    uint64_t limit_ms = (uint64_t)g->conf->drain_s * 1000 + DRAIN_GRACE_MS;
    bool is_done;

    close_share(g, passed_ms);
    is_done = session_table_count(g->sessions) == 0 && uplink_is_idle(g->uplink);
    if ((is_done || passed_ms >= limit_ms) && !g->drain.is_leaving) {
        g->drain.is_leaving = true;
        g->drain.leaving_ms = passed_ms;
        registry_leave(g->registry, stop_loop);
    } else if (g->drain.is_leaving && passed_ms - g->drain.leaving_ms >= DRAIN_GRACE_MS) {
        loop_stop(g->loop); /* Redis does not answer: the lease runs out by itself */
    }
}

void gateway_stop(struct gateway *g)
{
    if (g->drain.is_on) {
        loop_stop(g->loop);
        return;
    }
    g->drain.is_on = true;
    g->drain.started_ms = clock_mono_ms();
    g->drain.open = g->drain.open_at_start = session_table_count(g->sessions);
    g->health.is_draining = true;
    ws_port_stop_listening(g->port);
    log_info(EV_DRAINING, LOG_U64("connections", g->drain.open),
             LOG_U64("seconds", g->conf->drain_s));
    loop_timer_start(g->drain.timer, 0, DRAIN_TICK_MS);
}
