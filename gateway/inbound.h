/* SPDX-License-Identifier: MIT */
#pragma once
/* What to do with one message of a client: parse, is it legal here, rate limit. Pure; the caller
 * performs the verdict. */
#include <stdbool.h>
#include <stdint.h>
#include "common/arena.h"
#include "common/ratelim.h"
#include "gateway/session.h"
#include "proto/client_msg.h"
#include "proto/codes.h"

#define INBOUND_WINDOW_MS 60000u
#define INBOUND_REFUSALS_MAX 600u /* PROTOCOL.md §7: the 600th within a minute closes */

struct inbound_meter;                             /* the rolling windows of one socket */
void inbound_meter_free(struct inbound_meter *m); /* NULL is fine */

enum inbound_action {
    INBOUND_DROP,    /* the socket is not open: nothing is answered */
    INBOUND_BATCH,   /* judge each of msg.parts, then the rest by inbound_judge_rest() */
    INBOUND_FORWARD, /* to the broker; inbound_give_back() when it cannot go */
    INBOUND_PONG,
    INBOUND_HEARTBEAT_ACK,
    INBOUND_ERROR, /* tell `code` */
    INBOUND_FLOOD, /* tell `code`, then close with 4429 */
};

struct inbound_frame {
    enum endpoint endpoint;
    enum session_state state;
    struct bytes message;
    bool is_binary;
    bool is_oversize; /* over the size limit; `message` is empty */
    bool is_part;     /* of a batch: may be no batch, and its batch is still in the arena */
    uint64_t now_ms;
};

struct inbound_verdict {
    enum inbound_action action;
    enum client_code code;
    uint64_t counted_ms;   /* FORWARD: for inbound_give_back() */
    struct client_msg msg; /* strings are in the arena; client_id as far as it was readable */
};

/* Judge one frame. *meter may be NULL: it is made when something is to be counted. The arena is
 * reset first, but for a part. rate_limit 0 = none. */
void inbound_judge(const struct inbound_frame *frame, uint32_t rate_limit,
                   struct inbound_meter **meter, struct arena *arena, struct inbound_verdict *out);
/* What of a batch is no frame counts as one message. Gives FORWARD, or the refusal. */
void inbound_judge_rest(const struct client_msg *batch, uint32_t rate_limit,
                        struct inbound_meter **meter, uint64_t now_ms, struct inbound_verdict *out);
/* A frame that was judged INBOUND_FORWARD is refused after all: refused frames do not count. */
void inbound_give_back(struct inbound_meter *meter, uint64_t counted_ms);
/* The user's limit refused it: counts as a refusal. Gives INBOUND_ERROR or INBOUND_FLOOD. */
enum inbound_action inbound_refuse(struct inbound_meter **meter, uint64_t now_ms);

/* Is the kind legal from a client of this endpoint in this state? */
bool inbound_is_legal(enum client_kind kind, enum endpoint endpoint, enum session_state state);
/* What a client is told for an error of client_msg_parse(). */
enum client_code inbound_code(int err);
