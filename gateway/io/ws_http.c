/* SPDX-License-Identifier: MIT */
/* Connections from accept() until they are upgraded or answered: one request each, then closed.
 * Reads the head (bounded in size and time), sorts out what is malformed, reads a body of announced
 * length, hands the request to the gateway. Answers are written by ws_http_reply.c, upgrades are
 * done by ws_upgrade.c.
 *
 *   HEAD --> BODY --> WAITING --> WRITING --> LINGER --> DEAD
 *     '-- a good upgrade: the descriptor goes to libwebsockets --> DEAD
 *
 * Requests are not read by libwebsockets: see ws_handshake.c. What follows an upgrade request in
 * the same packet stays in the kernel (the head is looked at before it is taken), so libwebsockets
 * reads frames from a clean start. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/io/ws_private.h"

#define HEAD_READ_BYTES 2048u /* most heads come in one piece of this size */
#define BODY_READ_BYTES 16384u
#define REPLY_TIMEOUT_MS 30000u /* then 504 */
#define WRITE_TIMEOUT_MS 10000u /* without progress */
#define LINGER_TIMEOUT_MS 2000u
#define LINGER_BYTES_MAX (256u * 1024u)

static void on_readable(struct http_conn *h);

void ws_http_init(struct ws_port *p)
{
    due_list_init(&p->http_reading, p->conf.handshake_timeout_s * UINT64_C(1000));
    due_list_init(&p->http_waiting, REPLY_TIMEOUT_MS);
    due_list_init(&p->http_writing, WRITE_TIMEOUT_MS);
    due_list_init(&p->http_lingering, LINGER_TIMEOUT_MS);
}

static void http_free(struct http_conn *h)
{
    struct ws_port *p = h->port;

    if (h->prev) {
        h->prev->next = h->next;
    } else {
        p->https = h->next;
    }
    if (h->next) {
        h->next->prev = h->prev;
    }
    due_stop(&h->due);
    loop_fd_free(h->watch);
    if (h->fd >= 0) {
        (void)close(h->fd);
    }
    buf_done(&h->in);
    buf_done(&h->out);
    mem_free(h);
}

void ws_http_drop(struct http_conn *h)
{
    struct ws_port *p = h->port;

    if (h->state == HTTP_DEAD) {
        return;
    }
    if (h->state == HTTP_WAITING) {
        uint64_t id = h->id;

        ws_http_request_remove(h);
        p->events.on_http_gone(p->arg, id);
    }
    h->state = HTTP_DEAD;
    due_stop(&h->due);
    loop_fd_free(h->watch);
    h->watch = NULL;
    p->dead_https++;
    loop_at_turn_end(p->loop, &p->after_turn);
}

void ws_http_sweep(struct ws_port *p)
{
    struct http_conn *h = p->https;

    while (h && p->dead_https > 0) {
        struct http_conn *next = h->next;

        if (h->state == HTTP_DEAD) {
            p->dead_https--;
            http_free(h);
        }
        h = next;
    }
}

void ws_http_free_all(struct ws_port *p)
{
    while (p->https) {
        ws_http_drop(p->https);
        http_free(p->https);
    }
    p->dead_https = 0;
    mem_free(p->requests);
    p->requests = NULL;
}

static void on_io(void *arg, int events)
{
    struct http_conn *h = arg;

    if ((events & LOOP_WRITE) && h->state == HTTP_WRITING) {
        ws_http_flush(h);
    }
    if (events & LOOP_READ) {
        on_readable(h);
    }
}

void ws_http_accept(struct ws_port *p, int fd, const char *address)
{
    struct http_conn *h = mem_zalloc(sizeof(*h));

    if (!h) {
        (void)close(fd);
        return;
    }
    h->port = p;
    h->fd = fd;
    memcpy(h->address, address, strlen(address) + 1);
    buf_init(&h->in, HTTP_HEAD_MAX);
    h->next = p->https;
    if (h->next) {
        h->next->prev = h;
    }
    p->https = h;
    h->watch = loop_fd_new(p->loop, fd, on_io, h);
    if (!h->watch) {
        http_free(h);
        return;
    }
    loop_fd_set(h->watch, LOOP_READ);
    due_start(&p->http_reading, &h->due, clock_mono_ms());
}

void ws_http_fill_request(const struct http_conn *h, const struct http_head *head,
                          struct ws_request *out)
{
    size_t hops = http_head_count(head, "x-forwarded-for");

    *out = (struct ws_request){
        .method = head->method,
        .path = head->path,
        .query = head->query,
        .host = http_head_value(head, "host", 0),
        .origin = http_head_value(head, "origin", 0),
        .cookie = http_head_value(head, "cookie", 0),
        .authorization = http_head_value(head, "authorization", 0),
        .subprotocols = http_head_value(head, "sec-websocket-protocol", 0),
        .content_type = http_head_value(head, "content-type", 0),
        /* The last line is the one that the nearest proxy wrote. */
        .forwarded_for = hops > 0 ? http_head_value(head, "x-forwarded-for", hops - 1) : BYTES_NONE,
        .address = bytes_str(h->address),
    };
}

/* Hand the request out. It may be answered before on_http() returns. */
static void dispatch(struct http_conn *h, const struct http_head *head)
{
    struct ws_port *p = h->port;
    struct ws_request request;

    h->is_head_request = bytes_eq_str(head->method, "HEAD");
    if (ws_http_request_add(h) != 0) {
        ws_http_refuse_status(h, 503);
        return;
    }
    h->state = HTTP_WAITING;
    due_start(&p->http_waiting, &h->due, clock_mono_ms());
    ws_http_fill_request(h, head, &request);
    p->events.on_http(p->arg, h->id, &request, bytes_skip(buf_bytes(&h->in), h->head_len));
    buf_done(&h->in);
}

static bool method_needs_length(struct bytes method)
{
    return bytes_eq_str(method, "POST") || bytes_eq_str(method, "PUT") ||
           bytes_eq_str(method, "PATCH");
}

/* How long is the body? Returns 0 or the status of the refusal. */
static int body_length(const struct http_conn *h, const struct http_head *head, size_t *out_len)
{
    int err;

    if (http_head_count(head, "transfer-encoding") > 0) {
        return 411;
    }
    *out_len = 0;
    err = http_head_content_length(head, out_len);
    if (err == ERR_MISSING) {
        return method_needs_length(head->method) ? 411 : 0;
    }
    if (err != 0) {
        return 400;
    }
    return *out_len > h->port->conf.http_body_max_bytes ? 413 : 0;
}

static void on_request(struct http_conn *h, const struct http_head *head)
{
    int status = body_length(h, head, &h->body_len);

    if (status != 0) {
        ws_http_refuse_status(h, status);
        return;
    }
    if (h->body_len == 0) {
        dispatch(h, head);
        return;
    }
    h->in.max = h->head_len + h->body_len;
    h->state = HTTP_BODY;
    due_start(&h->port->http_reading, &h->due, clock_mono_ms());
    if (http_value_has(http_head_value(head, "expect", 0), "100-continue")) {
        ws_http_continue(h);
    }
}

static int status_of_parse_error(int err)
{
    switch (err) {
    case ERR_VERSION:
        return 505;
    case ERR_LIMIT:
        return 431;
    case ERR_RANGE:
        return 414;
    default:
        return 400;
    }
}

static void on_head(struct http_conn *h)
{
    struct http_head head;
    size_t hosts;
    int err;

    h->head_len = h->in.len;
    err = http_head_parse(buf_bytes(&h->in), &head);
    if (err != 0) {
        ws_http_refuse_status(h, status_of_parse_error(err));
        return;
    }
    hosts = http_head_count(&head, "host");
    if (hosts > 1 || (hosts == 0 && head.is_http_1_1)) {
        ws_http_refuse_status(h, 400);
    } else if (ws_handshake_is_wanted(&head)) {
        ws_upgrade(h, &head);
    } else {
        on_request(h, &head);
    }
}

/* Returns the bytes read; 0 when there is nothing now; -1 when the connection ended. */
static ssize_t read_some(struct http_conn *h, char *room, size_t len, int flags)
{
    ssize_t n = recv(h->fd, room, len, flags);

    if (n > 0) {
        return n;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void read_head(struct http_conn *h)
{
    size_t left = HTTP_HEAD_MAX - h->in.len;
    size_t want = left < HEAD_READ_BYTES ? left : HEAD_READ_BYTES;
    enum http_scan found;
    size_t take;
    ssize_t n;
    char *room;

    if (want == 0 || buf_reserve(&h->in, want, &room) != 0) {
        ws_http_drop(h);
        return;
    }
    n = read_some(h, room, want, MSG_PEEK);
    if (n <= 0) {
        if (n < 0) {
            ws_http_drop(h);
        }
        return;
    }
    found = http_head_scan(bytes_of(h->in.data, h->in.len + (size_t)n), &h->scan_pos);
    take = found == HTTP_SCAN_COMPLETE ? h->scan_pos - h->in.len : (size_t)n;
    if (read_some(h, room, take, 0) != (ssize_t)take) {
        ws_http_drop(h);
        return;
    }
    buf_commit(&h->in, take);
    if (found == HTTP_SCAN_COMPLETE) {
        on_head(h);
    } else if (found == HTTP_SCAN_BAD) {
        ws_http_refuse_status(h, 400);
    }
}

static void read_body(struct http_conn *h)
{
    size_t left = h->head_len + h->body_len - h->in.len;
    size_t want = left < BODY_READ_BYTES ? left : BODY_READ_BYTES;
    struct http_head head;
    char *room;
    ssize_t n;

    if (buf_reserve(&h->in, want, &room) != 0) {
        ws_http_drop(h);
        return;
    }
    n = read_some(h, room, want, 0);
    if (n <= 0) {
        if (n < 0) {
            ws_http_drop(h);
        }
        return;
    }
    buf_commit(&h->in, (size_t)n);
    if ((size_t)n < left) {
        return;
    }
    /* The buffer may have moved while the body came in: take the views anew. */
    if (http_head_parse(bytes_of(h->in.data, h->head_len), &head) != 0) {
        ws_http_drop(h);
        return;
    }
    dispatch(h, &head);
}

/* What comes after the request is of no interest, but its end is. A client that only closed its
 * sending side still gets the answer. */
static void discard(struct http_conn *h)
{
    char rest[4096];
    ssize_t n = recv(h->fd, rest, sizeof(rest), 0);

    if (n > 0) {
        h->discarded += (size_t)n;
        if (h->discarded > LINGER_BYTES_MAX) {
            ws_http_drop(h);
        }
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    h->is_half_closed = true;
    if (n < 0 || h->state == HTTP_LINGER) {
        ws_http_drop(h);
    } else {
        loop_fd_set(h->watch, h->state == HTTP_WRITING ? LOOP_WRITE : 0);
    }
}

static void on_readable(struct http_conn *h)
{
    switch (h->state) {
    case HTTP_HEAD:
        read_head(h);
        break;
    case HTTP_BODY:
        read_body(h);
        break;
    case HTTP_WAITING:
    case HTTP_WRITING:
    case HTTP_LINGER:
        discard(h);
        break;
    case HTTP_DEAD:
        break;
    }
}

static struct http_conn *pop_due(struct due_list *list, uint64_t now_ms)
{
    struct due *d = due_pop(list, now_ms);

    return d ? lws_container_of(d, struct http_conn, due) : NULL;
}

void ws_http_check_due(struct ws_port *p, uint64_t now_ms)
{
    struct http_conn *h;

    while ((h = pop_due(&p->http_reading, now_ms))) {
        ws_http_drop(h);
    }
    while ((h = pop_due(&p->http_waiting, now_ms))) {
        uint64_t id = h->id;

        ws_http_request_remove(h);
        ws_http_refuse_status(h, 504);
        p->events.on_http_gone(p->arg, id);
    }
    while ((h = pop_due(&p->http_writing, now_ms)) || (h = pop_due(&p->http_lingering, now_ms))) {
        ws_http_drop(h);
    }
}
