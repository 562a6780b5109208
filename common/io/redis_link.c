/* SPDX-License-Identifier: MIT */
/* One lasting link to Redis: connects, greets, watches the time limits, and starts again. Bytes are
 * moved by redis_wire.c, replies made by redis_value.c. Called by all glue that talks to Redis.
 *
 *     WAITING --timer--> CONNECTING --open--> GREETING --INFO answered--> UP
 *        ^                   |                    |                        |
 *        +---- backoff ------+--- lost, refused, or no answer in time -----+
 *
 * With Sentinels or a cluster CONNECTING begins with asking them: the primary may have changed. A
 * user may free the link in any callback: `depth` counts the calls that still stand on it, and the
 * last one out takes the memory down. */
#include "common/io/redis_link.h"

#include "common/backoff.h"
#include "common/buf.h"
#include "common/io/clock.h"
#include "common/io/redis_greeting.h"
#include "common/io/redis_pending.h"
#include "common/io/redis_resolver.h"
#include "common/io/redis_wire.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/redis_text.h"

#define RETRY_BASE_MS 50u
#define RETRY_CAP_MS 2000u
#define STABLE_MS 2000u       /* up for so long: the next outage starts with short delays again */
#define GREETING_MAX_MS 5000u /* connecting and greeting together */
#define LATE_GRACE_MS 20u     /* see on_watchdog() */
#define COMMAND_KEEP_BYTES (256u * 1024u)

enum link_state { LINK_WAITING, LINK_CONNECTING, LINK_GREETING, LINK_UP };

struct redis_link {
    struct loop *loop;
    char *name;
    struct redis_url url;
    uint32_t timeout_ms;
    struct redis_link_events events;
    void *arg;

    enum link_state state;
    struct redis_resolver *resolver; /* NULL when there is one server */
    struct redis_wire *wire;         /* CONNECTING and later */
    struct redis_pending_ring pending;
    uint64_t answered_count; /* of this link's whole life */
    uint64_t suspect;        /* answered_count + 1 when the oldest command was found late */
    struct buf command;
    struct loop_timer *retry, *watchdog;
    struct backoff backoff;
    uint64_t up_since_ms;
    char run_id[REDIS_RUN_ID_MAX + 1];
    int depth;
    bool is_freed;
    struct log_limit failure_lines, error_lines;
    struct metric *lost_total, *errors_total;
};

static void enter(struct redis_link *l)
{
    l->depth++;
}

/* The link may be gone after this. */
static void leave(struct redis_link *l)
{
    if (--l->depth > 0 || !l->is_freed) {
        return;
    }
    loop_timer_free(l->retry);
    loop_timer_free(l->watchdog);
    redis_resolver_free(l->resolver);
    redis_pending_done(&l->pending);
    buf_done(&l->command);
    mem_free(l->name);
    mem_free(l);
}

static void report_error(struct redis_link *l, const struct redis_value *v)
{
    metric_add_label(l->errors_total, l->name, 1);
    if (log_limit_pass(&l->error_lines, clock_mono_ms())) {
        log_warn("redis_error_reply", LOG_STR("link", l->name),
                 LOG_BYTES("error", redis_error_word(redis_value_bytes(v))));
    }
}

static void complete(struct redis_link *l, const struct redis_pending *p, int err,
                     const struct redis_value *v)
{
    if (p->fn) {
        p->fn(p->arg, err, v);
    } else if (err == ERR_REMOTE) {
        report_error(l, v);
    }
}

static void complete_all(struct redis_link *l, bool is_timeout)
{
    uint64_t now_ms = clock_mono_ms();

    while (l->pending.count > 0) {
        struct redis_pending p = redis_pending_pop(&l->pending);
        bool is_late = is_timeout && now_ms - p.sent_ms >= l->timeout_ms;

        complete(l, &p, is_late ? ERR_TIMEOUT : ERR_UNAVAILABLE, NULL);
    }
}

/* The connection is over, whoever ended it. The caller stands between enter() and leave(). */
static void lose(struct redis_link *l, const char *why, bool is_timeout)
{
    bool was_up = l->state == LINK_UP;
    uint64_t now_ms = clock_mono_ms();

    if (l->state == LINK_WAITING) {
        return;
    }
    l->state = LINK_WAITING;
    loop_timer_stop(l->watchdog);
    redis_resolver_stop(l->resolver);
    redis_wire_free(l->wire);
    l->wire = NULL;
    if (was_up && now_ms - l->up_since_ms >= STABLE_MS) {
        backoff_reset(&l->backoff);
    } else {
        redis_resolver_doubt(l->resolver);
    }
    if (was_up || log_limit_pass(&l->failure_lines, now_ms)) {
        log_warn(was_up ? "redis_down" : "redis_connect_failed", LOG_STR("link", l->name),
                 LOG_STR("why", why), LOG_U64("pending", l->pending.count));
    }
    metric_add_label(l->lost_total, l->name, 1);
    complete_all(l, is_timeout);
    if (was_up && !l->is_freed) {
        l->events.on_down(l->arg);
    }
    if (!l->is_freed) {
        loop_timer_start(l->retry, backoff_next_ms(&l->backoff), 0);
    }
}

static int submit(struct redis_link *l, const struct bytes *argv, size_t argc, redis_reply_fn *fn,
                  void *arg)
{
    int err = redis_pending_reserve(&l->pending);

    if (err == 0) {
        err = redis_format_command(&l->command, argv, argc);
    }
    if (err == 0) {
        err = redis_wire_send(l->wire, buf_bytes(&l->command));
    }
    buf_reset(&l->command);
    buf_shrink(&l->command, COMMAND_KEEP_BYTES);
    if (err != 0) {
        return err == ERR_FULL ? ERR_BUSY : err;
    }
    redis_pending_push(&l->pending, (struct redis_pending){fn, arg, clock_mono_ms()});
    if (l->timeout_ms > 0 && !loop_timer_is_active(l->watchdog)) {
        loop_timer_start(l->watchdog, l->timeout_ms, 0);
    }
    return 0;
}

/* A step that must succeed: login, database, and not loading its data any more. */
static void on_greeted(void *arg, int err, const struct redis_value *v)
{
    struct redis_link *l = arg;

    if (err == ERR_REMOTE && l->state == LINK_GREETING) {
        report_error(l, v);
        lose(l, "greeting refused", false);
    }
}

/* A seed may still name a primary that was one. */
static void on_role(void *arg, int err, const struct redis_value *v)
{
    struct redis_link *l = arg;

    if (l->state == LINK_GREETING && !l->is_freed &&
        (err != 0 || !bytes_eq_str(redis_value_bytes(redis_value_at(v, 0)), "master"))) {
        lose(l, "not the primary", false);
    }
}

static void on_server_info(void *arg, int err, const struct redis_value *v)
{
    struct redis_link *l = arg;
    struct bytes run_id = redis_find_run_id(redis_value_bytes(v));
    bool is_new;

    if (l->state != LINK_GREETING || l->is_freed) {
        return;
    }
    if (err != 0 || run_id.len == 0) {
        lose(l, "no run_id in INFO", false);
        return;
    }
    is_new = l->run_id[0] != '\0' && !bytes_eq_str(run_id, l->run_id);
    memcpy(l->run_id, run_id.ptr, run_id.len);
    l->run_id[run_id.len] = '\0';
    l->state = LINK_UP;
    l->up_since_ms = clock_mono_ms();
    loop_timer_stop(l->watchdog);
    log_info("redis_up", LOG_STR("link", l->name), LOG_STR("run_id", l->run_id),
             LOG_U64("is_new_server", is_new));
    l->events.on_up(l->arg, bytes_str(l->run_id), is_new);
}

static int send_step(void *arg, enum redis_greeting_step step, const struct bytes *argv,
                     size_t argc)
{
    static redis_reply_fn *const answers[] = {[REDIS_STEP_MUST] = on_greeted,
                                              [REDIS_STEP_ROLE] = on_role,
                                              [REDIS_STEP_INFO] = on_server_info};

    return submit(arg, argv, argc, answers[step], arg);
}

static void on_open(void *arg)
{
    struct redis_link *l = arg;
    int err;

    enter(l);
    l->state = LINK_GREETING;
    err = redis_greeting_send(&l->url, l->name, send_step, l);
    if (err != 0) {
        lose(l, err_name(err), false);
    }
    leave(l);
}

static void on_reply(void *arg, const struct redis_value *v)
{
    struct redis_link *l = arg;
    struct redis_pending p = redis_pending_pop(&l->pending);
    bool is_error = redis_value_type(v) == REDIS_ERROR;

    enter(l);
    l->answered_count++;
    if (is_error && l->resolver && redis_error_is_elsewhere(redis_value_bytes(v))) {
        complete(l, &p, ERR_UNAVAILABLE, NULL);
        lose(l, "not the primary of our keys now", false);
    } else {
        complete(l, &p, is_error ? ERR_REMOTE : 0, v);
    }
    leave(l);
}

static void on_closed(void *arg, const char *why)
{
    struct redis_link *l = arg;

    enter(l);
    lose(l, why, false);
    leave(l);
}

static void connect_now(struct redis_link *l)
{
    static const struct redis_wire_events events = {on_open, on_reply, on_closed};

    l->wire = redis_wire_new(l->loop, &l->url, &events, l);
    if (!l->wire) {
        lose(l, "cannot connect", false);
    }
}

static void on_resolved(void *arg, struct bytes host, struct bytes port)
{
    struct redis_link *l = arg;

    enter(l);
    if (redis_url_set_address(&l->url, host, port) != 0) {
        lose(l, "no seed knows the primary", false);
    } else {
        connect_now(l);
    }
    leave(l);
}

static void on_retry(void *arg)
{
    struct redis_link *l = arg;

    enter(l);
    l->state = LINK_CONNECTING;
    loop_timer_start(l->watchdog, GREETING_MAX_MS, 0);
    if (l->resolver) {
        redis_resolver_start(l->resolver);
    } else {
        connect_now(l);
    }
    leave(l);
}

/* The limit runs for the oldest command. When our own loop was stalled, the answer may lie unread
 * in the socket: a late command is given the rest of this turn and a moment more. */
static void on_watchdog(void *arg)
{
    struct redis_link *l = arg;
    const struct redis_pending *oldest = redis_pending_oldest(&l->pending);
    uint64_t age_ms = oldest ? clock_mono_ms() - oldest->sent_ms : 0;

    enter(l);
    if (l->state != LINK_UP) {
        lose(l, "no connection in time", false);
    } else if (!oldest) {
        l->suspect = 0;
    } else if (age_ms < l->timeout_ms) {
        loop_timer_start(l->watchdog, (uint32_t)(l->timeout_ms - age_ms), 0);
    } else if (l->suspect != l->answered_count + 1) {
        l->suspect = l->answered_count + 1;
        loop_timer_start(l->watchdog, LATE_GRACE_MS, 0);
    } else {
        lose(l, "no answer in time", true);
    }
    leave(l);
}

struct redis_link *redis_link_new(struct loop *loop, const struct redis_link_conf *conf,
                                  const struct redis_link_events *events, void *arg)
{
    struct redis_link *l = mem_zalloc(sizeof(*l));
    uint64_t seed;
    bool is_good;

    if (!l) {
        return NULL;
    }
    l->loop = loop;
    l->timeout_ms = conf->timeout_ms;
    l->events = *events;
    l->arg = arg;
    l->failure_lines.per_minute = 6;
    l->error_lines.per_minute = 60;
    l->lost_total = metric_counter("redis_link_lost_total",
                                   "Connections to Redis that broke or failed to open", "link");
    l->errors_total = metric_counter("redis_link_errors_total",
                                     "Error replies that no caller waited for", "link");
    buf_init(&l->command, REDIS_LINK_OUT_MAX);
    clock_random(&seed, sizeof(seed));
    backoff_init(&l->backoff, RETRY_BASE_MS, RETRY_CAP_MS, seed);
    l->name = mem_dup_str(bytes_str(conf->name));
    l->retry = loop_timer_new(loop, on_retry, l);
    l->watchdog = loop_timer_new(loop, on_watchdog, l);
    is_good = l->name && l->retry && l->watchdog && redis_url_parse(conf->url, &l->url) == 0;
    if (is_good && l->url.seeds.topology != REDIS_ALONE) {
        l->resolver = redis_resolver_new(loop, &l->url, conf->prefix, on_resolved, l);
        is_good = l->resolver != NULL;
    }
    if (!is_good) {
        redis_link_free(l);
        return NULL;
    }
    loop_timer_start(l->retry, 0, 0);
    return l;
}

void redis_link_free(struct redis_link *l)
{
    if (!l || l->is_freed) {
        return;
    }
    enter(l);
    l->is_freed = true;
    l->state = LINK_WAITING;
    if (l->retry && l->watchdog) {
        loop_timer_stop(l->retry);
        loop_timer_stop(l->watchdog);
    }
    redis_resolver_stop(l->resolver);
    redis_wire_free(l->wire);
    l->wire = NULL;
    complete_all(l, false);
    leave(l);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->state == LINK_UP;
}

int redis_link_command(struct redis_link *l, const struct bytes *argv, size_t argc,
                       redis_reply_fn *fn, void *arg)
{
    if (l->state != LINK_UP) {
        return ERR_UNAVAILABLE;
    }
    return l->pending.count < REDIS_LINK_PENDING_MAX ? submit(l, argv, argc, fn, arg) : ERR_BUSY;
}

size_t redis_link_pending(const struct redis_link *l)
{
    return l->pending.count;
}
