/* SPDX-License-Identifier: MIT */
#pragma once
/* What has a place in a channel's order: new messages, edits, deletions, relayed batches. One way
 * for all of them: id and seq, row, frame to the room, log. Pure; used by their handlers and by
 * the pipeline when it delivers again. */
#include "broker/dispatch.h"

/* Append the frame of a row. Errors: those of struct buf. */
NODISCARD int content_render(const struct content_row *row, struct buf *out);

/* May this frame store something? A frame at or below the committed position was refused before,
 * and without an id nothing can be stored. */
bool content_may_store(const struct world *w, const struct work *work);
/* Give the row its id, seq, time, channel, author and origin, store it, show it to the room and
 * acknowledge the frame. The frame's JSON is in w->scratch afterwards. Without memory
 * w->fx->err is set and false returned. */
bool content_add(struct world *w, struct work *work, struct content_row *row);
/* A stored row shown again, `json` being its frame. */
void content_show_again(struct world *w, const struct room *room, const struct content_row *row,
                        struct bytes json);
