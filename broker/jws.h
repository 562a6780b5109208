/* SPDX-License-Identifier: MIT */
#pragma once
/* Signed statements for other services: JWTs (RFC 7515) by RSA or by the curve P-256. The tokens of
 * our own users are those of jwt_token.h. */
#include "broker/openssl.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

#define JWS_MAX_BYTES 4096u

enum jws_algorithm { JWS_RS256, JWS_ES256 };

/* Read a private key without passphrase.
 * Owns: gives *out_key (EVP_PKEY_free).  Errors: ERR_SYNTAX (no such PEM), ERR_TYPE (another kind
 * of key), ERR_RANGE (RSA of less than 2048 bits), ERR_NOMEM. */
NODISCARD int jws_key_read(enum jws_algorithm algorithm, struct bytes pem, EVP_PKEY **out_key);
/* Append header.claims.signature; the claims are a JSON object.
 * Errors: ERR_REMOTE (OpenSSL refused), ERR_FULL, ERR_NOMEM; `out` is then as it was. */
NODISCARD int jws_sign(enum jws_algorithm algorithm, EVP_PKEY *key, struct bytes claims,
                       struct buf *out);
