/* SPDX-License-Identifier: MIT */
/* The check of client frames, see the header for why there is one. Joins no fragments and inflates
 * nothing (assembly does); sends nothing (io/ws_conn does). Called by io/recv_tap for everything
 * that is read from an upgraded socket.
 *
 *     0                   1
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
 *    |F|R R R|opcode |M| length 7    | 16 or 64 bits more length | mask 32 | payload ... */
#include "gateway/frame_guard.h"

#include "proto/utf8.h"

#define FIN 0x80u
#define RSV 0x70u
#define RSV1 0x40u
#define OPCODE 0x0fu
#define CONTROL 0x08u
#define MASKED 0x80u
#define LENGTH 0x7fu
#define LENGTH_16 126u
#define LENGTH_64 127u
#define CONTROL_PAYLOAD_MAX 125u
#define PONG_HEADER 2u

enum opcode {
    OP_CONTINUATION = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10
};

/* One call's way through the buffer: bytes before `out` are to be passed on. */
struct pass {
    uint8_t *buf;
    size_t in, out, end;
};

void frame_guard_init(struct frame_guard *g, bool may_deflate)
{
    *g = (struct frame_guard){.may_deflate = may_deflate};
    buf_init(&g->pongs, FRAME_GUARD_PONGS_MAX);
}

void frame_guard_done(struct frame_guard *g)
{
    buf_done(&g->pongs);
}

size_t frame_guard_held(const struct frame_guard *g)
{
    return g->held_len;
}

enum close_code frame_guard_failure(const struct frame_guard *g)
{
    return (enum close_code)g->fail;
}

bool frame_guard_has_close(const struct frame_guard *g)
{
    return g->has_close;
}

unsigned frame_guard_close_reply(const struct frame_guard *g)
{
    return g->close_reply;
}

struct bytes frame_guard_pongs(const struct frame_guard *g)
{
    return bytes_of(g->pongs.data, g->pongs_ready);
}

void frame_guard_pongs_sent(struct frame_guard *g)
{
    buf_consume(&g->pongs, g->pongs_ready);
    g->pongs_ready = 0;
    if (g->pongs.len == 0) {
        buf_done(&g->pongs); /* an idle connection owns no memory */
    }
}

static size_t header_size(const uint8_t *h)
{
    unsigned length = h[1] & LENGTH;

    return 2u + (length == LENGTH_64 ? 8u : length == LENGTH_16 ? 2u : 0u) + 4u;
}

/* May a frame begin with these two bytes, now? */
static bool start_is_legal(const struct frame_guard *g, const uint8_t *h)
{
    unsigned opcode = h[0] & OPCODE;
    unsigned allowed_rsv = g->may_deflate && (opcode == OP_TEXT || opcode == OP_BINARY) ? RSV1 : 0;

    if ((h[0] & RSV & ~allowed_rsv) != 0 || (h[1] & MASKED) == 0) {
        return false;
    }
    switch (opcode) {
    case OP_CONTINUATION:
        return g->in_message;
    case OP_TEXT:
    case OP_BINARY:
        return !g->in_message;
    case OP_CLOSE:
    case OP_PING:
    case OP_PONG:
        return (h[0] & FIN) != 0 && (h[1] & LENGTH) <= CONTROL_PAYLOAD_MAX;
    default:
        return false;
    }
}

/* The payload length of a complete header. false: not in its shortest form, or over 2^63-1. */
static bool read_length(const uint8_t *h, uint64_t *out_len)
{
    unsigned length = h[1] & LENGTH;
    unsigned tail = length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
    uint64_t n = tail == 0 ? length : 0;

    for (unsigned i = 0; i < tail; i++) {
        n = n << 8 | h[2 + i];
    }
    *out_len = n;
    return tail == 0 || (tail == 2 && n >= LENGTH_16) ||
           (tail == 8 && n > UINT16_MAX && n <= INT64_MAX);
}

static void pass_on(struct pass *p, size_t len)
{
    if (p->out != p->in) {
        memmove(p->buf + p->out, p->buf + p->in, len);
    }
    p->out += len;
    p->in += len;
}

/* Begin the answer to a ping. Without room the older answers go: RFC 6455 §5.5.3 wants only the
 * latest ping answered. Without memory this ping goes unanswered. */
static void begin_pong(struct frame_guard *g)
{
    char *room;
    size_t size = PONG_HEADER + (size_t)g->remaining;
    int err = buf_reserve(&g->pongs, size, &room);

    if (err == ERR_FULL) {
        buf_reset(&g->pongs);
        g->pongs_ready = 0;
        err = buf_reserve(&g->pongs, size, &room);
    }
    if (err != 0) {
        g->opcode = OP_PONG; /* which is skipped */
        return;
    }
    room[0] = (char)(FIN | OP_PONG);
    room[1] = (char)g->remaining;
    buf_commit(&g->pongs, PONG_HEADER);
}

static bool close_code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static void end_close(struct frame_guard *g)
{
    g->has_close = true;
    if (g->control_pos == 0) {
        g->close_reply = 0;
    } else if (g->control_pos == 1 || !close_code_is_valid(g->close_reply)) {
        g->close_reply = CLOSE_PROTOCOL_ERROR;
    } else if (g->utf8_state != 0) {
        g->close_reply = CLOSE_BAD_DATA;
    }
}

static void end_frame(struct frame_guard *g)
{
    if (g->opcode == OP_CLOSE) {
        end_close(g);
    } else if (g->opcode == OP_PING) {
        g->pongs_ready = (uint16_t)g->pongs.len;
    }
}

/* A control frame's payload byte, unmasked. */
static void control_byte(struct frame_guard *g, uint8_t byte)
{
    char c = (char)byte;

    if (g->opcode == OP_PING) {
        /* Room was reserved with the header; a failure could only shorten a pong. */
        (void)!buf_append_char(&g->pongs, c);
    } else if (g->opcode == OP_CLOSE && g->control_pos < 2) {
        g->close_reply = (uint16_t)(g->close_reply << 8 | byte);
    } else if (g->opcode == OP_CLOSE && utf8_feed(&g->utf8_state, bytes_of(&c, 1)) != 0) {
        g->utf8_state = UINT32_MAX; /* no text ends in this state, and none leaves it */
    }
    g->control_pos++;
}

static void take_payload(struct frame_guard *g, struct pass *p)
{
    size_t here = p->end - p->in;
    size_t len = g->remaining < here ? (size_t)g->remaining : here;

    if (g->opcode & CONTROL) {
        for (size_t i = 0; i < len; i++) {
            control_byte(g, p->buf[p->in + i] ^ g->mask[g->mask_pos++ & 3]);
        }
    }
    if (g->opcode == OP_PING || g->opcode == OP_PONG) {
        p->in += len;
    } else {
        pass_on(p, len);
    }
    g->remaining -= len;
    if (g->remaining == 0) {
        end_frame(g);
    }
}

/* Take a complete header. false: g->fail says why it is refused. */
static bool take_header(struct frame_guard *g, uint64_t frame_max, struct pass *p)
{
    const uint8_t *h = p->buf + p->in;
    size_t size = header_size(h);
    uint64_t len;

    if (!read_length(h, &len)) {
        g->fail = CLOSE_PROTOCOL_ERROR;
        return false;
    }
    if (len > frame_max) {
        g->fail = CLOSE_TOO_BIG;
        return false;
    }
    g->opcode = h[0] & OPCODE;
    g->remaining = len;
    memcpy(g->mask, h + size - sizeof(g->mask), sizeof(g->mask));
    g->mask_pos = 0;
    g->control_pos = 0;
    if ((g->opcode & CONTROL) == 0) {
        g->in_message = (h[0] & FIN) == 0;
    }
    if (g->opcode == OP_PING || g->opcode == OP_PONG) {
        p->in += size;
    } else {
        pass_on(p, size);
    }
    if (g->opcode == OP_PING) {
        begin_pong(g);
    }
    if (len == 0) {
        end_frame(g);
    }
    return true;
}

/* Go over one header, or hold what there is of it. false: stop here. */
static bool scan_header(struct frame_guard *g, uint64_t frame_max, struct pass *p)
{
    const uint8_t *h = p->buf + p->in;
    size_t here = p->end - p->in;

    if (here >= 2 && !start_is_legal(g, h)) {
        g->fail = CLOSE_PROTOCOL_ERROR;
        return false;
    }
    if (here < 2 || here < header_size(h)) {
        memcpy(g->held, h, here);
        g->held_len = (uint8_t)here;
        return false;
    }
    return take_header(g, frame_max, p);
}

size_t frame_guard_filter(struct frame_guard *g, uint64_t frame_max, char *buf, size_t fresh)
{
    struct pass p = {.buf = (uint8_t *)buf, .end = g->held_len + fresh};

    memcpy(buf, g->held, g->held_len);
    g->held_len = 0;
    while (p.in < p.end && g->fail == CLOSE_NONE && !g->has_close) {
        if (g->remaining > 0) {
            take_payload(g, &p);
        } else if (!scan_header(g, frame_max, &p)) {
            break;
        }
    }
    return p.out;
}
