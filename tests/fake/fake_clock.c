/* SPDX-License-Identifier: MIT */
/* The clock by hand. Random numbers count upwards: different, and the same in every run. */
#include "fake_clock.h"

#include <string.h>

#include "common/io/clock.h"

#define MONO_START_MS 1000u

static uint64_t passed_ms, random_count;

void fake_clock_reset(void)
{
    passed_ms = 0;
}

void fake_clock_forward(uint64_t ms)
{
    passed_ms += ms;
}

uint64_t clock_mono_ms(void)
{
    return MONO_START_MS + passed_ms;
}

uint64_t clock_mono_us(void)
{
    return clock_mono_ms() * 1000;
}

uint64_t clock_wall_ms(void)
{
    return FAKE_WALL_START_MS + passed_ms;
}

void clock_random(void *out, size_t len)
{
    random_count++;
    memset(out, 0, len);
    memcpy(out, &random_count, len < sizeof(random_count) ? len : sizeof(random_count));
}
