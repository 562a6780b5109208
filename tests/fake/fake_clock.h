/* SPDX-License-Identifier: MIT */
#pragma once
/* common/io/clock.h with a time that only a test moves. */
#include <stdint.h>

#define FAKE_WALL_START_MS UINT64_C(1700000000000)

void fake_clock_reset(void);
void fake_clock_forward(uint64_t ms);
