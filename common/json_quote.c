/* SPDX-License-Identifier: MIT */
/* Writes JSON string literals. Total: any bytes give valid JSON. Called by log, conf and health;
 * messages to clients are written elsewhere. */
#include "common/json_quote.h"

#include <stdint.h>

/* Length of the valid UTF-8 sequence at `p`, 0 when there is none (Unicode table 3-7). */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t len;

    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len > left) {
        return 0;
    }
    /* No overlong forms, no surrogates, nothing above U+10FFFF. */
    low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : low;
    high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : high;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf) {
            return 0;
        }
    }
    return len;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Append the one character at `p`; `len` is its length in bytes, 0 for a stray byte. */
static int quote_char(struct buf *out, const char *p, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char c = (unsigned char)*p;
    char unicode[] = "\\u0000";

    if (len == 0) {
        return buf_append(out, BYTES_LIT("\\ufffd"));
    }
    if (len > 1) {
        return buf_append(out, bytes_of(p, len));
    }
    switch (c) {
    case '"':
        return buf_append(out, BYTES_LIT("\\\""));
    case '\\':
        return buf_append(out, BYTES_LIT("\\\\"));
    case '\n':
        return buf_append(out, BYTES_LIT("\\n"));
    case '\t':
        return buf_append(out, BYTES_LIT("\\t"));
    default:
        unicode[4] = hex[c >> 4];
        unicode[5] = hex[c & 15];
        return buf_append(out, bytes_of(unicode, 6));
    }
}

int json_quote(struct buf *out, struct bytes text)
{
    size_t len_before = out->len;
    int err = buf_append_char(out, '"');

    for (size_t i = 0; i < text.len && err == 0;) {
        size_t run = 0;

        while (i + run < text.len && is_plain((unsigned char)text.ptr[i + run])) {
            run++;
        }
        if (run > 0) {
            err = buf_append(out, bytes_of(text.ptr + i, run));
        } else {
            run = utf8_length((const unsigned char *)text.ptr + i, text.len - i);
            err = quote_char(out, text.ptr + i, run);
            run += run == 0;
        }
        i += run;
    }
    if (err == 0) {
        err = buf_append_char(out, '"');
    }
    if (err != 0) {
        out->len = len_before;
    }
    return err;
}
