/* SPDX-License-Identifier: MIT */
/*   the gateways' names -> a GET for each -> the sum
 * Each key is asked for by itself: on a cluster they lie apart. Called by request_usage.c and
 * usage_watch.c. */
#include "broker/usage_collect.h"

#include "common/log.h"
#include "common/mem.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

#define GATEWAYS_MAX 1000u

struct collection {
    struct redis_link *redis;
    const char *prefix;
    usage_collected_fn *fn;
    void *arg;
    struct usage_sum *sum;
    size_t waiting;
    int err;
};

static void end_one(struct collection *c)
{
    struct collection done = *c;

    if (--c->waiting > 0) {
        return;
    }
    mem_free(c);
    if (done.err) {
        usage_sum_free(done.sum);
        done.sum = NULL;
    }
    done.fn(done.arg, done.err, done.sum);
}

static void on_report(void *arg, int err, const struct redis_value *v)
{
    struct collection *c = arg;

    if (err == 0 && redis_value_type(v) == REDIS_STR) {
        err = usage_sum_add(c->sum, redis_value_bytes(v));
        if (err == ERR_SYNTAX || err == ERR_VERSION) {
            log_warn("usage_report_malformed", LOG_ERR(err));
            err = 0;
        }
    }
    c->err = c->err ? c->err : err;
    end_one(c);
}

static void ask(struct collection *c, struct bytes gateway)
{
    struct stream_key key = key_usage(c->prefix, gateway);
    const struct bytes argv[] = {BYTES_LIT("GET"), stream_key_bytes(&key)};
    int err = redis_link_command(c->redis, argv, 2, on_report, c);

    c->waiting += err == 0;
    c->err = c->err ? c->err : err;
}

static void on_gateways(void *arg, int err, const struct redis_value *v)
{
    struct collection *c = arg;

    c->err = err;
    for (size_t i = 0; err == 0 && i < redis_value_count(v) && i < GATEWAYS_MAX; i++) {
        struct bytes name = redis_value_bytes(redis_value_at(v, i));
        if (name.len > 0 && name.len <= GATEWAY_NAME_MAX) {
            ask(c, name);
        }
    }
    end_one(c); /* ours: nothing ends before all are asked */
}

int usage_collect(struct redis_link *redis, const char *prefix, usage_collected_fn *fn, void *arg)
{
    struct stream_key key = key_gateways(prefix);
    const struct bytes argv[] = {BYTES_LIT("ZRANGE"), stream_key_bytes(&key), BYTES_LIT("0"),
                                 BYTES_LIT("-1")};
    struct collection *c = mem_zalloc(sizeof(*c));
    int err = ERR_NOMEM;

    if (c) {
        *c = (struct collection){.redis = redis, .prefix = prefix, .fn = fn, .arg = arg};
        c->waiting = 1;
        c->sum = usage_sum_new();
        err = c->sum ? redis_link_command(redis, argv, 4, on_gateways, c) : ERR_NOMEM;
    }
    if (err) {
        if (c) {
            usage_sum_free(c->sum);
        }
        mem_free(c);
    }
    return err;
}
