/* SPDX-License-Identifier: MIT */
#pragma once
/* The 64-bit name of a login: of a Django session, or of all tokens that descend from one login.
 * Sockets remember it, so that what ends the login finds them. Pure. */
#include <stdint.h>
#include "common/bytes.h"

#define LOGIN_NAME_MAX_BYTES 64u /* of a key, of a sid */

/* The first 8 bytes of SHA-256 of "session:<key>" or "token:<sid>", as a big-endian number; what
 * would be 0 is 1. An empty name, or one over LOGIN_NAME_MAX_BYTES: 0, no login. The function
 * access_login_id of sql/0006 does the same. */
uint64_t login_id_of_session(struct bytes key);
uint64_t login_id_of_family(struct bytes sid); /* sid: token_family() of jwt_token.h */
