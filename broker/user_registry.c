/* SPDX-License-Identifier: MIT */
/* A user's places in Redis. Decides nothing about who may connect; request_open.c calls it.
 *
 *   take --> within the limit ------------------------------------------> 0
 *        \-> over it: names of all places --> which gateways are alive?
 *                     --> remove the places of the dead --> count again --> 0 / ERR_LIMIT
 *
 * Between two steps only struct take is kept; it dies with the last answer. Places are removed,
 * never added, after the first step: a connection that goes meanwhile leaves nothing behind. */
#include "broker/user_registry.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "common/mem.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

#define FIELD_MAX_BYTES (GATEWAY_NAME_MAX + 1 + 16)

#define PLACES_TTL_MS "86400000" /* USER_REGISTRY_TTL_MS, as Redis takes it */

/* One command, so that of many connections that open at once exactly `limit` see a count within
 * it. 0: the place was there before. */
static const char TAKE_SCRIPT[] = "local is_new = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) "
                                  "redis.call('PEXPIRE', KEYS[1], ARGV[3]) "
                                  "if is_new == 0 then return 0 end "
                                  "return redis.call('HLEN', KEYS[1])";

struct take;

struct seen_gateway {
    struct take *take;
    size_t name_len;
    bool is_dead;
    char name[GATEWAY_NAME_MAX];
};

struct seen_field {
    uint32_t gateway; /* index of its seen_gateway */
    uint32_t len;
    char text[FIELD_MAX_BYTES];
};

struct take {
    struct user_registry registry;
    struct stream_key key;
    size_t field_len, gateway_len; /* the name of the gateway begins the field */
    char field[FIELD_MAX_BYTES + 1];
    user_registry_fn *fn;
    void *arg;

    struct seen_gateway *gateways;
    struct seen_field *fields;
    size_t gateway_count, field_count;
    uint32_t unanswered;
    int err;
    bool has_place;
};

static size_t field_name(const struct user_slot *slot, char out[FIELD_MAX_BYTES + 1])
{
    int len =
        snprintf(out, FIELD_MAX_BYTES + 1, "%.*s/%" PRIx64, BYTES_FMT(slot->gateway), slot->conn);

    return (size_t)len;
}

static void take_free(struct take *t)
{
    mem_free(t->gateways);
    mem_free(t->fields);
    mem_free(t);
}

static int remove_field(const struct take *t)
{
    struct bytes argv[] = {BYTES_LIT("HDEL"), stream_key_bytes(&t->key),
                           bytes_of(t->field, t->field_len)};

    return redis_link_command(t->registry.link, argv, 3, NULL, NULL);
}

/* The end: `err` is what the caller of user_registry_take hears. */
static void take_finish(struct take *t, int err)
{
    user_registry_fn *fn = t->fn;
    void *arg = t->arg;

    if (err != 0 && t->has_place && remove_field(t) != 0) {
        err = ERR_UNAVAILABLE;
    }
    take_free(t);
    fn(arg, err);
}

/* What of Redis failed is told once here; the caller only learns that it did. */
static int redis_error(int err, const struct redis_value *v)
{
    if (err == ERR_REMOTE) {
        log_error("user_registry_refused", LOG_BYTES("reply", redis_value_bytes(v)));
    }
    return ERR_UNAVAILABLE;
}

static void on_counted_again(void *arg, int err, const struct redis_value *v)
{
    struct take *t = arg;

    if (err != 0) {
        take_finish(t, redis_error(err, v));
        return;
    }
    take_finish(t, redis_value_int(v) <= t->registry.limit ? 0 : ERR_LIMIT);
}

/* HDEL of the fields whose gateway is dead; 0 also when there are none. */
static int remove_dead(const struct take *t)
{
    struct bytes *argv = mem_alloc((t->field_count + 2) * sizeof(*argv));
    size_t argc = 2;
    int err = 0;

    if (!argv) {
        return ERR_NOMEM;
    }
    argv[0] = BYTES_LIT("HDEL");
    argv[1] = stream_key_bytes(&t->key);
    for (size_t i = 0; i < t->field_count; i++) {
        if (t->gateways[t->fields[i].gateway].is_dead) {
            argv[argc++] = bytes_of(t->fields[i].text, t->fields[i].len);
        }
    }
    if (argc > 2) {
        err = redis_link_command(t->registry.link, argv, argc, NULL, NULL);
    }
    mem_free(argv);
    return err;
}

static void count_again(struct take *t)
{
    struct bytes argv[] = {BYTES_LIT("HLEN"), stream_key_bytes(&t->key)};
    int err = t->err != 0 ? t->err : remove_dead(t);

    if (err == 0) {
        err = redis_link_command(t->registry.link, argv, 2, on_counted_again, t);
    }
    if (err != 0) {
        take_finish(t, ERR_UNAVAILABLE);
    }
}

static void on_exists(void *arg, int err, const struct redis_value *v)
{
    struct seen_gateway *gateway = arg;
    struct take *t = gateway->take;

    gateway->is_dead = err == 0 && redis_value_int(v) == 0;
    if (err != 0 && t->err == 0) {
        t->err = redis_error(err, v);
    }
    if (--t->unanswered == 0) {
        count_again(t);
    }
}

/* The gateway's index; -1 when the table is full. */
static int64_t see_gateway(struct take *t, struct bytes name)
{
    struct seen_gateway *added;

    for (size_t i = 0; i < t->gateway_count; i++) {
        if (bytes_eq(name, bytes_of(t->gateways[i].name, t->gateways[i].name_len))) {
            return (int64_t)i;
        }
    }
    if (t->gateway_count == USER_REGISTRY_SWEEP_GATEWAYS) {
        return -1;
    }
    added = &t->gateways[t->gateway_count];
    added->take = t;
    added->name_len = name.len;
    memcpy(added->name, name.ptr, name.len);
    return (int64_t)t->gateway_count++;
}

/* Note a field of another gateway. Our own is alive: it has just asked. */
static void see_field(struct take *t, struct bytes field)
{
    const char *slash = field.len > 0 ? memrchr(field.ptr, '/', field.len) : NULL;
    struct bytes name = bytes_of(field.ptr, slash ? (size_t)(slash - field.ptr) : 0);
    struct seen_field *added = &t->fields[t->field_count];
    int64_t gateway;

    if (name.len == 0 || name.len > GATEWAY_NAME_MAX || field.len > FIELD_MAX_BYTES ||
        bytes_eq(name, bytes_of(t->field, t->gateway_len))) {
        return;
    }
    gateway = see_gateway(t, name);
    if (gateway < 0) {
        return;
    }
    added->gateway = (uint32_t)gateway;
    added->len = (uint32_t)field.len;
    memcpy(added->text, field.ptr, field.len);
    t->field_count++;
}

static int see_fields(struct take *t, const struct redis_value *list)
{
    size_t count = redis_value_count(list);

    if (count > USER_REGISTRY_SWEEP_FIELDS) {
        count = USER_REGISTRY_SWEEP_FIELDS;
    }
    t->gateways = mem_zalloc(USER_REGISTRY_SWEEP_GATEWAYS * sizeof(*t->gateways));
    t->fields = mem_zalloc((count + 1) * sizeof(*t->fields));
    if (!t->gateways || !t->fields) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        see_field(t, redis_value_bytes(redis_value_at(list, i)));
    }
    return 0;
}

/* Ask for every gateway; on_exists goes on when all have answered. */
static void ask_gateways(struct take *t)
{
    for (size_t i = 0; i < t->gateway_count && t->err == 0; i++) {
        struct seen_gateway *g = &t->gateways[i];
        struct stream_key key = key_gateway(t->registry.prefix, bytes_of(g->name, g->name_len));
        struct bytes argv[] = {BYTES_LIT("EXISTS"), stream_key_bytes(&key)};

        t->err = redis_link_command(t->registry.link, argv, 2, on_exists, g);
        if (t->err == 0) {
            t->unanswered++;
        }
    }
    if (t->unanswered == 0) {
        count_again(t);
    }
}

static void on_fields(void *arg, int err, const struct redis_value *v)
{
    struct take *t = arg;

    if (err != 0) {
        take_finish(t, redis_error(err, v));
        return;
    }
    if (see_fields(t, v) != 0) {
        take_finish(t, ERR_UNAVAILABLE);
        return;
    }
    ask_gateways(t);
}

static void on_taken(void *arg, int err, const struct redis_value *v)
{
    struct take *t = arg;
    struct bytes argv[] = {BYTES_LIT("HKEYS"), stream_key_bytes(&t->key)};

    if (err != 0) {
        take_finish(t, redis_error(err, v));
        return;
    }
    t->has_place = true;
    if (t->registry.limit == 0 || redis_value_int(v) <= t->registry.limit) {
        take_finish(t, 0);
        return;
    }
    if (redis_link_command(t->registry.link, argv, 2, on_fields, t) != 0) {
        take_finish(t, ERR_UNAVAILABLE);
    }
}

int user_registry_take(const struct user_registry *registry, const struct user_slot *slot,
                       struct bytes topic, user_registry_fn *fn, void *arg)
{
    struct take *t;
    int err;

    if (slot->gateway.len == 0 || slot->gateway.len > GATEWAY_NAME_MAX) {
        return ERR_LIMIT;
    }
    t = mem_zalloc(sizeof(*t));
    if (!t) {
        return ERR_NOMEM;
    }
    t->registry = *registry;
    t->key = key_user(registry->prefix, slot->user_id);
    t->field_len = field_name(slot, t->field);
    t->gateway_len = slot->gateway.len;
    t->fn = fn;
    t->arg = arg;
    struct bytes argv[] = {
        BYTES_LIT("EVAL"),         BYTES_LIT(TAKE_SCRIPT),           BYTES_LIT("1"),
        stream_key_bytes(&t->key), bytes_of(t->field, t->field_len), topic,
        BYTES_LIT(PLACES_TTL_MS)};
    err = redis_link_command(registry->link, argv, sizeof(argv) / sizeof(argv[0]), on_taken, t);
    if (err != 0) {
        take_free(t);
    }
    return err;
}

void user_registry_give_back(const struct user_registry *registry, const struct user_slot *slot)
{
    struct stream_key key = key_user(registry->prefix, slot->user_id);
    char field[FIELD_MAX_BYTES + 1];

    if (slot->gateway.len == 0 || slot->gateway.len > GATEWAY_NAME_MAX) {
        return;
    }
    struct bytes argv[] = {BYTES_LIT("HDEL"), stream_key_bytes(&key),
                           bytes_of(field, field_name(slot, field))};
    int err = redis_link_command(registry->link, argv, 3, NULL, NULL);
    if (err != 0) {
        log_warn("user_slot_kept", LOG_I64("user", slot->user_id), LOG_ERR(err));
    }
}
