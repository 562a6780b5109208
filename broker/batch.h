/* SPDX-License-Identifier: MIT */
#pragma once
/* A batch: what one read of the input streams brought (or what a takeover or a dead gateway
 * caused), on its way through the pipeline. Owns all memory that its work needs.
 *
 *   PREPARING -> STORING -> COMMITTED -> DELIVERING -> DELIVERED
 *                  \-> FAILED (being looked into; then dropped) */
#include <stdbool.h>
#include <stddef.h>
#include "broker/dispatch.h"
#include "broker/effects.h"
#include "broker/partition.h"
#include "common/arena.h"

#define BATCH_MEMORY_MAX                                                                           \
    (256u * 1024u * 1024u) /* one read: 32 entries of 16 partitions at their                       \
                              usual 256 KiB, with what is derived from them */
#define BATCH_ENVELOPES_MAX                                                                        \
    3072u /* then no further entry; with the last one it stays below                               \
            STORE_BATCH_ROWS_MAX */
#define BATCH_BYTES_MAX                                                                            \
    (2u * 1024u * 1024u) /* of envelopes; then no further entry. Rendered at their worst (each     \
                            character an entity) they stay below EGRESS_GATEWAY_MAX_BYTES */
#define ENTRY_WAITED_MAX_MS 999999u /* a gateway drops what waited for FRAME_STALE_MS */
#define ENTRY_ENVELOPES_MAX 1024u   /* of one entry; a gateway sends up to UPLINK_BATCH_ENVELOPES */

enum batch_state {
    BATCH_PREPARING,
    BATCH_STORING,
    BATCH_COMMITTED,
    BATCH_DELIVERING,
    BATCH_DELIVERED,
    BATCH_FAILED
};

struct batch_part { /* of one partition */
    struct partition *p;
    uint32_t generation;
    struct entry_id last;
    int64_t lowest_id; /* of its content; 0 = none */
    bool has_stores;   /* also receipts: its position moves */
    bool has_gone;     /* dead gateway: people's sockets to be taken out of the record */
};

struct batch {
    struct batch *next, *prev;
    void *owner; /* the pipeline */
    enum batch_state state;
    struct arena *arena;
    struct work *works;
    size_t work_count, work_cap;
    struct batch_part parts[PARTITIONS_MAX];
    size_t part_count;
    size_t entry_count, bytes;
    struct content_row *again; /* takeover: rows to deliver again */
    struct room **again_rooms;
    size_t again_count;
    struct bytes dead_gateway;    /* its connections are to be removed */
    struct effects fx, people_fx; /* people_fx: what is shown of fx.ops */
    uint64_t submitted_us;
    unsigned waiting;    /* look-ups under way */
    unsigned deliveries; /* under way */
    unsigned refs;       /* callbacks that will still name this batch */
    int failure;         /* of a look-up */
    bool is_prepared, is_dropped, is_presence_tick;
    bool is_presence_all; /* the tick tells all that was chosen before it */
};

/* Read and not yet committed. */
static inline bool batch_is_open(const struct batch *b)
{
    return b->state == BATCH_PREPARING || b->state == BATCH_STORING || b->state == BATCH_FAILED;
}

struct batch *batch_new(void *owner);
void batch_free(struct batch *b);                                    /* only without refs */
struct batch_part *batch_part(struct batch *b, struct partition *p); /* found or added */

/* Add one stream entry: copies it and decodes its envelopes. `fields` are those of the entry.
 * Errors: ERR_MISSING, ERR_TYPE, … the entry is not understood (nothing added); ERR_NOMEM. */
struct entry_fields {
    struct bytes count, gateway, waited, envelopes; /* n, gw, w (may be absent), e */
};
NODISCARD int batch_add_entry(struct batch *b, struct partition *p, struct entry_id id,
                              const struct entry_fields *fields);
/* Copy rows that are to be delivered again. */
NODISCARD int batch_add_again(struct batch *b, struct partition *p, const struct content_row *rows,
                              size_t count);
