/* SPDX-License-Identifier: MIT */
/* Sends the batches of all partitions: XADD in:{p} * n <count> gw <incarnation> w <waited ms> e
 * <envelopes>.
 * One XADD per partition is under way; its answer sends the next. Decides by the outcome what goes
 * again (see uplink_queue.h). Who must be told that a frame never left is inflight's matter. */
#include "gateway/uplink.h"

#include <stdio.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/events.h"
#include "gateway/gateway_metrics.h"
#include "proto/stream_keys.h"

#define RETRY_MS 200u

struct part {
    struct uplink *uplink;
    struct uplink_queue queue;
    struct stream_key key;
};

struct uplink {
    struct loop *loop;
    struct redis_link *link;
    const char *gateway;
    struct uplink_total total;
    struct loop_task task;
    struct loop_timer *retry;
    bool is_gate_open;
    uint32_t part_count;
    struct part parts[];
};

static void send_all(void *arg);

struct uplink *uplink_new(struct loop *loop, struct redis_link *link, const char *prefix,
                          const char *gateway, uint32_t partitions)
{
    struct uplink *u = mem_zalloc(sizeof(*u) + partitions * sizeof(u->parts[0]));

    if (!u) {
        return NULL;
    }
    u->loop = loop;
    u->link = link;
    u->gateway = gateway;
    u->part_count = partitions;
    loop_task_init(&u->task, send_all, u);
    u->retry = loop_timer_new(loop, send_all, u);
    for (uint32_t p = 0; p < partitions; p++) {
        u->parts[p].uplink = u;
        u->parts[p].key = key_in(prefix, p);
        uplink_queue_init(&u->parts[p].queue, &u->total);
    }
    if (!u->retry) {
        uplink_free(u);
        return NULL;
    }
    return u;
}

void uplink_free(struct uplink *u)
{
    if (!u) {
        return;
    }
    loop_task_cancel(u->loop, &u->task);
    loop_timer_free(u->retry);
    for (uint32_t p = 0; p < u->part_count; p++) {
        uplink_queue_done(&u->parts[p].queue);
    }
    mem_free(u);
}

static void count_dropped(const char *reason, uint32_t n)
{
    if (n > 0) {
        metric_add_label(gateway_metrics.uplink_dropped, reason, n);
    }
}

static void on_sent(void *arg, int err, const struct redis_value *v)
{
    static struct log_limit limit = {.per_minute = 10};
    struct part *part = arg;
    struct uplink *u = part->uplink;

    if (err == 0) {
        uplink_queue_end(&part->queue, UPLINK_STORED);
        metric_add_label(gateway_metrics.uplink_entries, "stored", 1);
        loop_at_turn_end(u->loop, &u->task);
    } else if (err == ERR_REMOTE) {
        uplink_queue_end(&part->queue, UPLINK_REFUSED);
        metric_add_label(gateway_metrics.uplink_entries, "refused", 1);
        if (log_limit_pass(&limit, clock_mono_ms())) {
            log_error(EV_UPLINK_FAILED, LOG_BYTES("key", stream_key_bytes(&part->key)),
                      LOG_BYTES("answer", redis_value_bytes(v)));
        }
        loop_timer_start(u->retry, RETRY_MS, 0);
    } else {
        count_dropped("outcome_unknown", uplink_queue_end(&part->queue, UPLINK_UNKNOWN));
        metric_add_label(gateway_metrics.uplink_entries, "unknown", 1);
        if (log_limit_pass(&limit, clock_mono_ms())) {
            log_warn(EV_UPLINK_UNKNOWN, LOG_BYTES("key", stream_key_bytes(&part->key)),
                     LOG_ERR(err));
        }
        loop_timer_start(u->retry, RETRY_MS, 0);
    }
}

static void send_part(struct part *part)
{
    struct uplink *u = part->uplink;
    struct uplink_ready ready;
    char count[12], waited[12];
    bool has_batch = uplink_queue_begin(&part->queue, clock_mono_ms(), &ready);

    count_dropped("stale", ready.stale);
    if (!has_batch) {
        return;
    }
    snprintf(count, sizeof(count), "%u", ready.count);
    snprintf(waited, sizeof(waited), "%u", ready.waited_ms);
    const struct bytes argv[] = {BYTES_LIT("XADD"),     stream_key_bytes(&part->key),
                                 BYTES_LIT("*"),        BYTES_LIT("n"),
                                 bytes_str(count),      BYTES_LIT("gw"),
                                 bytes_str(u->gateway), BYTES_LIT("w"),
                                 bytes_str(waited),     BYTES_LIT("e"),
                                 ready.envelopes};
    if (redis_link_command(u->link, argv, sizeof(argv) / sizeof(argv[0]), on_sent, part) != 0) {
        uplink_queue_end(&part->queue, UPLINK_REFUSED);
        loop_timer_start(u->retry, RETRY_MS, 0);
    }
}

static void send_all(void *arg)
{
    struct uplink *u = arg;

    if (!u->is_gate_open || !redis_link_is_up(u->link)) {
        return;
    }
    for (uint32_t p = 0; p < u->part_count; p++) {
        if (!uplink_queue_is_empty(&u->parts[p].queue)) {
            send_part(&u->parts[p]);
        }
    }
}

int uplink_push(struct uplink *u, uint32_t partition, enum uplink_policy policy,
                struct bytes envelope)
{
    struct part *part = &u->parts[partition % u->part_count];
    int err = uplink_queue_push(&part->queue, policy, envelope, clock_mono_ms());

    if (err != 0) {
        count_dropped("full", 1);
        return err;
    }
    metric_add(gateway_metrics.uplink_envelopes, 1);
    loop_at_turn_end(u->loop, &u->task);
    return 0;
}

void uplink_set_gate(struct uplink *u, bool is_open)
{
    if (u->is_gate_open != is_open) {
        u->is_gate_open = is_open;
        loop_at_turn_end(u->loop, &u->task);
    }
}

bool uplink_is_idle(const struct uplink *u)
{
    return u->total.envelopes == 0;
}

void uplink_tick(struct uplink *u)
{
    for (uint32_t p = 0; p < u->part_count; p++) {
        count_dropped("stale", uplink_queue_drop_stale(&u->parts[p].queue, clock_mono_ms()));
    }
    metric_set(gateway_metrics.uplink_waiting, u->total.envelopes);
    loop_at_turn_end(u->loop, &u->task);
}
