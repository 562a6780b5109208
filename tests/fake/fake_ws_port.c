/* SPDX-License-Identifier: MIT */
/* Sockets by hand: keeps what was written and calls back as the real port does, outside of the
 * calls that cause it. */
#include "fake_ws_port.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/mem.h"

#define WRITTEN_MAX (64u << 20)

struct ws_port {
    struct ws_events events;
    void *arg;
    bool is_listening;
};

bool fake_ws_is_answering;
static struct ws_port port;
static struct ws_conn *conns;
static struct fake_http *https;
static struct fake_reply last_reply;
static unsigned reply_count;
static uint64_t request_count;

static void http_free_all(void)
{
    struct fake_http *h, *next;

    DL_FOREACH_SAFE(https, h, next) {
        DL_DELETE(https, h);
        buf_done(&h->early);
        buf_done(&h->written);
        buf_done(&h->waiting);
        mem_free(h);
    }
}

void fake_ws_reset(void)
{
    struct ws_conn *c, *next;

    http_free_all();

    DL_FOREACH_SAFE(conns, c, next) {
        DL_DELETE(conns, c);
        buf_done(&c->written);
        buf_done(&c->early);
        mem_free(c);
    }
    reply_count = 0;
    request_count = 0;
    fake_ws_is_answering = false;
}

struct ws_port *ws_port_new(struct loop *loop, const struct ws_conf *conf,
                            const struct ws_events *events, void *arg, int *out_err)
{
    (void)loop;
    (void)conf;
    *out_err = 0;
    port = (struct ws_port){*events, arg, true};
    return &port;
}

void ws_port_stop_listening(struct ws_port *p)
{
    p->is_listening = false;
}

void ws_port_reload_tls(struct ws_port *p)
{
    (void)p;
}

struct ws_tls_stats ws_port_tls_stats(const struct ws_port *p)
{
    (void)p;
    return (struct ws_tls_stats){0};
}

bool fake_ws_is_listening(void)
{
    return port.is_listening;
}

static void end(struct ws_conn *c, bool is_clean)
{
    if (!c->is_gone) {
        c->is_gone = true;
        port.events.on_closed(c->session, is_clean);
    }
}

void ws_port_free(struct ws_port *p)
{
    struct ws_conn *c;
    struct fake_http *h;

    if (p) {
        DL_FOREACH(https, h) {
            fake_ws_http_gone(h->id);
        }
        DL_FOREACH(conns, c) {
            end(c, false);
        }
        p->is_listening = false;
    }
}

bool ws_port_is_answering(const struct ws_port *p)
{
    (void)p;
    return fake_ws_is_answering;
}

uint64_t ws_port_connections(const struct ws_port *p)
{
    uint64_t count = 0;
    const struct ws_conn *c;

    (void)p;
    DL_FOREACH(conns, c) {
        count += !c->is_gone;
    }
    return count;
}

/* --- what the gateway calls ------------------------------------------------------------------- */

int ws_conn_write(struct ws_conn *c, struct bytes frames)
{
    if (c->is_blocked || c->is_gone) {
        abort(); /* the contract forbids it */
    }
    c->writes++;
    return buf_append(&c->written, frames);
}

bool ws_conn_is_blocked(const struct ws_conn *c)
{
    return c->is_blocked;
}

void ws_conn_want_writable(struct ws_conn *c)
{
    c->wants_writable = true;
}

void ws_conn_pause(struct ws_conn *c, bool is_paused)
{
    c->is_paused = is_paused;
}

bool ws_conn_has_deflate(const struct ws_conn *c)
{
    return c->has_deflate;
}

bool ws_conn_takes_deflated(const struct ws_conn *c, size_t message_len)
{
    (void)message_len;
    return c->has_deflate;
}

void ws_conn_close(struct ws_conn *c, enum close_code code, const char *reason)
{
    if (!c->is_closed) {
        c->is_closed = true;
        c->code = code;
        strncpy(c->reason, reason, sizeof(c->reason) - 1);
    }
}

struct bytes ws_conn_address(const struct ws_conn *c)
{
    (void)c;
    return BYTES_LIT("192.0.2.1");
}

static struct fake_http *http_of(uint64_t request)
{
    struct fake_http *h;

    DL_FOREACH(https, h) {
        if (h->id == request) {
            return h;
        }
    }
    return NULL;
}

int ws_http_reply(struct ws_port *p, uint64_t request, int status, struct bytes content_type,
                  struct bytes headers, struct bytes body)
{
    size_t len = body.len < sizeof(last_reply.body) - 1 ? body.len : sizeof(last_reply.body) - 1;

    struct fake_http *h = http_of(request);

    (void)p;
    (void)content_type;
    (void)headers;
    if (!h || h->is_over) {
        return ERR_NOT_FOUND;
    }
    h->is_over = true;
    last_reply.request = request;
    last_reply.status = status;
    memcpy(last_reply.body, body.ptr ? body.ptr : "", len);
    last_reply.body[len] = '\0';
    reply_count++;
    return 0;
}

int ws_http_want_body(struct ws_port *p, uint64_t request, size_t bytes)
{
    struct fake_http *h = http_of(request);

    (void)p;
    if (!h || h->is_over) {
        return ERR_NOT_FOUND;
    }
    if (h->wanted > 0 || h->unread == 0) {
        abort(); /* the contract forbids it */
    }
    h->wanted = bytes < h->unread ? bytes : (size_t)h->unread;
    return 0;
}

int ws_http_begin(struct ws_port *p, uint64_t request, const struct ws_http_head *head,
                  bool *out_is_over)
{
    struct fake_http *h = http_of(request);

    (void)p;
    if (!h || h->is_over) {
        return ERR_NOT_FOUND;
    }
    h->is_begun = true;
    h->content_length = head->content_length;
    last_reply.request = request;
    last_reply.status = head->status;
    reply_count++;
    *out_is_over = h->is_over = h->is_head || head->content_length == 0;
    return 0;
}

int ws_http_write(struct ws_port *p, uint64_t request, struct bytes piece)
{
    struct fake_http *h = http_of(request);

    (void)p;
    if (!h || h->is_over || !h->is_begun) {
        return ERR_NOT_FOUND;
    }
    if (h->written.len + h->waiting.len + piece.len > h->content_length) {
        return ERR_RANGE;
    }
    h->has_piece = true;
    return buf_append(&h->waiting, piece);
}

void ws_http_cut(struct ws_port *p, uint64_t request)
{
    struct fake_http *h = http_of(request);

    (void)p;
    if (h && !h->is_over) {
        h->is_over = h->is_cut = true;
    }
}

/* --- what the test does ----------------------------------------------------------------------- */

static struct ws_request request_of(const char *path, const char *query)
{
    return (struct ws_request){.is_upgrade = true,
                               .method = BYTES_LIT("GET"),
                               .path = bytes_str(path),
                               .query = bytes_str(query),
                               .host = BYTES_LIT("localhost:8001"),
                               .address = BYTES_LIT("192.0.2.1")};
}

struct ws_conn *fake_ws_open(const char *path, const char *query, int *out_status)
{
    const struct ws_request req = request_of(path, query);
    struct ws_refusal refusal = {0};
    struct ws_conn *c;

    port.events.on_upgrade(port.arg, &req, &refusal);
    *out_status = refusal.status;
    if (refusal.status != 0) {
        return NULL;
    }
    c = mem_zalloc(sizeof(*c));
    if (!c) {
        abort();
    }
    buf_init(&c->written, WRITTEN_MAX);
    buf_init(&c->early, WRITTEN_MAX);
    c->is_paused = true;
    DL_APPEND(conns, c);
    c->session = port.events.on_open(port.arg, c, &req);
    return c;
}

void fake_ws_message(struct ws_conn *c, const char *text)
{
    if (!c->is_paused) {
        port.events.on_message(c->session, bytes_str(text), false);
    } else if (buf_append(&c->early, bytes_of(text, strlen(text) + 1)) != 0) {
        abort();
    }
}

void fake_ws_binary(struct ws_conn *c, const char *text)
{
    port.events.on_message(c->session, bytes_str(text), true);
}

void fake_ws_oversize(struct ws_conn *c)
{
    port.events.on_oversize(c->session);
}

void fake_ws_leave(struct ws_conn *c, bool is_clean)
{
    end(c, is_clean);
}

void fake_ws_block(struct ws_conn *c, bool is_blocked)
{
    if (c->is_blocked && !is_blocked) {
        c->wants_writable = true;
    }
    c->is_blocked = is_blocked;
}

static bool turn_of(struct ws_conn *c)
{
    bool did = false;

    if (c->is_closed) {
        end(c, c->code != CLOSE_NONE);
        return true;
    }
    if (c->wants_writable && !c->is_blocked) {
        c->wants_writable = false;
        port.events.on_writable(c->session);
        did = true;
    }
    while (!c->is_paused && !c->is_closed && c->early.len > 0) {
        size_t len = strlen(c->early.data);
        char *text = mem_dup_str(bytes_of(c->early.data, len));
        buf_consume(&c->early, len + 1);
        port.events.on_message(c->session, bytes_of(text, len), false);
        mem_free(text);
        did = true;
    }
    return did;
}

static bool turn_of_http(struct fake_http *h)
{
    if (!h->is_over && h->wanted > 0 && h->early.len >= h->wanted) {
        char *piece = mem_dup_str(bytes_of(h->early.data, h->wanted));
        size_t len = h->wanted;
        buf_consume(&h->early, len);
        h->unread -= len;
        h->wanted = 0;
        port.events.on_http_body(port.arg, h->id, bytes_of(piece, len));
        mem_free(piece);
        return true;
    }
    if (!h->is_over && h->has_piece && !h->is_blocked) {
        if (buf_append(&h->written, buf_bytes(&h->waiting)) != 0) {
            abort();
        }
        buf_reset(&h->waiting);
        h->has_piece = false;
        h->is_over = h->written.len == h->content_length;
        port.events.on_http_drained(port.arg, h->id);
        return true;
    }
    return false;
}

bool fake_ws_turn(void)
{
    bool did = false;
    struct ws_conn *c;
    struct fake_http *h;

    DL_FOREACH(https, h) {
        did = turn_of_http(h) || did;
    }

    DL_FOREACH(conns, c) {
        did = (!c->is_gone && turn_of(c)) || did;
    }
    return did;
}

unsigned fake_ws_count(const struct ws_conn *c, const char *text)
{
    unsigned count = 0;
    const char *at = c->written.data;
    size_t left = c->written.len, len = strlen(text);

    while (at && (at = memmem(at, left, text, len)) != NULL) {
        count++;
        at += len;
        left = (size_t)(c->written.data + c->written.len - at);
    }
    return count;
}

uint64_t fake_ws_request(const struct ws_request *req)
{
    struct fake_http *h = mem_zalloc(sizeof(*h));

    if (!h) {
        abort();
    }
    h->id = UINT64_C(1) << 62 | ++request_count; /* of no socket */
    h->unread = req->body_bytes;
    h->is_head = bytes_eq_str(req->method, "HEAD");
    buf_init(&h->early, WRITTEN_MAX);
    buf_init(&h->written, WRITTEN_MAX);
    buf_init(&h->waiting, WRITTEN_MAX);
    DL_APPEND(https, h);
    if (req->body_bytes > 0 && !port.events.is_http_streamed(port.arg, req)) {
        abort(); /* a test that wants such a body says it itself */
    }
    port.events.on_http(port.arg, h->id, req, BYTES_NONE);
    return h->id;
}

uint64_t fake_ws_http(const char *method, const char *path, const char *host)
{
    struct ws_request req = request_of(path, "");

    req.is_upgrade = false;
    req.method = bytes_str(method);
    req.host = bytes_str(host);
    return fake_ws_request(&req);
}

const struct fake_http *fake_ws_http_of(uint64_t request)
{
    return http_of(request);
}

void fake_ws_http_send(uint64_t request, struct bytes body)
{
    if (buf_append(&http_of(request)->early, body) != 0) {
        abort();
    }
}

void fake_ws_http_block(uint64_t request, bool is_blocked)
{
    http_of(request)->is_blocked = is_blocked;
}

void fake_ws_http_gone(uint64_t request)
{
    struct fake_http *h = http_of(request);

    if (!h->is_over) {
        h->is_over = true;
        port.events.on_http_gone(port.arg, request);
    }
}

const struct fake_reply *fake_ws_last_reply(void)
{
    return &last_reply;
}

unsigned fake_ws_replies(void)
{
    return reply_count;
}
