/* SPDX-License-Identifier: MIT */
/* Bytes as text and back, for tokens, password hashes and sessions. Bytes in, bytes out; knows
 * nothing of what they mean. */
#include "proto/encoding.h"

#include <assert.h>
#include <stdbool.h>

#include "proto/limits.h"

#define BASE64_COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define NUMBER_MAX_BYTES 32u

static const char *const alphabets[] = {
    [BASE64_STANDARD] = BASE64_COMMON "+/",
    [BASE64_URL] = BASE64_COMMON "-_",
};

/* Three bytes make four digits; of a rest of one or two bytes, two or three digits are real. */
int base64_encode(enum base64_form form, struct bytes in, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)in.ptr;
    size_t rest = in.len % 3;
    size_t rest_digits = rest == 0 ? 0 : form == BASE64_STANDARD ? 4 : rest + 1;
    size_t size = in.len / 3 * 4 + rest_digits;
    char *room;
    int err = buf_reserve(out, size, &room);

    if (err != 0) {
        return err;
    }
    for (size_t digit = 0; digit < size; digit++) {
        size_t from = digit / 4 * 3;
        uint32_t group = 0;
        for (size_t i = from; i < from + 3; i++) {
            group = group << 8 | (i < in.len ? p[i] : 0U);
        }
        bool is_padding = from + digit % 4 > in.len;
        room[digit] = is_padding ? '=' : alphabets[form][group >> (18 - digit % 4 * 6) & 0x3F];
    }
    buf_commit(out, size);
    return 0;
}

/* 0 to 63, or -1. */
static int digit_value(enum base64_form form, char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == alphabets[form][62]) {
        return 62;
    }
    return c == alphabets[form][63] ? 63 : -1;
}

/* Take the padding of the standard form away. Errors: ERR_SYNTAX no text is that long. */
static int without_padding(enum base64_form form, struct bytes *text)
{
    if (form == BASE64_STANDARD && text->len % 4 != 0) {
        return ERR_SYNTAX;
    }
    for (int i = 0; form == BASE64_STANDARD && i < 2 && text->len > 0; i++) {
        text->len -= text->ptr[text->len - 1] == '=';
    }
    return text->len % 4 == 1 ? ERR_SYNTAX : 0;
}

static size_t decoded_len(size_t digits)
{
    return digits / 4 * 3 + digits % 4 * 3 / 4;
}

/* Write the bytes of the digits to `room`; false when a digit or the last unused bits are wrong. */
static bool decode_digits(enum base64_form form, struct bytes text, char *room)
{
    uint32_t bits = 0;
    unsigned count = 0; /* of bits not written yet */

    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(form, text.ptr[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *room++ = (char)(unsigned char)(bits >> count);
            bits &= (1U << count) - 1;
        }
    }
    return bits == 0;
}

int base64_decode_to(enum base64_form form, struct bytes text, char *room, size_t *out_len)
{
    if (without_padding(form, &text) != 0 || !decode_digits(form, text, room)) {
        return ERR_SYNTAX;
    }
    *out_len = decoded_len(text.len);
    return 0;
}

int base64_decode(enum base64_form form, struct bytes text, struct buf *out)
{
    struct bytes digits = text;
    size_t len;
    char *room;
    int err = without_padding(form, &digits);

    if (err == 0) {
        err = buf_reserve(out, decoded_len(digits.len), &room);
    }
    if (err == 0) {
        err = base64_decode_to(form, text, room, &len);
    }
    if (err == 0) {
        buf_commit(out, len);
    }
    return err;
}

void hex_encode(const unsigned char *in, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 0xF];
    }
    *out = '\0';
}

void number_digits(struct bytes number, const char *alphabet, char *out, size_t count)
{
    unsigned char left[NUMBER_MAX_BYTES];
    unsigned base = (unsigned)strlen(alphabet);

    assert(number.len <= sizeof(left));
    memcpy(left, number.ptr, number.len);
    out[count] = '\0';
    while (count > 0) { /* long division by the base: the remainder is the next digit */
        unsigned rest = 0;
        for (size_t i = 0; i < number.len; i++) {
            unsigned part = rest << 8 | left[i];
            left[i] = (unsigned char)(part / base);
            rest = part % base;
        }
        out[--count] = alphabet[rest];
    }
}

int64_t decimal_id(struct bytes text)
{
    int64_t id = 0;

    if (text.len == 0 || text.len > sizeof("9007199254740991") - 1 || text.ptr[0] == '0') {
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return 0;
        }
        id = id * 10 + (text.ptr[i] - '0');
    }
    return id <= ID_MAX ? id : 0;
}
