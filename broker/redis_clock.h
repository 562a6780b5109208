/* SPDX-License-Identifier: MIT */
#pragma once
/* The time by Redis' clock, which all brokers and gateways of a system share. One in a broker:
 * the coordinator sets it with every beat, everybody else reads it. */
#include <stdint.h>
#include "common/io/clock.h"

struct redis_clock {
    int64_t offset_ms; /* Redis' clock minus ours; 0 until a beat was answered */
};

static inline uint64_t redis_clock_ms(const struct redis_clock *c)
{
    return (uint64_t)((int64_t)clock_wall_ms() + c->offset_ms);
}
