/* SPDX-License-Identifier: MIT */
/* Connections from accept() until they are upgraded or answered: one request each, then closed.
 * Their life and their deadlines are here; reading is in ws_http_request.c, answering in
 * ws_http_reply.c, both in pieces in ws_http_stream.c, upgrading in ws_upgrade.c.
 *
 *   HEAD --> BODY --> WAITING ---------> WRITING --> LINGER --> DEAD
 *     |                |   ^ '-> SENDING -----------'
 *     |                '->TAKING
 *     '-- a good upgrade: the descriptor goes to libwebsockets --> DEAD */
#include <unistd.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/io/ws_private.h"

#define REPLY_TIMEOUT_MS 30000u /* then 504 */
#define WRITE_TIMEOUT_MS 10000u /* without progress */
#define LINGER_TIMEOUT_MS 2000u
#define PIECE_TIMEOUT_MS 30000u    /* a body or an answer in pieces: without progress */
#define WORKING_TIMEOUT_MS 60000u  /* a body in pieces: to the next one or the answer; then 504 */
#define DRAINING_TIMEOUT_MS 10000u /* answered, and the client is still sending its body */

void ws_http_init(struct ws_port *p)
{
    due_list_init(&p->http_reading, p->conf.handshake_timeout_s * UINT64_C(1000));
    due_list_init(&p->http_waiting, REPLY_TIMEOUT_MS);
    due_list_init(&p->http_writing, WRITE_TIMEOUT_MS);
    due_list_init(&p->http_lingering, LINGER_TIMEOUT_MS);
    due_list_init(&p->http_taking, PIECE_TIMEOUT_MS);
    due_list_init(&p->http_working, WORKING_TIMEOUT_MS);
    due_list_init(&p->http_sending, PIECE_TIMEOUT_MS);
    due_list_init(&p->http_draining, DRAINING_TIMEOUT_MS);
}

static bool is_empty(const struct due_list *l)
{
    return l->head.next == &l->head;
}

bool ws_port_is_answering(const struct ws_port *p)
{
    return !is_empty(&p->http_writing) || !is_empty(&p->http_lingering);
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
    enum http_state state = h->state;

    if (state == HTTP_DEAD) {
        return;
    }
    h->state = HTTP_DEAD;
    if (state == HTTP_WAITING || state == HTTP_TAKING || state == HTTP_SENDING) {
        ws_http_request_remove(h);
        p->events.on_http_gone(p->arg, h->id);
    }
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
    p->request_slots = 0;
}

void ws_http_watch(struct http_conn *h)
{
    int reading = h->is_half_closed ? 0 : LOOP_READ;

    switch (h->state) {
    case HTTP_HEAD:
    case HTTP_BODY:
    case HTTP_TAKING:
    case HTTP_LINGER:
        loop_fd_set(h->watch, LOOP_READ);
        break;
    case HTTP_WAITING:
        loop_fd_set(h->watch, h->unread > 0 ? 0 : reading);
        break;
    case HTTP_SENDING:
        loop_fd_set(h->watch, reading | (h->out_pos < h->out.len ? LOOP_WRITE : 0));
        break;
    case HTTP_WRITING:
        loop_fd_set(h->watch, LOOP_WRITE | (h->unread > 0 ? 0 : reading));
        break;
    case HTTP_DEAD:
        break;
    }
}

static void on_io(void *arg, int events)
{
    struct http_conn *h = arg;

    if ((events & LOOP_WRITE) && h->state == HTTP_WRITING) {
        ws_http_flush(h);
    } else if ((events & LOOP_WRITE) && h->state == HTTP_SENDING) {
        ws_http_send(h);
    }
    if (events & LOOP_READ) {
        ws_http_readable(h);
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

static struct http_conn *pop_due(struct due_list *list, uint64_t now_ms)
{
    struct due *d = due_pop(list, now_ms);

    return d ? lws_container_of(d, struct http_conn, due) : NULL;
}

/* Nobody waits for it any more but its client, who is told. */
static void give_up(struct http_conn *h, int status)
{
    struct ws_port *p = h->port;
    uint64_t id = h->id;

    ws_http_request_remove(h);
    ws_http_refuse_status(h, status);
    p->events.on_http_gone(p->arg, id);
}

void ws_http_check_due(struct ws_port *p, uint64_t now_ms)
{
    struct due_list *const cut[] = {&p->http_reading, &p->http_writing, &p->http_lingering,
                                    &p->http_sending, &p->http_draining};
    struct http_conn *h;

    while ((h = pop_due(&p->http_waiting, now_ms)) || (h = pop_due(&p->http_working, now_ms))) {
        give_up(h, 504);
    }
    while ((h = pop_due(&p->http_taking, now_ms))) {
        give_up(h, 408);
    }
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        while ((h = pop_due(cut[i], now_ms))) {
            ws_http_drop(h);
        }
    }
}
