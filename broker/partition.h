/* SPDX-License-Identifier: MIT */
#pragma once
/* One partition in the hands of its owner: how far it was read, committed and delivered, and the
 * rooms whose topics hash to it. Pure state; takeover.c fills it, the pipeline moves it on.
 *
 *   watermark <= delivered <= committed (PostgreSQL)     cursor = last entry read
 *   NONE --lease--> CLAIMING --fence, position, rows--> ACTIVE --rebalance--> DRAINING --> NONE */
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>
#include "broker/rooms.h"
#include "broker/store.h"
#include "proto/delivery.h"

#define PARTITION_STATE_LIST(X) X(NONE) X(CLAIMING) X(ACTIVE) X(DRAINING)
enum partition_state {
#define PARTITION_STATE_ENUM(name) PARTITION_##name,
    PARTITION_STATE_LIST(PARTITION_STATE_ENUM)
#undef PARTITION_STATE_ENUM
};

/* Stored before the takeover and delivered again by it: not to be handled again. */
struct stored_origin {
    UT_hash_handle hh;
    struct {
        uint64_t ms, seq, index;
    } key;
};

/* Batches whose messages a successor would have to deliver again. */
struct undelivered {
    struct undelivered *next, *prev;
    struct entry_id last;
    int64_t lowest_id;
};

struct partition {
    uint32_t id;
    enum partition_state state;
    uint32_t generation;     /* raised whenever what is under way must be forgotten */
    bool is_taking;          /* a takeover is under way */
    uint64_t lease_until_ms; /* by the monotonic clock; told by the coordinator */
    int64_t fence;
    struct entry_id cursor;       /* last entry read */
    struct entry_id position;     /* committed, or in a commit under way */
    struct entry_id replay_until; /* position found at takeover */
    struct entry_id delivered;    /* everything up to here is with the gateways' streams */
    struct entry_id watermark;    /* as written to Redis */
    struct undelivered *undelivered;
    struct stored_origin *stored;
    struct rooms rooms;
};

const char *partition_state_name(enum partition_state s);
/* Forget everything but the id and the lease; generation + 1; state becomes `next`. */
void partition_reset(struct partition *p, enum partition_state next);
NODISCARD int partition_note_stored(struct partition *p, const struct origin *origin);
bool partition_is_stored(const struct partition *p, const struct origin *origin);
/* A batch with stored messages went into a commit. */
NODISCARD int partition_note_undelivered(struct partition *p, struct entry_id last,
                                         int64_t lowest_id);
/* The watermark is written up to `until`. */
void partition_watermark_written(struct partition *p, struct entry_id until);
/* Lowest id that a successor may have to deliver again, given that `lowest_id` (0 = none) is
 * about to be stored. REDELIVER_NOTHING: no row of the table need be looked at. */
#define REDELIVER_NOTHING INT64_MAX
int64_t partition_redeliver_from(const struct partition *p, int64_t lowest_id);
/* How many partitions broker number `rank` of `count` should own. */
uint32_t partition_share(uint32_t partitions, uint32_t count, uint32_t rank);
