/* SPDX-License-Identifier: MIT */
#pragma once
/* What is behind struct token_keys; for jwt_token.c. Everybody else includes jwt_token.h. */
#include <stddef.h>
#include "broker/jwt_token.h"
#include "broker/openssl.h"

struct token_keys {
    enum token_algorithm algorithm;
    char *verify_key; /* the secret, or the public PEM */
    size_t verify_key_len;
    EVP_PKEY *private_key; /* TOKEN_RS256; NULL: nothing can be issued */
};

/* Append the base64url signature of `text`.
 * Errors: ERR_STATE (no private key), ERR_REMOTE (OpenSSL refused), ERR_FULL, ERR_NOMEM. */
NODISCARD int token_sign(const struct token_keys *keys, struct bytes text, struct buf *out);
