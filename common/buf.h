/* SPDX-License-Identifier: MIT */
#pragma once
/* A growable byte buffer that is born with a hard maximum. An append either succeeds whole or
 * leaves the buffer as it was (ERR_FULL over the maximum, ERR_NOMEM). */
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"

struct buf {
    char *data;
    size_t len, cap, max;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);  /* frees; the buffer may be used again */
void buf_reset(struct buf *b); /* length 0, keeps the memory */
NODISCARD int buf_append(struct buf *b, struct bytes bytes);
NODISCARD int buf_append_char(struct buf *b, char c);
NODISCARD int buf_append_i64(struct buf *b, int64_t n); /* decimal */
NODISCARD int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Make room for `n` more bytes and give their address; buf_commit(b, used) then adds them. */
NODISCARD int buf_reserve(struct buf *b, size_t n, char **out_room);
void buf_commit(struct buf *b, size_t used);
void buf_consume(struct buf *b, size_t n); /* drop `n` bytes from the front */
/* Give memory back when the capacity is over `keep_bytes` (call on an emptied buffer). */
void buf_shrink(struct buf *b, size_t keep_bytes);

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->data, b->len};
}
