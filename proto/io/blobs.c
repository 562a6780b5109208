/* SPDX-License-Identifier: MIT */
/* Set, GET and GETDEL on a link of its own. Called by the gateway and by the broker. */
#include "proto/io/blobs.h"

#include <stdio.h>

#include "common/mem.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

#define BLOB_TIMEOUT_MS 5000u /* as for every other command */

struct blobs {
    struct redis_link *link;
    const char *prefix;
    char name[GATEWAY_NAME_MAX + 8];
};

struct request {
    blob_done_fn *fn;
    void *arg;
};

static void on_up(void *arg, struct bytes run_id, bool is_new_server)
{
    (void)arg, (void)run_id, (void)is_new_server;
}

static void on_down(void *arg)
{
    (void)arg; /* what was under way is told of each by itself */
}

struct blobs *blobs_new(struct loop *loop, const char *redis_url, const char *prefix,
                        const char *process)
{
    static const struct redis_link_events events = {on_up, on_down};
    struct blobs *b = mem_zalloc(sizeof(*b));
    struct redis_link_conf conf = {
        .url = redis_url, .prefix = prefix, .timeout_ms = BLOB_TIMEOUT_MS};

    if (!b) {
        return NULL;
    }
    snprintf(b->name, sizeof(b->name), "%s/files", process);
    conf.name = b->name;
    b->prefix = prefix;
    b->link = redis_link_new(loop, &conf, &events, b);
    if (!b->link) {
        mem_free(b);
        return NULL;
    }
    return b;
}

void blobs_free(struct blobs *b)
{
    if (b) {
        redis_link_free(b->link);
        mem_free(b);
    }
}

static void on_answer(void *arg, int err, const struct redis_value *v)
{
    struct request r = *(struct request *)arg;
    bool is_there = redis_value_type(v) == REDIS_STR;

    mem_free(arg);
    if (err == 0 && redis_value_type(v) == REDIS_NIL) {
        err = ERR_NOT_FOUND;
    }
    r.fn(r.arg, err, err == 0 && is_there ? redis_value_bytes(v) : BYTES_NONE);
}

static struct stream_key key_of(const struct blobs *b, const struct blob_name *name)
{
    return key_blob(b->prefix, name->partition, name->gateway, name->serial);
}

static int submit(struct blobs *b, const struct bytes *argv, size_t argc, blob_done_fn *fn,
                  void *arg)
{
    struct request *r = mem_alloc(sizeof(*r));
    int err;

    if (!r) {
        return ERR_NOMEM;
    }
    *r = (struct request){fn, arg};
    err = redis_link_command(b->link, argv, argc, on_answer, r);
    if (err != 0) {
        mem_free(r);
    }
    return err;
}

int blobs_put(struct blobs *b, const struct blob_name *name, struct bytes data, blob_done_fn *fn,
              void *arg)
{
    /* Neither in the append-only file nor at replicas: what is gone with a server is sent again. */
    static const char script[] = "redis.set_repl(redis.REPL_NONE) "
                                 "return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])";
    struct stream_key key = key_of(b, name);
    char ttl[12];

    snprintf(ttl, sizeof(ttl), "%u", BLOB_TTL_MS);
    const struct bytes argv[] = {
        BYTES_LIT("EVAL"), bytes_str(script), BYTES_LIT("1"), stream_key_bytes(&key), data,
        bytes_str(ttl)};
    return submit(b, argv, 6, fn, arg);
}

int blobs_read(struct blobs *b, const struct blob_name *name, blob_done_fn *fn, void *arg)
{
    struct stream_key key = key_of(b, name);
    const struct bytes argv[] = {BYTES_LIT("GET"), stream_key_bytes(&key)};

    return submit(b, argv, 2, fn, arg);
}

void blobs_drop(struct blobs *b, const struct blob_name *name)
{
    struct stream_key key = key_of(b, name);
    const struct bytes argv[] = {BYTES_LIT("UNLINK"), stream_key_bytes(&key)};
    int err = redis_link_command(b->link, argv, 2, NULL, NULL);

    (void)err;
}

int blobs_take(struct blobs *b, const struct blob_name *name, blob_done_fn *fn, void *arg)
{
    struct stream_key key = key_of(b, name);
    const struct bytes argv[] = {BYTES_LIT("GETDEL"), stream_key_bytes(&key)};

    return submit(b, argv, 2, fn, arg);
}
