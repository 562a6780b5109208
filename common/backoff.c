/* SPDX-License-Identifier: MIT */
/* Delays between attempts. Pure: the caller brings the seed and sleeps by itself. Called by the
 * links to Redis and PostgreSQL. */
#include "common/backoff.h"

void backoff_init(struct backoff *b, uint32_t base_ms, uint32_t cap_ms, uint64_t seed)
{
    *b = (struct backoff){.base_ms = base_ms, .cap_ms = cap_ms, .seed = seed};
}

/* SplitMix64: every seed is good, and spreading load needs no more. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t backoff_next_ms(struct backoff *b)
{
    uint64_t ceiling = b->attempt < 32 ? (uint64_t)b->base_ms << b->attempt : UINT64_MAX;
    uint64_t random = next_random(&b->seed) >> 32;

    if (b->base_ms == 0) {
        ceiling = 0;
    }
    if (ceiling > b->cap_ms) {
        ceiling = b->cap_ms;
    }
    if (b->attempt < UINT32_MAX) {
        b->attempt++;
    }
    return (uint32_t)((random * (ceiling + 1)) >> 32);
}

void backoff_reset(struct backoff *b)
{
    b->attempt = 0;
}
