/* SPDX-License-Identifier: MIT */
#pragma once
/* The keys of the tokens, as the settings have them: SECRET_KEY, or the two PEM files. Blocking;
 * at start-up only. */
#include "broker/broker_conf.h"
#include "broker/io/secret_file.h"
#include "broker/jwt_token.h"
#include "common/buf.h"

#define TOKEN_KEY_FILE_MAX_BYTES SECRET_FILE_MAX_BYTES

/* Owns: gives *out_keys (token_keys_free). Units: `out_problem` gets a sentence on an error; it
 * may be NULL.
 * Errors: ERR_IO (a file cannot be read), ERR_LIMIT (a file is too long), and those of
 * token_keys_new. */
NODISCARD int token_key_files_load(const struct broker_conf *conf, struct token_keys **out_keys,
                                   struct buf *out_problem);
