/* SPDX-License-Identifier: MIT */
#pragma once
/* The content frames of one batch, gathered per channel for the channel's log in Redis (key_log),
 * from which those who come back are served without a look into the database. Pure; what is
 * gathered is written by content_log.c.
 *
 *     entry <last seq>-0:  n <frames>  j <one JSON text a line>
 *
 * An entry's id is the seq of its last frame, so that XRANGE finds a seq, and Redis refuses what
 * is there already. */
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>
#include "common/arena.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

/* Of one entry: a reader takes entries whole, so they stay small against a page of history. */
#define CHANNEL_LOG_PIECE_BYTES (16u * 1024u)
/* A longer frame is left to the database: it would fill Redis, and several of them the answer to
 * one read of the log. */
#define CHANNEL_LOG_FRAME_BYTES (256u * 1024u)

struct channel_log_piece { /* one entry */
    struct channel_log_piece *next, *prev;
    uint64_t first, last;
    struct buf lines;
};

struct channel_log {
    UT_hash_handle hh;
    int64_t channel_id;
    uint32_t partition;
    bool is_emptied; /* something was deleted: what the log has of it must go */
    struct bytes topic;
    struct channel_log_piece *pieces; /* by seq */
};

struct channel_logs {
    struct arena *arena; /* borrowed */
    struct channel_log *table;
};

void channel_logs_init(struct channel_logs *logs, struct arena *arena);
void channel_logs_done(struct channel_logs *logs);
struct channel_log *channel_logs_get(struct channel_logs *logs, uint32_t partition,
                                     int64_t channel_id, struct bytes topic); /* NULL: no memory */
/* Add the frame with the next seq of a channel; one over CHANNEL_LOG_FRAME_BYTES leaves a gap.
 * Errors: ERR_NOMEM, ERR_FULL. */
NODISCARD int channel_log_add(struct channel_logs *logs, struct channel_log *log, uint64_t seq,
                              struct bytes json);
/* Everything gathered so far and in Redis is to be forgotten. */
void channel_log_empty(struct channel_log *log);

/* Reading a log back, entry by entry, up to a seq or until a page is full. */
struct channel_log_reader {
    uint64_t seq, until; /* of the last frame read; of the last one wanted */
    size_t page_bytes;   /* a page may have more only when it is one frame */
    bool is_full;        /* the next frame does not fit */
    struct buf *page;    /* JSON texts, a line each */
};
/* Errors: ERR_NOT_FOUND (the entry begins after seq + 1: something is missing), ERR_SYNTAX (not an
 * entry of ours), ERR_FULL, ERR_NOMEM. Frames before the error are in the page and counted. */
NODISCARD int channel_log_read(struct channel_log_reader *r, uint64_t last, uint64_t count,
                               struct bytes lines);
static inline bool channel_log_is_read(const struct channel_log_reader *r)
{
    return r->is_full || r->seq >= r->until;
}
