/* SPDX-License-Identifier: MIT */
/* Builds and takes down the socket port: libwebsockets' context in our loop, listener, timers; and
 * sends the library's callbacks to the file that knows what to do. Decides nothing itself.
 *
 * Two things that libwebsockets 4.1.6 needs in a foreign libev loop: its timers do not fire by
 * themselves (it sets an ev_timer that is already active), so lws_cancel_service() is called every
 * 100 ms; and its log mask must be set before the context, because the libev plug-in logs every
 * change of a watcher. */
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/io/recv_tap.h"
#include "gateway/io/ws_private.h"

#define TICK_MS 100u
#define RX_BUFFER_BYTES 512u        /* per connection, always: 1.9 KB an idle socket, not 5.3 */
#define TX_PACKET_BYTES (16u << 20) /* a larger write would go to the library's buffer first */
#define SERVICE_BUFFER_BYTES                                                                       \
    65536u                 /* of one read, for all connections: large frames come in few           \
                            */
#define HEADER_BYTES 1024u /* it only ever sees canonical requests, one at a time */
#define HEADER_POOL 16
#define LOG_LINES_PER_MINUTE 30u
#define TLS_PROBLEM_MAX 4096u

static void log_from_lws(int level, const char *line)
{
    static struct log_limit limit = {LOG_LINES_PER_MINUTE, 0, 0, 0};
    size_t len = strlen(line);

    (void)level;
    while (len > 0 && line[len - 1] == '\n') {
        len--;
    }
    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_warn("libwebsockets", LOG_BYTES("text", bytes_of(line, len)));
    }
}

static int confirm_upgrade(struct lws *wsi, const struct ws_conn *c)
{
    /* NN-2025-0102: after an odd Upgrade header the table may be gone and `in` dangle. Cannot
     * happen with canonical requests; checked all the same. */
    if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) <= 0 || !c) {
        return -1;
    }
    return 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct ws_port *p = lws_context_user(lws_get_context(wsi));
    struct ws_conn *c = lws_get_opaque_user_data(wsi);

    (void)user;
    switch ((int)reason) {
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        if (!p->adopting) {
            return -1;
        }
        lws_set_opaque_user_data(wsi, p->adopting);
        p->adopting->wsi = wsi;
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return confirm_upgrade(wsi, c);
    case LWS_CALLBACK_HTTP:
        return -1; /* only upgrades are ever handed over */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
    case LWS_CALLBACK_ADD_HEADERS:
    case LWS_CALLBACK_ESTABLISHED:
        return c ? ws_upgrade_callback(c, reason, in) : -1;
    case LWS_CALLBACK_RECEIVE:
        ws_conn_received(c, bytes_of(in, len));
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        ws_conn_peer_closed(c);
        return -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        ws_conn_became_writable(c);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if (c) {
            ws_conn_destroyed(c);
        }
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = WS_SUBPROTOCOL,
     .callback = on_lws,
     .rx_buffer_size = RX_BUFFER_BYTES,
     .tx_packet_size = TX_PACKET_BYTES},
    {0},
};

static int create_lws(struct ws_port *p)
{
    static const lws_retry_bo_t no_pings_of_its_own = {.secs_since_valid_hangup = 0};
    void *loops[] = {loop_native(p->loop)};
    struct lws_context_creation_info info;

    memset(&info, 0, sizeof(info));
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.foreign_loops = loops;
    info.protocols = protocols;
    info.extensions = ws_extensions;
    info.alpn = "http/1.1";
    info.user = p;
    info.timeout_secs = p->conf.handshake_timeout_s;
    info.pt_serv_buf_size = SERVICE_BUFFER_BYTES;
    info.max_http_header_data = HEADER_BYTES;
    info.max_http_header_pool = HEADER_POOL;
    info.retry_and_idle_policy = &no_pings_of_its_own;
    lws_set_log_level(LLL_ERR | LLL_WARN, log_from_lws);
    p->lws = lws_create_context(&info);
    if (!p->lws) {
        return ERR_IO;
    }
    p->vhost = lws_create_vhost(p->lws, &info);
    return p->vhost ? 0 : ERR_IO;
}

static void on_tick(void *arg)
{
    struct ws_port *p = arg;
    uint64_t now = clock_mono_ms();

    lws_cancel_service(p->lws);
    ws_http_check_due(p, now);
    ws_conns_check_due(p, now);
}

static void on_turn_end(void *arg)
{
    struct ws_port *p = arg;

    ws_conns_after_turn(p);
    ws_http_sweep(p);
}

static void log_tls_trouble(const struct buf *problem, int err)
{
    log_error("tls_files", LOG_STR("err", err_name(err)), LOG_BYTES("why", buf_bytes(problem)));
}

static int start_tls(struct ws_port *p)
{
    struct buf problem;
    int err = 0;

    if (!p->conf.tls_cert || p->conf.tls_cert[0] == '\0') {
        return 0;
    }
    buf_init(&problem, TLS_PROBLEM_MAX);
    p->tls = tls_front_new(p->conf.tls_cert, p->conf.tls_key, &problem, &err);
    if (err != 0) {
        log_tls_trouble(&problem, err);
    }
    buf_done(&problem);
    return err;
}

static int start(struct ws_port *p)
{
    int err;

    if (!recv_tap_is_effective()) {
        log_error("recv_tap_ineffective");
        return ERR_IO;
    }
    p->deflate = deflate_ctx_new();
    p->tick = loop_timer_new(p->loop, on_tick, p);
    if (!p->deflate || !p->tick) {
        return ERR_NOMEM;
    }
    err = create_lws(p);
    if (err == 0) {
        err = start_tls(p);
    }
    if (err == 0) {
        err = ws_listener_open(p);
    }
    if (err == 0) {
        loop_timer_start(p->tick, TICK_MS, TICK_MS);
    }
    return err;
}

struct ws_port *ws_port_new(struct loop *loop, const struct ws_conf *conf,
                            const struct ws_events *events, void *arg, int *out_err)
{
    struct ws_port *p = mem_zalloc(sizeof(*p));
    int err;

    if (!p) {
        *out_err = ERR_NOMEM;
        return NULL;
    }
    p->loop = loop;
    p->conf = *conf;
    p->events = *events;
    p->arg = arg;
    p->listen_fd = -1;
    p->limits = (struct assembly_limits){.message_max_bytes = conf->message_max_bytes,
                                         .fragments_max = conf->fragments_max};
    p->frame_max =
        (uint64_t)conf->message_max_bytes * ASSEMBLY_OVERSIZE_FACTOR + ASSEMBLY_COMPRESSED_SLACK;
    loop_task_init(&p->after_turn, on_turn_end, p);
    ws_http_init(p);
    ws_conns_init(p);
    err = start(p);
    if (err != 0) {
        ws_port_free(p);
        *out_err = err;
        return NULL;
    }
    *out_err = 0;
    return p;
}

void ws_port_stop_listening(struct ws_port *p)
{
    ws_listener_close(p);
}

void ws_port_free(struct ws_port *p)
{
    if (!p) {
        return;
    }
    p->is_ending = true;
    ws_listener_close(p);
    ws_http_free_all(p);
    loop_timer_free(p->tick);
    if (p->lws) {
        lws_context_destroy(p->lws); /* on_closed for every session */
    }
    tls_front_free(p->tls); /* after its plain ends: what was written to them still goes out */
    loop_task_cancel(p->loop, &p->after_turn);
    deflate_ctx_free(p->deflate);
    mem_free(p);
}

void ws_port_reload_tls(struct ws_port *p)
{
    struct buf problem;
    int err;

    if (!p->tls) {
        return;
    }
    buf_init(&problem, TLS_PROBLEM_MAX);
    err = tls_front_reload(p->tls, &problem);
    if (err != 0) {
        log_tls_trouble(&problem, err);
    } else {
        log_info("tls_reloaded", LOG_STR("cert", p->conf.tls_cert));
    }
    buf_done(&problem);
}

struct ws_tls_stats ws_port_tls_stats(const struct ws_port *p)
{
    return p->tls ? tls_front_stats(p->tls) : (struct ws_tls_stats){0};
}

uint64_t ws_port_connections(const struct ws_port *p)
{
    return p->connections;
}
