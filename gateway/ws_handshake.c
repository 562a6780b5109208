/* SPDX-License-Identifier: MIT */
/* Checks a WebSocket opening handshake. Knows no paths, origins or limits (policy decides those)
 * and computes no accept key (libwebsockets does). Called by io/ws_upgrade.
 *
 * libwebsockets 4.1.6 never sees what the client sent: it gets a request that is written here from
 * checked parts. Its own reading of headers has a use-after-free with odd Upgrade headers
 * (NN-2025-0102), drops extension headers over 255 bytes without an answer, and decodes paths. */
#include "gateway/ws_handshake.h"

#define KEY_LENGTH 24u /* 16 bytes in base64: 22 characters and "==" */
#define KEY_DIGITS 22u

static bool is_base64_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

static bool key_is_valid(struct bytes key)
{
    if (key.len != KEY_LENGTH || memcmp(key.ptr + KEY_DIGITS, "==", 2) != 0) {
        return false;
    }
    for (size_t i = 0; i < KEY_DIGITS; i++) {
        if (!is_base64_digit(key.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* The first acceptable offer of all lines of the header. */
static void choose_offer(const struct http_head *h, struct deflate_offer *out)
{
    size_t lines = http_head_count(h, "sec-websocket-extensions");

    *out = (struct deflate_offer){0};
    for (size_t i = 0; i < lines && !out->is_acceptable; i++) {
        deflate_choose_offer(http_head_value(h, "sec-websocket-extensions", i), out);
    }
}

static bool any_line_has(const struct http_head *h, const char *name, const char *token)
{
    size_t lines = http_head_count(h, name);

    for (size_t i = 0; i < lines; i++) {
        if (http_value_has(http_head_value(h, name, i), token)) {
            return true;
        }
    }
    return false;
}

static bool has_body(const struct http_head *h)
{
    size_t len;
    int err = http_head_content_length(h, &len);

    return http_head_count(h, "transfer-encoding") > 0 ||
           (err != ERR_MISSING && (err != 0 || len > 0));
}

bool ws_handshake_is_wanted(const struct http_head *h)
{
    return any_line_has(h, "upgrade", "websocket");
}

int ws_handshake_check(const struct http_head *h, bool want_deflate, struct ws_handshake *out)
{
    struct bytes key = http_head_value(h, "sec-websocket-key", 0);
    struct bytes version = http_head_value(h, "sec-websocket-version", 0);

    if (!bytes_eq_str(h->method, "GET")) {
        return 405;
    }
    if (!h->is_http_1_1 || has_body(h) || http_head_value(h, "host", 0).len == 0 ||
        !any_line_has(h, "connection", "upgrade")) {
        return 400;
    }
    if (!bytes_eq_str(version, "13")) {
        return 426;
    }
    if (http_head_count(h, "sec-websocket-version") > 1 ||
        http_head_count(h, "sec-websocket-key") != 1 || !key_is_valid(key)) {
        return 400;
    }
    *out = (struct ws_handshake){
        .key = key,
        .wants_subprotocol = any_line_has(h, "sec-websocket-protocol", WS_SUBPROTOCOL),
    };
    if (want_deflate) {
        choose_offer(h, &out->deflate);
    }
    return 0;
}

int ws_handshake_canonical(const struct ws_handshake *hs, struct buf *out)
{
    return buf_printf(out,
                      "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: %.*s\r\n%s%s\r\n",
                      BYTES_FMT(hs->key),
                      hs->wants_subprotocol ? "Sec-WebSocket-Protocol: " WS_SUBPROTOCOL "\r\n" : "",
                      hs->deflate.is_acceptable ? "Sec-WebSocket-Extensions: " WS_EXTENSION "\r\n"
                                                : "");
}

int ws_handshake_deflate_params(const struct deflate_offer *offer, struct buf *out)
{
    int err =
        buf_append(out, BYTES_LIT("; server_no_context_takeover; client_no_context_takeover"));

    if (err == 0 && offer->server_window_bits != 0) {
        err = buf_printf(out, "; server_max_window_bits=%u", (unsigned)offer->server_window_bits);
    }
    return err;
}
