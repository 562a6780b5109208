/* SPDX-License-Identifier: MIT */
/* Joins the pieces that libwebsockets delivers into whole messages: limits on size and fragments as
 * early as they can be known, UTF-8 while the text comes in, inflating at the end. Sends and closes
 * nothing; io/ws_conn acts on the verdicts. A plain message that comes in one piece is handed on
 * where it lies, without a copy.
 *
 *   first piece --> collecting --> final piece: MESSAGE
 *        |              |-- over the limit: OVERSIZE once, then dropping --> final piece: MORE
 *        |              '-- over 16 times the limit, too many fragments, bad bytes: CLOSE */
#include "gateway/assembly.h"

#include "proto/utf8.h"

void assembly_init(struct assembly *a)
{
    *a = (struct assembly){0};
}

void assembly_done(struct assembly *a)
{
    buf_done(&a->data);
    assembly_init(a);
}

void assembly_release(struct assembly *a)
{
    if (!a->in_message) {
        buf_done(&a->data);
    }
}

static enum assembly_verdict close_with(struct assembly *a, enum close_code code,
                                        enum close_code *out_close)
{
    buf_done(&a->data);
    a->in_message = false;
    *out_close = code;
    return ASSEMBLY_CLOSE;
}

static bool is_legal(const struct assembly *a, const struct assembly_piece *p, bool may_deflate)
{
    bool belongs_to_first = p->is_first || (a->in_message && !a->is_first_frame_over);

    if (p->is_first == a->in_message || p->has_other_rsv) {
        return false; /* a new message inside another, or a continuation of none */
    }
    return !p->rsv1 || (may_deflate && belongs_to_first);
}

static void begin(struct assembly *a, const struct assembly_limits *limits,
                  const struct assembly_piece *p)
{
    size_t slack = p->rsv1 ? ASSEMBLY_COMPRESSED_SLACK : 0;

    buf_done(&a->data);
    buf_init(&a->data, limits->message_max_bytes + slack);
    a->total = 0;
    a->fragments = 1;
    a->utf8_state = 0;
    a->in_message = true;
    a->is_binary = p->is_binary;
    a->is_compressed = p->rsv1;
    a->is_dropping = false;
    a->is_first_frame_over = false;
    a->is_frame_open = true;
}

/* What the frame headers seen so far promise, in bytes on the wire. */
static uint64_t announced(const struct assembly *a, const struct assembly_piece *p)
{
    uint64_t seen = a->total + p->bytes.len;

    return p->frame_remaining > UINT64_MAX - seen ? UINT64_MAX : seen + p->frame_remaining;
}

/* Inflate a whole message; on MESSAGE it lies in a->data. */
static enum assembly_verdict inflate_whole(struct assembly *a, const struct assembly_limits *limits,
                                           struct deflate_ctx *deflate, struct bytes in,
                                           enum close_code *out_close)
{
    size_t keep = limits->message_max_bytes;
    struct buf text;
    int err;

    buf_init(&text, keep);
    err = deflate_inflate(deflate, in, keep, keep * ASSEMBLY_OVERSIZE_FACTOR, &text);
    if (err != 0) {
        buf_done(&text);
    }
    switch (err) {
    case 0:
        buf_done(&a->data);
        a->data = text;
        return ASSEMBLY_MESSAGE;
    case ERR_LIMIT:
        buf_done(&a->data);
        return ASSEMBLY_OVERSIZE;
    case ERR_RANGE:
        return close_with(a, CLOSE_TOO_BIG, out_close);
    case ERR_NOMEM:
        return close_with(a, CLOSE_INTERNAL, out_close);
    default:
        return close_with(a, CLOSE_BAD_DATA, out_close);
    }
}

static enum assembly_verdict finish(struct assembly *a, const struct assembly_limits *limits,
                                    struct deflate_ctx *deflate, struct bytes whole,
                                    struct bytes *out_message, enum close_code *out_close)
{
    if (a->is_compressed) {
        enum assembly_verdict v = inflate_whole(a, limits, deflate, whole, out_close);

        if (v != ASSEMBLY_MESSAGE) {
            return v;
        }
        whole = buf_bytes(&a->data);
        if (!a->is_binary && utf8_feed(&a->utf8_state, whole) != 0) {
            return close_with(a, CLOSE_BAD_DATA, out_close);
        }
    }
    if (!a->is_binary && a->utf8_state != 0) {
        return close_with(a, CLOSE_BAD_DATA, out_close);
    }
    *out_message = whole;
    return ASSEMBLY_MESSAGE;
}

/* Count the piece in. Returns false when the connection has to be closed with *out_close. */
static bool count_piece(struct assembly *a, const struct assembly_limits *limits,
                        const struct assembly_piece *p, enum close_code *out_close)
{
    uint64_t most = (uint64_t)limits->message_max_bytes * ASSEMBLY_OVERSIZE_FACTOR +
                    (a->is_compressed ? ASSEMBLY_COMPRESSED_SLACK : 0);

    if (!a->is_frame_open) {
        a->fragments++;
        a->is_frame_open = true;
    }
    if (a->fragments > limits->fragments_max) {
        *out_close = CLOSE_POLICY;
        return false;
    }
    if (announced(a, p) > most) {
        *out_close = CLOSE_TOO_BIG;
        return false;
    }
    return true;
}

/* Book the piece as seen; the message and its frame may end with it. */
static void book_piece(struct assembly *a, const struct assembly_piece *p)
{
    a->total += p->bytes.len;
    if (p->frame_remaining == 0) {
        a->is_frame_open = false;
        a->is_first_frame_over = true;
    }
    if (p->is_final) {
        a->in_message = false;
    }
}

enum assembly_verdict assembly_feed(struct assembly *a, const struct assembly_limits *limits,
                                    struct deflate_ctx *deflate, bool deflate_negotiated,
                                    const struct assembly_piece *piece, struct bytes *out_message,
                                    enum close_code *out_close)
{
    enum close_code code = CLOSE_NONE;
    bool was_dropping;

    if (!is_legal(a, piece, deflate_negotiated)) {
        return close_with(a, CLOSE_PROTOCOL_ERROR, out_close);
    }
    if (piece->is_first) {
        begin(a, limits, piece);
    }
    if (!count_piece(a, limits, piece, &code)) {
        return close_with(a, code, out_close);
    }
    was_dropping = a->is_dropping;
    a->is_dropping = was_dropping || announced(a, piece) > a->data.max;
    book_piece(a, piece);
    if (a->is_dropping) {
        buf_done(&a->data);
        return was_dropping ? ASSEMBLY_MORE : ASSEMBLY_OVERSIZE;
    }
    if (!a->is_compressed && !a->is_binary && utf8_feed(&a->utf8_state, piece->bytes) != 0) {
        return close_with(a, CLOSE_BAD_DATA, out_close);
    }
    if (piece->is_first && piece->is_final) {
        return finish(a, limits, deflate, piece->bytes, out_message, out_close);
    }
    if (buf_append(&a->data, piece->bytes) != 0) {
        return close_with(a, CLOSE_INTERNAL, out_close);
    }
    if (!piece->is_final) {
        return ASSEMBLY_MORE;
    }
    return finish(a, limits, deflate, buf_bytes(&a->data), out_message, out_close);
}
