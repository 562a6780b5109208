/* SPDX-License-Identifier: MIT */
#pragma once
/* Looks up what the handlers of a batch need and memory does not have: rooms (channel row,
 * connections in Redis), targets of replies, access to other channels. Most batches need
 * nothing. Glue; used by the pipeline. */
#include "broker/batch.h"
#include "broker/store.h"
#include "common/io/redis_link.h"

#define PRESENCE_PAGE 1000u /* people read at a time when the room of statuses is taken over */

struct prefetch_deps {
    struct store *store;
    struct redis_link *redis;
    const char *prefix;
    uint32_t partitions;
    struct targets *targets;
    struct presence *presence;
    /* All look-ups of the batch have ended; batch->failure has the first error. */
    void (*on_done)(void *arg, struct batch *b);
    void *arg;
};

/* Start the look-ups; batch->waiting is 0 afterwards when there is nothing to wait for (on_done
 * is not called then). Every look-up under way holds a ref of the batch. */
void prefetch_start(const struct prefetch_deps *deps, struct batch *b);
/* Would it read messages? Then earlier batches must be committed first. */
bool prefetch_reads_messages(const struct prefetch_deps *deps, struct batch *b);
