/* SPDX-License-Identifier: MIT */
/* Open WebSockets: their life, and what the gateway may do with one (write, pause, close). Reading
 * is in ws_conn_io.c, pings are in ws_ping.c, how they came to be is in ws_upgrade.c.
 *
 * A connection is freed only when libwebsockets has closed it. What must not happen inside a
 * callback is noted by ws_conn_touch() and done at the end of the loop's turn. */
#include <sys/socket.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/io/recv_tap.h"
#include "gateway/io/ws_private.h"

#define CLOSE_PAYLOAD_MAX 125u
#define CLOSE_FRAME 0x88u

struct ws_conn *ws_conn_new(struct ws_port *p, int fd, const char *address)
{
    size_t len = strlen(address);
    struct ws_conn *c = mem_zalloc(sizeof(*c) + len);

    if (!c) {
        return NULL;
    }
    c->port = p;
    c->fd = fd;
    c->address_len = (uint8_t)len;
    memcpy(c->address, address, len);
    frame_guard_init(&c->guard, false);
    assembly_init(&c->assembly);
    return c;
}

void ws_conn_touch(struct ws_conn *c)
{
    struct ws_port *p = c->port;

    if (c->is_touched) {
        return;
    }
    c->is_touched = true;
    c->prev = NULL;
    c->next = p->touched;
    if (c->next) {
        c->next->prev = c;
    }
    p->touched = c;
    loop_at_turn_end(p->loop, &p->after_turn);
}

void ws_conn_untouch(struct ws_conn *c)
{
    if (!c->is_touched) {
        return;
    }
    c->is_touched = false;
    if (c->prev) {
        c->prev->next = c->next;
    } else {
        c->port->touched = c->next;
    }
    if (c->next) {
        c->next->prev = c->prev;
    }
}

void ws_conn_free(struct ws_conn *c)
{
    if (c->port->fetching == c) {
        c->port->fetching = NULL;
    }
    ws_conn_untouch(c);
    ws_ahead_drop(&c->ahead, &c->port->ahead_bytes);
    due_stop(&c->due);
    frame_guard_done(&c->guard);
    assembly_done(&c->assembly);
    mem_free(c);
}

void ws_conn_opened(struct ws_conn *c)
{
    struct ws_port *p = c->port;

    p->connections++;
    c->guard.may_deflate = c->has_deflate;
    ws_ping_start(c);
}

/* libwebsockets has closed it, for whatever reason. */
void ws_conn_destroyed(struct ws_conn *c)
{
    struct ws_port *p = c->port;

    recv_tap_remove(c->fd);
    c->wsi = NULL;
    if (p->adopting == c) {
        return; /* the adopter frees it */
    }
    p->connections--;
    c->is_closing = true; /* whatever on_closed() calls with it has no effect */
    if (c->session) {
        p->events.on_closed(c->session, frame_guard_has_close(&c->guard));
    }
    ws_conn_free(c);
}

/* With unsent bytes in its buffer libwebsockets would try to flush them for five seconds first. A
 * write that fails makes it give the socket up. */
void ws_conn_kill(struct ws_conn *c)
{
    unsigned char byte = 0;

    if (lws_partial_buffered(c->wsi)) {
        (void)shutdown(c->fd, SHUT_RDWR);
        (void)lws_write(c->wsi, &byte, 1, LWS_WRITE_RAW);
    }
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

void ws_conn_kill_soon(struct ws_conn *c)
{
    c->is_closing = true;
    c->must_kill = true;
    ws_conn_touch(c);
}

/* Frames to the socket, or to libwebsockets' buffer behind what is already there. */
int ws_conn_send(struct ws_conn *c, struct bytes frames)
{
    int n = lws_write(c->wsi, (unsigned char *)(uintptr_t)frames.ptr, frames.len, LWS_WRITE_RAW);

    if (n < 0) {
        ws_conn_kill_soon(c);
        return ERR_CLOSED;
    }
    return 0;
}

/* code 0: a close frame without payload */
int ws_conn_send_close(struct ws_conn *c, unsigned code, const char *reason)
{
    unsigned char frame[2 + CLOSE_PAYLOAD_MAX] = {CLOSE_FRAME, 0, (unsigned char)(code >> 8),
                                                  (unsigned char)(code & 0xff)};
    size_t len = strlen(reason);

    if (len > CLOSE_PAYLOAD_MAX - 2) {
        len = CLOSE_PAYLOAD_MAX - 2;
    }
    memcpy(frame + 4, reason, len);
    frame[1] = (unsigned char)(code == 0 ? 0 : 2 + len);
    return ws_conn_send(c, bytes_of(frame, 2u + frame[1]));
}

int ws_conn_write(struct ws_conn *c, struct bytes frames)
{
    int err;

    if (c->is_closing || c->port->is_ending) {
        return ERR_CLOSED;
    }
    err = frames.len > 0 ? ws_conn_send(c, frames) : 0;
    if (err == 0 && lws_partial_buffered(c->wsi)) {
        c->wants_writable = true; /* libwebsockets asks for the event itself */
    }
    return err;
}

bool ws_conn_is_blocked(const struct ws_conn *c)
{
    return c->wsi && lws_partial_buffered(c->wsi) != 0;
}

void ws_conn_want_writable(struct ws_conn *c)
{
    if (!c->is_closing && !c->port->is_ending) {
        c->wants_writable = true;
        (void)lws_callback_on_writable(c->wsi);
    }
}

void ws_conn_pause(struct ws_conn *c, bool is_paused)
{
    if (c->is_closing || c->port->is_ending || c->is_paused == is_paused) {
        return;
    }
    c->is_paused = is_paused;
    (void)lws_rx_flow_control(c->wsi, is_paused ? 0 : 1);
    if (!is_paused && c->ahead) {
        ws_conn_touch(c);
    }
}

bool ws_conn_has_deflate(const struct ws_conn *c)
{
    return c->has_deflate;
}

bool ws_conn_takes_deflated(const struct ws_conn *c, size_t message_len)
{
    /* No distance in a message of 2^n bytes can leave a window of 2^n. */
    return c->has_deflate && (c->window_bits == 0 || message_len <= (size_t)1 << c->window_bits);
}

struct bytes ws_conn_address(const struct ws_conn *c)
{
    return bytes_of(c->address, c->address_len);
}

void ws_conn_close(struct ws_conn *c, enum close_code code, const char *reason)
{
    if (c->is_closing || c->port->is_ending) {
        return;
    }
    if (code == CLOSE_NONE) {
        ws_conn_kill_soon(c);
        return;
    }
    if (c->is_paused) {
        (void)lws_rx_flow_control(c->wsi, 1); /* to see the peer's close frame */
    }
    if (c->ahead) {
        ws_conn_touch(c);
    }
    c->is_closing = true;
    due_start(&c->port->closing, &c->due, clock_mono_ms());
    (void)ws_conn_send_close(c, (unsigned)code,
                             reason ? reason : ""); /* on failure it dies this turn */
}
