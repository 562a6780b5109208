/* SPDX-License-Identifier: MIT */
#pragma once
/* Which credential decides about a request: PROTOCOL.md §1 and §2. Says nothing about whether it
 * is good. */
#include <stddef.h>
#include "common/bytes.h"
#include "common/err.h"
#include "proto/envelope.h"
#include "proto/limits.h"

#define SESSION_COOKIE_NAME "sessionid"
#define SESSION_COOKIE_MIN_BYTES 8u  /* Django takes no shorter key */
#define SESSION_COOKIE_MAX_BYTES 40u /* the column of django_session */

enum http_credential_kind {
    HTTP_CREDENTIAL_NONE,
    HTTP_CREDENTIAL_TOKEN, /* maybe empty: given, but bad */
    HTTP_CREDENTIAL_SESSION,
};

struct http_credential {
    enum http_credential_kind kind;
    size_t len;
    char value[CREDENTIAL_MAX_BYTES];
};

static inline struct bytes http_credential_value(const struct http_credential *c)
{
    return bytes_of(c->value, c->len);
}

/* Find the credential: a token in "Authorization: Bearer", in the query (percent-decoded here) or
 * in "Sec-WebSocket-Protocol: bearer, <token>"; if none of them is there, the session cookie.
 * Other schemes, protocols and cookies are passed over. A token that is given decides, even when
 * it is empty: the cookie is then not looked at. The same token may come in several places.
 * Errors: ERR_CONFLICT (two different tokens), ERR_SYNTAX (an Authorization with more than one
 * word after Bearer, a broken percent code), ERR_LIMIT (longer than CREDENTIAL_MAX_BYTES). */
NODISCARD int http_auth_find(const struct credentials *given, struct http_credential *out_found);
