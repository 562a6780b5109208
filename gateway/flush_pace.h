/* SPDX-License-Identifier: MIT */
#pragma once
/* How often topics are flushed. While sends are cheap: at the end of every loop turn. Under load:
 * after a round that took d the next one waits about d, so that frames gather and half of the time
 * is left for other work; sends dominate the cost, and one send carries all that gathered. */
#include <stdint.h>

#define FLUSH_CHEAP_US 300u /* a round below this costs nobody anything */
#define FLUSH_WAIT_MIN_US 2000u
#define FLUSH_WAIT_MAX_US 20000u

struct flush_pace {
    uint64_t not_before_us; /* monotonic */
};

/* How long until the next round may start; 0 = now. */
uint64_t flush_pace_wait_us(const struct flush_pace *p, uint64_t now_us);
/* A round that took `took_us` has ended at now_us. */
void flush_pace_done(struct flush_pace *p, uint64_t now_us, uint64_t took_us);
