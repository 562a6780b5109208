/* SPDX-License-Identifier: MIT */
#pragma once
/* Checks the WebSocket frames of one client (RFC 6455 §5) on their way from the socket to
 * libwebsockets, which in version 4.1.6 accepts unmasked frames, reserved bits on pings and lengths
 * that are not minimal, and answers only the first of several pings. Pure: works in place on what
 * was read, holds no clock and no socket.
 *
 *   read bytes --> [ headers checked; pings and pongs taken out ] --> data and close frames,
 * unchanged |                | fail code        pongs to be sent */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "proto/codes.h"

#define FRAME_HEADER_MAX 14u        /* with 64-bit length and mask */
#define FRAME_GUARD_PONGS_MAX 2048u /* more unsent than this: only the latest is answered */

struct frame_guard {
    uint64_t remaining;             /* payload of the current frame that is still to come */
    struct buf pongs;               /* frames; the last one may be unfinished */
    uint16_t pongs_ready;           /* bytes of finished ones */
    uint16_t close_reply;           /* see frame_guard_close_reply() */
    uint16_t fail;                  /* enum close_code; CLOSE_NONE while all is well */
    uint8_t held[FRAME_HEADER_MAX]; /* of a header that is not complete */
    uint8_t held_len;
    uint8_t mask[4], mask_pos;
    uint8_t opcode;      /* of the current frame */
    uint8_t control_pos; /* payload bytes of a control frame seen */
    uint32_t utf8_state; /* of the reason of a close frame */
    bool may_deflate, in_message, has_close;
};

void frame_guard_init(struct frame_guard *g, bool may_deflate);
void frame_guard_done(struct frame_guard *g);

/* How many bytes must be left free before freshly read ones. */
size_t frame_guard_held(const struct frame_guard *g);
/* Check `fresh` bytes that were read to buf + frame_guard_held(). Frames announcing more than
 * frame_max payload fail. Returns how many bytes, from buf on, are to be passed on: after a close
 * frame or a failure none. */
size_t frame_guard_filter(struct frame_guard *g, uint64_t frame_max, char *buf, size_t fresh);

/* CLOSE_NONE, or why the connection must be failed: CLOSE_PROTOCOL_ERROR, CLOSE_TOO_BIG. */
enum close_code frame_guard_failure(const struct frame_guard *g);
/* Did a whole close frame come? */
bool frame_guard_has_close(const struct frame_guard *g);
/* The code to answer it with: its own, 1002 or 1007 if it is not valid, 0 if it has none. */
unsigned frame_guard_close_reply(const struct frame_guard *g);
/* Complete pong frames to be sent, valid until the guard is used again. */
struct bytes frame_guard_pongs(const struct frame_guard *g);
void frame_guard_pongs_sent(struct frame_guard *g);
