/* SPDX-License-Identifier: MIT */
/* One statement at a time, on the store's connection for the API, so that messages never wait for
 * it. Who comes to own partition 0 begins at the beginning. Called by broker.c. */
#include "broker/retention.h"

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

struct retention {
    struct retention_deps deps;
    struct loop_timer *timer;
    int64_t after_id;
    uint32_t rest; /* ticks */
    bool is_busy;
    struct metric *removed;
};

static void on_trimmed(void *arg, int err, int64_t next_id, int64_t removed)
{
    static struct log_limit limit = {.per_minute = 1};
    struct retention *r = arg;

    r->is_busy = false;
    if (err != 0) {
        if (log_limit_pass(&limit, clock_mono_ms())) {
            log_warn("retention_failed", LOG_ERR(err));
        }
        return;
    }
    r->after_id = next_id;
    r->rest = next_id == 0 ? RETENTION_REST_TICKS : 0;
    if (removed > 0) {
        metric_add(r->removed, (double)removed);
        log_debug("notifications_removed", LOG_I64("count", removed));
    }
}

static void tick(void *arg)
{
    struct retention *r = arg;

    if (!r->deps.is_owner(r->deps.arg)) {
        r->after_id = 0;
        r->rest = 0;
    } else if (r->rest > 0) {
        r->rest--;
    } else if (!r->is_busy) {
        r->is_busy = store_trim_notifications(r->deps.store, r->after_id,
                                              r->deps.conf->notification_retention_days,
                                              RETENTION_ROWS, on_trimmed, r) == 0;
    }
}

struct retention *retention_new(const struct retention_deps *deps)
{
    struct retention *r = mem_zalloc(sizeof(*r));

    if (!r) {
        return NULL;
    }
    r->deps = *deps;
    r->removed = metric_counter("broker_notifications_removed_total",
                                "Old notifications that were removed", NULL);
    r->timer = loop_timer_new(deps->loop, tick, r);
    if (!r->timer) {
        mem_free(r);
        return NULL;
    }
    return r;
}

void retention_free(struct retention *r)
{
    if (r) {
        loop_timer_free(r->timer);
        mem_free(r);
    }
}

void retention_start(struct retention *r)
{
    if (r->deps.conf->notification_retention_days > 0) {
        loop_timer_start(r->timer, RETENTION_TICK_MS, RETENTION_TICK_MS);
    }
}

void retention_pause(struct retention *r)
{
    loop_timer_stop(r->timer);
}
