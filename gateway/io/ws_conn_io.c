/* SPDX-License-Identifier: MIT */
/* What comes from a client: bytes through the frame guard to libwebsockets, payload from there
 * through assembly to the session. libwebsockets unmasks, delivers payload and keeps what the
 * kernel does not take; the guard has checked every frame header before, and answers pings.
 *
 *   socket -> ws_conn_read (guard) -> libwebsockets -> ws_conn_received (assembly) -> session
 *
 * libwebsockets asks for as much as its buffer of each connection holds, which is little, and once
 * for each event. So when that much was there we take what follows, too, and at the end of the turn
 * have libwebsockets fetch it from us: a large message takes far fewer system calls. */
#include <errno.h>
#include <sys/socket.h>

#include "common/io/clock.h"
#include "gateway/io/ws_private.h"

static ssize_t take_bytes(struct ws_conn *c, int fd, char *buf, size_t len)
{
    struct ws_port *p = c->port;
    ssize_t n;

    if (c->ahead) {
        return (ssize_t)ws_ahead_take(&c->ahead, &p->ahead_bytes, buf, len);
    }
    n = recvfrom(fd, buf, len, 0, NULL, NULL);
    if (n > 0 && (size_t)n == len && !p->fetching) {
        c->ahead = ws_ahead_read(fd, &p->ahead_bytes);
        if (c->ahead) {
            ws_conn_touch(c);
        }
    }
    return n;
}

/* Reads for libwebsockets, see recv_tap.h. Runs inside of it: nothing may be closed here. */
ssize_t ws_conn_read(void *conn, int fd, char *buf, size_t len)
{
    struct ws_conn *c = conn;
    size_t held = frame_guard_held(&c->guard);
    size_t passed;
    ssize_t n;

    if (!c->is_open || len <= FRAME_HEADER_MAX) {
        errno = EAGAIN; /* during the handshake there is nothing to read but its canonical form */
        return -1;
    }
    n = take_bytes(c, fd, buf + held, len - held);
    if (n <= 0) {
        return n;
    }
    c->was_heard = true;
    passed = frame_guard_filter(&c->guard, c->port->frame_max, buf, (size_t)n);
    if (frame_guard_failure(&c->guard) != CLOSE_NONE || frame_guard_pongs(&c->guard).len > 0) {
        ws_conn_touch(c);
    }
    if (passed == 0) {
        errno = EAGAIN;
        return -1;
    }
    return (ssize_t)passed;
}

static const char *close_reason(enum close_code code)
{
    switch ((unsigned)code) {
    case CLOSE_PROTOCOL_ERROR:
        return "protocol error";
    case CLOSE_BAD_DATA:
        return "invalid data";
    case CLOSE_POLICY:
        return "too many fragments";
    case CLOSE_TOO_BIG:
        return "message too large";
    default:
        return "";
    }
}

void ws_conn_received(struct ws_conn *c, struct bytes payload)
{
    struct ws_port *p = c->port;
    unsigned rsv = lws_get_reserved_bits(c->wsi);
    struct assembly_piece piece = {
        .is_first = lws_is_first_fragment(c->wsi) != 0,
        .is_final = lws_is_final_fragment(c->wsi) != 0,
        .is_binary = lws_frame_is_binary(c->wsi) != 0,
        .rsv1 = (rsv & 0x40) != 0,
        .has_other_rsv = (rsv & 0x30) != 0,
        .frame_remaining = lws_remaining_packet_payload(c->wsi),
        .bytes = payload,
    };
    enum close_code code = CLOSE_NONE;
    struct bytes message;

    if (c->is_closing) {
        return;
    }
    switch (assembly_feed(&c->assembly, &p->limits, p->deflate, c->has_deflate, &piece, &message,
                          &code)) {
    case ASSEMBLY_MORE:
        break;
    case ASSEMBLY_MESSAGE:
        p->events.on_message(c->session, message, c->assembly.is_binary);
        assembly_release(&c->assembly);
        break;
    case ASSEMBLY_OVERSIZE:
        p->events.on_oversize(c->session);
        break;
    case ASSEMBLY_CLOSE:
        ws_conn_close(c, code, close_reason(code));
        break;
    }
}

/* A close frame came, after everything before it was delivered. libwebsockets closes the socket
 * when this returns, once our answer is out. */
void ws_conn_peer_closed(struct ws_conn *c)
{
    if (!c->is_closing) {
        c->is_closing = true;
        due_start(&c->port->closing, &c->due, clock_mono_ms());
        (void)ws_conn_send_close(c, frame_guard_close_reply(&c->guard), "");
    }
}

static void flush_pongs(struct ws_conn *c)
{
    struct bytes pongs = frame_guard_pongs(&c->guard);

    if (pongs.len > 0 && !c->is_closing && !ws_conn_is_blocked(c)) {
        (void)ws_conn_send(c, pongs);
        frame_guard_pongs_sent(&c->guard);
    }
}

void ws_conn_became_writable(struct ws_conn *c)
{
    flush_pongs(c);
    if (c->ahead) {
        ws_conn_touch(c);
    }
    if (!c->wants_writable || c->is_closing) {
        return;
    }
    if (ws_conn_is_blocked(c)) {
        return; /* this event comes again */
    }
    c->wants_writable = false;
    c->port->events.on_writable(c->session);
}

/* A frame broke the protocol. RFC 6455 §7.1.7: say so and close; nothing more can be understood, so
 * the peer's close frame is not waited for, only its end of the connection. */
static void fail(struct ws_conn *c, enum close_code code)
{
    ws_conn_close(c, code, close_reason(code));
    if (!c->must_kill && !ws_conn_is_blocked(c)) {
        (void)shutdown(c->fd, SHUT_WR);
    }
}

/* Others have their turn when it is paused, or has answers to write: its outbox is bounded. */
static bool may_fetch(const struct ws_conn *c)
{
    bool can_write = c->wants_writable && !ws_conn_is_blocked(c);

    return ws_ahead_left(c->ahead) > 0 && (c->is_closing || (!c->is_paused && !can_write));
}

/* A paused connection keeps what was read ahead: libwebsockets does not ask for it. The first of
 * two calls may give only what libwebsockets had kept when it was paused. False: the connection has
 * gone. */
static bool fetch_ahead(struct ws_conn *c)
{
    struct ws_port *p = c->port;
    struct lws_pollfd readable = {.fd = c->fd, .events = LWS_POLLIN};
    int calls_in_vain = 0;

    p->fetching = c;
    while (p->fetching && may_fetch(c) && calls_in_vain < 2) {
        size_t left = ws_ahead_left(c->ahead);

        readable.revents = LWS_POLLIN;
        (void)lws_service_fd(p->lws, &readable);
        if (p->fetching) {
            calls_in_vain = ws_ahead_left(c->ahead) == left ? calls_in_vain + 1 : 0;
            flush_pongs(c);
        }
    }
    if (!p->fetching) {
        return false;
    }
    p->fetching = NULL;
    if (c->ahead && (!c->is_paused || c->is_closing)) {
        (void)lws_callback_on_writable(c->wsi); /* then it goes on */
    }
    return true;
}

void ws_conns_after_turn(struct ws_port *p)
{
    while (p->touched) {
        struct ws_conn *c = p->touched;
        enum close_code failure = frame_guard_failure(&c->guard);

        ws_conn_untouch(c);
        if (failure == CLOSE_NONE && c->ahead && !c->must_kill) {
            if (!fetch_ahead(c)) {
                continue;
            }
            failure = frame_guard_failure(&c->guard);
        }
        flush_pongs(c);
        if (failure != CLOSE_NONE) {
            fail(c, failure);
        }
        if (c->must_kill) {
            ws_conn_kill(c);
        }
    }
}
