/* SPDX-License-Identifier: MIT */
/* Renews gw:{incarnation} (hash with expiry) and the score in the zset of gateways. A lease that
 * was gone when it was to be renewed means that this process slept or was cut off for too long:
 * the owner is told and ends. Reads nothing else from Redis. */
#include "gateway/registry.h"

#include <stdio.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/events.h"
#include "proto/stream_keys.h"

static const char LEASE_SCRIPT[] =
    "local was = redis.call('EXISTS', KEYS[1])\n"
    "redis.call('HSET', KEYS[1], 'address', ARGV[2], 'pid', ARGV[3], 'version', ARGV[4],\n"
    "           'started', ARGV[5], 'connections', ARGV[6])\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[1])\n"
    "return was";
static const char HEARTBEAT_SCRIPT[] =
    "local t = redis.call('TIME')\n"
    "return redis.call('ZADD', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000), ARGV[1])";

struct registry {
    struct redis_link *link;
    struct registry_conf conf;
    struct stream_key lease_key, zset_key, out_key;
    struct loop_timer *timer;
    loop_fn *on_lost, *on_done;
    void *arg;
    uint32_t connections;
    bool is_known; /* the server has had our lease: it must still be there */
    bool is_renewing, is_leaving;
};

static void on_renewed(void *arg, int err, const struct redis_value *v)
{
    static struct log_limit limit = {.per_minute = 10};
    struct registry *r = arg;

    r->is_renewing = false;
    if (err == ERR_REMOTE && log_limit_pass(&limit, clock_mono_ms())) {
        log_error(EV_LEASE_FAILED, LOG_BYTES("answer", redis_value_bytes(v)));
    }
    if (err != 0 || r->is_leaving) {
        return;
    }
    if (r->is_known && redis_value_int(v) == 0) {
        log_error(EV_LEASE_LOST, LOG_STR("gateway", r->conf.gateway));
        r->on_lost(r->arg);
        return;
    }
    r->is_known = true;
}

static void renew(void *arg)
{
    struct registry *r = arg;
    char lease_ms[12], pid[12], started[24], connections[12];

    if (r->is_leaving || r->is_renewing || !redis_link_is_up(r->link)) {
        return;
    }
    snprintf(lease_ms, sizeof(lease_ms), "%u", GATEWAY_LEASE_MS);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    snprintf(started, sizeof(started), "%llu", (unsigned long long)r->conf.started_ms);
    snprintf(connections, sizeof(connections), "%u", r->connections);
    const struct bytes lease[] = {BYTES_LIT("EVAL"),   BYTES_LIT(LEASE_SCRIPT),
                                  BYTES_LIT("1"),      stream_key_bytes(&r->lease_key),
                                  bytes_str(lease_ms), bytes_str(r->conf.address),
                                  bytes_str(pid),      BYTES_LIT(KIBRAY_VERSION),
                                  bytes_str(started),  bytes_str(connections)};
    const struct bytes heartbeat[] = {BYTES_LIT("EVAL"), BYTES_LIT(HEARTBEAT_SCRIPT),
                                      BYTES_LIT("1"), stream_key_bytes(&r->zset_key),
                                      bytes_str(r->conf.gateway)};
    r->is_renewing =
        redis_link_command(r->link, lease, sizeof(lease) / sizeof(lease[0]), on_renewed, r) == 0;
    /* The heartbeat is for people and the dashboard; the next one comes anyway. */
    int ignored = redis_link_command(r->link, heartbeat, sizeof(heartbeat) / sizeof(heartbeat[0]),
                                     NULL, NULL);
    (void)ignored;
}

struct registry *registry_new(struct loop *loop, struct redis_link *link,
                              const struct registry_conf *conf, loop_fn *on_lost, void *arg)
{
    struct registry *r = mem_zalloc(sizeof(*r));

    if (!r) {
        return NULL;
    }
    r->link = link;
    r->conf = *conf;
    r->lease_key = key_gateway(conf->prefix, bytes_str(conf->gateway));
    r->zset_key = key_gateways(conf->prefix);
    r->out_key = key_out(conf->prefix, bytes_str(conf->gateway));
    r->on_lost = on_lost;
    r->arg = arg;
    r->timer = loop_timer_new(loop, renew, r);
    if (!r->timer) {
        mem_free(r);
        return NULL;
    }
    loop_timer_start(r->timer, GATEWAY_RENEW_MS, GATEWAY_RENEW_MS);
    return r;
}

void registry_free(struct registry *r)
{
    if (r) {
        loop_timer_free(r->timer);
        mem_free(r);
    }
}

void registry_on_up(struct registry *r, bool is_new_server)
{
    if (is_new_server) {
        r->is_known = false;
    }
    renew(r);
}

void registry_set_connections(struct registry *r, uint32_t connections)
{
    r->connections = connections;
}

static void on_left(void *arg, int err, const struct redis_value *v)
{
    struct registry *r = arg;

    (void)err; /* a lease that stays runs out by itself */
    (void)v;
    if (r->on_done) {
        r->on_done(r->arg);
    }
}

void registry_leave(struct registry *r, loop_fn *on_done)
{
    const struct bytes zrem[] = {BYTES_LIT("ZREM"), stream_key_bytes(&r->zset_key),
                                 bytes_str(r->conf.gateway)};
    const struct bytes del_out[] = {BYTES_LIT("DEL"), stream_key_bytes(&r->out_key)};
    const struct bytes del[] = {BYTES_LIT("DEL"), stream_key_bytes(&r->lease_key)};
    int err;

    r->is_leaving = true;
    r->on_done = on_done;
    loop_timer_stop(r->timer);
    err = redis_link_command(r->link, zrem, 3, NULL, NULL);
    if (err == 0) {
        err = redis_link_command(r->link, del_out, 2, NULL, NULL);
    }
    if (err == 0) {
        err = redis_link_command(r->link, del, 2, on_left, r);
    }
    if (err != 0) {
        on_done(r->arg);
    }
}
