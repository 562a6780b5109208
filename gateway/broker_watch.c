/* SPDX-License-Identifier: MIT */
/* Polls the zset of broker heartbeats. The script compares with Redis' own clock, the one that the
 * heartbeats were written by. What follows from the answer (uplink's gate, readiness) is the
 * gateway's matter. */
#include "gateway/broker_watch.h"

#include "common/log.h"
#include "common/mem.h"
#include "gateway/events.h"
#include "proto/stream_keys.h"

#define POLL_MS 1000u

static const char COUNT_SCRIPT[] =
    "local t = redis.call('TIME')\n"
    "return redis.call('ZCOUNT', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000) - 3000, '+inf')";

struct broker_watch {
    struct redis_link *link;
    struct stream_key key;
    struct loop_timer *timer;
    broker_watch_fn *fn;
    void *arg;
    bool is_alive, is_asking;
};

static void set_alive(struct broker_watch *w, bool is_alive)
{
    if (w->is_alive == is_alive) {
        return;
    }
    w->is_alive = is_alive;
    if (is_alive) {
        log_info(EV_BROKERS_SEEN);
    } else {
        log_warn(EV_BROKERS_GONE);
    }
    w->fn(w->arg, is_alive);
}

static void on_count(void *arg, int err, const struct redis_value *v)
{
    struct broker_watch *w = arg;

    w->is_asking = false;
    /* ERR_REMOTE: Redis is there and cannot answer (loading, a replica): no better than down. */
    set_alive(w, err == 0 && redis_value_int(v) > 0);
}

static void ask(void *arg)
{
    struct broker_watch *w = arg;
    const struct bytes argv[] = {BYTES_LIT("EVAL"), BYTES_LIT(COUNT_SCRIPT), BYTES_LIT("1"),
                                 stream_key_bytes(&w->key)};

    if (!w->is_asking && redis_link_is_up(w->link)) {
        w->is_asking = redis_link_command(w->link, argv, 4, on_count, w) == 0;
    }
}

struct broker_watch *broker_watch_new(struct loop *loop, struct redis_link *link,
                                      const char *prefix, broker_watch_fn *fn, void *arg)
{
    struct broker_watch *w = mem_zalloc(sizeof(*w));

    if (!w) {
        return NULL;
    }
    w->link = link;
    w->key = key_brokers(prefix);
    w->fn = fn;
    w->arg = arg;
    w->timer = loop_timer_new(loop, ask, w);
    if (!w->timer) {
        mem_free(w);
        return NULL;
    }
    loop_timer_start(w->timer, POLL_MS, POLL_MS);
    return w;
}

void broker_watch_free(struct broker_watch *w)
{
    if (w) {
        loop_timer_free(w->timer);
        mem_free(w);
    }
}

void broker_watch_on_up(struct broker_watch *w)
{
    ask(w);
}

void broker_watch_on_down(struct broker_watch *w)
{
    set_alive(w, false);
}

bool broker_watch_is_alive(const struct broker_watch *w)
{
    return w->is_alive;
}
