/* SPDX-License-Identifier: MIT */
#pragma once
/* The ready frames of one topic, in order, one copy for all subscribers: bytes per class (plain,
 * deflated), and for each frame where it ends and who must not get it. Frames have absolute
 * numbers that never repeat; a reader is a number. A frame that tells a passing state (typing,
 * presence) names the state; readers who lag skip it when a newer one of that state is there. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

enum topic_class { TOPIC_PLAIN, TOPIC_DEFLATED, TOPIC_CLASSES };

struct topic_frame {
    struct bytes bytes[TOPIC_CLASSES]; /* the complete WebSocket frame in each class's form;
                                          empty when nobody reads the class */
    int64_t exclude_user;              /* 0 = nobody */
    uint64_t exclude_conn;             /* 0 = none */
    int64_t passing;                   /* the state that it tells; 0 = none: never skipped */
};

struct topic_reader {
    enum topic_class class;
    uint64_t no; /* of the next frame for it */
    int64_t user_id;
    uint64_t conn;
    bool is_lagging; /* skip what is out of date */
};

struct topic_mark;
struct topic_passing;
struct topic_log {
    struct buf data[TOPIC_CLASSES];
    uint64_t data_base[TOPIC_CLASSES]; /* absolute offset of the first byte kept */
    size_t data_head[TOPIC_CLASSES];   /* bytes at the front of `data` that are given up */
    struct topic_mark *marks;          /* ring */
    uint32_t mark_cap, mark_head, count;
    uint64_t first_no;            /* number of the oldest frame kept */
    uint64_t excluding;           /* frames so far that exclude somebody */
    uint64_t passing;             /* frames so far that tell a passing state */
    struct topic_passing *newest; /* by state */
    uint32_t passing_sweep_at;    /* so many of them: those that mean nothing any more go */
};

void topic_log_init(struct topic_log *log, size_t max_bytes);
void topic_log_done(struct topic_log *log);
/* Number of the next frame to be appended. */
static inline uint64_t topic_log_end(const struct topic_log *log)
{
    return log->first_no + log->count;
}
/* Copies the frame's bytes. Errors: ERR_FULL, ERR_NOMEM (nothing appended). */
NODISCARD int topic_log_append(struct topic_log *log, const struct topic_frame *frame);
/* Bytes from frame `no` to the end, in a class. */
uint64_t topic_log_bytes_from(const struct topic_log *log, enum topic_class class, uint64_t no);
/* Frames from `no` to the end, without those that tell a passing state. */
uint64_t topic_log_frames_from(const struct topic_log *log, uint64_t no);
/* Drop all frames before `no`. */
void topic_log_trim(struct topic_log *log, uint64_t no);
/* Give the memory of an empty log back. */
void topic_log_shrink(struct topic_log *log);

/* The next bytes for a reader: as many whole frames as fit in max_bytes, at least one. Points into
 * the log, or into `scratch` (reset first) when frames in between are not for this reader. Valid
 * until the next call that changes log or scratch. *out_next is the reader's new place; bytes may
 * be empty although it moved (nothing was for this user). Errors: ERR_NOMEM, ERR_FULL (scratch). */
NODISCARD int topic_log_span(const struct topic_log *log, const struct topic_reader *reader,
                             size_t max_bytes, struct buf *scratch, struct bytes *out_bytes,
                             uint64_t *out_next);
