/* SPDX-License-Identifier: MIT */
#pragma once
/* The private frames of one socket that are not written yet: errors, pongs, replies. Small and
 * bounded; an empty one owns nothing. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/err.h"
#include "common/rcbuf.h"

#define OUTBOX_FRAMES_MAX                                                                          \
    1500u /* as many as CHANNEL_CAPACITY: one read of a fast client may bring                      \
             hundreds of frames that are each answered */
#define OUTBOX_BYTES_MAX (1024u * 1024u) /* without the one frame that may be larger by itself */

struct outbox;

/* Queue one complete frame. *q may be NULL: it is made. Shares `frame`. One frame over the byte
 * limit is taken beside the others, a second one is not while it waits: a page of history may be
 * one long frame, and is no reason to refuse the answers around it.
 * Errors: ERR_FULL (a slow reader), ERR_NOMEM; then nothing has changed. */
NODISCARD int outbox_push(struct outbox **q, struct rcbuf *frame);
bool outbox_is_empty(const struct outbox *q); /* NULL is empty */
uint32_t outbox_count(const struct outbox *q);
/* Move frames, oldest first, to the end of `out`: as many as max_bytes allow, at least one. An
 * emptied outbox is freed and *q set to NULL. Errors: ERR_NOMEM, ERR_FULL (of out); the frames not
 * appended stay. */
NODISCARD int outbox_drain(struct outbox **q, size_t max_bytes, struct buf *out);
void outbox_free(struct outbox *q); /* NULL is fine */
