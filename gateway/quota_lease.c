/* SPDX-License-Identifier: MIT */
/* Leases credits of users from Redis, where the limit over all gateways is kept, and gives unused
 * ones back. The policy is user_quota.c; this runs its scripts and lets the waiting frames go. A
 * user may be gone when the answer comes: it is found by id again. */
#include <stdio.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/events.h"
#include "gateway/gateway_glue.h"
#include "proto/stream_keys.h"

struct lease {
    struct gateway *gateway;
    int64_t user_id;
};

static void give_back_credits(struct gateway *g, int64_t user_id, int64_t second, uint32_t n)
{
    struct stream_key key = key_rate_user(g->conf->redis_prefix, user_id);
    char second_text[24], n_text[12];

    snprintf(second_text, sizeof(second_text), "%lld", (long long)second);
    snprintf(n_text, sizeof(n_text), "%u", n);
    const struct bytes argv[] = {BYTES_LIT("EVAL"),      bytes_str(QUOTA_RETURN_SCRIPT),
                                 BYTES_LIT("1"),         stream_key_bytes(&key),
                                 bytes_str(second_text), bytes_str(n_text)};
    /* What cannot be given back lapses by itself. */
    int ignored = redis_link_command(g->commands, argv, 6, NULL, NULL);
    (void)ignored;
}

void quota_give_back(struct gateway *g, struct user *u)
{
    uint32_t unused = quota_take_unused(&u->quota, clock_mono_ms());

    if (unused > 0) {
        give_back_credits(g, u->user_id, u->quota.second, unused);
    }
}

/* The session of a waiting frame, if it is still open. */
static struct session *waiting_session(struct gateway *g, const struct quota_waiter *w)
{
    struct session *s = session_table_find(g->sessions, w->conn);

    return s && session_state(s) == SESSION_OPEN ? s : NULL;
}

/* The frame waits no more. With the last one its socket's reading goes on. */
static void end_wait(struct session *s, struct quota_waiter *w)
{
    if (s && --s->quota_waiting == 0) {
        receiving_go_on(s);
    }
    quota_waiter_free(w);
}

/* It had waited too long, or its socket has gone: it counts nowhere. */
static void give_up(struct user *u, struct session *s, const struct quota_waiter *w)
{
    quota_unuse(&u->quota);
    if (s) {
        inbound_give_back(s->meter, w->counted_ms);
    }
}

static void release_all(struct gateway *g, struct user *u)
{
    struct quota_waiter *w;

    while ((w = quota_next(&u->quota, clock_mono_ms())) != NULL) {
        struct session *s = waiting_session(g, w);
        if (s && inflight_has(g->inflight, INFLIGHT_FRAME, w->conn, w->frame_no)) {
            receiving_release(s, w->frame_no, w->partition, rcbuf_bytes(w->envelope));
        } else {
            give_up(u, s, w);
        }
        end_wait(s, w);
    }
}

static void refuse_all(struct gateway *g, struct user *u, bool is_unavailable)
{
    struct quota_waiter *w;

    while ((w = quota_next_refused(&u->quota)) != NULL) {
        struct session *s = waiting_session(g, w);
        struct inflight_entry entry;
        if (s) {
            inbound_give_back(s->meter, w->counted_ms);
        }
        if (s && !is_unavailable) {
            receiving_refuse(s, w->frame_no);
        } else if (s && inflight_take(g->inflight, INFLIGHT_FRAME, w->conn, w->frame_no, &entry)) {
            send_error(s, CODE_SERVICE_UNAVAILABLE, entry.client_id);
        }
        end_wait(s, w);
    }
}

static void on_lease(void *arg, int err, const struct redis_value *v)
{
    static struct log_limit limit = {.per_minute = 10};
    struct lease *lease = arg;
    struct gateway *g = lease->gateway;
    struct user *u = user_find(&g->users, lease->user_id);
    int64_t n = err == 0 ? redis_value_int(redis_value_at(v, 0)) : 0;
    int64_t second = err == 0 ? redis_value_int(redis_value_at(v, 1)) : 0;

    n = n > 0 && n <= g->user_limit ? n : 0;
    if (err != 0 && log_limit_pass(&limit, clock_mono_ms())) {
        log_warn(EV_QUOTA_FAILED, LOG_ERR(err), LOG_BYTES("answer", redis_value_bytes(v)));
    }
    if (!u && n > 0) {
        give_back_credits(g, lease->user_id, second, (uint32_t)n);
    }
    mem_free(lease);
    if (!u) {
        return;
    }
    quota_granted(&u->quota, (uint32_t)n, second);
    release_all(g, u);
    if (n == 0) {
        refuse_all(g, u, err != 0);
    }
    quota_lease(g, u); /* for those that are left */
}

void quota_lease(struct gateway *g, struct user *u)
{
    struct stream_key key = key_rate_user(g->conf->redis_prefix, u->user_id);
    struct lease *lease;
    char limit_text[12];

    if (!quota_begin_lease(&u->quota, clock_mono_ms())) {
        return;
    }
    snprintf(limit_text, sizeof(limit_text), "%u", g->user_limit);
    const struct bytes argv[] = {BYTES_LIT("EVAL"), bytes_str(QUOTA_LEASE_SCRIPT), BYTES_LIT("1"),
                                 stream_key_bytes(&key), bytes_str(limit_text)};
    lease = mem_alloc(sizeof(*lease));
    if (lease) {
        *lease = (struct lease){g, u->user_id};
    }
    if (!lease || redis_link_command(g->commands, argv, 5, on_lease, lease) != 0) {
        mem_free(lease);
        quota_granted(&u->quota, 0, 0);
        refuse_all(g, u, true);
    }
}
