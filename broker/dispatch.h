/* SPDX-License-Identifier: MIT */
#pragma once
/* From an envelope to its handler, and the world a handler may see. Handlers are pure: they read
 * the world, change the room's index and add to the effects; no clock, no database, no Redis. */
#include <stdbool.h>
#include <stdint.h>
#include "broker/effects.h"
#include "broker/recent.h"
#include "broker/rooms.h"
#include "broker/sanitize.h"
#include "broker/targets.h"
#include "proto/codes.h"
#include "proto/envelope.h"
#include "proto/server_msg.h"
#include "proto/server_upload.h"

enum channel_access { ACCESS_UNKNOWN, ACCESS_NO_CHANNEL, ACCESS_DENIED, ACCESS_ALLOWED };

/* What a handler may know and use. */
struct presence;

struct world {
    uint64_t now_ms; /* wall clock */
    enum sanitize_mode sanitize_mode;
    uint32_t message_max_chars, room_presence_limit, resume_limit;
    struct recent *recent;
    struct targets *targets;
    struct presence *presence;
    const int64_t *ids;  /* fresh message ids */
    size_t id_count;     /* taken from the front */
    struct buf *scratch; /* for the text of one frame */
    struct effects *fx;
};

/* One envelope with what was looked up for it. */
struct work {
    struct origin origin;
    struct bytes gateway;
    uint32_t waited_ms; /* at its gateway, before it went into the stream */
    struct up_envelope env;
    struct room *room;    /* JOIN, LEAVE, FRAME: loaded, or marked is_missing */
    struct rooms *rooms;  /* of its partition */
    bool is_stale;        /* too old: its sender was told that nothing was stored */
    bool is_replay;       /* at or below the committed position: must store nothing */
    bool is_stored;       /* replay: its row is there and was delivered again */
    bool is_target_known; /* the message that the frame is about was looked up */
    bool has_target;      /* it is there: */
    struct target_state target;
    const struct attachment *attachments; /* of those that a message names: what it may have */
    uint32_t attachment_count;
    bool are_attachments_known;
    int64_t read_id;                   /* receipts: how far the sender had read */
    enum channel_access other_channel; /* if msg.channel_id is not the room's */
};

/* Handle a JOIN, LEAVE or FRAME. */
void dispatch(struct world *w, struct work *work);

void handle_join(struct world *w, struct work *work);
void handle_leave(struct world *w, struct work *work);
void handle_chat_message(struct world *w, struct work *work);
void handle_edit_message(struct world *w, struct work *work);
void handle_delete_message(struct world *w, struct work *work);
void handle_typing(struct world *w, struct work *work);
void handle_read_receipt(struct world *w, struct work *work);
void handle_batch_update(struct world *w, struct work *work);
void handle_notify(struct world *w, struct work *work);
void handle_notification_frame(struct world *w, struct work *work);
void handle_notifications_join(struct world *w, struct work *work);
void handle_notifications_leave(struct world *w, struct work *work);
/* The last sockets of these people have gone without a word; `users` lives as long as the batch. */
void notifications_gone(struct world *w, enum user_op_kind kind, struct bytes users);
void handle_status_join(struct world *w, struct work *work);
void handle_status_leave(struct world *w, struct work *work);
void handle_status_frame(struct world *w, struct work *work);
/* A gateway died with the last socket of somebody. */
void status_user_gone(struct world *w, int64_t user_id, struct bytes username);
/* Tell what has changed since the last tick. */
void status_tick(struct world *w, const struct room *room);

/* The answer to an UP_JOIN that is not granted. */
void refuse_join(struct world *w, const struct work *work, enum client_code code);
/* An answer to a frame's sender alone; to one of a broker, nothing. */
void reply_error(struct world *w, const struct work *work, enum client_code code,
                 const char *sentence);
void reply_json(struct world *w, const struct work *work, struct bytes json);
void reply_ack(struct world *w, const struct work *work);
/* user_joined / user_left to the others in the room, unless it is too large for that. */
void announce_presence(struct world *w, struct room *room, bool is_joined, int64_t user_id,
                       struct bytes username);
void announce_typing(struct world *w, const struct room *room, int64_t user_id,
                     struct bytes username, enum typing_change change);
