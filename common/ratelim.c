/* SPDX-License-Identifier: MIT */
/* The rolling-window limiter: a ring of accepted times. Exact, where a token bucket would let
 * twice the limit through at the edge of two windows. Called by the gateway for each frame and by
 * the broker for each login.
 *
 *     head (oldest) ... head+count-1 (newest)      all of them within window_ms of the newest
 *
 * Times keep 32 bits. The upper half of the newest one is kept beside them; whatever is in the
 * ring lies less than a window (< 2^31) before it, so no age is ambiguous. */
#include "common/ratelim.h"

#include <stddef.h>

#include "common/mem.h"

#define RATELIM_FIRST_CAP 4u
#define RATELIM_KEEP_CAP 1024u /* a larger ring is given back when all its times are old */

void ratelim_init(struct ratelim *r, uint32_t limit, uint32_t window_ms)
{
    *r = (struct ratelim){.limit = limit < RATELIM_MAX_LIMIT ? limit : RATELIM_MAX_LIMIT,
                          .window_ms = window_ms};
}

void ratelim_done(struct ratelim *r)
{
    mem_free(r->times);
    r->times = NULL;
    r->cap = r->head = r->count = 0;
}

static uint64_t newest_ms(const struct ratelim *r)
{
    return (uint64_t)r->last_high << 32 | r->times[(r->head + r->count - 1) % r->cap];
}

/* A clock that went back counts as standing still. */
static uint64_t not_before_newest(const struct ratelim *r, uint64_t now_ms)
{
    uint64_t newest = r->count > 0 ? newest_ms(r) : 0;

    return now_ms > newest ? now_ms : newest;
}

static void forget_old(struct ratelim *r, uint64_t now_ms)
{
    if (r->count > 0 && now_ms - newest_ms(r) >= r->window_ms) {
        r->count = 0;
        r->head = 0;
        if (r->cap > RATELIM_KEEP_CAP) {
            ratelim_done(r);
        }
    }
    while (r->count > 0 && (uint32_t)now_ms - r->times[r->head] >= r->window_ms) {
        r->head = (r->head + 1) % r->cap;
        r->count--;
    }
}

static int grow(struct ratelim *r)
{
    uint32_t cap = r->cap > 0 ? r->cap * 2 : RATELIM_FIRST_CAP;
    uint32_t *times;

    if (cap > r->limit) {
        cap = r->limit;
    }
    times = mem_alloc(cap * sizeof(*times));
    if (!times) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        times[i] = r->times[(r->head + i) % r->cap];
    }
    mem_free(r->times);
    r->times = times;
    r->cap = cap;
    r->head = 0;
    return 0;
}

int ratelim_take(struct ratelim *r, uint64_t now_ms)
{
    if (r->limit == 0) {
        return 0;
    }
    now_ms = not_before_newest(r, now_ms);
    forget_old(r, now_ms);
    if (r->count >= r->limit) {
        return ERR_LIMIT;
    }
    if (r->count == r->cap) {
        int err = grow(r);

        if (err != 0) {
            return err;
        }
    }
    r->times[(r->head + r->count) % r->cap] = (uint32_t)now_ms;
    r->last_high = (uint32_t)(now_ms >> 32);
    r->count++;
    return 0;
}

void ratelim_give_back(struct ratelim *r, uint64_t accepted_ms)
{
    uint32_t i = r->count, last;

    while (i > 0 && r->times[(r->head + i - 1) % r->cap] != (uint32_t)accepted_ms) {
        i--;
    }
    if (i == 0) {
        return; /* it is too old to count anyhow */
    }
    last = r->times[(r->head + r->count - 1) % r->cap];
    for (; i < r->count; i++) {
        r->times[(r->head + i - 1) % r->cap] = r->times[(r->head + i) % r->cap];
    }
    r->count--;
    if (r->count > 0 && r->times[(r->head + r->count - 1) % r->cap] > last) {
        r->last_high--; /* the newest one now is from before the halves rolled over */
    }
}

uint32_t ratelim_wait_ms(const struct ratelim *r, uint64_t now_ms)
{
    uint32_t age_ms;

    if (r->limit == 0 || r->count < r->limit) {
        return 0;
    }
    now_ms = not_before_newest(r, now_ms);
    if (now_ms - newest_ms(r) >= r->window_ms) {
        return 0;
    }
    age_ms = (uint32_t)now_ms - r->times[r->head];
    return age_ms >= r->window_ms ? 0 : r->window_ms - age_ms;
}
