/* SPDX-License-Identifier: MIT */
/* Every two seconds: which gateways beat, which of those in our rooms do not? Also removes the
 * streams that long-dead gateways left behind. Called by broker.c. */
#include "broker/gateway_watch.h"

#include <uthash.h>
#include <utlist.h>

#include "common/log.h"
#include "common/mem.h"
#include "proto/stream_keys.h"

struct seen {
    UT_hash_handle hh;
    uint32_t misses;
    uint64_t round;
    size_t name_len;
    char name[GATEWAY_NAME_MAX];
};

struct gateway_watch {
    struct redis_link *link;
    struct pipeline *pipeline;
    const struct broker_conf *conf;
    struct loop_timer *timer;
    struct seen *seen;
    uint64_t round;
    bool is_running;
};

/* The living; and, removed from the set, those that have been dead for a while. */
static const char look_script[] =
    "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - 6 * ARGV[1]), "
    "'LIMIT', 0, 100) "
    "for _, name in ipairs(old) do redis.call('ZREM', KEYS[1], name) end "
    "return {redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf'), old}";

static struct seen *seen_get(struct gateway_watch *w, struct bytes name)
{
    struct seen *s;
    HASH_FIND(hh, w->seen, name.ptr, name.len, s);
    if (!s && name.len <= GATEWAY_NAME_MAX && (s = mem_zalloc(sizeof(*s)))) {
        memcpy(s->name, name.ptr, name.len);
        s->name_len = name.len;
        HASH_ADD_KEYPTR(hh, w->seen, s->name, s->name_len, s);
    }
    return s;
}

static void note_room(struct gateway_watch *w, const struct room *room)
{
    const struct room_gateway *g;
    DL_FOREACH(room->gateways, g) {
        struct seen *s = seen_get(w, room_gateway_name(g));
        if (s && s->round != w->round) {
            s->round = w->round;
            s->misses++;
        }
    }
}

/* Every gateway with connections in one of our rooms has missed this round, until it is found
 * among the living. */
static void note_rooms(struct gateway_watch *w)
{
    for (uint32_t i = 0; i < w->conf->partitions; i++) {
        struct room *room, *tmp;
        HASH_ITER(hh, pipeline_partition(w->pipeline, i)->rooms.table, room, tmp) {
            note_room(w, room);
        }
    }
}

static void remove_stream(struct gateway_watch *w, struct bytes gateway)
{
    struct stream_key key = key_out(w->conf->redis_prefix, gateway);
    int err = redis_link_command(
        w->link, (struct bytes[]){BYTES_LIT("DEL"), stream_key_bytes(&key)}, 2, NULL, NULL);
    if (err) {
        log_debug("stream_not_removed", LOG_ERR(err));
    }
}

static void on_look(void *arg, int err, const struct redis_value *v)
{
    struct gateway_watch *w = arg;
    const struct redis_value *alive = redis_value_at(v, 0), *old = redis_value_at(v, 1);
    struct seen *s, *tmp;

    if (err || !w->is_running) {
        return;
    }
    w->round++;
    note_rooms(w);
    for (size_t i = 0; i < redis_value_count(alive); i++) {
        struct bytes name = redis_value_bytes(redis_value_at(alive, i));
        HASH_FIND(hh, w->seen, name.ptr, name.len, s);
        if (s) {
            s->misses = 0;
        }
    }
    for (size_t i = 0; i < redis_value_count(old); i++) {
        remove_stream(w, redis_value_bytes(redis_value_at(old, i)));
    }
    HASH_ITER(hh, w->seen, s, tmp) {
        struct bytes name = bytes_of(s->name, s->name_len);
        if (s->misses >= GATEWAY_MISSES_MAX) {
            log_warn("gateway_dead", LOG_BYTES("gateway", name));
            pipeline_gateway_dead(w->pipeline, name);
            remove_stream(w, name);
        }
        if (s->misses >= GATEWAY_MISSES_MAX || s->round != w->round) {
            HASH_DEL(w->seen, s);
            mem_free(s);
        }
    }
}

static void look(void *arg)
{
    struct gateway_watch *w = arg;
    struct stream_key key = key_gateways(w->conf->redis_prefix);
    int err = redis_link_command(w->link,
                                 (struct bytes[]){BYTES_LIT("EVAL"), bytes_str(look_script),
                                                  BYTES_LIT("1"), stream_key_bytes(&key),
                                                  BYTES_LIT(GATEWAY_DEAD_AFTER_MS)},
                                 5, on_look, w);
    if (err) {
        log_debug("gateway_look_failed", LOG_ERR(err));
    }
}

struct gateway_watch *gateway_watch_new(struct loop *loop, struct redis_link *link,
                                        struct pipeline *pipeline, const struct broker_conf *conf)
{
    struct gateway_watch *w = mem_zalloc(sizeof(*w));
    if (!w) {
        return NULL;
    }
    w->link = link;
    w->pipeline = pipeline;
    w->conf = conf;
    w->timer = loop_timer_new(loop, look, w);
    if (!w->timer) {
        mem_free(w);
        return NULL;
    }
    return w;
}

void gateway_watch_free(struct gateway_watch *w)
{
    if (!w) {
        return;
    }
    gateway_watch_pause(w);
    loop_timer_free(w->timer);
    mem_free(w);
}

void gateway_watch_start(struct gateway_watch *w)
{
    w->is_running = true;
    loop_timer_start(w->timer, GATEWAY_WATCH_INTERVAL_MS, GATEWAY_WATCH_INTERVAL_MS);
}

void gateway_watch_pause(struct gateway_watch *w)
{
    struct seen *s, *tmp;
    w->is_running = false;
    loop_timer_stop(w->timer);
    HASH_ITER(hh, w->seen, s, tmp) {
        HASH_DEL(w->seen, s);
        mem_free(s);
    }
}
