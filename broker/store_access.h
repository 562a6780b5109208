/* SPDX-License-Identifier: MIT */
#pragma once
/* What the broker keeps in PostgreSQL about who may be here: logins, revoked tokens, direct
 * channels, and the changes that end somebody's right. The rules of store.h hold for all of it.
 * Implemented by io/store_pg_access.c. */
#include "broker/store.h"

/* ---- sessions, as Django keeps them ---- */
struct new_session {
    struct bytes key, payload;
    uint32_t age_s; /* from now */
};
NODISCARD int store_session_put(struct store *s, const struct new_session *session,
                                store_done_fn *fn, void *arg);
/* 0 also when there was none. */
NODISCARD int store_session_delete(struct store *s, struct bytes key, store_done_fn *fn, void *arg);

/* ---- revoked tokens ---- */
struct token_names {
    struct bytes jti, family; /* either may be empty */
};
typedef void store_revoked_fn(void *arg, int err, bool is_revoked);
/* Is one of the two names among the revoked ones? */
NODISCARD int store_is_revoked(struct store *s, const struct token_names *names,
                               store_revoked_fn *fn, void *arg);
/* Revoke both names until expires_s (UTC). is_revoked: one of them was already; nothing was
 * changed. */
NODISCARD int store_revoke(struct store *s, const struct token_names *names, uint64_t expires_s,
                           store_revoked_fn *fn, void *arg);

/* ---- direct channels ---- */
/* The channel of the two, made if there is none. NULL: the other is nobody, or not active. */
NODISCARD int store_direct_channel(struct store *s, int64_t user_id, int64_t other_id,
                                   store_channel_fn *fn, void *arg);

/* ---- changes of access: sql/0006 ---- */
#define ACCESS_CHANGES_MAX 500u /* of one answer */

/*    enum      in the table */
#define ACCESS_LIST(X)                                                                             \
    X(USER, "user")       /* may not be here at all, or has another password */                    \
    X(RIGHTS, "rights")   /* may do other things than before */                                    \
    X(MEMBER, "member")   /* is no longer in a private channel */                                  \
    X(CHANNEL, "channel") /* the channel is gone */                                                \
    X(PRIVATE, "private") /* the channel is for members only now */                                \
    X(LOGIN, "login")     /* the session or token family is over */

enum access_kind {
    ACCESS_NONE = 0, /* not understood: written by a newer version */
#define ACCESS_ENUM(name, text) ACCESS_##name,
    ACCESS_LIST(ACCESS_ENUM)
#undef ACCESS_ENUM
};

struct access_change {
    int64_t id;
    enum access_kind kind;
    int64_t user_id, channel_id; /* 0 = any */
    uint64_t login;              /* login_id.h; 0 = any */
};
typedef void store_changes_fn(void *arg, int err, const struct access_change *changes,
                              size_t count);
/* The first ACCESS_CHANGES_MAX by id, without those named. */
NODISCARD int store_access_changes(struct store *s, const int64_t *but_ids, size_t count,
                                   store_changes_fn *fn, void *arg);
NODISCARD int store_access_forget(struct store *s, const int64_t *ids, size_t count,
                                  store_done_fn *fn, void *arg);

/* ---- housekeeping ---- */
typedef void store_trimmed_fn(void *arg, int err, int64_t next_channel);
/* Remove some of what nobody needs any more: revoked tokens that have expired, and events that are
 * out of reach of resuming, of some channels after the given one. next_channel: where to go on;
 * 0 = at the beginning. */
NODISCARD int store_trim(struct store *s, int64_t after_channel, store_trimmed_fn *fn, void *arg);
