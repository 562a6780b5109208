/* SPDX-License-Identifier: MIT */
/* Builds a gateway out of its modules and connects them: who is told when Redis comes and goes,
 * when brokers are seen, when the lease is lost. Decides nothing about sockets or messages.
 *
 *     ws_port -> opening, receiving -> uplink -> Redis -> downlink -> deliver -> sending -> ws_port
 */
#include "gateway/gateway.h"

#include <stdio.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/redis_url.h"
#include "gateway/events.h"
#include "gateway/gateway_metrics.h"
#include "gateway/gateway_glue.h"
#include "gateway/io/web_dir.h"
#include "proto/io/blobs.h"
#include "proto/limits.h"

#define HANDSHAKE_TIMEOUT_S 10u
#define FRAGMENTS_MAX 1024u
#define REDIS_TIMEOUT_MS 5000u
#define SESSIONS_MAX (1u << 20)
#define ARENA_MESSAGES                                                                             \
    6u /* a batch: its numbers may be five times as long when written out ("0.1" has 19 digits),   \
          and its parts' fields are there once more */
#define ARENA_SLACK (64u * 1024u)
#define FRAME_BUF_MAX (MESSAGE_MAX_BYTES + ENVELOPE_MAX_BYTES)
#define SEND_BUF_MAX (FRAME_BUF_MAX + SEND_MAX_BYTES)

uint32_t gateway_random(struct gateway *g, uint32_t below)
{
    /* xorshift64*: spreads retries; nothing secret. */
    g->random ^= g->random >> 12;
    g->random ^= g->random << 25;
    g->random ^= g->random >> 27;
    return below == 0 ? 0 : (uint32_t)((g->random * 0x2545F4914F6CDD1DULL) >> 32) % below;
}

int gateway_send_up(struct gateway *g, uint32_t partition, enum uplink_policy policy,
                    const struct up_envelope *env)
{
    int err;

    buf_reset(&g->envelope);
    err = up_envelope_encode(env, &g->envelope);
    return err == 0 ? uplink_push(g->uplink, partition, policy, buf_bytes(&g->envelope)) : err;
}

/* The thread of TLS counts for itself. */
static void scrape_tls(struct gateway *g)
{
    struct ws_tls_stats now = ws_port_tls_stats(g->port);

    metric_set(gateway_metrics.tls_connections, (double)now.connections);
    metric_add_label(gateway_metrics.tls_handshakes, "done",
                     (double)(now.handshakes - g->tls_seen.handshakes));
    metric_add_label(gateway_metrics.tls_handshakes, "failed",
                     (double)(now.failures - g->tls_seen.failures));
    g->tls_seen = now;
}

void gateway_reload(struct gateway *g)
{
    ws_port_reload_tls(g->port);
}

void gateway_on_scrape(void *gateway)
{
    struct gateway *g = gateway;
    uint32_t topics = 0;

    for (struct topic *t = topic_first(&g->topics); t; t = topic_after(t)) {
        topics++;
    }
    metric_set(gateway_metrics.connections, session_table_count(g->sessions));
    metric_set(gateway_metrics.topics, topics);
    if (g->port) {
        scrape_tls(g);
    }
}

/* --- Redis ------------------------------------------------------------------------------------ */

static void open_gate(struct gateway *g)
{
    uplink_set_gate(g->uplink, redis_link_is_up(g->commands) && broker_watch_is_alive(g->brokers));
}

static void on_redis_up(void *arg, struct bytes run_id, bool is_new_server)
{
    struct gateway *g = arg;

    log_info(is_new_server ? EV_REDIS_REPLACED : EV_REDIS_UP, LOG_BYTES("run_id", run_id));
    health_set(&g->health, "redis", true);
    registry_on_up(g->registry, is_new_server);
    broker_watch_on_up(g->brokers);
    if (is_new_server) {
        opening_rejoin_all(g);
    }
}

static void on_redis_down(void *arg)
{
    struct gateway *g = arg;

    log_warn(EV_REDIS_DOWN);
    health_set(&g->health, "redis", false);
    broker_watch_on_down(g->brokers);
    open_gate(g);
}

static void on_brokers(void *arg, bool is_any_alive)
{
    struct gateway *g = arg;

    health_set(&g->health, "broker", is_any_alive);
    open_gate(g);
}

/* Brokers have dropped this life's subscriptions: all sockets come again, to a new life. */
static void on_lease_lost(void *arg)
{
    struct gateway *g = arg;

    g->exit_code = GATEWAY_EXIT_AGAIN;
    drain_start(g, 0);
}

/* --- building ------------------------------------------------------------------------------------
 */

static void make_name(struct gateway *g)
{
    uint64_t life;

    clock_random(&life, sizeof(life));
    clock_random(&g->random, sizeof(g->random));
    g->random |= 1;
    snprintf(g->name, sizeof(g->name), "%s.%016llx", g->conf->name, (unsigned long long)life);
    snprintf(g->address, sizeof(g->address), "%.50s:%u", g->conf->listen_address, g->conf->port);
}

static bool make_pure_parts(struct gateway *g)
{
    const struct gateway_conf *conf = g->conf;

    g->policy = (struct handshake_policy){conf->allowed_hosts, conf->csrf_trusted_origins,
                                          conf->is_echo_enabled};
    g->topic_limits = (struct topic_limits){.frames = conf->channel_capacity,
                                            .expiry_s = conf->channel_expiry_s,
                                            .bytes = conf->channel_buffer_bytes};
    g->user_limit = gateway_conf_user_limit(conf);
    g->upload_budget.rate = conf->upload_bytes_per_second;
    buf_init(&g->out, SEND_BUF_MAX);
    buf_init(&g->frame, FRAME_BUF_MAX);
    buf_init(&g->deflated, FRAME_BUF_MAX);
    buf_init(&g->json, FRAME_BUF_MAX);
    buf_init(&g->envelope, ENVELOPE_MAX_BYTES);
    health_publish_start(clock_wall_ms());
    health_set(&g->health, "redis", false);
    health_set(&g->health, "broker", false);
    g->arena = arena_new(ARENA_MESSAGES * (size_t)conf->message_max_bytes + ARENA_SLACK);
    g->deflate = deflate_ctx_new();
    g->sessions = session_table_new(SESSIONS_MAX);
    g->inflight = inflight_new();
    g->typing = typing_watch_new();
    return g->arena && g->deflate && g->sessions && g->inflight && g->typing;
}

static bool make_redis_parts(struct gateway *g)
{
    static const struct redis_link_events events = {on_redis_up, on_redis_down};
    const struct gateway_conf *conf = g->conf;
    const struct redis_link_conf link = {conf->redis_url, conf->redis_prefix, g->name,
                                         REDIS_TIMEOUT_MS};
    const struct registry_conf registry = {conf->redis_prefix, g->name, g->address,
                                           clock_wall_ms()};
    const struct downlink_conf downlink = {conf->redis_url, conf->redis_prefix, g->name, g->name};

    g->commands = redis_link_new(g->loop, &link, &events, g);
    if (!g->commands) {
        return false;
    }
    g->registry = registry_new(g->loop, g->commands, &registry, on_lease_lost, g);
    g->brokers = broker_watch_new(g->loop, g->commands, conf->redis_prefix, on_brokers, g);
    g->uplink = uplink_new(g->loop, g->commands, conf->redis_prefix, g->name, conf->partitions);
    g->downlink = downlink_new(g->loop, &downlink, g->commands, deliver_item, g);
    g->blobs = blobs_new(g->loop, conf->redis_url, conf->redis_prefix, g->name);
    return g->registry && g->brokers && g->uplink && g->downlink && g->blobs;
}

static bool make_timers(struct gateway *g)
{
    g->tick = loop_timer_new(g->loop, upkeep_tick, g);
    g->drain.timer = loop_timer_new(g->loop, drain_on_tick, g);
    g->upload_timer = loop_timer_new(g->loop, uploads_look, g);
    if (!g->tick || !g->drain.timer || !g->upload_timer) {
        return false;
    }
    loop_timer_start(g->tick, UPKEEP_MS, UPKEEP_MS);
    return true;
}

/* Without the application the gateway works as well. */
static void load_web(struct gateway *g)
{
    int err = g->conf->web_root[0] != '\0' ? web_dir_load(g->conf->web_root, &g->web) : 0;

    if (err != 0) {
        log_error(EV_WEB_NOT_LOADED, LOG_STR("root", g->conf->web_root), LOG_ERR(err));
    }
}

static int listen_on_ports(struct gateway *g)
{
    static const struct ws_events events = {
        .on_upgrade = opening_on_upgrade,
        .on_open = opening_on_open,
        .on_message = receiving_on_message,
        .on_oversize = receiving_on_oversize,
        .on_writable = sending_on_writable,
        .on_closed = opening_on_closed,
        .on_http = http_front_on_request,
        .on_http_gone = http_front_on_gone,
        .is_http_streamed = http_front_is_streamed,
        .on_http_body = http_upload_on_body,
        .on_http_drained = http_download_on_drained,
    };
    const struct gateway_conf *conf = g->conf;
    const struct ws_conf ws = {.address = conf->listen_address,
                               .port = (uint16_t)conf->port,
                               .message_max_bytes = conf->message_max_bytes,
                               .fragments_max = FRAGMENTS_MAX,
                               .handshake_timeout_s = HANDSHAKE_TIMEOUT_S,
                               .ping_interval_s = conf->ping_interval_s,
                               .pong_timeout_s = conf->pong_timeout_s,
                               .http_body_max_bytes = HTTP_BODY_MAX_BYTES,
                               .want_deflate = conf->compress_min_bytes > 0,
                               .trusted = &g->proxies,
                               .tls_cert = conf->tls_cert,
                               .tls_key = conf->tls_key};
    uint32_t metrics_port = conf->metrics_port ? conf->metrics_port + g->worker : 0;
    int err = 0;

    g->status =
        status_http_new(g->loop, conf->metrics_address, (uint16_t)metrics_port, &g->health, &err);
    if (err != 0) {
        return err;
    }
    if (g->status) {
        status_http_on_scrape(g->status, gateway_on_scrape, g);
    }
    g->port = ws_port_new(g->loop, &ws, &events, g, &err);
    return g->port ? 0 : err;
}

struct gateway *gateway_new(struct loop *loop, const struct gateway_conf *conf, uint32_t worker,
                            int *out_err)
{
    struct gateway *g = mem_zalloc(sizeof(*g));
    int err = ERR_NOMEM;

    if (!g) {
        *out_err = err;
        return NULL;
    }
    g->loop = loop;
    g->conf = conf;
    g->worker = worker;
    gateway_metrics_init();
    make_name(g);
    usage_init(&g->usage, clock_mono_ms(), clock_wall_ms());
    loop_task_init(&g->sweep, gateway_sweep, g);
    if (redis_url_check(conf->redis_url) != 0 ||
        trusted_proxies_parse(conf->trusted_proxies, &g->proxies) != 0) {
        err = ERR_SYNTAX;
    } else if (make_pure_parts(g) && flusher_init(g) == 0 && make_redis_parts(g) &&
               make_timers(g)) {
        load_web(g);
        err = listen_on_ports(g);
    }
    if (err != 0) {
        gateway_free(g);
        *out_err = err;
        return NULL;
    }
    log_info(EV_STARTED, LOG_STR("gateway", g->name), LOG_STR("address", g->address),
             LOG_U64("worker", worker));
    return g;
}

int gateway_exit_code(const struct gateway *g)
{
    return g->exit_code;
}

static void free_redis_parts(struct gateway *g)
{
    /* The links first: they complete what is under way into modules that must still be there. */
    redis_link_free(g->commands);
    blobs_free(g->blobs);
    downlink_free(g->downlink);
    uplink_free(g->uplink);
    broker_watch_free(g->brokers);
    registry_free(g->registry);
}

void gateway_free(struct gateway *g)
{
    if (!g) {
        return;
    }
    ws_port_free(g->port);
    status_http_free(g->status);
    loop_task_cancel(g->loop, &g->sweep);
    gateway_sweep(g);
    free_redis_parts(g);
    flusher_done(g);
    loop_timer_free(g->tick);
    loop_timer_free(g->drain.timer);
    loop_timer_free(g->upload_timer);
    topic_table_done(&g->topics);
    user_table_done(&g->users);
    address_table_done(&g->addresses);
    inflight_free(g->inflight);
    typing_watch_free(g->typing);
    session_table_free(g->sessions);
    web_files_free(g->web);
    arena_free(g->arena);
    deflate_ctx_free(g->deflate);
    buf_done(&g->out);
    buf_done(&g->frame);
    buf_done(&g->deflated);
    buf_done(&g->json);
    buf_done(&g->envelope);
    log_info(EV_STOPPED, LOG_STR("gateway", g->name));
    mem_free(g);
}
