/* SPDX-License-Identifier: MIT */
#pragma once
/* The running broker: owns every module, starts the work when Redis and PostgreSQL are there,
 * drops it when one goes, and leaves in order on SIGTERM. Glue; called by main. */
#include "broker/broker_conf.h"
#include "broker/jwt_token.h"
#include "broker/push_keys.h"

#define BROKER_STOP_MAX_MS 10000u /* partitions are given up in order for at most so long */

/* Runs until a signal. Returns the process's exit code. */
int broker_serve(const struct broker_conf *conf, const struct token_keys *keys,
                 const struct push_keys *push_keys);
