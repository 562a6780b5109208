/* SPDX-License-Identifier: MIT */
/* msgpack reading: one bounds-checked step takes the type byte, its length or integer, and only
 * then is the cursor moved. Knows the format, not what is in it; envelope.c and delivery.c build
 * on it. Non-minimal encodings (1 as a 64-bit integer) are read like any other, as the
 * specification asks.
 *
 *     | type byte | 0, 1, 2, 4 or 8 bytes: integer or length, big-endian | body: str, bin, ext |
 */
#include "proto/mp_read.h"
#include "proto/limits.h"
#include "proto/utf8.h"

enum mp_type {
    MP_NIL,
    MP_FALSE,
    MP_TRUE,
    MP_UINT,
    MP_INT,
    MP_FLOAT,
    MP_STR,
    MP_BIN,
    MP_EXT,
    MP_ARRAY,
    MP_MAP,
    MP_NEVER
};

/* The head of one value. */
struct mp_head {
    enum mp_type type;
    uint64_t number; /* MP_UINT, MP_INT (two's complement): the value; str, bin, ext: bytes of
                        the body; array, map: count of elements or pairs */
    size_t size;     /* bytes of the head itself */
};

/* How the type bytes 0xC0..0xDF are continued. `width`: bytes of the number that follows. `fixed`:
 * the body's length where none is written. */
struct mp_format {
    enum mp_type type;
    unsigned char width, fixed;
};

#define FORMATS_FROM 0xC0u
#define FORMATS_TO 0xDFu
#define EXT_TYPE_BYTES 1u

static const struct mp_format FORMATS[] = {
    {MP_NIL, 0, 0},   {MP_NEVER, 0, 0}, {MP_FALSE, 0, 0}, {MP_TRUE, 0, 0},  /* C0 */
    {MP_BIN, 1, 0},   {MP_BIN, 2, 0},   {MP_BIN, 4, 0},   {MP_EXT, 1, 0},   /* C4 */
    {MP_EXT, 2, 0},   {MP_EXT, 4, 0},   {MP_FLOAT, 4, 0}, {MP_FLOAT, 8, 0}, /* C8 */
    {MP_UINT, 1, 0},  {MP_UINT, 2, 0},  {MP_UINT, 4, 0},  {MP_UINT, 8, 0},  /* CC */
    {MP_INT, 1, 0},   {MP_INT, 2, 0},   {MP_INT, 4, 0},   {MP_INT, 8, 0},   /* D0 */
    {MP_EXT, 0, 1},   {MP_EXT, 0, 2},   {MP_EXT, 0, 4},   {MP_EXT, 0, 8},   /* D4 */
    {MP_EXT, 0, 16},  {MP_STR, 1, 0},   {MP_STR, 2, 0},   {MP_STR, 4, 0},   /* D8 */
    {MP_ARRAY, 2, 0}, {MP_ARRAY, 4, 0}, {MP_MAP, 2, 0},   {MP_MAP, 4, 0},   /* DC */
};

void mp_read_init(struct mp_read *r, struct bytes in)
{
    *r = (struct mp_read){.in = in};
}

void mp_fail(struct mp_read *r, int err)
{
    if (!r->err) {
        r->err = err;
    }
}

static uint64_t big_endian(const char *at, size_t width)
{
    uint64_t n = 0;

    for (size_t i = 0; i < width; i++) {
        n = n << 8 | (unsigned char)at[i];
    }
    return n;
}

static uint64_t sign_extend(uint64_t n, size_t width)
{
    uint64_t sign = UINT64_C(1) << (width * 8 - 1);

    return (n ^ sign) - sign;
}

/* The values whose type byte holds the number itself. */
static struct mp_head fix_head(unsigned char c)
{
    if (c < 0x80) {
        return (struct mp_head){MP_UINT, c, 1};
    }
    if (c < 0x90) {
        return (struct mp_head){MP_MAP, c & 0x0F, 1};
    }
    if (c < 0xA0) {
        return (struct mp_head){MP_ARRAY, c & 0x0F, 1};
    }
    if (c < FORMATS_FROM) {
        return (struct mp_head){MP_STR, c & 0x1F, 1};
    }
    return (struct mp_head){MP_INT, sign_extend(c, 1), 1};
}

/* Look at the next value without moving. False, with the error set, when there is none. */
static bool peek(struct mp_read *r, struct mp_head *out_head)
{
    if (r->err) {
        return false;
    }
    if (r->pos >= r->in.len) {
        mp_fail(r, ERR_SHORT);
        return false;
    }
    const char *at = r->in.ptr + r->pos;
    unsigned char c = (unsigned char)*at;
    if (c < FORMATS_FROM || c > FORMATS_TO) {
        *out_head = fix_head(c);
        return true;
    }
    const struct mp_format *f = &FORMATS[c - FORMATS_FROM];
    if (f->type == MP_NEVER) {
        mp_fail(r, ERR_TYPE);
        return false;
    }
    if (r->in.len - r->pos - 1 < f->width) {
        mp_fail(r, ERR_SHORT);
        return false;
    }
    uint64_t number = f->width ? big_endian(at + 1, f->width) : f->fixed;
    if (f->type == MP_INT) {
        number = sign_extend(number, f->width);
    }
    *out_head = (struct mp_head){f->type, number, (size_t)1 + f->width};
    return true;
}

/* Peek for a value of one of two types. */
static bool expect(struct mp_read *r, enum mp_type a, enum mp_type b, struct mp_head *out_head)
{
    if (!peek(r, out_head)) {
        return false;
    }
    if (out_head->type != a && out_head->type != b) {
        mp_fail(r, ERR_TYPE);
        return false;
    }
    return true;
}

uint64_t mp_u64(struct mp_read *r, uint64_t max)
{
    struct mp_head head;

    if (!expect(r, MP_UINT, MP_INT, &head)) {
        return 0;
    }
    bool is_negative = head.type == MP_INT && head.number > INT64_MAX;
    if (is_negative || head.number > max) {
        mp_fail(r, ERR_RANGE);
        return 0;
    }
    r->pos += head.size;
    return head.number;
}

int64_t mp_i64(struct mp_read *r, int64_t min, int64_t max)
{
    struct mp_head head;

    if (!expect(r, MP_UINT, MP_INT, &head)) {
        return 0;
    }
    bool is_too_big = head.type == MP_UINT && head.number > INT64_MAX;
    int64_t n = (int64_t)head.number;
    if (is_too_big || n < min || n > max) {
        mp_fail(r, ERR_RANGE);
        return 0;
    }
    r->pos += head.size;
    return n;
}

bool mp_bool(struct mp_read *r)
{
    struct mp_head head;

    if (!expect(r, MP_FALSE, MP_TRUE, &head)) {
        return false;
    }
    r->pos += head.size;
    return head.type == MP_TRUE;
}

/* The body of a value whose head was peeked; moves behind it. */
static struct bytes take_body(struct mp_read *r, const struct mp_head *head, size_t max_len)
{
    if (head->number > max_len) {
        mp_fail(r, ERR_LIMIT);
        return BYTES_NONE;
    }
    if (head->number > r->in.len - r->pos - head->size) {
        mp_fail(r, ERR_SHORT);
        return BYTES_NONE;
    }
    struct bytes body = bytes_of(r->in.ptr + r->pos + head->size, (size_t)head->number);
    r->pos += head->size + body.len;
    return body;
}

struct bytes mp_bytes(struct mp_read *r, size_t max_len)
{
    struct mp_head head;

    return expect(r, MP_STR, MP_BIN, &head) ? take_body(r, &head, max_len) : BYTES_NONE;
}

struct bytes mp_text(struct mp_read *r, size_t max_len)
{
    struct mp_head head;

    if (!expect(r, MP_STR, MP_STR, &head)) {
        return BYTES_NONE;
    }
    size_t start = r->pos;
    struct bytes text = take_body(r, &head, max_len);
    if (text.len && (utf8_check(text) || memchr(text.ptr, 0, text.len))) {
        mp_fail(r, ERR_UTF8);
        r->pos = start;
        return BYTES_NONE;
    }
    return text;
}

uint32_t mp_array(struct mp_read *r, uint32_t max_count)
{
    struct mp_head head;

    if (!expect(r, MP_ARRAY, MP_ARRAY, &head)) {
        return 0;
    }
    if (head.number > max_count) {
        mp_fail(r, ERR_LIMIT);
        return 0;
    }
    r->pos += head.size;
    return (uint32_t)head.number;
}

void mp_array_exact(struct mp_read *r, uint32_t count)
{
    struct mp_head head;

    if (!expect(r, MP_ARRAY, MP_ARRAY, &head)) {
        return;
    }
    if (head.number != count) {
        mp_fail(r, ERR_TYPE);
        return;
    }
    r->pos += head.size;
}

/* Step over the head and body of one value. Gives the number of values that belong inside it. */
static uint64_t skip_one(struct mp_read *r)
{
    struct mp_head head;

    if (!peek(r, &head)) {
        return 0;
    }
    switch (head.type) {
    case MP_EXT:
        head.size += EXT_TYPE_BYTES;
        if (r->in.len - r->pos < head.size) {
            mp_fail(r, ERR_SHORT);
            return 0;
        }
        /* fallthrough */
    case MP_STR:
    case MP_BIN:
        take_body(r, &head, SIZE_MAX);
        return 0;
    case MP_ARRAY:
        r->pos += head.size;
        return head.number;
    case MP_MAP:
        r->pos += head.size;
        return head.number * 2;
    case MP_NIL:
    case MP_FALSE:
    case MP_TRUE:
    case MP_UINT:
    case MP_INT:
    case MP_FLOAT:
    case MP_NEVER:
        break;
    }
    r->pos += head.size;
    return 0;
}

void mp_skip(struct mp_read *r)
{
    uint64_t left[MP_DEPTH_MAX + 1] = {1}; /* values still to come, on each level */
    size_t start = r->pos;
    size_t depth = 0;

    while (!r->err) {
        if (left[depth] == 0) {
            if (depth == 0) {
                return;
            }
            depth--;
            continue;
        }
        left[depth]--;
        uint64_t inside = skip_one(r);
        if (inside && depth == MP_DEPTH_MAX) {
            mp_fail(r, ERR_DEPTH);
        } else if (inside) {
            left[++depth] = inside;
        }
    }
    r->pos = start;
}

bool mp_at_end(const struct mp_read *r)
{
    return r->err || r->pos >= r->in.len;
}

int mp_read_finish(const struct mp_read *r)
{
    if (r->err) {
        return r->err;
    }
    return r->pos < r->in.len ? ERR_TRAILING : 0;
}
