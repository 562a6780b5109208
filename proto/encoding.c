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

/* The value of each digit plus one; 0 = it is none. */
static const unsigned char *values_of(enum base64_form form)
{
    static unsigned char values[2][256];
    unsigned char *v = values[form];

    for (int i = 0; v['A'] == 0 && i < 64; i++) { /* 'A' is 0, and its entry the first */
        v[(unsigned char)alphabets[form][63 - i]] = (unsigned char)(64 - i);
    }
    return v;
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
    const unsigned char *values = values_of(form), *p = (const unsigned char *)text.ptr;
    size_t whole = text.len / 4 * 4;
    uint32_t group = 0;
    unsigned rest;
    bool is_good = true;

    for (size_t i = 0; i < whole; i += 4) {
        unsigned a = values[p[i]], b = values[p[i + 1]], c = values[p[i + 2]], d = values[p[i + 3]];
        is_good = is_good && a && b && c && d;
        group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        *room++ = (char)(unsigned char)(group >> 16);
        *room++ = (char)(unsigned char)(group >> 8);
        *room++ = (char)(unsigned char)group;
    }
    group = 0;
    for (size_t i = whole; i < text.len; i++) {
        unsigned value = values[p[i]];
        is_good = is_good && value;
        group = group << 6 | ((value - 1) & 0x3F);
    }
    rest = (unsigned)(text.len - whole); /* 0, 2 or 3 digits: 0, 1 or 2 bytes, 4 or 2 bits unused */
    if (rest == 2) {
        *room++ = (char)(unsigned char)(group >> 4);
        is_good = is_good && (group & 0xF) == 0;
    } else if (rest == 3) {
        *room++ = (char)(unsigned char)(group >> 10);
        *room++ = (char)(unsigned char)(group >> 2);
        is_good = is_good && (group & 0x3) == 0;
    }
    return is_good;
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
