/* SPDX-License-Identifier: MIT */
/* The graceful end: no new sockets, the present ones are closed for resume at an even pace over
 * DRAIN_SECONDS, brokers are told of each, then the lease is given up and the loop stops. A second
 * gateway_stop() ends at once.
 *
 *     stop -> [close a share each tick] -> no sockets, uplink empty (or time is up) -> leave */
#include "common/io/clock.h"
#include "common/log.h"
#include "gateway/events.h"
#include "gateway/gateway_glue.h"

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
static uint32_t may_be_open(const struct drain *d, uint64_t passed_ms)
{
    return passed_ms >= d->window_ms
               ? 0
               : (uint32_t)(d->open_at_start * (d->window_ms - passed_ms) / d->window_ms);
}

static void close_share(struct gateway *g, uint64_t passed_ms)
{
    uint32_t target = may_be_open(&g->drain, passed_ms);
    struct session *s;

    while (g->drain.open > target && (s = next_to_close(g)) != NULL) {
        session_close_for_resume(s, "restart");
        g->drain.open--;
    }
    if (!next_to_close(g) && g->drain.all_closed_ms == 0) {
        g->drain.all_closed_ms = passed_ms + 1; /* 0 is "not yet" */
    }
}

/* All are gone and the brokers know; or those that are left had their time. Files that are under
 * way have all of the window, and so have answers until their clients have them: what is in the
 * kernel's buffers is lost with the network of a container. */
static bool is_done(const struct gateway *g, uint64_t passed_ms)
{
    const struct drain *d = &g->drain;

    if (passed_ms < d->window_ms &&
        (http_front_transfers(g) > 0 || ws_port_is_answering(g->port))) {
        return false;
    }
    return (session_table_count(g->sessions) == 0 && uplink_is_idle(g->uplink)) ||
           (d->all_closed_ms > 0 && passed_ms >= d->all_closed_ms + DRAIN_GRACE_MS);
}

void drain_on_tick(void *gateway)
{
    struct gateway *g = gateway;
    struct drain *d = &g->drain;
    uint64_t passed_ms = clock_mono_ms() - d->started_ms;

    close_share(g, passed_ms);
    if (!d->is_leaving && is_done(g, passed_ms)) {
        d->is_leaving = true;
        d->leaving_ms = passed_ms;
        registry_leave(g->registry, stop_loop);
    } else if (d->is_leaving && passed_ms - d->leaving_ms >= DRAIN_GRACE_MS) {
        loop_stop(g->loop); /* Redis does not answer: the lease runs out by itself */
    }
}

void drain_start(struct gateway *g, uint32_t window_ms)
{
    struct drain *d = &g->drain;

    if (d->is_on) {
        return;
    }
    d->is_on = true;
    d->window_ms = window_ms;
    d->started_ms = clock_mono_ms();
    d->open = d->open_at_start = session_table_count(g->sessions);
    g->health.is_draining = true;
    ws_port_stop_listening(g->port);
    log_info(EV_DRAINING, LOG_U64("connections", d->open), LOG_U64("window_ms", window_ms));
    loop_timer_start(d->timer, 0, DRAIN_TICK_MS);
}

void gateway_stop(struct gateway *g)
{
    if (g->drain.is_on) {
        loop_stop(g->loop);
    } else {
        drain_start(g, g->conf->drain_s * 1000);
    }
}
