/* SPDX-License-Identifier: MIT */
/* One round through the seeds: connect, log in, ask, take the first answer. Used by redis_link
 * before each connection, because that is when the primary may have changed. */
#include "common/io/redis_resolver.h"

#include <stdio.h>

#include "common/buf.h"
#include "common/io/redis_greeting.h"
#include "common/io/redis_wire.h"
#include "common/mem.h"
#include "common/redis_text.h"

#define ANSWER_MAX_MS 1000u
#define COMMAND_MAX_BYTES 2048u
#define PORT_DIGITS_MAX 5u

struct redis_resolver {
    struct loop *loop;
    const struct redis_url *url;
    const struct redis_seeds *seeds; /* of url */
    const char *prefix;
    redis_resolved_fn *fn;
    void *arg;
    struct redis_wire *wire;
    struct loop_timer *timer;       /* of the one that is asked; at 0: ask the next one */
    uint32_t current;               /* whom to ask */
    char port[PORT_DIGITS_MAX + 1]; /* of that one */
    uint32_t asked;                 /* in this round */
    uint32_t answers_to_skip;       /* of the login */
};

static void hang_up(struct redis_resolver *r)
{
    redis_wire_free(r->wire);
    r->wire = NULL;
}

static void ask_next(struct redis_resolver *r)
{
    hang_up(r);
    r->current = (r->current + 1) % r->seeds->count;
    loop_timer_start(r->timer, 0, 0);
}

static int send_command(void *arg, enum redis_greeting_step step, const struct bytes *argv,
                        size_t argc)
{
    struct redis_resolver *r = arg;
    struct buf command;
    int err;

    (void)step;
    buf_init(&command, COMMAND_MAX_BYTES);
    err = redis_format_command(&command, argv, argc);
    if (err == 0) {
        err = redis_wire_send(r->wire, buf_bytes(&command));
    }
    buf_done(&command);
    r->answers_to_skip += err == 0;
    return err;
}

/* Any of our keys would do: they all lie in one slot. It need not be there. */
static int ask_cluster(struct redis_resolver *r)
{
    char key[REDIS_PREFIX_MAX + sizeof("primary")];
    int len = snprintf(key, sizeof(key), "%sprimary", r->prefix);
    const struct bytes question[] = {BYTES_LIT("EXISTS"), bytes_of(key, (size_t)len)};

    return send_command(r, REDIS_STEP_MUST, question, 2);
}

static int ask_sentinel(struct redis_resolver *r)
{
    const struct bytes question[] = {BYTES_LIT("SENTINEL"), BYTES_LIT("get-master-addr-by-name"),
                                     bytes_str(r->seeds->service)};

    return send_command(r, REDIS_STEP_MUST, question, 3);
}

static void on_open(void *arg)
{
    struct redis_resolver *r = arg;
    int err = redis_greeting_login(r->seeds->user, r->seeds->password, send_command, r);

    if (err == 0) {
        err = r->seeds->topology == REDIS_CLUSTER ? ask_cluster(r) : ask_sentinel(r);
        r->answers_to_skip -= err == 0;
    }
    if (err != 0) {
        ask_next(r);
    }
}

static bool read_sentinel(const struct redis_value *v, struct bytes *out_host,
                          struct bytes *out_port)
{
    *out_host = redis_value_bytes(redis_value_at(v, 0));
    *out_port = redis_value_bytes(redis_value_at(v, 1));
    return redis_value_type(v) == REDIS_LIST && out_host->len > 0;
}

/* A number: the key's place is where it was asked for. */
static bool read_cluster(const struct redis_resolver *r, const struct redis_value *v,
                         struct bytes *out_host, struct bytes *out_port)
{
    bool is_here = redis_value_type(v) == REDIS_INT;

    if (!is_here && !(redis_value_type(v) == REDIS_ERROR &&
                      redis_moved_to(redis_value_bytes(v), out_host, out_port))) {
        return false;
    }
    if (is_here || out_host->len == 0) {
        *out_host = bytes_str(r->seeds->at[r->current].host);
    }
    if (is_here) {
        *out_port = bytes_str(r->port);
    }
    return true;
}

static void on_reply(void *arg, const struct redis_value *v)
{
    struct redis_resolver *r = arg;
    char host_copy[REDIS_URL_PART_MAX], port_copy[PORT_DIGITS_MAX];
    struct bytes host, port;
    bool is_known;

    if (r->answers_to_skip > 0) {
        r->answers_to_skip--; /* when the login was refused, so will be the question */
        return;
    }
    is_known = r->seeds->topology == REDIS_CLUSTER ? read_cluster(r, v, &host, &port)
                                                   : read_sentinel(v, &host, &port);
    if (!is_known || host.len > sizeof(host_copy) || port.len == 0 ||
        port.len > sizeof(port_copy)) {
        ask_next(r);
        return;
    }
    memcpy(host_copy, host.ptr, host.len);
    memcpy(port_copy, port.ptr, port.len);
    loop_timer_stop(r->timer);
    hang_up(r);
    r->fn(r->arg, bytes_of(host_copy, host.len), bytes_of(port_copy, port.len));
}

static void on_closed(void *arg, const char *why)
{
    (void)why;
    ask_next(arg);
}

static void on_timer(void *arg)
{
    static const struct redis_wire_events events = {on_open, on_reply, on_closed};
    struct redis_resolver *r = arg;
    struct redis_url seed = *r->url;

    if (r->wire) {
        ask_next(r); /* no answer in time */
        return;
    }
    if (r->asked == r->seeds->count) {
        r->fn(r->arg, BYTES_NONE, BYTES_NONE);
        return;
    }
    r->asked++;
    r->answers_to_skip = 0;
    seed.port = r->seeds->at[r->current].port;
    memcpy(seed.host, r->seeds->at[r->current].host, sizeof(seed.host));
    (void)snprintf(r->port, sizeof(r->port), "%u", (unsigned)seed.port);
    r->wire = redis_wire_new(r->loop, &seed, &events, r);
    if (r->wire) {
        loop_timer_start(r->timer, ANSWER_MAX_MS, 0);
    } else {
        ask_next(r);
    }
}

struct redis_resolver *redis_resolver_new(struct loop *loop, const struct redis_url *url,
                                          const char *prefix, redis_resolved_fn *fn, void *arg)
{
    struct redis_resolver *r = mem_zalloc(sizeof(*r));

    if (!r) {
        return NULL;
    }
    r->loop = loop;
    r->url = url;
    r->seeds = &url->seeds;
    r->prefix = prefix ? prefix : "";
    r->fn = fn;
    r->arg = arg;
    r->timer = loop_timer_new(loop, on_timer, r);
    if (!r->timer) {
        redis_resolver_free(r);
        return NULL;
    }
    return r;
}

void redis_resolver_start(struct redis_resolver *r)
{
    hang_up(r);
    r->asked = 0;
    loop_timer_start(r->timer, 0, 0);
}

void redis_resolver_stop(struct redis_resolver *r)
{
    if (r) {
        hang_up(r);
        loop_timer_stop(r->timer);
    }
}

void redis_resolver_doubt(struct redis_resolver *r)
{
    if (r) {
        r->current = (r->current + 1) % r->seeds->count;
    }
}

void redis_resolver_free(struct redis_resolver *r)
{
    if (r) {
        hang_up(r);
        loop_timer_free(r->timer);
        mem_free(r);
    }
}
