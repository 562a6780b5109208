/* SPDX-License-Identifier: MIT */
/* Any bytes as an HTTP request: scanning is the same in one go and byte by byte, an accepted head
 * holds only what it may hold, and an accepted upgrade can be written canonically and accepted
 * again. */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/http_head.h"
#include "gateway/ws_handshake.h"
#include "proto/limits.h"

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void check_printable(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        unsigned char c = (unsigned char)b.ptr[i];

        check(c == '\t' || (c >= 0x20 && c < 0x7f));
    }
}

static void check_scan(struct bytes text)
{
    size_t at_once = 0, in_steps = 0;
    enum http_scan want = http_head_scan(text, &at_once);
    enum http_scan found = HTTP_SCAN_MORE;

    for (size_t n = 1; n <= text.len && found == HTTP_SCAN_MORE; n++) {
        found = http_head_scan(bytes_of(text.ptr, n), &in_steps);
    }
    check(found == want);
    check(want != HTTP_SCAN_COMPLETE || at_once == in_steps);
}

static void check_head(const struct http_head *h)
{
    size_t length;

    check(h->method.len > 0 && h->path.len > 0 && h->path.ptr[0] == '/');
    check(h->path.len <= HTTP_PATH_MAX_BYTES && h->field_count <= HTTP_FIELDS_MAX);
    check_printable(h->path);
    check_printable(h->query);
    for (size_t i = 0; i < h->field_count; i++) {
        check(h->fields[i].name.len > 0);
        check_printable(h->fields[i].value);
    }
    (void)!http_head_content_length(h, &length);
}

static void check_upgrade(const struct http_head *h)
{
    static struct http_head again;
    struct ws_handshake hs, hs2;
    struct buf canonical;

    if (!ws_handshake_is_wanted(h) || ws_handshake_check(h, true, &hs) != 0) {
        return;
    }
    buf_init(&canonical, WS_CANONICAL_MAX);
    if (ws_handshake_canonical(&hs, &canonical) == 0) {
        check(http_head_parse(buf_bytes(&canonical), &again) == 0);
        check(ws_handshake_check(&again, true, &hs2) == 0);
        check(hs2.deflate.is_acceptable == hs.deflate.is_acceptable);
        check(hs2.wants_subprotocol == hs.wants_subprotocol);
    }
    buf_done(&canonical);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head h;
    struct bytes text = bytes_of(data, size);
    size_t end = 0;

    if (size > HTTP_HEAD_MAX) {
        return 0;
    }
    check_scan(text);
    if (http_head_scan(text, &end) != HTTP_SCAN_COMPLETE) {
        return 0;
    }
    if (http_head_parse(bytes_of(data, end), &h) == 0) {
        check_head(&h);
        check_upgrade(&h);
    }
    return 0;
}
