/* SPDX-License-Identifier: MIT */
/* Reads the PEM files that the settings name and makes the token keys. Called once, at start-up.
 * What was read is wiped: a private key lives on in struct token_keys alone. */
#include "broker/io/token_key_files.h"

#include "broker/io/secret_file.h"

static int tell(struct buf *problem, const char *what, const char *path, int err)
{
    if (problem && err != 0) {
        buf_reset(problem);
        if (buf_printf(problem, "%s %s: %s.", what, path, err_name(err)) != 0) {
            buf_reset(problem);
        }
    }
    return err;
}

static int load_rs256(const struct broker_conf *conf, struct token_keys **out_keys,
                      struct buf *problem)
{
    struct token_settings settings = {.algorithm = TOKEN_RS256};
    struct buf private_pem, public_pem;
    int err;

    buf_init(&private_pem, TOKEN_KEY_FILE_MAX_BYTES + 1);
    buf_init(&public_pem, TOKEN_KEY_FILE_MAX_BYTES + 1);
    err = tell(problem, "JWT_PUBLIC_KEY_FILE", conf->jwt_public_key_file,
               secret_file_read(conf->jwt_public_key_file, &public_pem));
    if (err == 0) {
        err = tell(problem, "JWT_PRIVATE_KEY_FILE", conf->jwt_private_key_file,
                   secret_file_read(conf->jwt_private_key_file, &private_pem));
    }
    if (err == 0) {
        settings.public_pem = buf_bytes(&public_pem);
        settings.private_pem = buf_bytes(&private_pem);
        err = tell(problem, "The RSA keys of", conf->jwt_private_key_file,
                   token_keys_new(&settings, out_keys));
    }
    secret_wipe(&private_pem);
    secret_wipe(&public_pem);
    return err;
}

int token_key_files_load(const struct broker_conf *conf, struct token_keys **out_keys,
                         struct buf *out_problem)
{
    struct token_settings settings = {.algorithm = TOKEN_HS256,
                                      .secret = bytes_str(conf->secret_key)};

    if (conf->jwt_algorithm == TOKEN_RS256) {
        return load_rs256(conf, out_keys, out_problem);
    }
    return tell(out_problem, "The token key", "SECRET_KEY", token_keys_new(&settings, out_keys));
}
