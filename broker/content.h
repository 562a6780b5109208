/* SPDX-License-Identifier: MIT */
#pragma once
/* What has a place in a channel's order: new messages, edits, deletions, relayed batches. One way
 * for all of them: id and seq, row, frame to the room, log. Pure; used by their handlers and by
 * the pipeline when it delivers again. */
#include "broker/dispatch.h"

/* Append the frame of a row. Errors: those of struct buf. */
NODISCARD int content_render(const struct content_row *row, struct buf *out);

/* The end of a frame that would add `row`: with a code the sender is told; else the row gets its
 * id, seq, time, channel, author and origin, is stored and shown to the room, and the frame is
 * acknowledged. A frame at or below the committed position was refused before, and without an id
 * nothing can be stored: SERVICE_UNAVAILABLE; over CONTENT_FRAME_MAX_BYTES: MESSAGE_TOO_LARGE.
 * Gives whether the row was added; its frame's JSON then is in w->scratch. Without memory
 * w->fx->err is set. */
bool content_conclude(struct world *w, struct work *work, enum client_code code,
                      struct content_row *row);
/* A stored row shown again, `json` being its frame. */
void content_show_again(struct world *w, const struct room *room, const struct content_row *row,
                        struct bytes json);
