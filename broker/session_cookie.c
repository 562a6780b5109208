/* SPDX-License-Identifier: MIT */
/* Writes the session cookie with the attributes that Django gives it. Called by request_session.c.
 */
#include "broker/session_cookie.h"

#include "broker/http_auth.h"

static bool is_key(struct bytes key)
{
    for (size_t i = 0; i < key.len; i++) {
        char lower = (char)(key.ptr[i] | 0x20);

        if (!(key.ptr[i] >= '0' && key.ptr[i] <= '9') && !(lower >= 'a' && lower <= 'z')) {
            return false;
        }
    }
    return key.len <= SESSION_COOKIE_MAX_BYTES;
}

int session_cookie(struct bytes key, uint32_t max_age_s, bool is_secure, struct buf *out)
{
    if (!is_key(key)) {
        return ERR_SYNTAX;
    }
    return buf_printf(out,
                      SESSION_COOKIE_NAME "=%.*s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%u%s",
                      BYTES_FMT(key), max_age_s, is_secure ? "; Secure" : "");
}
