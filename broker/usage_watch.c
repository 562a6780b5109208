/* SPDX-License-Identifier: MIT */
/* A look each second at the clock: when a new interval has begun, its point is collected and stored
 * under the interval's beginning, so that two owners in a row write it once. Called by broker.c. */
#include "broker/usage_watch.h"

#include "broker/usage_collect.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"

#define LOOK_MS 1000u

struct usage_watch {
    struct usage_watch_deps deps;
    struct loop_timer *timer;
    uint64_t interval; /* the last one that was looked at */
    bool is_busy;
};

static void complain(int err)
{
    log_warn("usage_history_failed", LOG_ERR(err));
}

static void on_put(void *arg, int err)
{
    struct usage_watch *w = arg;

    w->is_busy = false;
    if (err) {
        complain(err);
    }
}

static void on_collected(void *arg, int err, struct usage_sum *sum)
{
    struct usage_watch *w = arg;
    struct usage_point point;

    if (err == 0) {
        usage_sum_point(sum, w->interval * USAGE_INTERVAL_S * 1000, &point);
        err = store_usage_put(w->deps.store, &point, on_put, w);
    }
    usage_sum_free(sum);
    if (err) {
        w->is_busy = false;
        complain(err);
    }
}

static void look(void *arg)
{
    struct usage_watch *w = arg;
    uint64_t interval = clock_wall_ms() / 1000 / USAGE_INTERVAL_S;
    int err;

    if (interval == w->interval || w->is_busy) {
        return;
    }
    w->interval = interval;
    if (!w->deps.is_owner(w->deps.arg)) {
        return;
    }
    err = usage_collect(w->deps.redis, w->deps.conf->redis_prefix, on_collected, w);
    w->is_busy = err == 0;
    if (err) {
        complain(err);
    }
}

struct usage_watch *usage_watch_new(const struct usage_watch_deps *deps)
{
    struct usage_watch *w = mem_zalloc(sizeof(*w));

    if (!w) {
        return NULL;
    }
    w->deps = *deps;
    w->interval = clock_wall_ms() / 1000 / USAGE_INTERVAL_S; /* this one has begun without us */
    w->timer = loop_timer_new(deps->loop, look, w);
    if (!w->timer) {
        mem_free(w);
        return NULL;
    }
    return w;
}

void usage_watch_free(struct usage_watch *w)
{
    if (w) {
        loop_timer_free(w->timer);
        mem_free(w);
    }
}

void usage_watch_start(struct usage_watch *w)
{
    loop_timer_start(w->timer, LOOK_MS, LOOK_MS);
}

void usage_watch_pause(struct usage_watch *w)
{
    loop_timer_stop(w->timer);
}
