/* SPDX-License-Identifier: MIT */
#pragma once
/* The only place that asks the operating system for time and randomness. */
#include <stddef.h>
#include <stdint.h>

uint64_t clock_mono_ms(void);             /* monotonic milliseconds */
uint64_t clock_mono_us(void);             /* monotonic microseconds */
uint64_t clock_wall_ms(void);             /* UTC, since 1970 */
void clock_random(void *out, size_t len); /* from the kernel; aborts if there is none */
