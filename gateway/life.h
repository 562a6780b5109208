/* SPDX-License-Identifier: MIT */
#pragma once
/* The life of a gateway process between its settings and its exit code. */
#include <stdint.h>
#include "gateway/gateway_conf.h"

/* A worker_fn: `arg` is the const struct gateway_conf *. Returns an enum gateway_exit. */
int life_run(void *arg, uint32_t worker);
/* Say on standard error why it cannot start (an enum err). Returns the exit code for it. */
int life_start_failed(const struct gateway_conf *conf, int err);
