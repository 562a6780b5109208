/* SPDX-License-Identifier: MIT */
#pragma once
/* What each kind of request remembers from one step to the next. Only requests_impl.h includes it.
 */
#include <stdbool.h>
#include <stdint.h>
#include "broker/django_session.h"
#include "broker/login_throttle.h"
#include "common/buf.h"
#include "proto/kinds.h"
#include "proto/limits.h"

struct password_job; /* request_login.c */

struct open_work {
    enum endpoint endpoint;
    size_t room_len, username_len, avatar_len, topic_len;
    int64_t user_id;
    int64_t direct_id; /* the other one of a direct channel; 0 = it is a room */
    bool is_staff;
    char room[ROOM_NAME_MAX];
    char username[USERNAME_MAX_BYTES];
    char avatar[AVATAR_MAX_BYTES];
    char topic[TOPIC_MAX_BYTES];
};

struct login_work {
    struct password_job *job; /* owned until a worker has it; then NULL */
    struct login_subject subject;
    int64_t user_id; /* 0: there is no such user */
    bool is_active;
    bool want_session; /* a cookie instead of tokens */
    char session_key[SESSION_KEY_BYTES + 1];
};

struct refresh_work {
    uint64_t received_us;
    int64_t user_id;
    size_t client_id_len;
    char client_id[CLIENT_ID_MAX_BYTES];
};

struct pull_work {
    uint64_t offset, blob;
    uint32_t bytes;
    bool has_turn; /* see files.h */
};

struct history_work {
    int64_t channel_id;
    uint64_t after, until, seq; /* seq: of the last frame gathered */
    size_t topic_len;
    char topic[TOPIC_MAX_BYTES];
    struct buf frames; /* a line each */
};
