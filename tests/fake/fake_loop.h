/* SPDX-License-Identifier: MIT */
#pragma once
/* common/io/loop.h on the time of fake_clock: timers fire when a test lets time pass, tasks run at
 * the end of each step. Descriptors and wake-ups are not there: their functions abort. */
#include <stdbool.h>
#include <stdint.h>

#include "common/io/loop.h"

/* Let so much time pass: timers fire in order, each in a turn of its own. 0 = one turn. */
void fake_loop_pass(struct loop *l, uint32_t ms);
bool fake_loop_is_stopped(const struct loop *l);
