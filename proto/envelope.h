/* SPDX-License-Identifier: MIT */
#pragma once
/* Gateway -> broker. One envelope is one msgpack array [version, kind, conn, fields…]; a stream
 * entry carries `n` of them one after the other. Decoding gives views into the input, which must
 * outlive the struct. Unknown versions and kinds, wrong counts and trailing bytes are refused. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/client_msg.h"
#include "proto/kinds.h"
#include "proto/limits.h"

enum up_kind {
    UP_OPEN = 1,    /* who is this, may they come in?           -> DOWN_GRANTED / DOWN_REFUSED */
    UP_JOIN = 2,    /* a granted connection enters its topic    -> DOWN_JOINED */
    UP_LEAVE = 3,   /* a connection is gone                     (no answer) */
    UP_FRAME = 4,   /* a client's message                       -> exactly one answer per frame_no:
                       DOWN_REPLY or DOWN_ACK */
    UP_HTTP = 5,    /* an API request                           -> DOWN_HTTP */
    UP_HISTORY = 6, /* what came between two seqs of a topic  -> DOWN_HISTORY */
    UP_NOTIFY = 8,  /* from a broker: people are to be notified        (no answer) */
    UP_REFRESH = 7, /* a newer token for an open connection   -> DOWN_REFRESHED or DOWN_REPLY */
    UP_UPLOAD = 9,  /* a file, or a part of one: of a socket  -> DOWN_REPLY, then maybe DOWN_SEND;
                       of an HTTP request                     -> DOWN_ACK or DOWN_HTTP */
    UP_PULL = 10,   /* a piece of a file, for a download      -> DOWN_PULLED */
};

/* The user behind a connection, as the broker told at GRANTED. */
struct actor {
    int64_t user_id;
    struct bytes username;
    struct bytes avatar;
    bool is_staff;
};

/* The credential material of a request, as it came; the broker picks. Empty = not given. */
struct credentials {
    struct bytes authorization; /* header */
    struct bytes query_token;   /* value of token=, still percent-encoded */
    struct bytes subprotocol;   /* Sec-WebSocket-Protocol header */
    struct bytes cookie;        /* header */
    bool has_query_token;       /* token= was there, maybe empty */
};

struct up_open {
    enum endpoint endpoint;
    struct bytes room; /* chat: name, numeric id or DIRECT_ROOM_PREFIX with a user's id; syntax
                          checked by the gateway */
    struct credentials cred;
    struct bytes address; /* peer address text */
};

struct up_join {
    struct actor actor;
    struct bytes topic; /* "chat:7" */
    bool is_rejoin;     /* registers again (Redis forgot): nothing is announced, the
                           answer carries only the topic's seq */
    bool has_since;     /* the client has everything up to `since` */
    uint64_t since;
};

struct up_leave {
    int64_t user_id;
    struct bytes username;
    struct bytes topic;
    bool is_clean;  /* a close frame came first */
    bool is_typing; /* the others are told that it does not any more, if it was the last one */
};

struct up_frame {
    uint64_t frame_no;    /* of this connection, from 1; 0: of a broker, nobody is answered */
    uint64_t received_us; /* gateway's monotonic clock; comes back in the answer */
    struct actor actor;
    struct bytes topic;
    bool is_outside; /* its socket is not in the topic: access has still to be checked */
    struct client_msg msg;
};

struct up_http { /* conn is the request's id */
    struct bytes method, path, query, body, content_type, address;
    struct credentials cred;
    struct bytes range, if_range, if_none_match; /* headers */
    uint64_t body_bytes; /* > 0: so long a body follows when it is asked for (DOWN_WANTED) */
};

struct up_history {
    struct bytes topic;
    uint64_t after, until; /* content seqs: after < wanted <= until */
};

struct up_refresh {
    uint64_t frame_no, received_us; /* as in up_frame */
    int64_t user_id;                /* must be the token's */
    struct bytes client_id;         /* of the frame; empty = none */
    struct bytes token;
};

struct up_notify {
    struct bytes source;            /* names it, so that a repeat is known; empty for a chat's */
    int64_t channel_id, message_id; /* of a chat's; else 0 */
    uint64_t created_ms;
    struct bytes title, message, category, url; /* sanitised */
    struct bytes users; /* ids, 8 bytes each, little-endian: notify_user() */
};

enum upload_action {
    UPLOAD_START = 1, /* begin, or go on with `upload_id` */
    UPLOAD_CHUNK = 2,
    UPLOAD_CANCEL = 3,
};

/* Bytes of files do not travel in envelopes: they wait under a key of their own (key_blob) until
 * whom they are for takes them away, or BLOB_TTL_MS. */
struct up_upload {
    uint64_t frame_no,
        received_us; /* as in up_frame; of an HTTP body: the piece's number, from 1 */
    struct actor actor;
    struct bytes topic; /* the socket's */
    struct bytes client_id;
    enum upload_action action;
    bool is_http;                      /* a piece of the body of the request `conn` */
    struct bytes upload_id;            /* START: empty = a new one */
    struct bytes file_name, file_type; /* START */
    int64_t file_size, channel_id;     /* START */
    bool is_posted;                    /* START */
    uint32_t chunk_index, chunk_bytes; /* CHUNK */
    uint64_t blob;                     /* CHUNK: where its bytes are */
};

struct up_pull {      /* conn is the request's id */
    struct bytes ref; /* as DOWN_HTTP told it */
    uint64_t offset;
    uint32_t bytes; /* at most PULL_MAX_BYTES */
    uint64_t blob;  /* where they are to be put */
};
static inline size_t notify_user_count(const struct up_notify *n)
{
    return n->users.len / 8;
}
int64_t notify_user(const struct up_notify *n, size_t i);
/* What its frames take at most, all its people having a socket at one gateway. Of one envelope not
 * more than NOTIFY_FRAMES_MAX_BYTES. */
size_t notify_frames_bytes(const struct up_notify *n);
void notify_user_put(char out[8], int64_t user_id);

struct up_envelope {
    enum up_kind kind;
    uint64_t conn; /* id within the gateway's present life, never 0 */
    union {
        struct up_open open;
        struct up_join join;
        struct up_leave leave;
        struct up_frame frame;
        struct up_http http;
        struct up_history history;
        struct up_refresh refresh;
        struct up_notify notify;
        struct up_upload upload;
        struct up_pull pull;
    };
};

/* Is it a request of its own, without an order among the frames of a topic? */
static inline bool up_kind_is_request(enum up_kind kind)
{
    return kind == UP_OPEN || kind == UP_HTTP || kind == UP_HISTORY || kind == UP_REFRESH ||
           kind == UP_UPLOAD || kind == UP_PULL;
}

/* Append one envelope. Errors: ERR_FULL (buffer unchanged), ERR_NOMEM. */
NODISCARD int up_envelope_encode(const struct up_envelope *env, struct buf *out);
/* Decode the next envelope of `in` and give the number of bytes it took. Errors: see mp_read.h,
 * ERR_VERSION, ERR_TYPE, ERR_RANGE, ERR_LIMIT. */
NODISCARD int up_envelope_decode(struct bytes in, struct up_envelope *out_env, size_t *out_used);
