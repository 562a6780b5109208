/* SPDX-License-Identifier: MIT */
/* UTF-8 validation and counting. Most text is ASCII, so eight bytes at a time are tested for
 * their high bits; everything else goes through a small state machine that also works across
 * pieces. Called for every frame by the gateway and for every text field by mp_read. */
#include "proto/utf8.h"

#define ASCII_STRIDE sizeof(uint64_t)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* A state other than 0 says what may come next: how many continuation bytes are missing, and the
 * bounds of the next one (they differ from 80..BF only after E0, ED, F0 and F4).
 *
 *     bits 0-7: missing     bits 8-15: lowest next byte     bits 16-23: highest next byte */
#define EXPECT(missing, low, high)                                                                 \
    ((uint32_t)(missing) | (uint32_t)(low) << 8 | (uint32_t)(high) << 16)
#define EXPECT_NOTHING_VALID EXPECT(1, 0xFF, 0x00)

/* The state after a byte that begins a character. */
static uint32_t after_lead(unsigned char c)
{
    if (c < 0x80) {
        return 0;
    }
    if (c < 0xC2) { /* a continuation byte, or an overlong two-byte form */
        return EXPECT_NOTHING_VALID;
    }
    if (c < 0xE0) {
        return EXPECT(1, 0x80, 0xBF);
    }
    if (c < 0xF0) {
        return EXPECT(2, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF);
    }
    if (c < 0xF5) {
        return EXPECT(3, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF);
    }
    return EXPECT_NOTHING_VALID;
}

static uint32_t after_continuation(uint32_t state, unsigned char c)
{
    uint32_t missing = state & 0xFF;
    uint32_t low = state >> 8 & 0xFF;
    uint32_t high = state >> 16;

    if (c < low || c > high) {
        return EXPECT_NOTHING_VALID;
    }
    return missing == 1 ? 0 : EXPECT(missing - 1, 0x80, 0xBF);
}

/* Position of the first byte from `pos` on that is not in a whole stride of ASCII. */
static size_t skip_ascii(struct bytes text, size_t pos)
{
    while (text.len - pos >= ASCII_STRIDE) {
        uint64_t word;
        memcpy(&word, text.ptr + pos, sizeof(word));
        if (word & HIGH_BITS) {
            break;
        }
        pos += ASCII_STRIDE;
    }
    return pos;
}

int utf8_feed(uint32_t *state, struct bytes piece)
{
    uint32_t now = *state;
    size_t pos = 0;

    while (pos < piece.len) {
        if (now == 0) {
            pos = skip_ascii(piece, pos);
        }
        size_t stop = piece.len - pos > ASCII_STRIDE ? pos + ASCII_STRIDE : piece.len;
        for (; pos < stop; pos++) {
            unsigned char c = (unsigned char)piece.ptr[pos];
            now = now == 0 ? after_lead(c) : after_continuation(now, c);
            if (now == EXPECT_NOTHING_VALID) {
                return ERR_UTF8;
            }
        }
    }
    *state = now;
    return 0;
}

int utf8_check(struct bytes text)
{
    uint32_t state = 0;

    if (utf8_feed(&state, text) || state != 0) {
        return ERR_UTF8;
    }
    return 0;
}

size_t utf8_count(struct bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    }
    return count;
}
