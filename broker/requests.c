/* SPDX-License-Identifier: MIT */
/* The table of running requests: gives places, finds repeats, ends each request with one answer.
 * What a request does lies in request_open.c, request_http.c and their like. Called by the
 * pipeline.
 *
 *   requests_start -> place in the table -> step -> … -> step -> request_answer -> place is free
 *
 * The id of a request is its generation times REQUESTS_MAX plus its place. */
#include "broker/request_files.h"

#include <utlist.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"

_Static_assert((REQUESTS_MAX & (REQUESTS_MAX - 1)) == 0, "buckets and ids are taken modulo it");

static void init_metrics(struct requests_metrics *m)
{
    m->refreshed = metric_counter("token_refreshes_total",
                                  "Newer tokens for open sockets, by outcome", "result");
    m->opened = metric_counter("open_requests_total", "Openings of sockets by outcome", "result");
    m->auth = metric_counter("auth_attempts_total", "Credentials checked, by outcome", "result");
    m->http = metric_counter("http_requests_total", "HTTP API requests by route", "route");
    m->http_status = metric_counter("http_responses_total", "HTTP API answers", "status");
    m->lost = metric_counter("request_answers_lost_total",
                             "Answers that found no way to their gateway", "err");
    m->running = metric_gauge("requests_running", "Openings and HTTP requests under way", NULL);
}

struct requests *requests_new(const struct requests_deps *deps)
{
    struct requests *r = deps->keys ? mem_zalloc(sizeof(*r)) : NULL;

    if (!r) {
        return NULL;
    }
    r->users = user_cache_new(USER_CACHE_USERS, USER_CACHE_TTL_MS);
    if (!r->users) {
        mem_free(r);
        return NULL;
    }
    r->deps = *deps;
    r->registry = (struct user_registry){.link = deps->redis,
                                         .prefix = deps->conf->redis_prefix,
                                         .limit = deps->conf->connections_per_user};
    r->throttle = (struct login_throttle){.link = deps->redis,
                                          .prefix = deps->conf->redis_prefix,
                                          .limit = deps->conf->login_failures_per_minute};
    r->nobody_iterations = PASSWORD_ITERATIONS_DEFAULT;
    init_metrics(&r->metrics);
    return r;
}

/* ---- the table ---- */

static struct request **bucket_of(struct requests *r, struct bytes gateway, uint64_t conn)
{
    uint64_t hash = conn * UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = 0; i < gateway.len; i++) {
        hash = (hash ^ (unsigned char)gateway.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return &r->buckets[(hash >> 32) & (REQUESTS_MAX - 1)];
}

/* What a request is known by to its gateway. */
struct request_name {
    enum up_kind kind;
    struct bytes gateway;
    uint64_t conn, frame_no;
};

/* Several requests of one connection are told apart by it. */
static uint64_t number_of(const struct up_envelope *env)
{
    switch (env->kind) {
    case UP_REFRESH:
        return env->refresh.frame_no;
    case UP_UPLOAD:
        return env->upload.frame_no;
    case UP_PULL:
        return env->pull.blob;
    case UP_OPEN:
    case UP_JOIN:
    case UP_LEAVE:
    case UP_FRAME:
    case UP_HTTP:
    case UP_HISTORY:
    case UP_NOTIFY:
        break;
    }
    return 0;
}

static struct request_name name_of(struct bytes gateway, const struct up_envelope *env)
{
    return (struct request_name){
        .kind = env->kind, .gateway = gateway, .conn = env->conn, .frame_no = number_of(env)};
}

static struct request *find(struct requests *r, const struct request_name *name)
{
    for (struct request *req = *bucket_of(r, name->gateway, name->conn); req; req = req->next) {
        if (req->kind == name->kind && req->conn == name->conn && req->frame_no == name->frame_no &&
            bytes_eq(request_gateway(req), name->gateway)) {
            return req;
        }
    }
    return NULL;
}

static struct request *find_id(struct requests *r, uint64_t id)
{
    struct request *req = &r->table[id & (REQUESTS_MAX - 1)];

    return req->id == id ? req : NULL;
}

static void request_init(struct request *req, struct requests *r, const struct request_name *name)
{
    *req = (struct request){.owner = r,
                            .kind = name->kind,
                            .conn = name->conn,
                            .frame_no = name->frame_no,
                            .gateway_len = name->gateway.len};
    memcpy(req->gateway, name->gateway.ptr, name->gateway.len);
}

/* NULL when the table is full. */
static struct request *request_begin(struct requests *r, const struct request_name *name)
{
    struct request *req = r->free;
    struct request **bucket = bucket_of(r, name->gateway, name->conn);

    if (req) {
        r->free = req->next;
    } else if (r->used < REQUESTS_MAX) {
        req = &r->table[r->used++];
    } else {
        return NULL;
    }
    request_init(req, r, name);
    req->id = ++r->generation * REQUESTS_MAX + (uint64_t)(req - r->table);
    req->next = *bucket;
    *bucket = req;
    metric_set(r->metrics.running, ++r->running);
    return req;
}

static void request_end(struct request *req)
{
    struct requests *r = req->owner;
    struct request **bucket = bucket_of(r, request_gateway(req), req->conn);

    if (req->kind == UP_HTTP) {
        request_login_done(req);
        request_api_done(req);
        request_media_done(req);
    } else if (req->kind == UP_HISTORY) {
        request_history_done(req);
    } else if (req->kind == UP_PULL) {
        request_pull_done(req);
    }
    request_upload_done(req);
    if (req == &r->spare) {
        return;
    }
    LL_DELETE(*bucket, req);
    req->id = 0;
    req->next = r->free;
    r->free = req;
    metric_set(r->metrics.running, --r->running);
}

/* ---- steps ---- */

struct step *step_begin(struct request *req)
{
    struct step *step = mem_alloc(sizeof(*step));

    if (step) {
        step->owner = req->owner;
        step->request_id = req->id;
        DL_APPEND(req->owner->steps, step);
    }
    return step;
}

struct request *step_end(struct step *step)
{
    struct requests *r = step ? step->owner : NULL;
    uint64_t id = step ? step->request_id : 0;

    if (r) {
        DL_DELETE(r->steps, step);
    }
    mem_free(step);
    return r ? find_id(r, id) : NULL;
}

/* ---- from and to the gateways ---- */

static void send_item(struct requests *r, struct bytes gateway, const struct down_item *item)
{
    static struct log_limit limit = {.per_minute = 6};
    int err = egress_item(r->deps.egress, gateway, item);

    if (err == 0) {
        return;
    }
    metric_add_label(r->metrics.lost, err_name(err), 1);
    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_warn("request_answer_lost", LOG_BYTES("gateway", gateway), LOG_ID("conn", item->conn),
                 LOG_ERR(err));
    }
}

void request_answer(struct request *req, struct down_item *item)
{
    item->conn = req->conn;
    send_item(req->owner, request_gateway(req), item);
    request_end(req);
}

void request_drop(struct request *req)
{
    request_end(req);
}

/* The name goes into keys of Redis and into the table. */
static bool is_sound(struct bytes gateway, const struct up_envelope *env)
{
    return gateway.len > 0 && gateway.len <= GATEWAY_NAME_MAX && env->conn != 0;
}

/* The table is full: the answer is made in a place outside of it. */
static void refuse(struct requests *r, struct bytes gateway, const struct up_envelope *env)
{
    struct request *req = &r->spare;
    struct request_name name = name_of(gateway, env);

    request_init(req, r, &name);
    switch (env->kind) {
    case UP_OPEN:
        request_open_refuse(req, CODE_SERVICE_UNAVAILABLE);
        break;
    case UP_HISTORY:
        request_history_refuse(req, &env->history);
        break;
    case UP_HTTP:
        request_http_unavailable(req);
        break;
    case UP_REFRESH:
        request_refresh_refuse(req, &env->refresh, CODE_SERVICE_UNAVAILABLE);
        break;
    case UP_JOIN:
    case UP_LEAVE:
    case UP_FRAME:
    case UP_NOTIFY:
        break;
    case UP_UPLOAD:
        request_upload_refuse(req, &env->upload);
        break;
    case UP_PULL:
        request_pull_refuse(req, &env->pull);
        break;
    }
}

static void start(struct request *req, const struct up_envelope *env)
{
    switch (env->kind) {
    case UP_OPEN:
        request_open_start(req, &env->open);
        break;
    case UP_HTTP:
        request_http_start(req, &env->http);
        break;
    case UP_HISTORY:
        request_history_start(req, &env->history);
        break;
    case UP_REFRESH:
        request_refresh_start(req, &env->refresh);
        break;
    case UP_JOIN:
    case UP_LEAVE:
    case UP_FRAME:
    case UP_NOTIFY:
        break; /* not requests */
    case UP_UPLOAD:
        request_upload_start(req, &env->upload);
        break;
    case UP_PULL:
        request_pull_start(req, &env->pull);
        break;
    }
}

void requests_start(struct requests *r, struct bytes gateway, const struct up_envelope *env)
{
    struct request_name name = name_of(gateway, env);
    struct request *req;

    if (!up_kind_is_request(env->kind) || !is_sound(gateway, env)) {
        log_error("request_unsound", LOG_BYTES("gateway", gateway), LOG_U64("kind", env->kind));
        return;
    }
    if (find(r, &name)) {
        return;
    }
    req = request_begin(r, &name);
    if (!req) {
        refuse(r, gateway, env);
        return;
    }
    start(req, env);
}

void requests_connection_gone(struct requests *r, struct bytes gateway, uint64_t conn,
                              int64_t user_id)
{
    struct request_name name = {.kind = UP_OPEN, .gateway = gateway, .conn = conn};
    struct request *req = find(r, &name);
    struct user_slot slot = {.gateway = gateway, .conn = conn, .user_id = user_id};

    if (req) {
        /* Its place may have been asked for before anybody was told who it is. */
        slot.user_id = user_id != 0 ? user_id : req->work.open.user_id;
        metric_add_label(r->metrics.opened, "gone", 1);
        request_end(req);
    }
    if (slot.user_id != 0) {
        user_registry_give_back(&r->registry, &slot);
    }
}

void requests_forget_user(struct requests *r, int64_t user_id)
{
    user_cache_drop(r->users, user_id);
}

void requests_free(struct requests *r)
{
    struct step *step;

    if (!r) {
        return;
    }
    DL_FOREACH(r->steps, step) {
        step->owner = NULL;
    }
    for (uint32_t i = 0; i < r->used; i++) {
        if (r->table[i].id != 0) {
            request_end(&r->table[i]);
        }
    }
    user_cache_free(r->users);
    mem_free(r);
}
