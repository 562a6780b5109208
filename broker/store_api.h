/* SPDX-License-Identifier: MIT */
#pragma once
/* What the HTTP API asks of PostgreSQL: listings, pages, channels and their members. The rules are
 * those of store.h, but for one: these requests have a connection of their own, which need not be
 * up for the broker to work, and no more than STORE_API_PENDING_MAX of them may wait for it.
 * Implemented by io/store_pg_channels.c and io/store_pg_pages.c. */
#include "broker/store.h"
#include "proto/server_msg.h"

#define STORE_API_PENDING_MAX 64u            /* what is answered later, nobody waits for any more */
#define STORE_CHANNELS_MAX 1000u             /* of one listing */
#define STORE_CHANNELS_CONSIDERED_MAX 10000u /* of which those are the last active */
#define STORE_MEMBERS_LISTED_MAX 1000u       /* of one private channel */
#define STORE_UNREAD_MAX 1000u               /* more are told as so many */
#define STORE_UNREAD_SCAN_MAX 10000u /* messages looked at: the user's own ones do not count */
#define STORE_SEARCH_ROWS_MAX 10000u /* messages that one search looks at */
#define STORE_SEARCH_BYTES_MAX (8u * 1024u * 1024u) /* of text: half a second's work */

struct profile_row {
    int64_t id;
    struct bytes username, first_name, last_name, email, avatar;
    bool is_staff;
};
typedef void store_profile_fn(void *arg, int err, const struct profile_row *profile);
NODISCARD int store_profile(struct store *s, int64_t user_id, store_profile_fn *fn, void *arg);

/* ---- channels ---- */

struct listed_channel {
    int64_t id;
    struct bytes name, kind;
    struct bytes role;    /* of the user asked for; empty = no member */
    struct bytes members; /* JSON array of ids, of private channels; empty = not told */
    bool is_private;
    uint64_t last_seq;
    uint32_t unread_count; /* at most STORE_UNREAD_MAX */
    bool has_message;
    struct chat_message last_message; /* the newest that is not deleted */
};
typedef void store_channels_fn(void *arg, int err, const struct listed_channel *channels,
                               size_t count);
/* The channels that a user may enter, the last active first. */
NODISCARD int store_channels(struct store *s, int64_t user_id, store_channels_fn *fn, void *arg);

struct new_channel {
    struct bytes name;
    bool is_private;
    int64_t creator_id; /* becomes a member, too, and the owner */
    const int64_t *members;
    size_t member_count;
};
struct made_channel {
    int64_t id;           /* 0: was not made */
    int64_t unknown_user; /* why not: a member who does not exist; 0: the name is taken */
    struct bytes members; /* JSON array of ids */
};
typedef void store_made_fn(void *arg, int err, const struct made_channel *made);
/* One transaction. */
NODISCARD int store_create_channel(struct store *s, const struct new_channel *channel,
                                   store_made_fn *fn, void *arg);

struct member_change {
    int64_t channel_id, actor_id, user_id;
    bool actor_is_staff;
    bool is_in; /* becomes a member, else is none any more */
};
/* The numbers are those of chat_set_member. */
enum member_verdict { MEMBER_DONE, MEMBER_NO_CHANNEL, MEMBER_DENIED, MEMBER_NO_USER };
typedef void store_member_fn(void *arg, int err, enum member_verdict verdict);
NODISCARD int store_set_member(struct store *s, const struct member_change *change,
                               store_member_fn *fn, void *arg);

/* ---- pages of messages ---- */

struct listed_message {
    struct chat_message message;          /* seq and client_id are not filled */
    uint64_t edited_at_ms, deleted_at_ms; /* 0 = never */
};
struct message_page {
    bool may_enter; /* false: then there is nothing else */
    uint64_t last_seq;
    const struct listed_message *rows;
    size_t count;
    int64_t scan_end; /* of a search that ended before the channel's beginning: where; else 0 */
};
typedef void store_page_fn(void *arg, int err, const struct message_page *page); /* NULL: no such
                                                                                    channel */
struct page_request {
    int64_t channel_id, user_id;
    int64_t after, before; /* ids, exclusive */
    uint32_t limit;
    bool is_forward; /* those that follow `after`, oldest first; else newest first */
};
/* Deleted messages are there, with empty content. */
NODISCARD int store_messages(struct store *s, const struct page_request *page, store_page_fn *fn,
                             void *arg);
/* Messages older than `before` with these words, newest first. */
NODISCARD int store_search(struct store *s, const struct page_request *page, struct bytes words,
                           store_page_fn *fn, void *arg);
