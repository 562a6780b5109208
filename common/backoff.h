/* SPDX-License-Identifier: MIT */
#pragma once
/* Exponential backoff with full jitter: the n-th delay is uniform in [0, min(cap, base * 2^n)],
 * the scheme of the AWS architecture note "Exponential Backoff And Jitter". */
#include <stdint.h>

struct backoff {
    uint32_t base_ms, cap_ms, attempt;
    uint64_t seed;
};

void backoff_init(struct backoff *b, uint32_t base_ms, uint32_t cap_ms, uint64_t seed);
uint32_t backoff_next_ms(struct backoff *b);
void backoff_reset(struct backoff *b);
