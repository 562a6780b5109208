/* SPDX-License-Identifier: MIT */
#pragma once
/* Every bound of the protocol between gateway, Redis and broker, with its reason. Bounds that an
 * operator may move are settings instead (docs/config.md); these here are shared constants. */

#define PROTO_VERSION 4u

#define PARTITIONS_MAX 256u          /* setting PARTITIONS stays below; tables are sized by it */
#define TOPIC_MAX_BYTES 128u         /* "chat:" + 100 of a room name fits */
#define ROOM_NAME_MAX 100u           /* PROTOCOL.md §2 */
#define DIRECT_ROOM_PREFIX "direct/" /* of a room in UP_OPEN that names a user, not a channel */
#define USERNAME_MAX_BYTES 600u      /* Django: 150 characters of at most 4 bytes */
#define AVATAR_MAX_BYTES 512u        /* a path, not an image */
#define CLIENT_ID_MAX_CHARS 64u      /* PROTOCOL.md §3 */
#define CLIENT_ID_MAX_BYTES 256u     /* 64 characters of at most 4 bytes */
#define CREDENTIAL_MAX_BYTES 8192u   /* a token or a cookie header's session id */
#define HEADER_VALUE_MAX_BYTES 8192u /* one HTTP header that travels to the broker */
#define ADDRESS_MAX_BYTES 64u        /* text of an IPv6 address with its zone */
#define GATEWAY_NAME_MAX 128u        /* "<name>.<16 hex digits>" */
#define ATTACHMENTS_MAX 20u          /* of one message */
#define STATUS_NAME_MAX 16u          /* "online", "away", "busy", "offline" */
#define NOTIFY_USERS_MAX 8192u       /* of one envelope; more go in several */
#define NOTIFY_FRAME_ROOM 512u       /* the two frames for a person, without the texts */
/* Frames of one envelope: far below what may wait for a gateway. One with the longest texts must
 * be able to have a user. */
#define NOTIFY_FRAMES_MAX_BYTES (6u * 1024u * 1024u)
#define NOTIFY_TITLE_MAX_BYTES 1024u /* 200 characters, sanitised */
#define NOTIFY_MESSAGE_MAX_BYTES 16384u
#define NOTIFY_CATEGORY_MAX_BYTES 64u
#define NOTIFY_URL_MAX_BYTES 2048u
#define NOTIFY_SOURCE_MAX_BYTES 128u
#define UPLOAD_ID_MAX_BYTES 64u         /* ours have 22; a client's may be any text */
#define FILE_NAME_GIVEN_MAX_BYTES 2048u /* as a client gives it, before it is cleaned */
#define FILE_TYPE_MAX_BYTES 127u        /* RFC 6838 §4.2: 63 characters, '/', 63 characters */
#define UPLOAD_CHUNKS_MAX 4096u         /* PROTOCOL.md §4: indices 0 to 4095 */
/* Bytes of one chunk. Larger ones come only where WEBSOCKET_MESSAGE_MAX_SIZE was raised; then they
 * would be what decides how much memory an upload takes. */
#define UPLOAD_CHUNK_MAX_BYTES (1024u * 1024u)
#define UPLOAD_CHUNK_ADVICE 262144u /* PROTOCOL.md §4: chunk_size that clients are told */
#define STORAGE_KEY_MAX_BYTES 160u  /* "<family>/<random>/<part>" */
/* Bytes of a file that travel between broker and gateway at a time: few enough not to hold up what
 * else is on the way through Redis, enough for 100 MB/s at 2 ms a turn. */
#define PULL_MAX_BYTES 262144u
/* A piece of a file in Redis that nobody has taken: both sides have given up by then. */
#define BLOB_TTL_MS 30000u
#define BATCH_UPDATES_MAX 50u     /* PROTOCOL.md §3: objects in one batch_update */
#define JSON_DEPTH_MAX 32u        /* PROTOCOL.md §7 */
#define MP_DEPTH_MAX 32u          /* nesting of a msgpack value that is stepped over */
#define ID_MAX 9007199254740991LL /* 2^53-1: exact in every JSON reader */

#define HTTP_BODY_MAX_BYTES 65536u /* PROTOCOL.md §1: 413 above */
#define HTTP_METHOD_MAX_BYTES 16u
#define HTTP_PATH_MAX_BYTES 2048u /* the query has the same bound */
#define HTTP_REPLY_MAX_BYTES (1024u * 1024u)

/* One message is at most 16 MiB by setting; an envelope adds its own fields. */
#define MESSAGE_MAX_BYTES (16u * 1024u * 1024u)
#define ENVELOPE_MAX_BYTES (17u * 1024u * 1024u)
/* A rendered frame that has a seq. A longer one is refused, so that whatever was shown can be
 * shown again: the rest is for what a delivery or a page of history has around it, and for an
 * author's name that has grown since. */
#define CONTENT_FRAME_MAX_BYTES (ENVELOPE_MAX_BYTES - 64u * 1024u)
/* What a gateway puts in one stream entry before it starts the next one: large enough that the
 * cost of an entry vanishes, small enough that the broker's batches stay even. */
#define UPLINK_BATCH_ENVELOPES 512u
#define UPLINK_BATCH_BYTES (256u * 1024u)
/* Frames that a client missed, of one answer: several make a write worth its system call, and a
 * page waits in memory for each client that comes back. */
#define HISTORY_PAGE_BYTES (128u * 1024u)
#define SECTION_ITEMS_MAX 65536u /* items of one section of a delivery */

/* An envelope older than this when the broker comes to it is refused (SERVICE_UNAVAILABLE): the
 * gateway has given its sender that answer at FRAME_WAIT_MS, so it must not be stored later. */
#define FRAME_WAIT_MS 5000u
#define FRAME_STALE_MS 4500u
