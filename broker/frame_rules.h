/* SPDX-License-Identifier: MIT */
#pragma once
/* The rules that several kinds of frames share: which channel is meant, which message, what a text
 * may be. Pure; each gives CODE_NONE or what the sender is told. */
#include "broker/dispatch.h"

/* `channel_id`, if given, must be the socket's own channel; a frame from outside needs access. */
enum client_code rule_channel(const struct work *work);
/* The message that the frame is about (message_id or reply_to): is it one of this channel? */
bool rule_target(const struct world *w, const struct work *work, struct target_state *out_target);
/* The attachments that the frame names, into the row: each one's own, of this channel, in no
 * message, not even one of this batch; none twice. Without any, nothing. */
enum client_code rule_attachments(struct world *w, const struct work *work,
                                  struct content_row *row);
/* The frame's text as it will be stored, in the arena: sanitised, not too long, and not empty but
 * in a message with attachments. */
enum client_code rule_text(struct world *w, const struct work *work, struct bytes *out_text);

/* The message that a frame is about; 0 = none. */
static inline int64_t frame_target_id(const struct client_msg *msg)
{
    return msg->message_id ? msg->message_id : msg->reply_to;
}
/* Does the answer depend on how far its sender has read? */
static inline bool frame_is_receipt(const struct client_msg *msg)
{
    return msg->kind == KIND_READ_RECEIPT || msg->kind == KIND_MARK_READ;
}
