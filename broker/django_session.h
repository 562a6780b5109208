/* SPDX-License-Identifier: MIT */
#pragma once
/* Django's sessions: what the `session_data` column of django_session holds (django.core.signing
 * with the JSON serializer), and the hash that ties a session to the user's present password. The
 * row's expire_date is the caller's to check. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

#define SESSION_KEY_BYTES 32u /* characters of a key that Django makes */
#define SESSION_KEY_RANDOM_BYTES 32u
#define SESSION_AUTH_HASH_BYTES 64u /* SHA-256 in hex */
#define SESSION_DATA_MAX_BYTES (256u * 1024u)
#define SESSION_JSON_MAX_BYTES (1024u * 1024u) /* after inflating */

struct django_session {
    int64_t user_id;                             /* _auth_user_id */
    char auth_hash[SESSION_AUTH_HASH_BYTES + 1]; /* _auth_user_hash */
};

/* Check the signature of session data and read who is logged in. Nothing of it is inflated or
 * parsed before the signature has been checked.
 * Errors: ERR_LIMIT, ERR_SYNTAX (not of this form), ERR_DENIED (signature), ERR_MISSING (nobody
 * is logged in), ERR_RANGE (user id or hash), ERR_NOMEM. */
NODISCARD int django_session_decode(struct bytes data, struct bytes secret_key,
                                    struct django_session *out_session);

/* Append session data as Django's login() makes it, with the ModelBackend.
 * Errors: ERR_RANGE (user id or hash), ERR_FULL, ERR_NOMEM. */
NODISCARD int django_session_encode(const struct django_session *session, struct bytes secret_key,
                                    uint64_t wall_ms, struct buf *out);

/* The auth_hash of a user whose `password` column is `password_hash`. Errors: ERR_NOMEM. */
NODISCARD int django_session_auth_hash(struct bytes password_hash, struct bytes secret_key,
                                       char out_hash[SESSION_AUTH_HASH_BYTES + 1]);
/* Does the session belong to this password? Compared in constant time. */
bool django_session_is_for(const struct django_session *session, struct bytes password_hash,
                           struct bytes secret_key);

/* A new session key: lower-case letters and digits, and a NUL. */
void django_session_key(const unsigned char random[SESSION_KEY_RANDOM_BYTES],
                        char out_key[SESSION_KEY_BYTES + 1]);
