/* SPDX-License-Identifier: MIT */
#pragma once
/* Django's password hashes: the `password` column of auth_user. Each of these functions but
 * nothing else in the broker takes long on purpose (0.2 s and more): worker threads only. */
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

#define PASSWORD_MAX_BYTES 4096u     /* Django's forms take no more characters */
#define PASSWORD_HASH_MAX_BYTES 256u /* Django's column: 128 characters */
#define PASSWORD_ITERATIONS_DEFAULT 600000u
#define PASSWORD_ITERATIONS_MAX 10000000u /* 3 s; what a hash asks for is not trusted */
#define PASSWORD_ARGON2_MAX_KIB (1024u * 1024u)
#define PASSWORD_ARGON2_MAX_PASSES 32u
#define PASSWORD_ARGON2_MAX_LANES 64u /* each is a thread for the time of the check */
#define PASSWORD_RANDOM_BYTES 16u

/* Is this the password of the hash? Understood are
 *     pbkdf2_sha256$<iterations>$<salt>$<hash>
 *     argon2$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>
 * A hash that no password fits (empty, or "!…", which Django calls unusable) costs as much as
 * one of PASSWORD_ITERATIONS_DEFAULT. Hashes are compared in constant time.
 * Errors: ERR_DENIED (no), ERR_LIMIT (password or hash too long, or a cost above the limits),
 * ERR_SYNTAX (another kind of hash, or a broken one), ERR_NOMEM. */
NODISCARD int django_password_check(struct bytes password, struct bytes hash);

/* Append a pbkdf2_sha256 hash with a salt of 22 characters.
 * Errors: ERR_LIMIT (password), ERR_RANGE (iterations not 1 to the maximum), ERR_FULL,
 * ERR_NOMEM. */
NODISCARD int django_password_make(struct bytes password, uint32_t iterations,
                                   const unsigned char random[PASSWORD_RANDOM_BYTES],
                                   struct buf *out);

/* Take as long as the check of a pbkdf2_sha256 hash, for a user that does not exist. */
void django_password_check_nobody(struct bytes password, uint32_t iterations);
