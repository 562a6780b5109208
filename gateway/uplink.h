/* SPDX-License-Identifier: MIT */
#pragma once
/* Gateway -> Redis: envelopes into the partitions' input streams, one batch under way each. */
#include <stdint.h>
#include "common/io/loop.h"
#include "common/io/redis_link.h"
#include "gateway/uplink_queue.h"

struct uplink;
/* Keeps link, prefix and gateway (the incarnation's name) until uplink_free(). The gate is closed
 * at first. NULL without memory. */
struct uplink *uplink_new(struct loop *loop, struct redis_link *link, const char *prefix,
                          const char *gateway, uint32_t partitions);
void uplink_free(struct uplink *u);
/* Queue one encoded envelope; it leaves at the end of this loop turn when the gate is open.
 * Errors: ERR_FULL (too much waits), ERR_NOMEM. */
NODISCARD int uplink_push(struct uplink *u, uint32_t partition, enum uplink_policy policy,
                          struct bytes envelope);
/* Open: Redis is up and a broker's heartbeat is fresh. Closed: everything waits. */
void uplink_set_gate(struct uplink *u, bool is_open);
bool uplink_is_idle(const struct uplink *u); /* nothing waits, nothing is under way */
/* Call about once a second: drops what has waited too long. */
void uplink_tick(struct uplink *u);
