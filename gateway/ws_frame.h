/* SPDX-License-Identifier: MIT */
#pragma once
/* Server-side WebSocket frame headers (RFC 6455 §5.2): never masked. */
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"

#define WS_FRAME_HEADER_MAX 10u
/* Header of one final text frame of `len` payload bytes; returns its size. */
size_t ws_text_header(size_t len, bool is_deflated, char out[WS_FRAME_HEADER_MAX]);
NODISCARD int ws_text_frame(struct bytes payload, bool is_deflated, struct buf *out);
