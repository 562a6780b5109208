/* SPDX-License-Identifier: MIT */
#pragma once
/* The value of the Set-Cookie header that gives or takes away a session. Pure. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

#define SESSION_COOKIE_TEXT_MAX 160u

/* Append "sessionid=<key>; Path=/; HttpOnly; SameSite=Lax; Max-Age=<s>", and "; Secure" if so. To
 * take a cookie away: an empty key and age 0, and the same attributes, without which a browser
 * keeps it. Errors: ERR_SYNTAX (a key that is no session key), ERR_FULL, ERR_NOMEM. */
NODISCARD int session_cookie(struct bytes key, uint32_t max_age_s, bool is_secure, struct buf *out);
