/* SPDX-License-Identifier: MIT */
/* Wires the broker together:
 *
 *   read link -> intake -> pipeline -> store / egress -> command link
 *                            ^ coordinator (leases), gateway_watch, owner_duties
 *
 * The pipeline only works while both Redis links and the store are up. */
#include "broker/broker.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/coordinator.h"
#include "broker/files.h"
#include "broker/gateway_watch.h"
#include "broker/intake.h"
#include "broker/io/store_pg.h"
#include "broker/owner_duties.h"
#include "broker/push.h"
#include "common/health.h"
#include "common/io/clock.h"
#include "common/io/status_http.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/limits.h"

#define READ_TIMEOUT_MS 5000u /* a blocked read answers within its BLOCK time */
#define COMMAND_TIMEOUT_MS 5000u
#define STOP_STEP_MS 50u
#define PUSH_WAITS_MAX 40u /* steps */

struct broker {
    const struct broker_conf *conf;
    const struct token_keys *keys;
    const struct push_keys *push_keys;
    struct redis_clock clock;
    struct loop *loop;
    struct redis_link *command, *read;
    struct store *store;
    struct worker *worker;
    struct egress *egress;
    struct requests *requests;
    struct pipeline *pipeline;
    struct intake *intake;
    struct coordinator *coordinator;
    struct gateway_watch *watch;
    struct owner_duties *duties;
    struct push *push;
    struct files *files;
    struct status_http *status;
    struct health health;
    struct loop_signal *on_term, *on_int;
    struct loop_timer *stop_timer;
    bool is_working, is_leaving;
    unsigned push_waits;
    char owner[GATEWAY_NAME_MAX + 20];
};

/* ---- start and stop of the work ---- */

static bool has_all(const struct broker *b)
{
    return redis_link_is_up(b->command) && redis_link_is_up(b->read) && store_pg_is_up(b->store);
}

static void note_health(struct broker *b)
{
    health_set(&b->health, "redis", redis_link_is_up(b->command) && redis_link_is_up(b->read));
    health_set(&b->health, "postgres", store_pg_is_up(b->store));
}

static void on_up(struct broker *b)
{
    note_health(b);
    if (b->is_working || b->is_leaving || !has_all(b)) {
        return;
    }
    b->is_working = true;
    log_info("working", LOG_STR("owner", b->owner));
    coordinator_start(b->coordinator);
    gateway_watch_start(b->watch);
    owner_duties_start(b->duties);
    push_start(b->push);
    files_start(b->files);
}

static void on_down(struct broker *b)
{
    note_health(b);
    if (!b->is_working) {
        return;
    }
    b->is_working = false;
    log_warn("waiting", LOG_U64("redis", b->health.parts[0].is_up),
             LOG_U64("postgres", b->health.parts[1].is_up));
    pipeline_drop_all(b->pipeline);
    coordinator_pause(b->coordinator);
    gateway_watch_pause(b->watch);
    owner_duties_pause(b->duties);
    push_pause(b->push);
    files_pause(b->files);
    if (b->is_leaving) {
        loop_stop(b->loop);
    }
}

static void on_redis_up(void *arg, struct bytes run_id, bool is_new_server)
{
    (void)run_id;
    if (is_new_server) {
        log_warn("redis_replaced");
    }
    on_up(arg);
}

static void on_command_down(void *arg)
{
    struct broker *b = arg;
    on_down(b);
    egress_link_down(b->egress);
}

static void on_read_down(void *arg)
{
    struct broker *b = arg;
    intake_link_down(b->intake);
    on_down(b);
}

static void on_store_up(void *arg)
{
    on_up(arg);
}

static void on_store_down(void *arg)
{
    on_down(arg);
}

/* The pipeline can take more, or let go of a partition. */
static void on_room(void *arg)
{
    struct broker *b = arg;
    coordinator_check_released(b->coordinator);
    if (b->is_leaving && pipeline_is_idle(b->pipeline)) {
        loop_timer_start(b->stop_timer, STOP_STEP_MS, 0); /* the last releases go out first */
        return;
    }
    intake_poll(b->intake);
}

/* Pushes that are under way would be sent a second time if nobody noted that they were. */
static void stop_now(void *arg)
{
    struct broker *b = arg;
    if (!push_is_idle(b->push) && b->push_waits++ < PUSH_WAITS_MAX) {
        loop_timer_start(b->stop_timer, STOP_STEP_MS, 0);
        return;
    }
    loop_stop(b->loop);
}

static void on_stop_signal(void *arg)
{
    struct broker *b = arg;
    if (b->is_leaving || !b->is_working) {
        loop_stop(b->loop);
        return;
    }
    log_info("leaving");
    b->is_leaving = true;
    push_pause(b->push);
    b->health.is_draining = true;
    loop_timer_start(b->stop_timer, BROKER_STOP_MAX_MS, 0);
    coordinator_leave(b->coordinator);
    on_room(b); /* perhaps there is nothing to give up */
}

/* ---- construction ---- */

/* The ports go first: what is under way in them ends with callbacks into the modules. Requests
 * go even before, since they would answer; their steps can do without them. */
static void free_parts(struct broker *b)
{
    status_http_free(b->status);
    if (b->pipeline) {
        pipeline_drop_all(b->pipeline);
    }
    requests_free(b->requests);
    worker_free(b->worker);
    files_stop(b->files);
    push_stop(b->push);
    redis_link_free(b->read);
    redis_link_free(b->command);
    store_pg_free(b->store);
    egress_free(b->egress);
    gateway_watch_free(b->watch);
    owner_duties_free(b->duties);
    push_free(b->push);
    files_free(b->files);
    coordinator_free(b->coordinator);
    intake_free(b->intake);
    pipeline_free(b->pipeline);
    loop_signal_free(b->on_term);
    loop_signal_free(b->on_int);
    loop_timer_free(b->stop_timer);
    loop_free(b->loop);
}

static struct redis_link *open_link(struct broker *b, const char *what, uint32_t timeout_ms,
                                    void (*down)(void *arg))
{
    char name[GATEWAY_NAME_MAX + 32];
    struct redis_link_conf conf = {b->conf->redis_url, b->conf->redis_prefix, name, timeout_ms};
    struct redis_link_events events = {on_redis_up, down};
    snprintf(name, sizeof(name), "broker-%s/%s", b->conf->name, what);
    return redis_link_new(b->loop, &conf, &events, b);
}

static int build_links(struct broker *b)
{
    struct store_events store_events = {on_store_up, on_store_down};

    b->loop = loop_new();
    if (!b->loop) {
        return ERR_IO;
    }
    b->command = open_link(b, "command", COMMAND_TIMEOUT_MS, on_command_down);
    b->read = open_link(b, "read", READ_TIMEOUT_MS, on_read_down);
    b->store = store_pg_new(b->loop, b->conf->database_url, &store_events, b);
    b->worker = worker_new(b->loop, 1);
    b->stop_timer = loop_timer_new(b->loop, stop_now, b);
    b->on_term = loop_signal_new(b->loop, SIGTERM, on_stop_signal, b);
    b->on_int = loop_signal_new(b->loop, SIGINT, on_stop_signal, b);
    return b->command && b->read && b->store && b->worker && b->stop_timer && b->on_term &&
                   b->on_int
               ? 0
               : ERR_NOMEM;
}

static bool owns_first_partition(void *arg)
{
    struct broker *b = arg;
    return pipeline_partition(b->pipeline, 0)->state == PARTITION_ACTIVE;
}

static void forget_user(void *arg, int64_t user_id)
{
    struct broker *b = arg;
    requests_forget_user(b->requests, user_id);
}

static struct owner_duties *build_duties(struct broker *b)
{
    return owner_duties_new(&(struct owner_duties_deps){.loop = b->loop,
                                                        .redis = b->command,
                                                        .store = b->store,
                                                        .egress = b->egress,
                                                        .conf = b->conf,
                                                        .clock = &b->clock,
                                                        .is_owner = owns_first_partition,
                                                        .forget_user = forget_user,
                                                        .arg = b});
}

static struct pipeline *build_pipeline(struct broker *b)
{
    return pipeline_new(&(struct pipeline_deps){.loop = b->loop,
                                                .redis = b->command,
                                                .store = b->store,
                                                .egress = b->egress,
                                                .requests = b->requests,
                                                .conf = b->conf,
                                                .clock = &b->clock,
                                                .owner = bytes_str(b->owner),
                                                .on_room = on_room,
                                                .arg = b});
}

static int build_work(struct broker *b)
{
    int err;

    b->egress = egress_new(b->loop, b->command, b->conf->redis_prefix);
    if (!b->egress) {
        return ERR_NOMEM;
    }
    b->files = files_new(&(struct files_deps){.loop = b->loop,
                                              .store = b->store,
                                              .redis = b->command,
                                              .egress = b->egress,
                                              .conf = b->conf},
                         &err);
    if (!b->files) {
        return err;
    }
    b->requests = requests_new(&(struct requests_deps){.loop = b->loop,
                                                       .store = b->store,
                                                       .redis = b->command,
                                                       .worker = b->worker,
                                                       .egress = b->egress,
                                                       .conf = b->conf,
                                                       .clock = &b->clock,
                                                       .keys = b->keys,
                                                       .files = b->files,
                                                       .vapid_public = b->push_keys->vapid_public});
    if (!b->requests) {
        return ERR_NOMEM;
    }
    b->pipeline = build_pipeline(b);
    if (!b->pipeline) {
        return ERR_NOMEM;
    }
    b->intake = intake_new(b->loop, b->read, b->command, b->pipeline, b->conf);
    b->coordinator =
        coordinator_new(b->loop, b->command, b->pipeline, b->conf, bytes_str(b->owner));
    b->watch = gateway_watch_new(b->loop, b->command, b->pipeline, b->conf);
    b->duties = build_duties(b);
    b->push = push_new(&(struct push_deps){.loop = b->loop,
                                           .redis = b->command,
                                           .store = b->store,
                                           .conf = b->conf,
                                           .keys = b->push_keys});
    return b->intake && b->coordinator && b->watch && b->duties && b->push ? 0 : ERR_NOMEM;
}

static void make_owner(struct broker *b)
{
    uint64_t incarnation;
    clock_random(&incarnation, sizeof(incarnation));
    snprintf(b->owner, sizeof(b->owner), "%.100s.%016" PRIx64, b->conf->name, incarnation);
}

int broker_serve(const struct broker_conf *conf, const struct token_keys *keys,
                 const struct push_keys *push_keys)
{
    struct broker b = {.conf = conf, .keys = keys, .push_keys = push_keys};
    int err, exit_code = EXIT_FAILURE;

    make_owner(&b);
    health_publish_start(clock_wall_ms());
    health_set(&b.health, "redis", false);
    health_set(&b.health, "postgres", false);
    err = build_links(&b);
    err = err ? err : build_work(&b);
    if (err) {
        log_error("start_failed", LOG_ERR(err));
        goto out;
    }
    b.status = status_http_new(b.loop, conf->metrics_address, (uint16_t)conf->metrics_port,
                               &b.health, &err);
    if (err) {
        log_error("metrics_port_failed", LOG_STR("address", conf->metrics_address),
                  LOG_U64("port", conf->metrics_port), LOG_ERR(err));
        goto out;
    }
    log_info("started", LOG_STR("owner", b.owner), LOG_U64("partitions", conf->partitions));
    loop_run(b.loop);
    log_info("stopped");
    exit_code = EXIT_SUCCESS;
out:
    free_parts(&b);
    return exit_code;
}
