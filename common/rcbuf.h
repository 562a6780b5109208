/* SPDX-License-Identifier: MIT */
#pragma once
/* A counted, immutable block of bytes: header and payload in one allocation. One thread only. */
#include <stdint.h>
#include "common/bytes.h"

struct rcbuf {
    uint32_t refs;
    uint32_t len;
    char data[];
};

struct rcbuf *rcbuf_new(struct bytes payload); /* gives one ref; NULL without memory */
struct rcbuf *rcbuf_new_room(size_t len);      /* gives one ref; fill data before sharing */
struct rcbuf *rcbuf_ref(struct rcbuf *b);      /* shares: +1 */
void rcbuf_unref(struct rcbuf *b);             /* frees at 0; NULL is fine */

static inline struct bytes rcbuf_bytes(const struct rcbuf *b)
{
    return (struct bytes){b->data, b->len};
}
