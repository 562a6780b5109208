/* SPDX-License-Identifier: MIT */
/* Answers to HTTP requests: finds the request by its id, writes status line, headers and body,
 * closes politely. Reads no requests (ws_http.c does). Used by the gateway through ws_http_reply()
 * and by the port for the errors that it recognises itself. */
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "common/io/clock.h"
#include "common/json_quote.h"
#include "common/mem.h"
#include "gateway/http_status.h"
#include "gateway/io/ws_private.h"
#include "proto/limits.h"

#define REPLY_HEAD_MAX 8192u
#define ERROR_BODY_MAX 1024u
#define FIRST_SLOTS 64u
#define SLOTS_MAX 65536u /* requests that may wait at a time; more get 503 */
#define SLOT_BITS 16u

/* Of no socket's id, so that answers to either are not mistaken; the sign stays free. */
#define REQUEST_ID_BIT (UINT64_C(1) << 62)

/* Ids: serial << SLOT_BITS | slot. The serial makes each id unique, the slot makes it quick. */
static struct http_conn **request_slot(const struct ws_port *p, uint64_t id)
{
    size_t slot = id & (SLOTS_MAX - 1);

    return slot < p->request_slots ? &p->requests[slot] : NULL;
}

static int grow_slots(struct ws_port *p)
{
    size_t slots = p->request_slots ? p->request_slots * 2 : FIRST_SLOTS;
    struct http_conn **more;

    if (slots > SLOTS_MAX) {
        return ERR_BUSY;
    }
    more = mem_realloc(p->requests, slots * sizeof(struct http_conn *));
    if (!more) {
        return ERR_NOMEM;
    }
    memset(more + p->request_slots, 0, (slots - p->request_slots) * sizeof(struct http_conn *));
    p->requests = more;
    p->request_slots = slots;
    return 0;
}

int ws_http_request_add(struct http_conn *h)
{
    struct ws_port *p = h->port;
    size_t slot;

    /* Never more than half full, so that a free slot is found in a step or two. */
    if (p->request_count >= p->request_slots / 2) {
        int err = grow_slots(p);

        if (err != 0) {
            return err;
        }
    }
    p->request_serial++;
    slot = p->request_serial & (p->request_slots - 1);
    while (p->requests[slot]) {
        slot = (slot + 1) & (p->request_slots - 1);
    }
    p->requests[slot] = h;
    p->request_count++;
    h->id = REQUEST_ID_BIT | p->request_serial << SLOT_BITS | slot;
    return 0;
}

void ws_http_request_remove(struct http_conn *h)
{
    struct http_conn **slot = request_slot(h->port, h->id);

    if (slot && *slot == h) {
        *slot = NULL;
        h->port->request_count--;
    }
}

struct http_conn *ws_http_request_find(const struct ws_port *p, uint64_t id)
{
    struct http_conn **slot = request_slot(p, id);

    return slot && *slot && (*slot)->id == id ? *slot : NULL;
}

/* Say that nothing more will come, and wait for the client to say the same: closing while its bytes
 * are unread would send a reset, which can overtake the answer. */
void ws_http_linger(struct http_conn *h)
{
    buf_done(&h->out);
    if (shutdown(h->fd, SHUT_WR) != 0 || h->is_half_closed) {
        ws_http_drop(h);
        return;
    }
    h->state = HTTP_LINGER;
    h->discarded = 0;
    ws_http_watch(h);
    due_start(h->unread > 0 ? &h->port->http_draining : &h->port->http_lingering, &h->due,
              clock_mono_ms());
}

void ws_http_flush(struct http_conn *h)
{
    ssize_t n = send(h->fd, h->out.data + h->out_pos, h->out.len - h->out_pos, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        ws_http_drop(h);
        return;
    }
    if (n > 0) {
        h->out_pos += (size_t)n;
        due_start(&h->port->http_writing, &h->due, clock_mono_ms());
    }
    if (h->out_pos == h->out.len) {
        ws_http_linger(h);
        return;
    }
    ws_http_watch(h);
}

static bool has_no_body(int status)
{
    return status == 204 || status == 304;
}

bool ws_http_head_fits(const struct ws_http_head *head)
{
    return head->headers.len <= REPLY_HEAD_MAX / 2 && head->content_type.len <= REPLY_HEAD_MAX / 4;
}

int ws_http_put_head(struct http_conn *h, const struct ws_http_head *head, size_t room)
{
    struct buf *out = &h->out;
    int err;

    buf_init(out, REPLY_HEAD_MAX + room);
    h->out_pos = 0;
    err =
        buf_printf(out, "HTTP/1.1 %d %s\r\n", head->status, http_status_find(head->status)->reason);
    if (err == 0 && !has_no_body(head->status)) {
        err = buf_printf(out, "Content-Type: %.*s\r\nContent-Length: %" PRIu64 "\r\n",
                         BYTES_FMT(head->content_type), head->content_length);
    }
    if (err == 0) {
        err =
            buf_append(out, BYTES_LIT("Connection: close\r\nX-Content-Type-Options: nosniff\r\n"));
    }
    if (err == 0) {
        err = buf_append(out, head->headers);
    }
    if (err == 0) {
        err = buf_append(out, BYTES_LIT("\r\n"));
    }
    return err;
}

/* Queue the answer and send what the kernel takes. The connection may be dead afterwards. */
static void answer(struct http_conn *h, struct ws_http_head *head, struct bytes body)
{
    int err;

    buf_done(&h->in); /* a piece that is not whole */
    h->state = HTTP_WRITING;
    head->content_length = body.len;
    err = ws_http_put_head(h, head, HTTP_REPLY_MAX_BYTES);
    if (err == 0 && !has_no_body(head->status) && !h->is_head_request) {
        err = buf_append(&h->out, body);
    }
    if (err != 0) {
        ws_http_drop(h);
        return;
    }
    due_start(&h->port->http_writing, &h->due, clock_mono_ms());
    ws_http_flush(h);
}

void ws_http_refuse(struct http_conn *h, const struct ws_refusal *refusal)
{
    const struct http_status_text *usual = http_status_find(refusal->status);
    const char *detail = refusal->detail ? refusal->detail : usual->detail;
    const char *code = refusal->code ? refusal->code : usual->code;
    struct ws_http_head head = {.status = refusal->status,
                                .content_type = BYTES_LIT("application/json"),
                                .headers = bytes_str(refusal->extra_headers)};
    struct buf body;
    int err;

    buf_init(&body, ERROR_BODY_MAX);
    err = buf_append(&body, BYTES_LIT("{\"detail\":"));
    if (err == 0) {
        err = json_quote(&body, bytes_str(detail));
    }
    if (err == 0) {
        err = buf_append(&body, BYTES_LIT(",\"code\":"));
    }
    if (err == 0) {
        err = json_quote(&body, bytes_str(code));
    }
    if (err == 0) {
        err = buf_append_char(&body, '}');
    }
    answer(h, &head, err == 0 ? buf_bytes(&body) : BYTES_LIT("{}"));
    buf_done(&body);
}

void ws_http_refuse_status(struct http_conn *h, int status)
{
    struct ws_refusal refusal = {.status = status};

    if (status == 405) {
        refusal.extra_headers = "Allow: GET\r\n"; /* the port itself says 405 only to upgrades */
    } else if (status == 426) {
        refusal.extra_headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    }
    ws_http_refuse(h, &refusal);
}

void ws_http_continue(struct http_conn *h)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    /* Best effort: a client that does not get it sends its body after a moment anyway. */
    (void)!send(h->fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
}

int ws_http_reply(struct ws_port *p, uint64_t request, int status, struct bytes content_type,
                  struct bytes headers, struct bytes body)
{
    struct ws_http_head head = {.status = status, .content_type = content_type, .headers = headers};
    struct http_conn *h = ws_http_request_find(p, request);

    if (!h || h->state == HTTP_SENDING) {
        return ERR_NOT_FOUND;
    }
    if (body.len > HTTP_REPLY_MAX_BYTES || !ws_http_head_fits(&head)) {
        return ERR_LIMIT;
    }
    ws_http_request_remove(h);
    answer(h, &head, body);
    return 0;
}
