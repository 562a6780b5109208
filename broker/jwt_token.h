/* SPDX-License-Identifier: MIT */
#pragma once
/* The access and refresh tokens of PROTOCOL.md §1: JWTs (RFC 7519) as Django's SimpleJWT writes
 * them, so that either side takes the other's. */
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/limits.h"

#define TOKEN_MAX_BYTES CREDENTIAL_MAX_BYTES
#define TOKEN_JTI_MAX 64u /* ours have 32; other issuers may write UUIDs with dashes */
#define TOKEN_RANDOM_BYTES 16u

/* In the order of the choices of the setting JWT_ALGORITHM. */
enum token_algorithm { TOKEN_HS256, TOKEN_RS256 };

enum token_type {
    TOKEN_ANY, /* only as what is wanted of a token */
    TOKEN_ACCESS,
    TOKEN_REFRESH,
};

struct token_settings {
    enum token_algorithm algorithm;
    struct bytes secret;      /* TOKEN_HS256: not empty */
    struct bytes public_pem;  /* TOKEN_RS256: "BEGIN PUBLIC KEY", RSA of 2048 bits or more */
    struct bytes private_pem; /* TOKEN_RS256: without passphrase; empty: nothing is issued */
};

struct token_claims {
    enum token_type type;
    int64_t user_id;                    /* 1 to ID_MAX */
    uint64_t expires_at_s, issued_at_s; /* since 1970; issued_at_s 0 = not in the token */
    char jti[TOKEN_JTI_MAX + 1];        /* the token's own name, by which it can be revoked */
    char sid[TOKEN_JTI_MAX + 1];        /* jti of the refresh token that the login gave, of which
                                           this one descends; "" = not in the token */
};

/* The login that a token belongs to: its sid; else, of a refresh token, its jti: it is the first
 * of a family. Nothing for an access token that SimpleJWT made by itself. */
struct bytes token_family(const struct token_claims *claims);

struct token_keys;
/* Set up the keys once; they are copied.
 * Owns: gives *out_keys.  Errors: ERR_MISSING, ERR_SYNTAX (PEM not readable), ERR_TYPE (not RSA),
 * ERR_RANGE (a key too short, or over 64 KiB), ERR_NOMEM. */
NODISCARD int token_keys_new(const struct token_settings *settings, struct token_keys **out_keys);
void token_keys_free(struct token_keys *keys); /* NULL is fine; the secret is wiped */

/* Check signature, lifetime and type, in this order; nothing a token says is used before its
 * signature has been checked with the configured algorithm. No leeway.
 * Errors: ERR_LIMIT (longer than TOKEN_MAX_BYTES), ERR_SYNTAX (not three parts of base64url),
 * ERR_DENIED (signature or algorithm), ERR_MISSING, ERR_RANGE (a claim that no issuer of ours
 * writes, or issued in the future), ERR_TIMEOUT (expired), ERR_TYPE (another type than `want`),
 * ERR_NOMEM. */
NODISCARD int token_verify(const struct token_keys *keys, struct bytes token, enum token_type want,
                           uint64_t wall_ms, struct token_claims *out_claims);

/* Append a signed token to `out`. Its user_id is an integer.
 * Errors: ERR_STATE (no private key), ERR_RANGE (claims that token_verify refuses), ERR_FULL,
 * ERR_NOMEM, ERR_REMOTE (OpenSSL could not sign). */
NODISCARD int token_issue(const struct token_keys *keys, const struct token_claims *claims,
                          struct buf *out);

/* Fill claims->jti with the 32 hex digits of a random number. */
void token_set_jti(struct token_claims *claims, const unsigned char random[TOKEN_RANDOM_BYTES]);
