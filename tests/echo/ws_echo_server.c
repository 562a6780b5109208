/* SPDX-License-Identifier: MIT */
/* A server for tests of the socket port alone: no topics, no Redis. tests/e2e/ws_port.test.mjs and
 * chromium.test.mjs start it on a free port.
 *
 *   ws_echo_server PORT [max=BYTES] [ping=S] [pong=S] [handshake=S] [body=BYTES] [deflate=0|1]
 *
 * Sockets: /ws/echo/ echoes (deflated from 1 KiB on when the client takes it), /hold reads nothing
 * for 200 ms, /deny is refused with 403, /null is cut right after the upgrade. Text messages that
 * are commands: "!close CODE REASON", "!cut", "!pause MS", "!flood COUNT" (frames of 64 KiB). HTTP:
 * any POST echoes its body, /later after 100 ms, /never is not answered, /stats counts. In pieces:
 * POST /sum reads a body of any length (then SUM of its bytes), GET /bytes?N answers so many. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/io/ws_port.h"
#include "gateway/deflate.h"
#include "gateway/ws_frame.h"

#define DEFLATE_MIN 1024u
#define QUEUE_MAX (64u << 20)
#define QUEUE_PAUSE (4u << 20)
#define HOLD_MS 200u
#define FLOOD_FRAME 65536u

struct server {
    struct loop *loop;
    struct ws_port *port;
    struct deflate_ctx *deflate;
    struct later *laters;
    struct stream *streams;
    uint64_t opened, closed, clean, oversize, http_gone, messages;
};

struct session {
    struct server *server;
    struct ws_conn *conn;
    struct loop_timer *resume;
    struct buf queue; /* frames that the socket did not take yet */
    unsigned flood_left;
    bool is_paused_by_queue;
};

struct later {
    struct server *server;
    struct later *next;
    struct loop_timer *timer;
    uint64_t request;
};

#define PIECE_BYTES 65536u

struct stream { /* a body or an answer in pieces */
    struct stream *next;
    uint64_t request, left, sum;
};

static void drop_queue(struct session *s)
{
    buf_done(&s->queue);
}

static void push(struct session *s, struct bytes frames)
{
    if (s->queue.len == 0 && !ws_conn_is_blocked(s->conn)) {
        (void)!ws_conn_write(s->conn, frames);
        return;
    }
    if (buf_append(&s->queue, frames) != 0) {
        ws_conn_close(s->conn, CLOSE_SLOW, "queue full");
        return;
    }
    ws_conn_want_writable(s->conn);
    if (s->queue.len > QUEUE_PAUSE && !s->is_paused_by_queue) {
        s->is_paused_by_queue = true;
        ws_conn_pause(s->conn, true);
    }
}

static void send_message(struct session *s, struct bytes message, bool is_binary)
{
    struct buf deflated, frame;
    bool is_deflated = false;

    buf_init(&deflated, QUEUE_MAX);
    buf_init(&frame, QUEUE_MAX);
    if (message.len >= DEFLATE_MIN && ws_conn_takes_deflated(s->conn, message.len)) {
        is_deflated = deflate_message(s->server->deflate, message, &deflated) == 0;
    }
    if (ws_text_frame(is_deflated ? buf_bytes(&deflated) : message, is_deflated, &frame) == 0) {
        if (is_binary) {
            frame.data[0] = (char)((frame.data[0] & 0xf0) | 0x02);
        }
        push(s, buf_bytes(&frame));
    }
    buf_done(&deflated);
    buf_done(&frame);
}

static void flood(struct session *s)
{
    static char block[FLOOD_FRAME];

    memset(block, 'x', sizeof(block));
    while (s->flood_left > 0 && s->queue.len == 0 && !ws_conn_is_blocked(s->conn)) {
        s->flood_left--;
        snprintf(block, 16, "%014u:", s->flood_left);
        send_message(s, bytes_of(block, sizeof(block)), true);
    }
}

static void on_resume(void *arg)
{
    struct session *s = arg;

    ws_conn_pause(s->conn, false);
}

static bool is_command(struct bytes message, const char *name, const char **out_rest)
{
    static char text[200];

    if (message.len >= sizeof(text) || !bytes_has_prefix(message, bytes_str(name))) {
        return false;
    }
    memcpy(text, message.ptr, message.len);
    text[message.len] = '\0';
    *out_rest = text + strlen(name);
    return true;
}

static bool run_command(struct session *s, struct bytes message)
{
    const char *rest;
    char *end;

    if (is_command(message, "!close ", &rest)) {
        unsigned long code = strtoul(rest, &end, 10);

        ws_conn_close(s->conn, (enum close_code)code, *end == ' ' ? end + 1 : "");
        ws_conn_close(s->conn, CLOSE_INTERNAL, "a second call is ignored");
    } else if (is_command(message, "!cut", &rest)) {
        ws_conn_close(s->conn, CLOSE_NONE, NULL);
    } else if (is_command(message, "!pause ", &rest)) {
        ws_conn_pause(s->conn, true);
        loop_timer_start(s->resume, (uint32_t)strtoul(rest, &end, 10), 0);
    } else if (is_command(message, "!flood ", &rest)) {
        s->flood_left = (unsigned)strtoul(rest, &end, 10);
        flood(s);
        ws_conn_want_writable(s->conn);
    } else {
        return false;
    }
    return true;
}

static void on_upgrade(void *arg, const struct ws_request *req, struct ws_refusal *out)
{
    (void)arg;
    if (bytes_eq_str(req->path, "/deny")) {
        *out = (struct ws_refusal){.status = 403,
                                   .extra_headers = "X-Why: a \"test\"\r\n",
                                   .code = "PERMISSION_DENIED",
                                   .detail = "Not \"here\"."};
    } else if (!bytes_eq_str(req->path, "/ws/echo/") && !bytes_eq_str(req->path, "/hold") &&
               !bytes_eq_str(req->path, "/null")) {
        out->status = 404;
    }
}

static void session_free(struct session *s)
{
    loop_timer_free(s->resume);
    drop_queue(s);
    mem_free(s);
}

static void *on_open(void *arg, struct ws_conn *conn, const struct ws_request *req)
{
    struct server *server = arg;
    struct session *s;

    if (bytes_eq_str(req->path, "/null")) {
        return NULL;
    }
    s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->server = server;
    s->conn = conn;
    buf_init(&s->queue, QUEUE_MAX);
    s->resume = loop_timer_new(server->loop, on_resume, s);
    if (!s->resume) {
        mem_free(s);
        return NULL;
    }
    server->opened++;
    if (bytes_eq_str(req->path, "/hold")) {
        loop_timer_start(s->resume, HOLD_MS, 0);
    } else {
        ws_conn_pause(conn, false);
    }
    return s;
}

static void on_message(void *session, struct bytes message, bool is_binary)
{
    struct session *s = session;

    s->server->messages++;
    if (is_binary || !run_command(s, message)) {
        send_message(s, message, is_binary);
    }
}

static void on_oversize(void *session)
{
    struct session *s = session;

    s->server->oversize++;
    send_message(s, BYTES_LIT("oversize"), false);
}

static void on_writable(void *session)
{
    struct session *s = session;

    if (s->queue.len > 0 && ws_conn_write(s->conn, buf_bytes(&s->queue)) == 0) {
        drop_queue(s);
        if (s->is_paused_by_queue) {
            s->is_paused_by_queue = false;
            ws_conn_pause(s->conn, false);
        }
    }
    flood(s);
}

static void on_closed(void *session, bool is_clean)
{
    struct session *s = session;

    s->server->closed++;
    s->server->clean += is_clean ? 1 : 0;
    session_free(s);
}

static void reply_stats(struct server *s, uint64_t request)
{
    struct buf body;

    buf_init(&body, 1024);
    if (buf_printf(&body,
                   "{\"connections\":%llu,\"opened\":%llu,\"closed\":%llu,\"clean\":%llu,"
                   "\"oversize\":%llu,\"http_gone\":%llu,\"messages\":%llu}",
                   (unsigned long long)ws_port_connections(s->port), (unsigned long long)s->opened,
                   (unsigned long long)s->closed, (unsigned long long)s->clean,
                   (unsigned long long)s->oversize, (unsigned long long)s->http_gone,
                   (unsigned long long)s->messages) == 0) {
        (void)!ws_http_reply(s->port, request, 200, BYTES_LIT("application/json"), BYTES_NONE,
                             buf_bytes(&body));
    }
    buf_done(&body);
}

static void later_free(struct server *s, uint64_t request)
{
    for (struct later **at = &s->laters; *at; at = &(*at)->next) {
        struct later *l = *at;

        if (l->request == request) {
            *at = l->next;
            loop_timer_free(l->timer);
            mem_free(l);
            return;
        }
    }
}

static void on_later(void *arg)
{
    struct later *l = arg;
    struct server *s = l->server;
    uint64_t request = l->request;

    later_free(s, request);
    (void)!ws_http_reply(s->port, request, 200, BYTES_LIT("text/plain"), BYTES_NONE,
                         BYTES_LIT("later"));
}

static void reply_later(struct server *s, uint64_t request)
{
    struct later *l = mem_zalloc(sizeof(*l));

    if (!l) {
        return;
    }
    l->server = s;
    l->request = request;
    l->timer = loop_timer_new(s->loop, on_later, l);
    if (!l->timer) {
        mem_free(l);
        return;
    }
    l->next = s->laters;
    s->laters = l;
    loop_timer_start(l->timer, 100, 0);
}

/* ---- in pieces ---- */

static struct stream *stream_new(struct server *s, uint64_t request, uint64_t bytes)
{
    struct stream *t = mem_zalloc(sizeof(*t));

    if (t) {
        *t = (struct stream){s->streams, request, bytes, 0};
        s->streams = t;
    }
    return t;
}

static struct stream **stream_of(struct server *s, uint64_t request)
{
    struct stream **at = &s->streams;

    while (*at && (*at)->request != request) {
        at = &(*at)->next;
    }
    return at;
}

static void stream_free(struct server *s, uint64_t request)
{
    struct stream **at = stream_of(s, request), *t = *at;

    if (t) {
        *at = t->next;
        mem_free(t);
    }
}

static bool is_http_streamed(void *arg, const struct ws_request *req)
{
    (void)arg;
    return bytes_eq_str(req->path, "/sum");
}

static void on_http_body(void *arg, uint64_t request, struct bytes piece)
{
    struct server *s = arg;
    struct stream *t = *stream_of(s, request);
    char text[32];

    for (size_t i = 0; i < piece.len; i++) {
        t->sum += (unsigned char)piece.ptr[i];
    }
    t->left -= piece.len;
    if (t->left > 0) {
        (void)!ws_http_want_body(s->port, request, PIECE_BYTES);
        return;
    }
    snprintf(text, sizeof(text), "%llu", (unsigned long long)t->sum);
    (void)!ws_http_reply(s->port, request, 200, BYTES_LIT("text/plain"), BYTES_NONE,
                         bytes_str(text));
    stream_free(s, request);
}

static void on_http_drained(void *arg, uint64_t request)
{
    static char block[PIECE_BYTES];
    struct server *s = arg;
    struct stream *t = *stream_of(s, request);
    uint64_t n = t->left < PIECE_BYTES ? t->left : PIECE_BYTES;

    if (n == 0) {
        stream_free(s, request);
        return;
    }
    memset(block, 'b', sizeof(block));
    t->left -= n;
    (void)!ws_http_write(s->port, request, bytes_of(block, n));
}

static void begin_bytes(struct server *s, uint64_t request, struct bytes query)
{
    char number[24] = "";
    struct ws_http_head head = {.status = 200, .content_type = BYTES_LIT("application/x-bytes")};
    bool is_over = true;

    memcpy(number, query.ptr, query.len < sizeof(number) ? query.len : sizeof(number) - 1);
    head.content_length = strtoull(number, NULL, 10);
    if (ws_http_begin(s->port, request, &head, &is_over) == 0 && !is_over &&
        stream_new(s, request, head.content_length)) {
        on_http_drained(s, request);
    }
}

static void on_http(void *arg, uint64_t request, const struct ws_request *req, struct bytes body)
{
    struct server *s = arg;

    if (bytes_eq_str(req->path, "/stats")) {
        reply_stats(s, request);
    } else if (bytes_eq_str(req->path, "/sum") && req->body_bytes > 0) {
        if (bytes_eq_str(req->query, "no")) {
            (void)!ws_http_reply(s->port, request, 403, BYTES_LIT("text/plain"), BYTES_NONE,
                                 BYTES_LIT("no"));
        } else if (stream_new(s, request, req->body_bytes)) {
            (void)!ws_http_want_body(s->port, request, PIECE_BYTES);
        }
    } else if (bytes_eq_str(req->path, "/bytes") && req->query.len > 0) {
        begin_bytes(s, request, req->query);
    } else if (bytes_eq_str(req->path, "/later")) {
        reply_later(s, request);
    } else if (bytes_eq_str(req->path, "/never")) {
        return; /* the port gives up after 30 s */
    } else if (bytes_eq_str(req->path, "/page")) {
        (void)!ws_http_reply(s->port, request, 200, BYTES_LIT("text/html"), BYTES_NONE,
                             BYTES_LIT("<!doctype html><title>echo</title>"));
    } else if (bytes_eq_str(req->path, "/empty")) {
        (void)!ws_http_reply(s->port, request, 204, BYTES_NONE, BYTES_NONE, BYTES_NONE);
    } else if (bytes_eq_str(req->path, "/raw")) {
        struct buf text;

        buf_init(&text, 20000);
        if (buf_printf(&text, "%.*s %.*s ? %.*s", BYTES_FMT(req->method), BYTES_FMT(req->path),
                       BYTES_FMT(req->query)) == 0) {
            (void)!ws_http_reply(s->port, request, 200, BYTES_LIT("text/plain"), BYTES_NONE,
                                 buf_bytes(&text));
        }
        buf_done(&text);
    } else if (bytes_eq_str(req->method, "POST")) {
        (void)!ws_http_reply(s->port, request, 200, BYTES_LIT("application/octet-stream"),
                             BYTES_LIT("X-Echo: 1\r\n"), body);
    } else {
        (void)!ws_http_reply(s->port, request, 404, BYTES_LIT("application/json"), BYTES_NONE,
                             BYTES_LIT("{\"detail\":\"Not found.\",\"code\":\"NOT_FOUND\"}"));
    }
}

static void on_http_gone(void *arg, uint64_t request)
{
    struct server *s = arg;

    s->http_gone++;
    later_free(s, request);
    stream_free(s, request);
}

static void on_stop(void *arg)
{
    loop_stop(arg);
}

static uint32_t option(int argc, char **argv, const char *name, uint32_t otherwise)
{
    size_t len = strlen(name);

    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') {
            return (uint32_t)strtoul(argv[i] + len + 1, NULL, 10);
        }
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    static const struct ws_events events = {.on_upgrade = on_upgrade,
                                            .on_open = on_open,
                                            .on_message = on_message,
                                            .on_oversize = on_oversize,
                                            .on_writable = on_writable,
                                            .on_closed = on_closed,
                                            .on_http = on_http,
                                            .on_http_gone = on_http_gone,
                                            .is_http_streamed = is_http_streamed,
                                            .on_http_body = on_http_body,
                                            .on_http_drained = on_http_drained};
    struct server s = {.loop = loop_new(), .deflate = deflate_ctx_new()};
    struct ws_conf conf = {
        .address = "127.0.0.1",
        .port = (uint16_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 8005),
        .message_max_bytes = option(argc, argv, "max", 1048576),
        .fragments_max = 1024,
        .handshake_timeout_s = option(argc, argv, "handshake", 10),
        .ping_interval_s = option(argc, argv, "ping", 30),
        .pong_timeout_s = option(argc, argv, "pong", 20),
        .http_body_max_bytes = option(argc, argv, "body", 65536),
        .want_deflate = option(argc, argv, "deflate", 1) != 0,
    };
    struct loop_signal *term;
    int err = ERR_NOMEM;

    if (!s.loop || !s.deflate) {
        return 1;
    }
    log_set_process("echo");
    s.port = ws_port_new(s.loop, &conf, &events, &s, &err);
    if (!s.port) {
        log_error("start_failed", LOG_ERR(err));
        return 1;
    }
    term = loop_signal_new(s.loop, SIGTERM, on_stop, s.loop);
    printf("ready\n");
    fflush(stdout);
    loop_run(s.loop);
    ws_port_free(s.port);
    loop_signal_free(term);
    printf("closed %llu of %llu\n", (unsigned long long)s.closed, (unsigned long long)s.opened);
    deflate_ctx_free(s.deflate);
    loop_free(s.loop);
    return 0;
}
