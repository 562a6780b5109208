/* SPDX-License-Identifier: MIT */
#pragma once
/* Taking a partition whose lease one holds: look that nobody else has the lease, raise the fence,
 * learn the committed position and the delivery watermark, and fetch the messages between them,
 * which must be delivered again. Glue; started by the pipeline. */
#include "broker/partition.h"
#include "broker/store.h"
#include "common/io/redis_link.h"

#define TAKEOVER_ROWS_MAX                                                                          \
    163840u /* more than the batches that can be under way at a death: 40 full ones */

struct takeover_deps {
    struct store *store;
    struct redis_link *redis;
    const char *prefix;
    struct bytes owner;
    /* The partition is filled in (cursor, position, …) and may become ACTIVE after `rows` were
     * delivered again. Not called when the partition's generation has changed meanwhile. */
    void (*on_ready)(void *arg, struct partition *p, const struct content_row *rows,
                     size_t row_count);
    void (*on_failed)(void *arg, struct partition *p, int err); /* ERR_STATE: another's lease */
    void *arg;
};

/* The partition is CLAIMING. Ends with on_ready or on_failed, never inside this call. `deps`
 * must outlive it. Errors: those of submitting the first step. */
NODISCARD int takeover_start(const struct takeover_deps *deps, struct partition *p);
