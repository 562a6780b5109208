/* SPDX-License-Identifier: MIT */
#pragma once
/* The opening handshake of RFC 6455 §4.2, as far as it needs no policy: is an upgrade asked for, is
 * it well-formed, and the same request again in canonical form for libwebsockets. Pure. */
#include <stdbool.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "gateway/deflate.h"
#include "gateway/http_head.h"

#define WS_SUBPROTOCOL "bearer" /* echoed when offered; the token beside it is not */
#define WS_EXTENSION "permessage-deflate"
#define WS_CANONICAL_MAX 512u

struct ws_handshake {
    struct bytes key; /* 24 characters of base64, checked */
    bool wants_subprotocol;
    struct deflate_offer deflate; /* is_acceptable: negotiated */
};

bool ws_handshake_is_wanted(const struct http_head *h);
/* Returns 0, or the HTTP status of the refusal: 400, 405, 426. */
int ws_handshake_check(const struct http_head *h, bool want_deflate, struct ws_handshake *out);
/* The request that libwebsockets gets to see instead of the client's. */
NODISCARD int ws_handshake_canonical(const struct ws_handshake *hs, struct buf *out);
/* "; server_no_context_takeover; …": what follows the name in the answer. */
NODISCARD int ws_handshake_deflate_params(const struct deflate_offer *offer, struct buf *out);
