/* SPDX-License-Identifier: MIT */
/* Reads one HTTP request: the head (bounded in size and time), what is malformed in it, a body of
 * announced length; then hands it to the gateway, or an upgrade to ws_upgrade.c. Answers nothing
 * but refusals.
 *
 * Requests are not read by libwebsockets: see ws_handshake.c. What follows an upgrade request in
 * the same packet stays in the kernel (the head is looked at before it is taken), so libwebsockets
 * reads frames from a clean start. */
#include <errno.h>
#include <sys/socket.h>

#include "common/io/clock.h"
#include "gateway/io/ws_private.h"

#define HEAD_READ_BYTES 2048u /* most heads come in one piece of this size */
#define BODY_READ_BYTES 16384u
#define DISCARD_BYTES 16384u
#define LINGER_BYTES_MAX (256u * 1024u)
/* Of a body that nobody wants any more: a client that sends all of it before it reads gets its
 * answer, if it was not much longer than this. */
#define DRAINING_BYTES_MAX (32u * 1024u * 1024u)

void ws_http_fill_request(const struct http_conn *h, const struct http_head *head,
                          struct ws_request *out)
{
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
        .range = http_head_value(head, "range", 0),
        .if_range = http_head_value(head, "if-range", 0),
        .if_none_match = http_head_value(head, "if-none-match", 0),
        .accept_encoding = http_head_value(head, "accept-encoding", 0),
        .address = bytes_str(h->address),
    };
}

/* Hand the request out. It may be answered before on_http() returns. */
static void dispatch(struct http_conn *h, const struct http_head *head)
{
    struct ws_port *p = h->port;
    struct buf in = h->in; /* what the views are of; the next one may begin in on_http() */
    struct ws_request request;

    h->is_head_request = bytes_eq_str(head->method, "HEAD");
    if (ws_http_request_add(h) != 0) {
        ws_http_refuse_status(h, 503);
        return;
    }
    buf_init(&h->in, 0);
    h->state = HTTP_WAITING;
    ws_http_watch(h);
    due_start(&p->http_waiting, &h->due, clock_mono_ms());
    ws_http_fill_request(h, head, &request);
    request.body_bytes = h->unread + h->body_len;
    p->events.on_http(p->arg, h->id, &request, bytes_skip(buf_bytes(&in), h->head_len));
    buf_done(&in);
}

static bool method_needs_length(struct bytes method)
{
    return bytes_eq_str(method, "POST") || bytes_eq_str(method, "PUT") ||
           bytes_eq_str(method, "PATCH");
}

/* How long is the body? Returns 0 or the status of the refusal. */
static int body_length(const struct http_head *head, size_t *out_len)
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
    return err != 0 ? 400 : 0;
}

static void read_whole_body(struct http_conn *h, size_t len)
{
    h->body_len = len;
    h->in.max = h->head_len + len;
    h->state = HTTP_BODY;
    due_start(&h->port->http_reading, &h->due, clock_mono_ms());
    if (h->wants_continue) {
        ws_http_continue(h);
    }
}

static void on_request(struct http_conn *h, const struct http_head *head)
{
    size_t len = 0;
    int status = body_length(head, &len);

    h->wants_continue = http_value_has(http_head_value(head, "expect", 0), "100-continue");
    if (status != 0) {
        ws_http_refuse_status(h, status);
    } else if (len == 0) {
        dispatch(h, head);
    } else if (ws_http_is_streamed(h, head, len)) {
        h->unread = len;
        dispatch(h, head);
    } else if (len > h->port->conf.http_body_max_bytes) {
        ws_http_refuse_status(h, 413);
    } else {
        read_whole_body(h, len);
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
    if (h->port->conf.trusted) {
        client_address_find(h->port->conf.trusted, &head, h->address);
    }
    hosts = http_head_count(&head, "host");
    /* Of two values one would be checked and the other believed. */
    if (hosts > 1 || (hosts == 0 && head.is_http_1_1) || http_head_count(&head, "origin") > 1 ||
        http_head_count(&head, "authorization") > 1) {
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
    char rest[DISCARD_BYTES];
    ssize_t n = recv(h->fd, rest, sizeof(rest), 0);

    if (n > 0) {
        h->discarded += (size_t)n;
        if (h->discarded > (h->unread > 0 ? DRAINING_BYTES_MAX : LINGER_BYTES_MAX)) {
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
        ws_http_watch(h);
    }
}

void ws_http_readable(struct http_conn *h)
{
    switch (h->state) {
    case HTTP_HEAD:
        read_head(h);
        break;
    case HTTP_BODY:
        read_body(h);
        break;
    case HTTP_TAKING:
        ws_http_take(h);
        break;
    case HTTP_WAITING:
    case HTTP_SENDING:
    case HTTP_WRITING:
    case HTTP_LINGER:
        discard(h);
        break;
    case HTTP_DEAD:
        break;
    }
}
