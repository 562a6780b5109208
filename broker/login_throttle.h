/* SPDX-License-Identifier: MIT */
#pragma once
/* Counts wrong passwords per user and address in Redis, for all brokers together, in windows of a
 * minute that begin with the first failure. Glue. Right passwords are never counted nor asked
 * about, so nobody can lock somebody else out. */
#include <stdint.h>
#include "common/bytes.h"
#include "common/io/redis_link.h"

#define LOGIN_WINDOW_MS 60000u

struct login_throttle {
    struct redis_link *link;
    const char *prefix; /* outlives the link */
    uint32_t limit;     /* failures in a window; 0 = no limit */
};

/* Whom a failure counts against; a hash, so that Redis holds no names that people mistyped. */
#define LOGIN_SUBJECT_HEX 40u
struct login_subject {
    char hex[LOGIN_SUBJECT_HEX + 1];
};
struct login_subject login_subject_of(struct bytes username, struct bytes address);

/* err: 0 (within the limit), ERR_LIMIT (over it: retry_after_s, at least 1, until the window
 * ends), ERR_UNAVAILABLE (Redis did not answer, or with an error). */
typedef void login_throttle_fn(void *arg, int err, uint32_t retry_after_s);

/* Count one wrong password.
 * Calls back: once, never inside this call, if 0 was returned.
 * Errors: ERR_UNAVAILABLE, ERR_BUSY, ERR_NOMEM. Not for a limit of 0. */
NODISCARD int login_throttle_count(const struct login_throttle *throttle,
                                   const struct login_subject *subject, login_throttle_fn *fn,
                                   void *arg);
