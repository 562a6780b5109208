/* SPDX-License-Identifier: MIT */
#pragma once
/* A family of processes that share the client port by SO_REUSEPORT: a parent that only starts and
 * restarts, and N workers. */
#include <stdbool.h>
#include <stdint.h>

typedef int worker_fn(void *arg, uint32_t worker); /* runs in the child; returns its exit code */

/* Fork `count` workers and stay until SIGTERM or SIGINT, which are passed on (a second one, too).
 * With `reloads` SIGHUP is, too. A worker that ends is started again with backoff, unless it fails
 * with GATEWAY_EXIT_UNAVAILABLE or _USAGE before any has lived for a second: then all are stopped.
 * Returns the exit code. */
int workers_run(uint32_t count, bool reloads, worker_fn *fn, void *arg);
