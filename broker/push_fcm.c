/* SPDX-License-Identifier: MIT */
/* Messages on their way to FCM. Called by push_queue.c.
 *
 *   send -> waiting -> (is there a token? else ask for one) -> POST -> outcome
 *              ^------- 401, the first time: the token is thrown away ----' */
#include "broker/push_fcm.h"

#include <stdio.h>
#include <utlist.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"

#define RENEW_BEFORE_MS 300000u /* or half of the token's life, if that is less */
#define FORM "Content-Type: application/x-www-form-urlencoded"

struct flight {
    struct flight *next, *prev;
    struct push_fcm *owner;
    struct buf body;
    push_done_fn *fn;
    void *arg;
    uint32_t access_number; /* of the token that it was sent with */
    bool was_refused;
};

struct push_fcm {
    struct push_fcm_deps deps;
    struct loop_task work;
    struct flight *waiting;
    struct buf url;
    struct buf authorization; /* the header line; empty = no token */
    uint64_t renew_at_ms;     /* monotonic */
    uint32_t access_number;
    bool is_renewing;
};

/* ---- the end of a message ---- */

static void finish(struct flight *flight, const struct push_outcome *outcome)
{
    push_done_fn *fn = flight->fn;
    void *arg = flight->arg;

    buf_done(&flight->body);
    mem_free(flight);
    fn(arg, outcome);
}

static void fail(struct flight *flight, const char *reason)
{
    struct push_outcome outcome;

    push_outcome_set(&outcome, PUSH_RETRY, bytes_str(reason));
    finish(flight, &outcome);
}

static void fail_waiting(struct push_fcm *f, const char *reason)
{
    struct flight *waiting = f->waiting, *flight, *tmp;

    f->waiting = NULL; /* the callbacks may send more */
    DL_FOREACH_SAFE(waiting, flight, tmp) {
        DL_DELETE(waiting, flight);
        fail(flight, reason);
    }
}

/* ---- the access token ---- */

static bool has_access(const struct push_fcm *f)
{
    return f->authorization.len > 0 && clock_mono_ms() < f->renew_at_ms;
}

static int take_access(struct push_fcm *f, const struct http_response *response)
{
    uint32_t lifetime_s;
    uint64_t lifetime_ms;
    int err;

    if (response->status != 200) {
        return ERR_REMOTE;
    }
    buf_reset(&f->authorization);
    err = buf_append(&f->authorization, BYTES_LIT("Authorization: Bearer "));
    if (err == 0) {
        err = fcm_access_read(response->body, &f->authorization, &lifetime_s);
    }
    if (err == 0) {
        err = buf_append_char(&f->authorization, '\0');
    }
    if (err != 0) {
        buf_reset(&f->authorization);
        return err;
    }
    lifetime_ms = (uint64_t)lifetime_s * 1000;
    f->renew_at_ms = clock_mono_ms() + lifetime_ms -
                     (lifetime_ms / 2 < RENEW_BEFORE_MS ? lifetime_ms / 2 : RENEW_BEFORE_MS);
    f->access_number++;
    return 0;
}

static void on_access(void *arg, int err, const struct http_response *response)
{
    static struct log_limit limit = {.per_minute = 2};
    struct push_fcm *f = arg;

    f->is_renewing = false;
    if (err == 0) {
        err = take_access(f, response);
    }
    if (err == 0) {
        log_info("fcm_token_renewed");
        loop_at_turn_end(f->deps.loop, &f->work);
        return;
    }
    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_error("fcm_token_refused", LOG_ERR(err),
                  LOG_U64("status", response ? response->status : 0));
    }
    fail_waiting(f, "no access token");
}

static void renew(struct push_fcm *f)
{
    struct http_request request = {
        .url = fcm_token_uri(f->deps.account), .headers = {FORM}, .timeout_ms = f->deps.timeout_ms};
    struct buf body;
    int err;

    buf_init(&body, FCM_BODY_MAX_BYTES);
    err = fcm_grant(f->deps.account, clock_wall_ms() / 1000, &body);
    if (err == 0) {
        request.body = buf_bytes(&body);
        err = http_client_post(f->deps.http, &request, on_access, f);
    }
    buf_done(&body);
    f->is_renewing = err == 0;
    if (err != 0) {
        fail_waiting(f, "no access token");
    }
}

/* ---- sending ---- */

static void on_answer(void *arg, int err, const struct http_response *response)
{
    struct flight *flight = arg;
    struct push_fcm *f = flight->owner;
    struct push_outcome outcome;
    bool is_refused;

    if (err != 0) {
        fail(flight, err_name(err));
        return;
    }
    is_refused = fcm_outcome(response->status, response->body, response->retry_after_s, &outcome);
    if (!is_refused || flight->was_refused) {
        finish(flight, &outcome);
        return;
    }
    flight->was_refused = true;
    if (flight->access_number == f->access_number) {
        buf_reset(&f->authorization); /* unless another one has renewed it already */
    }
    DL_APPEND(f->waiting, flight);
    loop_at_turn_end(f->deps.loop, &f->work);
}

static void post(struct push_fcm *f, struct flight *flight)
{
    struct http_request request = {
        .url = f->url.data,
        .body = buf_bytes(&flight->body),
        .headers = {f->authorization.data, "Content-Type: application/json; charset=utf-8"},
        .timeout_ms = f->deps.timeout_ms};
    int err;

    flight->access_number = f->access_number;
    err = http_client_post(f->deps.http, &request, on_answer, flight);
    if (err != 0) {
        fail(flight, err_name(err));
    }
}

static void work(void *arg)
{
    struct push_fcm *f = arg;
    struct flight *waiting, *flight, *tmp;

    if (f->is_renewing || !f->waiting) {
        return;
    }
    if (!has_access(f)) {
        renew(f);
        return;
    }
    waiting = f->waiting;
    f->waiting = NULL;
    DL_FOREACH_SAFE(waiting, flight, tmp) {
        DL_DELETE(waiting, flight);
        post(f, flight);
    }
}

int push_fcm_send(struct push_fcm *f, const struct push_message *m, push_done_fn *fn, void *arg)
{
    struct flight *flight = mem_zalloc(sizeof(*flight));
    int err;

    if (!flight) {
        return ERR_NOMEM;
    }
    flight->owner = f;
    flight->fn = fn;
    flight->arg = arg;
    buf_init(&flight->body, FCM_BODY_MAX_BYTES);
    err = fcm_message(m, clock_wall_ms() / 1000, &flight->body);
    if (err != 0) {
        buf_done(&flight->body);
        mem_free(flight);
        return err;
    }
    DL_APPEND(f->waiting, flight);
    loop_at_turn_end(f->deps.loop, &f->work);
    return 0;
}

/* ---- life ---- */

struct push_fcm *push_fcm_new(const struct push_fcm_deps *deps)
{
    struct push_fcm *f = mem_zalloc(sizeof(*f));

    if (!f) {
        return NULL;
    }
    f->deps = *deps;
    loop_task_init(&f->work, work, f);
    buf_init(&f->authorization, FCM_ACCESS_MAX_BYTES);
    buf_init(&f->url, FCM_ACCESS_MAX_BYTES);
    if (fcm_send_url(deps->account, deps->url, &f->url) != 0 ||
        buf_append_char(&f->url, '\0') != 0) {
        push_fcm_free(f);
        return NULL;
    }
    return f;
}

void push_fcm_free(struct push_fcm *f)
{
    if (f) {
        fail_waiting(f, "stopping");
        loop_task_cancel(f->deps.loop, &f->work);
        buf_done(&f->authorization);
        buf_done(&f->url);
        mem_free(f);
    }
}
