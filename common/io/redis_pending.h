/* SPDX-License-Identifier: MIT */
#pragma once
/* The commands of one link that wait for their answers, oldest first. */
#include "common/io/redis_link.h"

struct redis_pending {
    redis_reply_fn *fn;
    void *arg;
    uint64_t sent_ms;
};

/* A ring that grows up to what is under way and is zeroed at birth. */
struct redis_pending_ring {
    struct redis_pending *items;
    size_t cap, head, count;
};

void redis_pending_done(struct redis_pending_ring *r);
/* Make sure that one more fits. Errors: ERR_NOMEM. */
NODISCARD int redis_pending_reserve(struct redis_pending_ring *r);
void redis_pending_push(struct redis_pending_ring *r, struct redis_pending p); /* after reserve */
struct redis_pending redis_pending_pop(struct redis_pending_ring *r);          /* count > 0 */

static inline const struct redis_pending *redis_pending_oldest(const struct redis_pending_ring *r)
{
    return r->count > 0 ? &r->items[r->head] : NULL;
}
