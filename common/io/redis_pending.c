/* SPDX-License-Identifier: MIT */
/* The ring of commands that wait for an answer. Redis answers in order, so the oldest is always
 * the one that is answered next. Used by redis_link.c only. */
#include "common/io/redis_pending.h"

#include "common/mem.h"

#define RING_FIRST_CAP 64u /* a power of two, as all capacities */

void redis_pending_done(struct redis_pending_ring *r)
{
    mem_free(r->items);
    *r = (struct redis_pending_ring){0};
}

int redis_pending_reserve(struct redis_pending_ring *r)
{
    size_t cap = r->cap > 0 ? r->cap * 2 : RING_FIRST_CAP;
    struct redis_pending *items;

    if (r->count < r->cap) {
        return 0;
    }
    items = mem_alloc(cap * sizeof(*items));
    if (!items) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->count; i++) {
        items[i] = r->items[(r->head + i) & (r->cap - 1)];
    }
    mem_free(r->items);
    r->items = items;
    r->cap = cap;
    r->head = 0;
    return 0;
}

void redis_pending_push(struct redis_pending_ring *r, struct redis_pending p)
{
    r->items[(r->head + r->count) & (r->cap - 1)] = p;
    r->count++;
}

struct redis_pending redis_pending_pop(struct redis_pending_ring *r)
{
    struct redis_pending p = r->items[r->head];

    r->head = (r->head + 1) & (r->cap - 1);
    r->count--;
    return p;
}
