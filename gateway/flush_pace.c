/* SPDX-License-Identifier: MIT */
/* The adaptive tick of the flusher. Pure arithmetic on the times it is given. */
#include "gateway/flush_pace.h"

uint64_t flush_pace_wait_us(const struct flush_pace *p, uint64_t now_us)
{
    return p->not_before_us > now_us ? p->not_before_us - now_us : 0;
}

void flush_pace_done(struct flush_pace *p, uint64_t now_us, uint64_t took_us)
{
    uint64_t wait_us = took_us;

    if (took_us < FLUSH_CHEAP_US) {
        wait_us = 0;
    } else if (took_us < FLUSH_WAIT_MIN_US) {
        wait_us = FLUSH_WAIT_MIN_US;
    } else if (took_us > FLUSH_WAIT_MAX_US) {
        wait_us = FLUSH_WAIT_MAX_US;
    }
    p->not_before_us = now_us + wait_us;
}
