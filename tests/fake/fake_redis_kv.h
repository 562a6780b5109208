/* SPDX-License-Identifier: MIT */
#pragma once
/* common/io/redis_link.h over a keyspace in memory: the counters and hashes that the broker's
 * glue uses, with expiry on the fake clock and faults on request. A command takes effect when it
 * is submitted; its reply comes later. */
#include <stdbool.h>
#include <stdint.h>
#include "common/io/redis_link.h"
#include "fake_fault.h"

/* ERR_REMOTE completes with an error reply, all other errors without a reply. */
extern struct fake_fault fake_redis_fault;

void fake_redis_reset(void);
void fake_redis_set(const char *key); /* a plain key, as a gateway's lease */
void fake_redis_hset(const char *key, const char *field);
bool fake_redis_has_field(const char *key, const char *field);
int64_t fake_redis_hlen(const char *key);
int64_t fake_redis_ttl_ms(const char *key); /* -1: no expiry, -2: no such key */
size_t fake_redis_keys(void);
