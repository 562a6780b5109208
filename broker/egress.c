/* SPDX-License-Identifier: MIT */
/* Writes deliveries to the gateways' streams. While the XADD of a gateway is unanswered its next
 * sections gather; the answer sends them all. Called by pipeline and requests.
 *
 *   sections --> waiting buffer --(turn end / answer)--> XADD out:{gw} --> done callbacks */
#include "broker/egress.h"

#include <stdio.h>
#include <uthash.h>
#include <utlist.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/stream_keys.h"

#define EGRESS_RETRY_MS 5u
#define ITEM_MAX_BYTES                                                                             \
    (ENVELOPE_MAX_BYTES + 65536u) /* a page of history, and what is around it                      \
                                   */
#define KEEP_BYTES (256u * 1024u) /* of a buffer that was emptied */

struct waiter {
    struct waiter *next;
    egress_done_fn *done;
    void *arg;
};

struct target {
    UT_hash_handle hh;
    struct egress *egress;
    struct buf waiting;
    uint32_t waiting_sections;
    struct waiter *waiters;   /* of `waiting` */
    struct waiter *in_flight; /* of the XADD under way */
    bool is_busy;
    size_t name_len;
    char name[GATEWAY_NAME_MAX];
};

struct egress {
    struct loop *loop;
    struct redis_link *link;
    const char *prefix;
    struct target *targets;
    struct loop_task send_task;
    struct loop_timer *retry;
    struct buf scratch;
    struct metric *sections_total, *batches_total;
};

static void on_added(void *arg, int err, const struct redis_value *v);

static void finish(struct waiter *list, int err)
{
    while (list) {
        struct waiter *w = list;
        list = w->next;
        w->done(w->arg, err);
        mem_free(w);
    }
}

static void target_free(struct egress *e, struct target *t)
{
    HASH_DEL(e->targets, t);
    buf_done(&t->waiting);
    mem_free(t);
}

static void target_fail(struct target *t, int err)
{
    struct waiter *waiters = t->waiters;
    t->waiters = NULL;
    buf_reset(&t->waiting);
    t->waiting_sections = 0;
    finish(waiters, err);
}

/* A link that has too much to send takes it a little later: it waits here. */
static void send_waiting(struct target *t)
{
    struct egress *e = t->egress;
    struct stream_key key = key_out(e->prefix, bytes_of(t->name, t->name_len));
    char count[16];
    int count_len = snprintf(count, sizeof(count), "%u", t->waiting_sections);
    struct bytes argv[] = {BYTES_LIT("XADD"),
                           stream_key_bytes(&key),
                           BYTES_LIT("MAXLEN"),
                           BYTES_LIT("~"),
                           BYTES_LIT(EGRESS_STREAM_MAXLEN),
                           BYTES_LIT("*"),
                           BYTES_LIT("n"),
                           bytes_of(count, (size_t)count_len),
                           BYTES_LIT("e"),
                           buf_bytes(&t->waiting)};
    int err = redis_link_command(e->link, argv, sizeof(argv) / sizeof(argv[0]), on_added, t);
    if (err == ERR_BUSY) {
        loop_timer_start(e->retry, EGRESS_RETRY_MS, 0);
        return;
    }
    if (err) {
        target_fail(t, ERR_UNAVAILABLE);
        return;
    }
    metric_add(e->batches_total, 1);
    t->is_busy = true;
    t->in_flight = t->waiters;
    t->waiters = NULL;
    t->waiting_sections = 0;
    buf_reset(&t->waiting);
    buf_shrink(&t->waiting, KEEP_BYTES);
}

static void on_added(void *arg, int err, const struct redis_value *v)
{
    struct target *t = arg;
    struct egress *e = t->egress;
    struct waiter *done = t->in_flight;
    static struct log_limit limit = {.per_minute = 6};

    t->in_flight = NULL;
    t->is_busy = false;
    if (err == ERR_REMOTE && log_limit_pass(&limit, 0)) {
        log_error("delivery_refused", LOG_BYTES("gateway", bytes_of(t->name, t->name_len)),
                  LOG_BYTES("reply", redis_value_bytes(v)));
    }
    finish(done, err ? ERR_UNAVAILABLE : 0);
    if (t->waiting_sections && !t->is_busy) {
        send_waiting(t);
    }
    if (!t->is_busy && !t->waiting_sections) {
        target_free(e, t);
    }
}

static void send_all(void *arg)
{
    struct egress *e = arg;
    struct target *t, *tmp;
    HASH_ITER(hh, e->targets, t, tmp) {
        if (!t->is_busy && t->waiting_sections) {
            send_waiting(t);
        }
    }
}

static struct target *target_get(struct egress *e, struct bytes gateway)
{
    struct target *t;
    HASH_FIND(hh, e->targets, gateway.ptr, gateway.len, t);
    if (t || gateway.len == 0 || gateway.len > sizeof(t->name) ||
        HASH_COUNT(e->targets) >= EGRESS_GATEWAYS_MAX) {
        return t;
    }
    t = mem_zalloc(sizeof(*t));
    if (!t) {
        return NULL;
    }
    t->egress = e;
    buf_init(&t->waiting, EGRESS_GATEWAY_MAX_BYTES);
    memcpy(t->name, gateway.ptr, gateway.len);
    t->name_len = gateway.len;
    HASH_ADD_KEYPTR(hh, e->targets, t->name, t->name_len, t);
    return t;
}

struct egress *egress_new(struct loop *loop, struct redis_link *link, const char *prefix)
{
    struct egress *e = mem_zalloc(sizeof(*e));
    if (!e) {
        return NULL;
    }
    e->loop = loop;
    e->link = link;
    e->prefix = prefix;
    e->retry = loop_timer_new(loop, send_all, e);
    if (!e->retry) {
        mem_free(e);
        return NULL;
    }
    loop_task_init(&e->send_task, send_all, e);
    buf_init(&e->scratch, ITEM_MAX_BYTES);
    e->sections_total = metric_counter("broker_delivery_sections_total",
                                       "Sections appended to gateways' streams", NULL);
    e->batches_total =
        metric_counter("broker_delivery_batches_total", "XADDs to gateways' streams", NULL);
    return e;
}

void egress_link_down(struct egress *e)
{
    struct target *t, *tmp;
    HASH_ITER(hh, e->targets, t, tmp) {
        target_fail(t, ERR_UNAVAILABLE);
        if (!t->is_busy) {
            target_free(e, t);
        }
    }
}

void egress_free(struct egress *e)
{
    struct target *t, *tmp;
    if (!e) {
        return;
    }
    loop_task_cancel(e->loop, &e->send_task);
    loop_timer_free(e->retry);
    HASH_ITER(hh, e->targets, t, tmp) {
        target_fail(t, ERR_UNAVAILABLE);
        finish(t->in_flight, ERR_UNAVAILABLE);
        target_free(e, t);
    }
    buf_done(&e->scratch);
    mem_free(e);
}

int egress_sections(struct egress *e, struct bytes gateway, struct bytes sections,
                    uint32_t section_count, egress_done_fn *done, void *arg)
{
    struct target *t;
    struct waiter *w = NULL;
    int err;

    if (!redis_link_is_up(e->link)) {
        return ERR_UNAVAILABLE;
    }
    t = target_get(e, gateway);
    if (!t) {
        return ERR_NOMEM;
    }
    if (done && !(w = mem_zalloc(sizeof(*w)))) {
        return ERR_NOMEM;
    }
    err = buf_append(&t->waiting, sections);
    if (err) {
        mem_free(w);
        return err;
    }
    t->waiting_sections += section_count;
    metric_add(e->sections_total, section_count);
    if (w) {
        w->done = done;
        w->arg = arg;
        LL_PREPEND(t->waiters, w);
    }
    loop_at_turn_end(e->loop, &e->send_task);
    return 0;
}

bool egress_has_room(const struct egress *e, struct bytes gateway, size_t bytes)
{
    const struct target *t;
    HASH_FIND(hh, e->targets, gateway.ptr, gateway.len, t);
    return !t || t->waiting.len == 0 || t->waiting.len + bytes <= EGRESS_GATEWAY_MAX_BYTES;
}

int egress_item(struct egress *e, struct bytes gateway, const struct down_item *item)
{
    struct down_section section = {.item_count = 1};
    int err;

    buf_reset(&e->scratch);
    err = down_section_encode(&section, &e->scratch);
    if (!err) {
        err = down_item_encode(item, &e->scratch);
    }
    if (!err) {
        err = egress_sections(e, gateway, buf_bytes(&e->scratch), 1, NULL, NULL);
    }
    buf_reset(&e->scratch);
    buf_shrink(&e->scratch, KEEP_BYTES);
    return err;
}
