/* SPDX-License-Identifier: MIT */
#pragma once
/* Bytes of files on their way between gateways and brokers: under keys of their own in Redis, over
 * a link of their own, so that they hold up nothing else. A key names the gateway's life, the
 * partition (for its place in a cluster) and a serial of that gateway. Knows nothing of files. */
#include <stdint.h>
#include "common/io/loop.h"
#include "common/io/redis_link.h"

struct blobs;

/* err: 0; ERR_NOT_FOUND (take: nothing there), or an error of the link. data: of a take, borrowed;
 * else empty. */
typedef void blob_done_fn(void *arg, int err, struct bytes data);

/* Keeps prefix until blobs_free; `process` is for the link's name. NULL without memory. */
struct blobs *blobs_new(struct loop *loop, const char *redis_url, const char *prefix,
                        const char *process);
void blobs_free(struct blobs *b); /* completes what is under way first; NULL is fine */

struct blob_name {
    struct bytes gateway; /* its life */
    uint32_t partition;
    uint64_t serial;
};
/* Put bytes there, for BLOB_TTL_MS. Copied. Errors: those of redis_link_command; ERR_NOMEM. */
NODISCARD int blobs_put(struct blobs *b, const struct blob_name *name, struct bytes data,
                        blob_done_fn *fn, void *arg);
/* Read them; they stay. Errors: as above. */
NODISCARD int blobs_read(struct blobs *b, const struct blob_name *name, blob_done_fn *fn,
                         void *arg);
/* They are not needed any more. Not waited for: they go by themselves. */
void blobs_drop(struct blobs *b, const struct blob_name *name);
/* Take them away from there. Errors: as above. */
NODISCARD int blobs_take(struct blobs *b, const struct blob_name *name, blob_done_fn *fn,
                         void *arg);
