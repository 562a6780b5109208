/* SPDX-License-Identifier: MIT */
/* Counted blocks of bytes. Encode once, share with everyone who still has to write it. Not for use
 * by two threads. */
#include "common/rcbuf.h"

#include <assert.h>

#include "common/mem.h"

struct rcbuf *rcbuf_new_room(size_t len)
{
    struct rcbuf *b = len <= UINT32_MAX ? mem_alloc(sizeof(*b) + len) : NULL;

    if (b) {
        b->refs = 1;
        b->len = (uint32_t)len;
    }
    return b;
}

struct rcbuf *rcbuf_new(struct bytes payload)
{
    struct rcbuf *b = rcbuf_new_room(payload.len);

    if (b && payload.len > 0) {
        memcpy(b->data, payload.ptr, payload.len);
    }
    return b;
}

struct rcbuf *rcbuf_ref(struct rcbuf *b)
{
    assert(b->refs > 0 && b->refs < UINT32_MAX);
    b->refs++;
    return b;
}

void rcbuf_unref(struct rcbuf *b)
{
    if (!b) {
        return;
    }
    assert(b->refs > 0);
    if (--b->refs == 0) {
        mem_free(b);
    }
}
