/* SPDX-License-Identifier: MIT */
#pragma once
/* Exact rolling-window limit: at most `limit` accepted events in any window of `window_ms`.
 * The times of the accepted events are kept, at 4 bytes each, and only as many as are needed:
 * an unused limiter owns no memory. Given the time; holds no clock. */
#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"

#define RATELIM_MAX_LIMIT 1000000u /* 4 MB of times for one connection at the very most */

struct ratelim {
    uint32_t *times; /* ring of accepted times, ms modulo 2^32 */
    uint32_t cap, head, count;
    uint32_t limit, window_ms;
    uint32_t last_high; /* upper half of the newest time: years of silence are not mistaken */
};

/* limit 0 = unlimited. window_ms < 2^31. */
void ratelim_init(struct ratelim *r, uint32_t limit, uint32_t window_ms);
void ratelim_done(struct ratelim *r);
/* Accept one event at now_ms: 0, ERR_LIMIT (nothing recorded) or ERR_NOMEM (nothing recorded).
 * An event exactly window_ms old no longer counts. */
NODISCARD int ratelim_take(struct ratelim *r, uint64_t now_ms);
/* An event that was accepted at this time did not happen after all: it does not count any more. */
void ratelim_give_back(struct ratelim *r, uint64_t accepted_ms);
/* How long until one more is accepted; 0 = now. */
uint32_t ratelim_wait_ms(const struct ratelim *r, uint64_t now_ms);
