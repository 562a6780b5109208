/* SPDX-License-Identifier: MIT */
#pragma once
/* Envelopes on their way to one partition, gathered in batches of one stream entry each. Pure.
 * At most one batch is under way; while it is, later ones gather behind it. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

#define UPLINK_TOTAL_BYTES (64u * 1024u * 1024u) /* of all partitions of a gateway */
#define UPLINK_TOTAL_ENVELOPES 65536u

enum uplink_policy {
    UPLINK_ONCE,    /* frames, HTTP: an unknown outcome is not repeated (it might be stored
                       twice); dropped when stale */
    UPLINK_AGAIN,   /* openings, joins: repeated; dropped when stale */
    UPLINK_LASTING, /* leaves, rejoins: repeated, never dropped */
};

enum uplink_outcome {
    UPLINK_STORED,
    UPLINK_REFUSED, /* certainly not stored: all of it may go again */
    UPLINK_UNKNOWN, /* the connection broke */
};

struct uplink_total { /* shared by the partitions of a gateway */
    size_t bytes;
    uint32_t envelopes;
};

struct uplink_batch;
struct uplink_queue {
    struct uplink_batch *head, *tail, *spare;
    struct uplink_total *total;
    bool is_sending; /* head is under way */
};

void uplink_queue_init(struct uplink_queue *q, struct uplink_total *total);
void uplink_queue_done(struct uplink_queue *q);
bool uplink_queue_is_empty(const struct uplink_queue *q);
/* Errors: ERR_FULL over the total limits, ERR_NOMEM. */
NODISCARD int uplink_queue_push(struct uplink_queue *q, enum uplink_policy policy,
                                struct bytes envelope, uint64_t now_ms);
struct uplink_ready {
    uint32_t count, stale;  /* envelopes in it; dropped before it because they were stale */
    uint32_t waited_ms;     /* the longest that one of them has waited, lasting ones apart */
    struct bytes envelopes; /* valid until uplink_queue_end() */
};
/* Start sending the oldest batch. Stale envelopes are dropped before. Returns false when there is
 * nothing or a batch is under way; out->stale is set all the same. */
bool uplink_queue_begin(struct uplink_queue *q, uint64_t now_ms, struct uplink_ready *out);
/* How it ended. Returns how many envelopes were given up because nobody knows. */
uint32_t uplink_queue_end(struct uplink_queue *q, enum uplink_outcome outcome);
/* Drop stale envelopes (older than FRAME_STALE_MS) while nothing can be sent. Returns how many. */
uint32_t uplink_queue_drop_stale(struct uplink_queue *q, uint64_t now_ms);
