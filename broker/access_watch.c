/* SPDX-License-Identifier: MIT */
/* Follows access_change and tells the gateways. Each look is one chain of steps; the next begins
 * only when it has ended. Called by broker.c.
 *
 *   rows not yet known -> remembered, with Redis' time -> names of the gateways
 *      -> those that are due are sent, the first time or again -> those sent twice are deleted
 *
 * A change is sent again because somebody may be opened meanwhile from a row that was read before
 * (a cached user, a query under way); as_of, the same both times, spares those opened later. */
#include "broker/access_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/stream_keys.h"

#define SENDINGS 2u
#define TOPIC_TEXT_MAX 32u

struct pending {
    struct pending *next, *prev;
    struct access_change change;
    uint64_t as_of_ms; /* Redis' time when it was first seen */
    uint64_t sent_ms;  /* monotonic, the first time */
    unsigned sendings;
};

struct access_watch {
    struct access_watch_deps deps;
    struct loop_timer *timer;
    struct pending *pending;
    size_t pending_count;
    uint32_t generation, busy_generation; /* a pause makes answers that are under way void */
    uint32_t looks;
    int64_t trim_channel;
    bool is_running, is_busy, is_trimming, is_page_full;
    int64_t ids[ACCESS_PENDING_MAX]; /* of one statement */
    struct metric *kicks;
};

static void look(struct access_watch *w);

static void forget_all(struct access_watch *w)
{
    struct pending *p, *tmp;

    w->generation++;
    DL_FOREACH_SAFE(w->pending, p, tmp) {
        DL_DELETE(w->pending, p);
        mem_free(p);
    }
    w->pending_count = 0;
    w->is_page_full = false;
}

/* First thing in every answer: does it still concern anybody? Ends the chain if not. */
static bool goes_on(struct access_watch *w, int err, const char *step)
{
    static struct log_limit limit = {.per_minute = 6};
    bool is_ours = w->is_running && w->generation == w->busy_generation;

    if (err != 0 && is_ours && log_limit_pass(&limit, clock_mono_ms())) {
        log_warn("access_step_failed", LOG_STR("step", step), LOG_ERR(err));
    }
    w->is_busy = err == 0 && is_ours;
    return w->is_busy;
}

/* The end of the chain; more may be waiting than one look could take. */
static void finish(struct access_watch *w)
{
    w->is_busy = false;
    if (w->is_page_full) {
        look(w);
    }
}

/* ---- the end: sent twice, deleted ---- */

static void on_forgotten(void *arg, int err)
{
    struct access_watch *w = arg;
    struct pending *p, *tmp;

    if (!goes_on(w, err, "forget")) {
        return;
    }
    DL_FOREACH_SAFE(w->pending, p, tmp) {
        if (p->sendings == SENDINGS) {
            DL_DELETE(w->pending, p);
            mem_free(p);
            w->pending_count--;
        }
    }
    finish(w);
}

static void forget_sent(struct access_watch *w)
{
    struct pending *p;
    size_t count = 0;

    DL_FOREACH(w->pending, p) {
        if (p->sendings == SENDINGS) {
            w->ids[count++] = p->change.id;
        }
    }
    if (count == 0) {
        finish(w);
        return;
    }
    int err = store_access_forget(w->deps.store, w->ids, count, on_forgotten, w);
    if (err != 0) {
        goes_on(w, err, "forget");
    }
}

/* ---- sending ---- */

static bool is_due(const struct pending *p)
{
    return p->sendings == 0 ||
           (p->sendings < SENDINGS && clock_mono_ms() - p->sent_ms >= KICK_REPEAT_MS);
}

/* What the gateways are told. False: a kind that this version does not know. */
static bool make_kick(const struct pending *p, char topic[TOPIC_TEXT_MAX], struct down_kick *out)
{
    const struct access_change *c = &p->change;
    struct down_kick kick = {.user_id = c->user_id, .login = c->login, .as_of_ms = p->as_of_ms};

    if (c->channel_id != 0) {
        int len = snprintf(topic, TOPIC_TEXT_MAX, "chat:%" PRId64, c->channel_id);

        kick.topic = bytes_of(topic, (size_t)len);
    }
    switch (c->kind) {
    case ACCESS_USER:
    case ACCESS_LOGIN:
        kick.code = CODE_AUTHENTICATION_FAILED;
        break;
    case ACCESS_MEMBER:
        kick.code = CODE_PERMISSION_DENIED;
        break;
    case ACCESS_CHANNEL:
        kick.code = CODE_CHANNEL_NOT_FOUND;
        break;
    case ACCESS_RIGHTS:
    case ACCESS_PRIVATE:
        kick.code = CODE_NONE; /* they may come back, as what they are now */
        break;
    case ACCESS_NONE:
        return false;
    }
    kick.close = kick.code == CODE_NONE ? CLOSE_RESTART : code_close(kick.code);
    *out = kick;
    return kick.user_id != 0 || kick.login != 0 || kick.topic.len > 0;
}

/* To all gateways; an error means that at least one of them has to be told later. */
static int send_one(struct access_watch *w, const struct pending *p,
                    const struct redis_value *gateways)
{
    struct down_item item = {.kind = DOWN_KICK};
    char topic[TOPIC_TEXT_MAX];
    int err = 0;

    if (!make_kick(p, topic, &item.kick)) {
        log_error("access_change_not_understood", LOG_I64("change", p->change.id));
        return 0;
    }
    for (size_t i = 0; i < redis_value_count(gateways); i++) {
        int failed =
            egress_item(w->deps.egress, redis_value_bytes(redis_value_at(gateways, i)), &item);

        err = err != 0 ? err : failed;
    }
    return err;
}

static void send_due(struct access_watch *w, const struct redis_value *gateways)
{
    static struct log_limit limit = {.per_minute = 6};
    struct pending *p;
    int err;

    DL_FOREACH(w->pending, p) {
        if (!is_due(p)) {
            continue;
        }
        err = send_one(w, p, gateways);
        if (err != 0 && log_limit_pass(&limit, clock_mono_ms())) {
            log_warn("kick_not_sent", LOG_I64("change", p->change.id), LOG_ERR(err));
        }
        if (err == 0 && p->sendings++ == 0) {
            p->sent_ms = clock_mono_ms();
            metric_add(w->kicks, 1);
        }
    }
}

static void on_gateways(void *arg, int err, const struct redis_value *names)
{
    struct access_watch *w = arg;

    if (goes_on(w, err, "gateways")) {
        send_due(w, names);
        forget_sent(w);
    }
}

/* All that beat within the last minute: one that is asleep reads its stream when it wakes up. */
static void ask_gateways(struct access_watch *w)
{
    struct stream_key key = key_gateways(w->deps.conf->redis_prefix);
    struct bytes argv[] = {BYTES_LIT("ZRANGE"), stream_key_bytes(&key), BYTES_LIT("0"),
                           BYTES_LIT("-1")};
    int err = redis_link_command(w->deps.redis, argv, 4, on_gateways, w);

    if (err != 0) {
        goes_on(w, err, "gateways");
    }
}

static void send_if_due(struct access_watch *w)
{
    struct pending *p;

    DL_FOREACH(w->pending, p) {
        if (is_due(p)) {
            ask_gateways(w);
            return;
        }
    }
    forget_sent(w);
}

/* ---- reading ---- */

static void note_change(struct access_watch *w, const struct access_change *change)
{
    struct pending *p = mem_zalloc(sizeof(*p));

    if (!p) {
        return; /* it is read again with the next look */
    }
    p->change = *change;
    p->as_of_ms = redis_clock_ms(w->deps.clock);
    DL_APPEND(w->pending, p);
    w->pending_count++;
    if (change->user_id != 0) {
        w->deps.forget_user(w->deps.arg, change->user_id);
    }
}

static void on_changes(void *arg, int err, const struct access_change *changes, size_t count)
{
    struct access_watch *w = arg;

    if (!goes_on(w, err, "read")) {
        return;
    }
    if (count > 0) {
        log_info("access_changed", LOG_U64("changes", count));
    }
    for (size_t i = 0; i < count; i++) {
        note_change(w, &changes[i]);
    }
    w->is_page_full = count == ACCESS_CHANGES_MAX;
    send_if_due(w);
}

static void look(struct access_watch *w)
{
    struct pending *p;
    size_t count = 0;
    int err;

    w->is_busy = true;
    w->is_page_full = false;
    w->busy_generation = w->generation;
    if (w->pending_count > ACCESS_PENDING_MAX - ACCESS_CHANGES_MAX) {
        send_if_due(w); /* enough is under way */
        return;
    }
    DL_FOREACH(w->pending, p) {
        w->ids[count++] = p->change.id;
    }
    err = store_access_changes(w->deps.store, w->ids, count, on_changes, w);
    if (err != 0) {
        goes_on(w, err, "read");
    }
}

/* ---- housekeeping ---- */

static void on_trimmed(void *arg, int err, int64_t next_channel)
{
    struct access_watch *w = arg;

    w->is_trimming = false;
    if (err == 0) {
        w->trim_channel = next_channel;
    } else {
        log_warn("trim_failed", LOG_ERR(err));
    }
}

static void trim(struct access_watch *w)
{
    if (!w->is_trimming) {
        w->is_trimming =
            store_trim(w->deps.store, w->trim_channel, on_trimmed, w) == 0; /* else next time */
    }
}

/* ---- life ---- */

static void tick(void *arg)
{
    struct access_watch *w = arg;

    if (!w->deps.is_owner(w->deps.arg)) {
        if (w->pending) {
            forget_all(w);
        }
        return;
    }
    if (++w->looks % TRIM_LOOKS == 0) {
        trim(w);
    }
    if (!w->is_busy) {
        look(w);
    }
}

struct access_watch *access_watch_new(const struct access_watch_deps *deps)
{
    struct access_watch *w = mem_zalloc(sizeof(*w));

    if (!w) {
        return NULL;
    }
    w->deps = *deps;
    w->kicks = metric_counter("access_kicks_total", "Changes of access told to the gateways", NULL);
    w->timer = loop_timer_new(deps->loop, tick, w);
    if (!w->timer) {
        mem_free(w);
        return NULL;
    }
    return w;
}

void access_watch_free(struct access_watch *w)
{
    if (!w) {
        return;
    }
    access_watch_pause(w);
    loop_timer_free(w->timer);
    mem_free(w);
}

void access_watch_start(struct access_watch *w)
{
    w->is_running = true;
    loop_timer_start(w->timer, ACCESS_WATCH_INTERVAL_MS, ACCESS_WATCH_INTERVAL_MS);
}

void access_watch_pause(struct access_watch *w)
{
    w->is_running = false;
    loop_timer_stop(w->timer);
    forget_all(w);
}
