/* SPDX-License-Identifier: MIT */
#pragma once
/* Building replies: what redis_wire.c needs from redis_value.c. Readers use redis_link.h. */
#include "common/io/redis_link.h"

/* The account of one connection: what its current reply may still hold. */
struct redis_value_budget {
    size_t left_bytes;
    size_t *awaited_count; /* answers that are owed; a reply beyond them is refused */
    bool is_refused;       /* a reply was too large or came unasked */
};

/* The functions that hiredis's reader calls to make objects (redisReplyObjectFunctions *); its
 * privdata must be a struct redis_value_budget. */
void *redis_value_functions(void);
