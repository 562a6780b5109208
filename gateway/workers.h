/* SPDX-License-Identifier: MIT */
#pragma once
/* A family of processes that share the client port by SO_REUSEPORT: a parent that only starts and
 * restarts, and N workers. */
#include <stdint.h>

typedef int worker_fn(void *arg, uint32_t worker); /* runs in the child; returns its exit code */

/* Fork `count` workers and stay until SIGTERM or SIGINT, which are passed on (a second one, too).
 * A worker that ends is started again with backoff, unless it fails within its first second with
 * GATEWAY_EXIT_UNAVAILABLE or _USAGE: then all are stopped. Returns the exit code. */
int workers_run(uint32_t count, worker_fn *fn, void *arg);
