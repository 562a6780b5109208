/* SPDX-License-Identifier: MIT */
#pragma once
/* broker/io/worker.h without threads: a job runs when its turn comes. */
#include <stdbool.h>
#include "broker/io/worker.h"
#include "fake_fault.h"

extern struct fake_fault fake_worker_fault; /* at submit only */
extern bool fake_worker_is_stopping;        /* jobs complete without having run */

void fake_worker_reset(void);
