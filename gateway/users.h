/* SPDX-License-Identifier: MIT */
#pragma once
/* The users that have sockets at this gateway: who they are, which sockets, their credits. One
 * copy of name and avatar for all sockets of a user. */
#include <stdint.h>
#include "gateway/map.h"
#include "gateway/session.h"
#include "gateway/user_quota.h"
#include "proto/envelope.h"

struct user {
    UT_hash_handle hh;
    int64_t user_id;
    bool is_staff;
    char *texts; /* user name and avatar, one allocation */
    size_t username_len, avatar_len;
    struct session *sessions; /* linked by user_prev, user_next */
    uint32_t session_count;
    struct user_quota quota;
};

struct user_table {
    struct user *head;
};

/* The session belongs to this user from now on; name and avatar are renewed. Sets s->user.
 * Errors: ERR_NOMEM (nothing changed). */
NODISCARD int user_enter(struct user_table *t, struct session *s, const struct actor *actor);
/* The session is gone. Returns the user when that was its last socket and its entry is to be
 * removed by user_remove() once its credits are given back; else NULL. */
struct user *user_leave(struct session *s);
void user_remove(struct user_table *t, struct user *u);
struct user *user_find(const struct user_table *t, int64_t user_id);
struct actor user_actor(const struct user *u); /* views into the entry */
void user_table_done(struct user_table *t);
