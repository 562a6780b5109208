/* SPDX-License-Identifier: MIT */
/* Bodies and answers in pieces. Of a body only what was asked for is read, so that it waits in the
 * client's hands, not in memory here; of an answer the next piece is asked for when the kernel has
 * taken the last one. Knows not what the bytes are. */
#include <errno.h>
#include <sys/socket.h>

#include "common/io/clock.h"
#include "gateway/io/ws_private.h"
#include "proto/limits.h"

#define TAKE_BYTES 65536u /* of one read */

bool ws_http_is_streamed(const struct http_conn *h, const struct http_head *head, uint64_t length)
{
    struct ws_port *p = h->port;
    struct ws_request request;

    if (!p->events.is_http_streamed) {
        return false;
    }
    ws_http_fill_request(h, head, &request);
    request.body_bytes = length;
    return p->events.is_http_streamed(p->arg, &request);
}

/* ---- a body ---- */

int ws_http_want_body(struct ws_port *p, uint64_t request, size_t bytes)
{
    struct http_conn *h = ws_http_request_find(p, request);

    if (!h) {
        return ERR_NOT_FOUND;
    }
    if (h->state != HTTP_WAITING || h->unread == 0 || bytes == 0) {
        return ERR_RANGE;
    }
    h->wanted = bytes < h->unread ? bytes : (size_t)h->unread;
    buf_init(&h->in, h->wanted);
    h->state = HTTP_TAKING;
    if (h->wants_continue) {
        h->wants_continue = false;
        ws_http_continue(h);
    }
    ws_http_watch(h);
    due_start(&p->http_taking, &h->due, clock_mono_ms());
    return 0;
}

static void piece_is_whole(struct http_conn *h)
{
    struct ws_port *p = h->port;
    struct buf piece = h->in; /* the next one may be asked for in on_http_body() */

    buf_init(&h->in, 0);
    h->unread -= h->wanted;
    h->state = HTTP_WAITING;
    ws_http_watch(h);
    due_start(&p->http_working, &h->due, clock_mono_ms());
    p->events.on_http_body(p->arg, h->id, buf_bytes(&piece));
    buf_done(&piece);
}

void ws_http_take(struct http_conn *h)
{
    size_t left = h->wanted - h->in.len;
    size_t want = left < TAKE_BYTES ? left : TAKE_BYTES;
    char *room;
    ssize_t n;

    if (buf_reserve(&h->in, want, &room) != 0) {
        ws_http_drop(h);
        return;
    }
    n = recv(h->fd, room, want, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        ws_http_drop(h); /* in the middle of its body: that is no half close */
        return;
    }
    buf_commit(&h->in, (size_t)n);
    if ((size_t)n == left) {
        piece_is_whole(h);
    } else {
        due_start(&h->port->http_taking, &h->due, clock_mono_ms());
    }
}

/* ---- an answer ---- */

int ws_http_begin(struct ws_port *p, uint64_t request, const struct ws_http_head *head,
                  bool *out_is_over)
{
    struct http_conn *h = ws_http_request_find(p, request);
    bool is_over = h && (h->is_head_request || head->content_length == 0);
    int err;

    if (!h || h->state != HTTP_WAITING) {
        return ERR_NOT_FOUND;
    }
    if (!ws_http_head_fits(head)) {
        return ERR_LIMIT;
    }
    err = ws_http_put_head(h, head, HTTP_REPLY_MAX_BYTES);
    if (err != 0) {
        buf_done(&h->out);
        return err;
    }
    if (is_over) {
        ws_http_request_remove(h);
        h->state = HTTP_WRITING;
        due_start(&p->http_writing, &h->due, clock_mono_ms());
    } else {
        h->unanswered = head->content_length;
        h->state = HTTP_SENDING;
        due_start(&p->http_sending, &h->due, clock_mono_ms());
    }
    ws_http_watch(h);
    *out_is_over = is_over;
    return 0;
}

int ws_http_write(struct ws_port *p, uint64_t request, struct bytes piece)
{
    struct http_conn *h = ws_http_request_find(p, request);
    int err;

    if (!h || h->state != HTTP_SENDING) {
        return ERR_NOT_FOUND;
    }
    if (piece.len > h->unanswered) {
        return ERR_RANGE;
    }
    err = buf_append(&h->out, piece);
    if (err != 0) {
        return err;
    }
    h->unanswered -= piece.len;
    h->has_piece = true;
    ws_http_watch(h);
    due_start(&p->http_sending, &h->due, clock_mono_ms());
    return 0;
}

static void all_is_out(struct http_conn *h)
{
    struct ws_port *p = h->port;
    uint64_t id = h->id;
    bool was_piece = h->has_piece;

    buf_reset(&h->out);
    h->out_pos = 0;
    h->has_piece = false;
    if (h->unanswered > 0) {
        ws_http_watch(h);
    } else {
        ws_http_request_remove(h);
        h->state = HTTP_WRITING;
        ws_http_linger(h);
    }
    if (was_piece) {
        p->events.on_http_drained(p->arg, id);
    }
}

void ws_http_send(struct http_conn *h)
{
    ssize_t n = send(h->fd, h->out.data + h->out_pos, h->out.len - h->out_pos, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        ws_http_drop(h);
        return;
    }
    if (n > 0) {
        h->out_pos += (size_t)n;
        due_start(&h->port->http_sending, &h->due, clock_mono_ms());
    }
    if (h->out_pos == h->out.len) {
        all_is_out(h);
    }
}

void ws_http_cut(struct ws_port *p, uint64_t request)
{
    struct http_conn *h = ws_http_request_find(p, request);

    if (h) {
        ws_http_request_remove(h);
        h->state = HTTP_WRITING; /* handed out no more */
        ws_http_drop(h);
    }
}
