/* SPDX-License-Identifier: MIT */
/* The two ends of a socket's life: policy at the upgrade, the session's birth, its end, and the
 * registration of all sockets at a Redis that has forgotten them. Feeds the session machine; the
 * plans are performed by session_run.c. */
#include <utlist.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/gateway_metrics.h"
#include "gateway/gateway_glue.h"
#include "gateway/outbox.h"
#include "proto/stream_keys.h"

static const struct ws_refusal TOO_MANY = {429, "Retry-After: 30\r\n", "RATE_LIMIT_EXCEEDED",
                                           "Too many connections from this address."};
static const struct ws_refusal DRAINING = {503, "Retry-After: 1\r\n", "SERVICE_UNAVAILABLE",
                                           "This server is about to stop."};

void opening_on_upgrade(void *arg, const struct ws_request *req, struct ws_refusal *out)
{
    const struct gateway *g = arg;
    struct handshake ignored;

    handshake_check(&g->policy, req, &ignored, out);
    if (out->status == 0 && g->conf->connections_per_address > 0 &&
        address_sockets(&g->addresses, req->address) >= g->conf->connections_per_address) {
        *out = TOO_MANY;
    } else if (out->status == 0 && g->drain.is_on) {
        *out = DRAINING;
    }
}

static struct session *session_new(struct gateway *g, struct ws_conn *conn,
                                   const struct ws_request *req)
{
    struct session *s = mem_zalloc(sizeof(*s));

    if (!s) {
        return NULL;
    }
    s->gateway = g;
    s->conn = conn;
    s->last_data_ms = clock_mono_ms();
    s->address = address_enter(&g->addresses, req->address);
    if (!s->address || session_table_add(g->sessions, s, &s->id) != 0) {
        address_leave(&g->addresses, s->address);
        mem_free(s);
        return NULL;
    }
    DL_APPEND2(g->idle, s, idle_prev, idle_next);
    return s;
}

void *opening_on_open(void *arg, struct ws_conn *conn, const struct ws_request *req)
{
    struct gateway *g = arg;
    struct handshake handshake;
    struct ws_refusal refusal;
    struct session_input in = {.request = req, .handshake = &handshake};
    struct session *s;

    handshake_check(&g->policy, req, &handshake, &refusal);
    s = refusal.status == 0 ? session_new(g, conn, req) : NULL;
    if (!s) {
        return NULL;
    }
    s->endpoint = (uint8_t)handshake.endpoint;
    s->wants_resume = handshake.has_since;
    if (handshake.has_since && handshake.endpoint == ENDPOINT_CHAT &&
        resume_want(s, handshake.since) != 0) {
        session_handle(s, SESSION_ON_PEER_GONE, &in);
        return NULL;
    }
    session_handle(s, handshake.endpoint == ENDPOINT_ECHO ? SESSION_ON_LOCAL : SESSION_ON_ACCEPTED,
                   &in);
    return s;
}

void opening_on_closed(void *session, bool is_clean)
{
    struct session *s = session;
    const struct session_input in = {.is_clean = is_clean};
    enum session_state state = session_state(s);

    if (state != SESSION_CLOSING && state != SESSION_LEAVING) {
        metric_add_label(gateway_metrics.closed, is_clean ? "by_client" : "lost", 1);
    }
    session_handle(s, SESSION_ON_PEER_GONE, &in);
}

void gateway_sweep(void *gateway)
{
    struct gateway *g = gateway;

    while (g->dead) {
        struct session *s = g->dead;
        DL_DELETE2(g->dead, s, idle_prev, idle_next);
        outbox_free(s->outbox);
        uploading_end(s);
        inbound_meter_free(s->meter);
        typing_places_free(s->typing);
        resume_end(s);
        mem_free(s->topic_name);
        mem_free(s);
    }
}

static void rejoin(struct gateway *g, const struct session *s)
{
    const struct bytes topic = bytes_str(s->topic_name);
    const struct up_envelope env = {
        .kind = UP_JOIN,
        .conn = s->id,
        .join = {.actor = user_actor(s->user), .topic = topic, .is_rejoin = true}};

    if (gateway_send_up(g, partition_of(topic, g->conf->partitions), UPLINK_LASTING, &env) != 0) {
        /* It cannot be vouched for: the client comes again. */
        session_close_for_resume(session_table_find(g->sessions, s->id), "rejoin");
    }
}

void opening_rejoin_all(struct gateway *g)
{
    uint32_t cursor = 0;
    const struct session *s;

    while ((s = session_table_next(g->sessions, &cursor)) != NULL) {
        if (s->user && session_state(s) == SESSION_OPEN) {
            rejoin(g, s);
        }
    }
}
