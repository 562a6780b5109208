/* SPDX-License-Identifier: MIT */
#pragma once
/* What is done for the sockets of people, in PostgreSQL: notifications and presence. A part of the
 * store (store.h), whose rules for completions apply; implemented by io/store_pg_notify.c. */
#include "broker/mentions.h"
#include "broker/store.h"
#include "proto/envelope.h"

/* The numbers are those of notification_apply() in sql/0009. */
enum user_op_kind {
    OP_OPEN = 1,
    OP_NOTIFY,
    OP_READ,
    OP_READ_ALL,
    OP_DISMISS,
    OP_GONE, /* last sockets died with their gateway: what they were told last is pushed now */
    OP_BROKE /* a last socket went without a close frame: pushed unless it is back in time */
};

struct user_op {
    enum user_op_kind kind;
    int64_t user_id;                /* OP_OPEN, OP_READ, OP_READ_ALL, OP_DISMISS */
    int64_t notification_id;        /* OP_READ, OP_DISMISS */
    const struct up_notify *notify; /* OP_NOTIFY; OP_GONE, OP_BROKE: its `users` alone */
    const bool *is_online;          /* OP_NOTIFY: of each of its users: a socket is to be told */
};

enum user_op_code { OP_DONE, OP_UNKNOWN, OP_FOREIGN, OP_REPEATED };

struct user_op_row {
    size_t op; /* index of the operation */
    enum user_op_code code;
    int64_t user_id, notification_id;
    uint64_t seq; /* of the second of the two frames that tell of it; OP_OPEN: of the last one */
    int64_t unread_count;
    struct bytes status;
    uint64_t created_at_ms;
};
typedef void store_user_ops_fn(void *arg, int err, const struct user_op_row *rows, size_t count);
/* One transaction, the operations in their order; batches in the order in which they are given.
 * Repeating it is safe: what was done is told again (OP_REPEATED for OP_NOTIFY). Rows for OP_NOTIFY
 * only of those who are online, none for OP_GONE and OP_BROKE. push_after_s: when the others are
 * pushed to. */
NODISCARD int store_user_ops(struct store *s, const struct user_op *ops, size_t count,
                             uint32_t push_after_s, store_user_ops_fn *fn, void *arg);

/* ---- presence ---- */
struct presence_row {
    int64_t user_id;
    struct bytes username;      /* when read */
    struct bytes chosen, shown; /* "online", … */
    uint64_t last_seen_ms;
};
/* Write what changed. */
NODISCARD int store_presence(struct store *s, const struct presence_row *rows, size_t count,
                             store_done_fn *fn, void *arg);
typedef void store_presence_fn(void *arg, int err, const struct presence_row *rows, size_t count);
/* Everybody who is shown as something else than offline, or wants to appear offline, by id from
 * `from_id` on; at most `limit`. */
NODISCARD int store_presence_shown(struct store *s, int64_t from_id, uint32_t limit,
                                   store_presence_fn *fn, void *arg);

/* ---- whom a chat notifies ---- */
typedef void store_user_ids_fn(void *arg, int err, const int64_t *ids, size_t count);
struct chat_audience {
    int64_t channel_id, author_id; /* the author is told nothing */
    bool has_members;              /* the channel's members are meant, but those `here` */
    struct bytes here;             /* ids, 8 bytes each: notify_user_put() */
    struct bytes names[MENTIONS_MAX];
    size_t name_count; /* mentioned: of these who may enter the channel, wherever they are */
    uint32_t limit;
};
NODISCARD int store_chat_audience(struct store *s, const struct chat_audience *audience,
                                  store_user_ids_fn *fn, void *arg);
