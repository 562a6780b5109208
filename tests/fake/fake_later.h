/* SPDX-License-Identifier: MIT */
#pragma once
/* Completions of all fakes, in the order of their submitting: nothing completes inside the call
 * that started it, and a test decides when, one by one if it likes. */
#include <stdbool.h>
#include <stddef.h>

typedef void fake_later_fn(void *arg);

void fake_later(fake_later_fn *fn, void *arg);
bool fake_run_one(void); /* false: nothing is waiting */
void fake_run_all(void); /* also what comes meanwhile */
size_t fake_waiting(void);
