/* SPDX-License-Identifier: MIT */
#pragma once
/* Puts the pieces of one client's messages together, within limits, and says what to do. Pure:
 * the port feeds it what libwebsockets delivers. Owns memory only while a message is unfinished.
 *
 *   piece(first?, fin?, rsv1?, remaining, bytes) --> NEED_MORE | MESSAGE | OVERSIZE | CLOSE(code)
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "gateway/deflate.h"
#include "proto/codes.h"

#define ASSEMBLY_OVERSIZE_FACTOR 16u     /* PROTOCOL.md §7: beyond so many times the limit, 1009 */
#define ASSEMBLY_COMPRESSED_SLACK 65536u /* stored blocks cost a little more than their content */

struct assembly_limits {
    uint32_t message_max_bytes, fragments_max;
};

struct assembly {
    struct buf data;
    uint64_t total; /* bytes of the message seen so far, kept or dropped */
    uint32_t fragments, utf8_state;
    bool in_message, is_binary, is_compressed, is_dropping, is_first_frame_over, is_frame_open;
};

struct assembly_piece {
    bool is_first; /* of the message */
    bool is_final; /* last piece of the last frame */
    bool is_binary, rsv1, has_other_rsv;
    uint64_t frame_remaining; /* payload of this frame that is still to come */
    struct bytes bytes;
};

enum assembly_verdict { ASSEMBLY_MORE, ASSEMBLY_MESSAGE, ASSEMBLY_OVERSIZE, ASSEMBLY_CLOSE };

void assembly_init(struct assembly *a);
void assembly_done(struct assembly *a);
/* On ASSEMBLY_MESSAGE *out_message is valid until the next call (or assembly_release()). On
 * ASSEMBLY_OVERSIZE the message is being dropped (said once; more pieces give MORE, and a
 * message that ends oversize by inflating gives OVERSIZE at its end). On CLOSE *out_close. */
enum assembly_verdict assembly_feed(struct assembly *a, const struct assembly_limits *limits,
                                    struct deflate_ctx *deflate, bool deflate_negotiated,
                                    const struct assembly_piece *piece, struct bytes *out_message,
                                    enum close_code *out_close);
/* After the message was used: gives large memory back. */
void assembly_release(struct assembly *a);
