/* SPDX-License-Identifier: MIT */
#pragma once
/* permessage-deflate (RFC 7692) without context takeover: choosing an offer, inflating a message
 * within limits, deflating a message once for all its receivers. Pure; the zlib streams are owned
 * by a struct deflate_ctx that one process shares. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

struct deflate_offer {
    bool is_acceptable;
    uint8_t server_window_bits; /* 9…15; 0 = not asked for (15) */
};
/* Parse a Sec-WebSocket-Extensions header strictly; the first acceptable offer wins. A header that
 * breaks the grammar anywhere offers nothing. */
void deflate_choose_offer(struct bytes header, struct deflate_offer *out);

struct deflate_ctx;
struct deflate_ctx *deflate_ctx_new(void);
void deflate_ctx_free(struct deflate_ctx *d);
/* Inflate one whole message into `out` (appended). Errors: ERR_LIMIT more than keep_max bytes
 * (nothing kept) but at most count_max; ERR_RANGE more than count_max; ERR_SYNTAX damaged or cut.
 */
NODISCARD int deflate_inflate(struct deflate_ctx *d, struct bytes in, size_t keep_max,
                              size_t count_max, struct buf *out);
/* Deflate one message (fresh context, trailing 00 00 FF FF removed), appended to `out`.
 * ERR_FULL when it does not get smaller than the input (nothing appended). */
NODISCARD int deflate_message(struct deflate_ctx *d, struct bytes in, struct buf *out);
