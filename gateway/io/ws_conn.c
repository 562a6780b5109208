/* SPDX-License-Identifier: MIT */
/* Open WebSockets: messages in, ready frames out, pings, closing. Knows nothing of how they came to
 * be (ws_upgrade.c). libwebsockets unmasks, delivers payload and keeps what the kernel does not
 * take; frame_guard has checked every frame header before, and answers pings; assembly makes
 * messages.
 *
 *   socket -> ws_conn_read (guard) -> libwebsockets -> ws_conn_received (assembly) -> session
 *
 * What must not happen inside a callback (freeing, failing a connection that is being read, pongs)
 * is noted by touch() and done at the end of the loop's turn. */
#include <errno.h>
#include <sys/socket.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/io/recv_tap.h"
#include "gateway/io/ws_private.h"

#define CLOSE_WAIT_MS 5000u /* for the peer's close frame, or for its taking what is unsent */
#define PINGS_PER_TICK 500  /* so that ten thousand that came at once do not ping at once */
#define CLOSE_PAYLOAD_MAX 125u
#define CLOSE_FRAME 0x88u

static unsigned char ping_frame[] = {0x89, 0x00};

void ws_conns_init(struct ws_port *p)
{
    uint64_t interval = p->conf.ping_interval_s * UINT64_C(1000);
    uint64_t timeout = p->conf.pong_timeout_s * UINT64_C(1000);

    due_list_init(&p->ping_first, interval);
    due_list_init(&p->pong, timeout);
    due_list_init(&p->ping_next, interval > timeout ? interval - timeout : 0);
    due_list_init(&p->closing, CLOSE_WAIT_MS);
}

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

static void touch(struct ws_conn *c)
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

static void untouch(struct ws_conn *c)
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
    untouch(c);
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
    if (p->conf.ping_interval_s > 0) {
        due_start(&p->ping_first, &c->due, clock_mono_ms());
    }
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
    if (c->session) {
        p->events.on_closed(c->session, frame_guard_has_close(&c->guard));
    }
    ws_conn_free(c);
}

/* With unsent bytes in its buffer libwebsockets would try to flush them for five seconds first. A
 * write that fails makes it give the socket up. */
void ws_conn_kill(struct ws_conn *c)
{
    if (lws_partial_buffered(c->wsi)) {
        (void)shutdown(c->fd, SHUT_RDWR);
        (void)lws_write(c->wsi, ping_frame, sizeof(ping_frame), LWS_WRITE_RAW);
    }
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

static void kill_soon(struct ws_conn *c)
{
    c->is_closing = true;
    c->must_kill = true;
    touch(c);
}

/* Frames to the socket, or to libwebsockets' buffer behind what is already there. */
static int send_frames(struct ws_conn *c, struct bytes frames)
{
    int n = lws_write(c->wsi, (unsigned char *)(uintptr_t)frames.ptr, frames.len, LWS_WRITE_RAW);

    if (n < 0) {
        kill_soon(c);
        return ERR_CLOSED;
    }
    return 0;
}

/* code 0: a close frame without payload */
static int send_close(struct ws_conn *c, unsigned code, const char *reason)
{
    unsigned char frame[2 + CLOSE_PAYLOAD_MAX] = {CLOSE_FRAME, 0, (unsigned char)(code >> 8),
                                                  (unsigned char)(code & 0xff)};
    size_t len = strlen(reason);

    if (len > CLOSE_PAYLOAD_MAX - 2) {
        len = CLOSE_PAYLOAD_MAX - 2;
    }
    memcpy(frame + 4, reason, len);
    frame[1] = (unsigned char)(code == 0 ? 0 : 2 + len);
    return send_frames(c, bytes_of(frame, 2u + frame[1]));
}

int ws_conn_write(struct ws_conn *c, struct bytes frames)
{
    int err;

    if (c->is_closing) {
        return ERR_CLOSED;
    }
    err = frames.len > 0 ? send_frames(c, frames) : 0;
    if (err == 0 && lws_partial_buffered(c->wsi)) {
        c->wants_writable = true; /* libwebsockets asks for the event itself */
    }
    return err;
}

bool ws_conn_is_blocked(const struct ws_conn *c)
{
    return lws_partial_buffered(c->wsi) != 0;
}

void ws_conn_want_writable(struct ws_conn *c)
{
    if (!c->is_closing) {
        c->wants_writable = true;
        (void)lws_callback_on_writable(c->wsi);
    }
}

void ws_conn_pause(struct ws_conn *c, bool is_paused)
{
    if (c->is_closing || c->is_paused == is_paused) {
        return;
    }
    c->is_paused = is_paused;
    (void)lws_rx_flow_control(c->wsi, is_paused ? 0 : 1);
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
    if (c->is_closing) {
        return;
    }
    if (code == CLOSE_NONE) {
        kill_soon(c);
        return;
    }
    if (c->is_paused) {
        (void)lws_rx_flow_control(c->wsi, 1); /* to see the peer's close frame */
    }
    c->is_closing = true;
    due_start(&c->port->closing, &c->due, clock_mono_ms());
    (void)send_close(c, (unsigned)code, reason ? reason : ""); /* on failure it dies this turn */
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
    n = recvfrom(fd, buf + held, len - held, 0, NULL, NULL);
    if (n <= 0) {
        return n;
    }
    c->was_heard = true;
    passed = frame_guard_filter(&c->guard, c->port->frame_max, buf, (size_t)n);
    if (frame_guard_failure(&c->guard) != CLOSE_NONE || frame_guard_pongs(&c->guard).len > 0) {
        touch(c);
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
        (void)send_close(c, frame_guard_close_reply(&c->guard), "");
    }
}

static void flush_pongs(struct ws_conn *c)
{
    struct bytes pongs = frame_guard_pongs(&c->guard);

    if (pongs.len > 0 && !c->is_closing && !ws_conn_is_blocked(c)) {
        (void)send_frames(c, pongs);
        frame_guard_pongs_sent(&c->guard);
    }
}

void ws_conn_became_writable(struct ws_conn *c)
{
    flush_pongs(c);
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

void ws_conns_after_turn(struct ws_port *p)
{
    while (p->touched) {
        struct ws_conn *c = p->touched;
        enum close_code failure = frame_guard_failure(&c->guard);

        untouch(c);
        flush_pongs(c);
        if (failure != CLOSE_NONE) {
            fail(c, failure);
        }
        if (c->must_kill) {
            ws_conn_kill(c);
        }
    }
}

static struct ws_conn *pop_due(struct due_list *list, uint64_t now_ms)
{
    struct due *d = due_pop(list, now_ms);

    return d ? lws_container_of(d, struct ws_conn, due) : NULL;
}

static void ping(struct ws_conn *c, uint64_t now_ms)
{
    c->was_heard = false;
    due_start(&c->port->pong, &c->due, now_ms);
    /* A blocked connection has enough to acknowledge without a ping. */
    if (!ws_conn_is_blocked(c)) {
        (void)send_frames(c, bytes_of(ping_frame, sizeof(ping_frame)));
    }
}

void ws_conns_check_due(struct ws_port *p, uint64_t now_ms)
{
    struct ws_conn *c;

    for (int i = 0; i < PINGS_PER_TICK; i++) {
        c = pop_due(&p->ping_first, now_ms);
        if (!c) {
            c = pop_due(&p->ping_next, now_ms);
        }
        if (!c) {
            break;
        }
        ping(c, now_ms);
    }
    while ((c = pop_due(&p->pong, now_ms))) {
        /* Any byte is a sign of life: a pong may be stuck behind a large message. What a paused
         * connection has to say is not read. */
        if (c->was_heard || c->is_paused) {
            due_start(&p->ping_next, &c->due, now_ms);
        } else {
            kill_soon(c);
        }
    }
    while ((c = pop_due(&p->closing, now_ms))) {
        kill_soon(c);
    }
}
