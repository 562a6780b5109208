/* SPDX-License-Identifier: MIT */
#pragma once
/* Gathers the reports of all gateways that live. Glue. */
#include "broker/usage_sum.h"
#include "common/io/redis_link.h"

/* err: 0 with the sum, which is the callee's from then on; ERR_UNAVAILABLE, ERR_NOMEM. A gateway
 * without a report, or with one that is malformed, counts for nothing. */
typedef void usage_collected_fn(void *arg, int err, struct usage_sum *sum);
/* Calls back later, exactly once. Errors: those of redis_link_command; ERR_NOMEM. */
NODISCARD int usage_collect(struct redis_link *redis, const char *prefix, usage_collected_fn *fn,
                            void *arg);
