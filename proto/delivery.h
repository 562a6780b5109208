/* SPDX-License-Identifier: MIT */
#pragma once
/* Broker -> gateway. A stream entry carries `n` sections; a section is what one entry of one
 * partition's input stream (its origin) made for this gateway:
 * [version, partition, entry_ms, entry_seq, [item, item…]]; entry_ms 0: made by no entry.
 * Decoding gives views into the input. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/codes.h"
#include "proto/envelope.h"
#include "proto/limits.h"

struct entry_id { /* of a Redis stream: <ms>-<seq> */
    uint64_t ms, seq;
};
static inline int entry_id_cmp(struct entry_id a, struct entry_id b)
{
    return a.ms != b.ms ? (a.ms < b.ms ? -1 : 1) : (a.seq > b.seq) - (a.seq < b.seq);
}
#define ENTRY_ID_TEXT_MAX 42u
/* "<ms>-<seq>" with NUL. */
void entry_id_format(struct entry_id id, char out[ENTRY_ID_TEXT_MAX]);
/* Errors: ERR_SYNTAX. "123" is 123-0. */
NODISCARD int entry_id_parse(struct bytes text, struct entry_id *out_id);

enum down_kind {
    DOWN_GRANTED = 1,    /* answer to UP_OPEN: join this topic */
    DOWN_REFUSED = 2,    /* answer to UP_OPEN or UP_JOIN: error frame, then close */
    DOWN_JOINED = 3,     /* answer to UP_JOIN: first frame, and from here on the topic's frames */
    DOWN_TOPIC = 4,      /* one frame for everybody in a topic */
    DOWN_REPLY = 5,      /* answer to UP_FRAME: a frame for the sender alone */
    DOWN_ACK = 6,        /* answer to UP_FRAME: it was done; its frame is in the topic */
    DOWN_HTTP = 7,       /* answer to UP_HTTP */
    DOWN_KICK = 8,       /* close sockets that may not stay */
    DOWN_TYPING = 9,     /* somebody in a topic types, or does not any more */
    DOWN_HISTORY = 10,   /* answer to UP_HISTORY: frames for one connection */
    DOWN_REFRESHED = 11, /* answer to UP_REFRESH: the connection may live on */
    DOWN_SEND = 12,      /* a frame for one connection that answers none of it */
    DOWN_WANTED = 13,    /* answer to an UP_HTTP with body_bytes: send the body, as UP_UPLOADs */
    DOWN_PULLED = 14,    /* answer to UP_PULL */
};

struct down_granted {
    struct actor actor;
    struct bytes topic; /* canonical: "chat:7" */
    uint64_t as_of_ms;  /* what was decided from is not older than this, by Redis' clock */
    uint64_t login;     /* hash of the session or token family; 0 = none: see broker/login_id.h */
    uint64_t expires_s; /* when the token does, UTC; 0 = no token */
};
struct down_refused {
    enum client_code code;
    enum close_code close;
};
struct down_joined {
    struct bytes topic;
    uint64_t seq;      /* last content seq of the topic at this point */
    bool is_resumed;   /* what came after the `since` of the UP_JOIN is to be had by UP_HISTORY */
    struct bytes json; /* connection_established, and what else comes first, a line each;
                          empty for a rejoin */
};
struct down_topic {
    struct bytes topic;
    uint64_t seq;          /* content: its place in the topic; 0 = not content */
    int64_t exclude_user;  /* 0 = nobody: sockets of this user are stepped over */
    uint64_t exclude_conn; /* 0 = none: this connection of this gateway is stepped over */
    int64_t author;        /* a new message's: who wrote, types no more; without a seq: whose
                              passing state it tells. 0 = none */
    struct bytes json;
};
struct down_reply {
    uint64_t frame_no, received_us;
    struct bytes json;
};
struct down_ack {
    uint64_t frame_no, received_us;
};
struct down_http {
    uint32_t status;
    struct bytes content_type;
    struct bytes headers; /* further header lines, each "Name: value\r\n", checked */
    struct bytes body;
    struct bytes ref;    /* not empty: the body is a file's, to be had by UP_PULL; */
    uint64_t ref_offset; /* from here */
    uint64_t ref_bytes;  /* so much */
};
/* Every criterion that is given must fit; at least one is. */
struct down_kick {
    int64_t user_id;       /* 0 = any */
    struct bytes topic;    /* empty = any */
    uint64_t login;        /* 0 = any */
    uint64_t as_of_ms;     /* those that were granted from what was read later may stay */
    enum client_code code; /* told before; CODE_NONE: nothing, closed for resume */
    enum close_code close;
};
enum typing_change {
    TYPING_ON,
    TYPING_OFF,
    TYPING_STOP, /* off, shown only where it is on */
};
struct down_typing {
    struct bytes topic;
    int64_t channel_id, user_id;
    struct bytes username;
    enum typing_change change;
};
struct down_history {
    struct bytes topic;
    uint64_t after, until; /* the frames are all content with after < seq <= until, in order;
                              until == after: it cannot be had now */
    struct bytes frames;   /* JSON texts, each followed by a newline */
};
struct down_refreshed {
    uint64_t frame_no, received_us;
    uint64_t login, expires_s; /* as in down_granted: the connection lives by this token now */
};

struct down_send {
    struct bytes json;
};
struct down_wanted {
    struct actor actor; /* who uploads */
    struct bytes topic; /* of the channel */
    struct bytes upload_id;
};
struct down_pulled {
    uint64_t offset;
    uint64_t blob;
    uint32_t bytes; /* how many are there under the key; 0 = it cannot be read now */
};

struct down_item {
    enum down_kind kind;
    uint64_t conn; /* connection or request id; 0 for TOPIC, TYPING and KICK */
    union {
        struct down_granted granted;
        struct down_refused refused;
        struct down_joined joined;
        struct down_topic topic;
        struct down_reply reply;
        struct down_ack ack;
        struct down_http http;
        struct down_kick kick;
        struct down_typing typing;
        struct down_history history;
        struct down_refreshed refreshed;
        struct down_send send;
        struct down_wanted wanted;
        struct down_pulled pulled;
    };
};

struct down_section {
    uint32_t partition;
    struct entry_id origin;
    uint32_t item_count;
};

/* Writing: the header of a section, then its items one after the other. */
NODISCARD int down_section_encode(const struct down_section *s, struct buf *out);
NODISCARD int down_item_encode(const struct down_item *item, struct buf *out);

/* Reading: struct mp_read in the caller's hands; section header, then item_count items, until
 * mp_at_end. Errors as in envelope.h. */
struct mp_read;
NODISCARD int down_section_decode(struct mp_read *r, struct down_section *out);
NODISCARD int down_item_decode(struct mp_read *r, struct down_item *out);
