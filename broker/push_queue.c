/* SPDX-License-Identifier: MIT */
/* The life of claimed jobs. Called by broker.c.
 *
 *   claim -> sending -> outcome -> (dead letter) -> to be settled -> settled
 *
 * A flight exists from the claim until it is settled; there are never more of them than
 * PUSH_CONCURRENCY. Where settling fails it is tried again with the next look; where the lease has
 * ended meanwhile it changes nothing. */
#include "broker/push_queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

#define DEAD_LETTERS_KEPT "1000"

enum flight_state { FLIGHT_SENDING, FLIGHT_DYING, FLIGHT_ENDED, FLIGHT_SETTLING };

struct flight {
    struct flight *next, *prev;
    struct push_queue *owner;
    enum flight_state state;
    enum push_kind kind;
    uint32_t attempts;
    int64_t notification_id, user_id;
    struct push_settlement end;
    char reason[sizeof(((struct push_outcome *)0)->reason)];
};

struct push_queue {
    struct push_queue_deps deps;
    struct loop_timer *timer;
    struct loop_task settle;
    struct flight *flights;
    uint32_t flight_count, asked;
    bool is_running, is_claiming, is_settling, has_more, has_complained;
    struct metric *sent, *jobs;
};

static void count(struct push_queue *q, enum push_kind kind, const char *result, double n)
{
    char label[32];

    (void)snprintf(label, sizeof(label), "%s,%s", kind == PUSH_WEB ? "web" : "fcm", result);
    metric_add_label(q->sent, label, n);
}

static void complain(const char *event, int err)
{
    static struct log_limit limit = {.per_minute = 6};

    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_warn(event, LOG_ERR(err));
    }
}

/* ---- settling ---- */

static void look_if_worth(struct push_queue *q);

static void on_settled(void *arg, int err)
{
    struct push_queue *q = arg;
    struct flight *f, *tmp;

    q->is_settling = false;
    if (err != 0) {
        complain("push_settle_failed", err);
    }
    DL_FOREACH_SAFE(q->flights, f, tmp) {
        if (f->state != FLIGHT_SETTLING) {
            continue;
        }
        f->state = FLIGHT_ENDED;
        /* What the database refuses it will refuse again: the lease ends it. */
        if (err == 0 || err == ERR_REMOTE) {
            DL_DELETE(q->flights, f);
            q->flight_count--;
            mem_free(f);
        }
    }
    metric_set(q->jobs, q->flight_count);
    if (err == 0) {
        loop_at_turn_end(q->deps.loop, &q->settle);
        look_if_worth(q);
    }
}

static void settle(void *arg)
{
    struct push_queue *q = arg;
    struct push_settlement rows[PUSH_SETTLE_MAX];
    struct flight *f;
    size_t n = 0;
    int err;

    if (q->is_settling) {
        return;
    }
    DL_FOREACH(q->flights, f) {
        if (f->state == FLIGHT_ENDED && n < PUSH_SETTLE_MAX) {
            rows[n++] = f->end;
            f->state = FLIGHT_SETTLING;
        }
    }
    if (n == 0) {
        return;
    }
    q->is_settling = true;
    err = store_push_settle(q->deps.store, rows, n, on_settled, q);
    if (err != 0) {
        on_settled(q, err == ERR_REMOTE ? ERR_UNAVAILABLE : err);
    }
}

static void end(struct flight *f, enum push_action action, uint32_t delay_ms)
{
    f->end.action = action;
    f->end.delay_ms = delay_ms;
    f->state = FLIGHT_ENDED;
    loop_at_turn_end(f->owner->deps.loop, &f->owner->settle);
}

/* ---- dead letters ---- */

static void on_buried(void *arg, int err, const struct redis_value *v)
{
    struct flight *f = arg;

    (void)v;
    if (err != 0) {
        complain("push_dead_letter_failed", err);
        end(f, PUSH_JOB_AGAIN, f->owner->deps.conf->push_lease_ms); /* it is given up later */
    } else {
        end(f, PUSH_JOB_DONE, 0);
    }
}

static void bury(struct flight *f)
{
    struct push_queue *q = f->owner;
    char key[128], job[24], notification[24], user[24], device[24], attempts[16];
    int key_len = snprintf(key, sizeof(key), "%sjobs:dead", q->deps.conf->redis_prefix), err;

    (void)snprintf(job, sizeof(job), "%" PRId64, f->end.job_id);
    (void)snprintf(notification, sizeof(notification), "%" PRId64, f->notification_id);
    (void)snprintf(user, sizeof(user), "%" PRId64, f->user_id);
    (void)snprintf(device, sizeof(device), "%" PRId64, f->end.device_id);
    (void)snprintf(attempts, sizeof(attempts), "%" PRIu32, f->attempts);
    const struct bytes argv[] = {BYTES_LIT("XADD"),
                                 bytes_of(key, (size_t)key_len),
                                 BYTES_LIT("MAXLEN"),
                                 BYTES_LIT("~"),
                                 BYTES_LIT(DEAD_LETTERS_KEPT),
                                 BYTES_LIT("*"),
                                 BYTES_LIT("job"),
                                 bytes_str(job),
                                 BYTES_LIT("notification"),
                                 bytes_str(notification),
                                 BYTES_LIT("user"),
                                 bytes_str(user),
                                 BYTES_LIT("device"),
                                 bytes_str(device),
                                 BYTES_LIT("attempts"),
                                 bytes_str(attempts),
                                 BYTES_LIT("reason"),
                                 bytes_str(f->reason)};

    count(q, f->kind, "dead", 1);
    log_warn("push_given_up", LOG_I64("job", f->end.job_id), LOG_I64("device", f->end.device_id),
             LOG_U64("attempts", f->attempts), LOG_STR("reason", f->reason));
    f->state = FLIGHT_DYING;
    err = redis_link_command(q->deps.redis, argv, sizeof(argv) / sizeof(argv[0]), on_buried, f);
    if (err != 0) {
        on_buried(f, err, NULL);
    }
}

/* ---- sending ---- */

static void on_outcome(void *arg, const struct push_outcome *outcome)
{
    struct flight *f = arg;
    struct push_queue *q = f->owner;
    uint64_t seed;

    count(q, f->kind, push_verdict_name(outcome->verdict), 1);
    (void)snprintf(f->reason, sizeof(f->reason), "%s", outcome->reason);
    switch (outcome->verdict) {
    case PUSH_SENT:
        end(f, PUSH_JOB_DONE, 0);
        break;
    case PUSH_GONE:
        log_info("push_device_gone", LOG_I64("device", f->end.device_id),
                 LOG_STR("reason", f->reason));
        end(f, PUSH_JOB_DEVICE_GONE, 0);
        break;
    case PUSH_RETRY:
        if (f->attempts < PUSH_ATTEMPTS_MAX) {
            clock_random(&seed, sizeof(seed));
            end(f, PUSH_JOB_AGAIN,
                push_delay_ms(q->deps.conf->push_retry_ms, f->attempts, outcome->retry_after_s,
                              seed));
            break;
        }
        bury(f);
        break;
    case PUSH_POISON:
        bury(f);
        break;
    }
}

/* The sender did not accept it. */
static void refuse(struct flight *f, int err)
{
    struct push_outcome outcome;
    enum push_verdict verdict = PUSH_RETRY;

    if (err == ERR_SYNTAX || err == ERR_MISSING || err == ERR_RANGE) {
        verdict = PUSH_GONE; /* no subscription, and never will be */
    } else if (err == ERR_LIMIT || err == ERR_FULL) {
        verdict = PUSH_POISON;
    }
    push_outcome_set(&outcome, verdict, bytes_str(err_name(err)));
    on_outcome(f, &outcome);
}

static void send_job(struct flight *f, const struct push_job *job)
{
    const struct push_queue_deps *deps = &f->owner->deps;
    struct push_message message = {.notification_id = job->notification_id,
                                   .channel_id = job->channel_id,
                                   .title = job->title,
                                   .body = job->message,
                                   .category = job->category,
                                   .url = job->url,
                                   .token = job->token};
    bool is_web = f->kind == PUSH_WEB;
    int err;

    if (job->attempts > PUSH_ATTEMPTS_MAX) { /* brokers died over it, or nobody could settle it */
        (void)snprintf(f->reason, sizeof(f->reason), "too many attempts");
        bury(f);
        return;
    }
    if (is_web ? !deps->web : !deps->fcm) {
        count(f->owner, f->kind, "unconfigured", 1);
        end(f, PUSH_JOB_DONE, 0);
        return;
    }
    err = is_web ? push_web_send(deps->web, &message, on_outcome, f)
                 : push_fcm_send(deps->fcm, &message, on_outcome, f);
    if (err != 0) {
        refuse(f, err);
    }
}

static void take(struct push_queue *q, const struct push_job *job)
{
    struct flight *f = mem_zalloc(sizeof(*f));

    if (!f) {
        return; /* it is due again when its lease ends */
    }
    f->owner = q;
    f->kind = push_kind_of(job->device_type, job->token);
    f->attempts = job->attempts;
    f->notification_id = job->notification_id;
    f->user_id = job->user_id;
    f->end = (struct push_settlement){
        .job_id = job->id, .claim = job->claim, .device_id = job->device_id};
    DL_APPEND(q->flights, f);
    q->flight_count++;
    send_job(f, job);
}

/* ---- claiming ---- */

static void on_jobs(void *arg, int err, const struct push_job *jobs, size_t job_count,
                    uint64_t dropped)
{
    struct push_queue *q = arg;

    q->is_claiming = false;
    if (err != 0) {
        q->has_more = false;
        complain("push_claim_failed", err);
        return;
    }
    for (size_t i = 0; i < job_count; i++) {
        take(q, &jobs[i]);
    }
    if (dropped > 0) {
        metric_add_label(q->sent, "any,dropped", (double)dropped);
    }
    q->has_more = job_count + dropped >= q->asked;
    metric_set(q->jobs, q->flight_count);
    if (q->flight_count == 0) { /* all of them dropped: nothing will be settled */
        look_if_worth(q);
    }
}

static void look(struct push_queue *q)
{
    uint32_t room = q->deps.conf->push_concurrency - q->flight_count;
    int err;

    if (!q->is_running || q->is_claiming || room == 0) {
        return;
    }
    q->asked = room < PUSH_CLAIM_MAX ? room : PUSH_CLAIM_MAX;
    err = store_push_claim(q->deps.store, q->asked, q->deps.conf->push_lease_ms, on_jobs, q);
    q->is_claiming = err == 0;
    if (err != 0) {
        complain("push_claim_failed", err);
    }
}

/* Before the next look is due: when the last one found all that it asked for, and a quarter has
 * ended since. */
static void look_if_worth(struct push_queue *q)
{
    uint32_t most = q->deps.conf->push_concurrency;

    if (q->has_more && q->flight_count <= most - (most + 3) / 4) {
        look(q);
    }
}

static void tick(void *arg)
{
    struct push_queue *q = arg;

    settle(q);
    look(q);
}

/* ---- life ---- */

struct push_queue *push_queue_new(const struct push_queue_deps *deps)
{
    struct push_queue *q = mem_zalloc(sizeof(*q));

    if (!q) {
        return NULL;
    }
    q->deps = *deps;
    q->sent = metric_counter("push_sent_total", "Pushes by what became of them", "kind,result");
    q->jobs = metric_gauge("push_jobs", "Push jobs that this broker has taken", NULL);
    loop_task_init(&q->settle, settle, q);
    q->timer = loop_timer_new(deps->loop, tick, q);
    if (!q->timer) {
        mem_free(q);
        return NULL;
    }
    return q;
}

void push_queue_free(struct push_queue *q)
{
    struct flight *f, *tmp;

    if (!q) {
        return;
    }
    DL_FOREACH_SAFE(q->flights, f, tmp) {
        mem_free(f);
    }
    loop_task_cancel(q->deps.loop, &q->settle);
    loop_timer_free(q->timer);
    mem_free(q);
}

void push_queue_start(struct push_queue *q)
{
    if (!q->deps.fcm && !q->deps.web && !q->has_complained) {
        q->has_complained = true;
        log_info("push_not_configured");
    }
    q->is_running = true;
    loop_timer_start(q->timer, PUSH_QUEUE_INTERVAL_MS, PUSH_QUEUE_INTERVAL_MS);
}

void push_queue_pause(struct push_queue *q)
{
    q->is_running = false;
    loop_timer_stop(q->timer);
}

bool push_queue_is_idle(const struct push_queue *q)
{
    return q->flight_count == 0;
}
