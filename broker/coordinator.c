/* SPDX-License-Identifier: MIT */
/* One tick each quarter of a lease: beat, see who lives, renew leases, release or take. Called by
 * broker.c; acts on the pipeline's partitions. */
#include "broker/coordinator.h"

#include <stdio.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/stream_keys.h"

#define CLOCK_SAMPLE_MAX_MS 250u

struct lease {
    struct coordinator *c;
    uint32_t partition;
    bool is_held, is_asking;
    uint64_t asked_ms, until_ms;
    uint32_t tick; /* in which it was asked for last */
};

struct coordinator {
    struct loop *loop;
    struct redis_link *link;
    struct pipeline *pipeline;
    const struct broker_conf *conf;
    struct bytes owner;
    struct loop_timer *timer;
    struct loop_task release_task;
    bool is_running, is_leaving;
    uint32_t share, tick;
    uint64_t beat_ms; /* when it was sent */
    struct lease leases[PARTITIONS_MAX];
    struct metric *owned, *living;
};

/* Beat, forget the dead, give the time and the names of the living, sorted. */
static const char beat_script[] =
    "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "if ARGV[3] == '1' then redis.call('ZADD', KEYS[1], now, ARGV[1]) "
    "else redis.call('ZREM', KEYS[1], ARGV[1]) end "
    "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - ARGV[2])) "
    "local names = redis.call('ZRANGE', KEYS[1], 0, 1023) table.sort(names) "
    "return {tostring(now), names}";

/* Take the lease when it is free, renew it when it is ours. */
static const char lease_script[] = "local v = redis.call('GET', KEYS[1]) "
                                   "if v and v ~= ARGV[1] then return 0 end "
                                   "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";

static const char release_script[] =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

static void release(struct coordinator *c, struct lease *l)
{
    struct stream_key key = key_lease(c->conf->redis_prefix, l->partition);
    int err = redis_link_command(c->link,
                                 (struct bytes[]){BYTES_LIT("EVAL"), bytes_str(release_script),
                                                  BYTES_LIT("1"), stream_key_bytes(&key), c->owner},
                                 5, NULL, NULL);
    (void)err; /* it runs out by itself */
    l->is_held = false;
}

static void take_missing(struct coordinator *c);

static void on_lease(void *arg, int err, const struct redis_value *v)
{
    struct lease *l = arg;
    struct coordinator *c = l->c;
    struct partition *p = pipeline_partition(c->pipeline, l->partition);

    l->is_asking = false;
    if (err) {
        return;
    }
    if (redis_value_int(v) != 1) {
        if (l->is_held) {
            log_warn("lease_lost", LOG_U64("partition", l->partition));
            l->is_held = false;
            pipeline_lose(c->pipeline, p);
        }
        take_missing(c);
        return;
    }
    if (!l->is_held && (!c->is_running || c->is_leaving)) {
        release(c, l);
        return;
    }
    l->until_ms = l->asked_ms + c->conf->lease_ms;
    p->lease_until_ms = l->until_ms;
    if (!l->is_held) {
        l->is_held = true;
        pipeline_take(c->pipeline, p);
    }
}

static void ask_lease(struct coordinator *c, struct lease *l)
{
    struct stream_key key = key_lease(c->conf->redis_prefix, l->partition);
    char ms[16];
    int len = snprintf(ms, sizeof(ms), "%u", c->conf->lease_ms);
    if (l->is_asking) {
        return;
    }
    l->tick = c->tick;
    l->asked_ms = clock_mono_ms();
    l->is_asking = redis_link_command(c->link,
                                      (struct bytes[]){BYTES_LIT("EVAL"), bytes_str(lease_script),
                                                       BYTES_LIT("1"), stream_key_bytes(&key),
                                                       c->owner, bytes_of(ms, (size_t)len)},
                                      6, on_lease, l) == 0;
}

/* Leases of partitions that the pipeline has let go of. */
static void release_drained(void *arg)
{
    struct coordinator *c = arg;
    for (uint32_t i = 0; i < c->conf->partitions; i++) {
        if (c->leases[i].is_held && pipeline_partition(c->pipeline, i)->state == PARTITION_NONE) {
            release(c, &c->leases[i]);
        }
    }
}

void coordinator_check_released(struct coordinator *c)
{
    loop_at_turn_end(c->loop, &c->release_task);
}

static uint32_t held_count(const struct coordinator *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->conf->partitions; i++) {
        n +=
            c->leases[i].is_held && pipeline_partition(c->pipeline, i)->state != PARTITION_DRAINING;
    }
    return n;
}

static void renew(struct coordinator *c)
{
    uint64_t now = clock_mono_ms();
    for (uint32_t i = 0; i < c->conf->partitions; i++) {
        struct lease *l = &c->leases[i];
        if (!l->is_held) {
            continue;
        }
        if (now >= l->until_ms) {
            /* Asleep or cut off for too long: somebody else may own it by now. */
            log_warn("lease_expired", LOG_U64("partition", i));
            l->is_held = false;
            pipeline_lose(c->pipeline, pipeline_partition(c->pipeline, i));
            continue;
        }
        ask_lease(c, l);
    }
}

/* Ask for as many as are missing, not for more, so that newcomers do not take all that is free; a
 * refused one is followed by the next, each at most once in a tick. Everybody begins elsewhere. */
static void take_missing(struct coordinator *c)
{
    uint32_t count = c->conf->partitions, start = (uint32_t)(clock_mono_us() / 64), wanted;

    if (!c->is_running) {
        return;
    }
    wanted = held_count(c);
    for (uint32_t i = 0; i < count; i++) {
        wanted += !c->leases[i].is_held && c->leases[i].is_asking;
    }
    for (uint32_t i = 0; i < count && wanted < c->share; i++) {
        struct lease *l = &c->leases[(i + start) % count];
        if (!l->is_held && !l->is_asking && l->tick != c->tick) {
            ask_lease(c, l);
            wanted++;
        }
    }
}

static void give_surplus(struct coordinator *c)
{
    uint32_t held = held_count(c);

    for (uint32_t i = c->conf->partitions; i-- > 0 && held > c->share;) {
        struct partition *p = pipeline_partition(c->pipeline, i);
        if (c->leases[i].is_held && p->state != PARTITION_DRAINING) {
            pipeline_drain(c->pipeline, p);
            held--;
        }
    }
}

static void on_beat(void *arg, int err, const struct redis_value *v)
{
    struct coordinator *c = arg;
    const struct redis_value *names = redis_value_at(v, 1);
    uint32_t count = (uint32_t)redis_value_count(names), rank = count;
    int64_t redis_now = redis_value_int(redis_value_at(v, 0));

    if (err || !c->is_running) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_eq(redis_value_bytes(redis_value_at(names, i)), c->owner)) {
            rank = i;
        }
    }
    /* An answer that was long under way (we may have been asleep) says little of the time. */
    if (redis_now > 0 && clock_mono_ms() - c->beat_ms <= CLOCK_SAMPLE_MAX_MS) {
        pipeline_set_clock_offset(c->pipeline, redis_now - (int64_t)clock_wall_ms());
    }
    metric_set(c->living, count);
    metric_set(c->owned, held_count(c));
    c->share =
        c->is_leaving || rank == count ? 0 : partition_share(c->conf->partitions, count, rank);
    give_surplus(c);
    take_missing(c);
}

static void tick(void *arg)
{
    struct coordinator *c = arg;
    struct stream_key key = key_brokers(c->conf->redis_prefix);
    char ms[16];
    int len = snprintf(ms, sizeof(ms), "%u", c->conf->lease_ms);
    int err;

    if (!c->is_running) {
        return;
    }
    c->tick++;
    renew(c);
    c->beat_ms = clock_mono_ms();
    err = redis_link_command(c->link,
                             (struct bytes[]){BYTES_LIT("EVAL"), bytes_str(beat_script),
                                              BYTES_LIT("1"), stream_key_bytes(&key), c->owner,
                                              bytes_of(ms, (size_t)len),
                                              c->is_leaving ? BYTES_LIT("0") : BYTES_LIT("1")},
                             7, on_beat, c);
    if (err) {
        log_debug("beat_failed", LOG_ERR(err));
    }
}

struct coordinator *coordinator_new(struct loop *loop, struct redis_link *link,
                                    struct pipeline *pipeline, const struct broker_conf *conf,
                                    struct bytes owner)
{
    struct coordinator *c = mem_zalloc(sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->loop = loop;
    c->link = link;
    c->pipeline = pipeline;
    c->conf = conf;
    c->owner = owner;
    for (uint32_t i = 0; i < PARTITIONS_MAX; i++) {
        c->leases[i].c = c;
        c->leases[i].partition = i;
    }
    loop_task_init(&c->release_task, release_drained, c);
    c->owned = metric_gauge("broker_partitions_owned", "Partitions this broker owns", NULL);
    c->living = metric_gauge("broker_brokers_living", "Brokers with a fresh heartbeat", NULL);
    c->timer = loop_timer_new(loop, tick, c);
    if (!c->timer) {
        mem_free(c);
        return NULL;
    }
    return c;
}

void coordinator_free(struct coordinator *c)
{
    if (!c) {
        return;
    }
    loop_task_cancel(c->loop, &c->release_task);
    loop_timer_free(c->timer);
    mem_free(c);
}

void coordinator_start(struct coordinator *c)
{
    c->is_running = true;
    loop_timer_start(c->timer, 0, c->conf->lease_ms / 4);
}

void coordinator_pause(struct coordinator *c)
{
    c->is_running = false;
    loop_timer_stop(c->timer);
    for (uint32_t i = 0; i < c->conf->partitions; i++) {
        if (c->leases[i].is_held) {
            release(c, &c->leases[i]);
        }
        c->leases[i].is_asking = false;
    }
    metric_set(c->owned, 0);
    metric_set(c->living, 0);
}

void coordinator_leave(struct coordinator *c)
{
    c->is_leaving = true;
    for (uint32_t i = 0; i < c->conf->partitions; i++) {
        pipeline_drain(c->pipeline, pipeline_partition(c->pipeline, i));
    }
    tick(c);
}
