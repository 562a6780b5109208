/* SPDX-License-Identifier: MIT */
/* Which clients are still there: a ping every interval, and who lets nothing be heard for the
 * timeout is dropped. Also the end of patience with clients that do not answer a close frame. Not
 * done with libwebsockets' validity timer, because that writes over a pending pong, and keeps its
 * timers in a list that it walks for each of ten thousand connections.
 *
 *   opened -> ping_first --interval--> ping, pong --timeout--> heard: ping_next --rest of the
 *                                                              interval--> ping … */
#include "common/io/clock.h"
#include "gateway/io/ws_private.h"

#define CLOSE_WAIT_MS 5000u /* for the peer's close frame, or for its taking what is unsent */
#define PINGS_PER_TICK 500  /* so that ten thousand that came at once do not ping at once */

static const char ping_frame[] = {'\x89', '\0'};

void ws_conns_init(struct ws_port *p)
{
    uint64_t interval = p->conf.ping_interval_s * UINT64_C(1000);
    uint64_t timeout = p->conf.pong_timeout_s * UINT64_C(1000);

    due_list_init(&p->ping_first, interval);
    due_list_init(&p->pong, timeout);
    due_list_init(&p->ping_next, interval > timeout ? interval - timeout : 0);
    due_list_init(&p->closing, CLOSE_WAIT_MS);
}

void ws_ping_start(struct ws_conn *c)
{
    struct ws_port *p = c->port;

    if (p->conf.ping_interval_s > 0) {
        due_start(&p->ping_first, &c->due, clock_mono_ms());
    }
}

static struct ws_conn *pop_due(struct due_list *list, uint64_t now_ms)
{
    struct due *d = due_pop(list, now_ms);

    return d ? lws_container_of(d, struct ws_conn, due) : NULL;
}

static void ping(struct ws_conn *c, uint64_t now_ms)
{
    c->was_heard = false;
    due_start(&c->port->pong, &c->due, now_ms);
    /* A blocked connection has enough to acknowledge without a ping. */
    if (!ws_conn_is_blocked(c)) {
        (void)ws_conn_send(c, bytes_of(ping_frame, sizeof(ping_frame)));
    }
}

void ws_conns_check_due(struct ws_port *p, uint64_t now_ms)
{
    struct ws_conn *c;

    for (int i = 0; i < PINGS_PER_TICK; i++) {
        c = pop_due(&p->ping_first, now_ms);
        if (!c) {
            c = pop_due(&p->ping_next, now_ms);
        }
        if (!c) {
            break;
        }
        ping(c, now_ms);
    }
    while ((c = pop_due(&p->pong, now_ms))) {
        /* Any byte is a sign of life: a pong may be stuck behind a large message. What a paused
         * connection has to say is not read. */
        if (c->was_heard || c->is_paused) {
            due_start(&p->ping_next, &c->due, now_ms);
        } else {
            ws_conn_kill_soon(c);
        }
    }
    while ((c = pop_due(&p->closing, now_ms))) {
        ws_conn_kill_soon(c);
    }
}
