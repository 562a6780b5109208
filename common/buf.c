/* SPDX-License-Identifier: MIT */
/* The growable byte buffer with a hard maximum. Grows by doubling, never shrinks by itself, knows
 * nothing of what it holds. Used by everything that builds text or frames.
 *
 *     data            len         cap   cap+1
 *      | bytes in use | room       | NUL |          cap <= max
 *
 * One byte more than `cap` is allocated, because vsnprintf wants to write its NUL. */
#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/mem.h"

#define BUF_FIRST_CAP 64u

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void buf_done(struct buf *b)
{
    mem_free(b->data);
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
}

/* Make sure that `n` more bytes fit. */
static int buf_grow(struct buf *b, size_t n)
{
    size_t need, cap;
    char *data;

    if (n > b->max - b->len) {
        return ERR_FULL;
    }
    need = b->len + n;
    if (need <= b->cap && b->data) {
        return 0;
    }
    cap = b->cap > b->max / 2 ? b->max : b->cap * 2;
    if (cap < BUF_FIRST_CAP) {
        cap = b->max < BUF_FIRST_CAP ? b->max : BUF_FIRST_CAP;
    }
    if (cap < need) {
        cap = need;
    }
    data = mem_realloc(b->data, cap + 1);
    if (!data) {
        return ERR_NOMEM;
    }
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_append(struct buf *b, struct bytes bytes)
{
    int err = buf_grow(b, bytes.len);

    if (err == 0 && bytes.len > 0) {
        memcpy(b->data + b->len, bytes.ptr, bytes.len);
        b->len += bytes.len;
    }
    return err;
}

int buf_append_char(struct buf *b, char c)
{
    int err = b->len < b->cap ? 0 : buf_grow(b, 1);

    if (err == 0) {
        b->data[b->len++] = c;
    }
    return err;
}

int buf_append_i64(struct buf *b, int64_t n)
{
    char text[20]; /* -9223372036854775808 */
    char *p = text + sizeof(text);
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0) {
        *--p = '-';
    }
    return buf_append(b, bytes_of(p, (size_t)(text + sizeof(text) - p)));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    int wanted, err;

    err = buf_grow(b, 0);
    if (err != 0) {
        return err;
    }
    va_start(args, fmt);
    wanted = vsnprintf(b->data + b->len, b->cap - b->len + 1, fmt, args);
    va_end(args);
    if (wanted < 0) {
        return ERR_RANGE;
    }
    if ((size_t)wanted > b->cap - b->len) {
        err = buf_grow(b, (size_t)wanted);
        if (err != 0) {
            return err;
        }
        va_start(args, fmt);
        (void)vsnprintf(b->data + b->len, (size_t)wanted + 1, fmt, args);
        va_end(args);
    }
    b->len += (size_t)wanted;
    return 0;
}

int buf_reserve(struct buf *b, size_t n, char **out_room)
{
    int err = buf_grow(b, n);

    if (err == 0) {
        *out_room = b->data + b->len;
    }
    return err;
}

void buf_commit(struct buf *b, size_t used)
{
    size_t room = b->cap - b->len;

    b->len += used < room ? used : room;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
    } else if (n > 0) {
        memmove(b->data, b->data + n, b->len - n);
        b->len -= n;
    }
}

void buf_shrink(struct buf *b, size_t keep_bytes)
{
    if (b->len == 0 && b->cap > keep_bytes) {
        buf_done(b);
    }
}
