/* SPDX-License-Identifier: MIT */
/* Reads FCM_CREDENTIALS_FILE and VAPID_PRIVATE_KEY_FILE. Called once, by main. */
#include "broker/io/push_key_files.h"

#include "broker/io/secret_file.h"
#include "broker/jws.h"
#include "broker/web_push.h"

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

static int load_fcm(const char *path, struct fcm_account **out)
{
    struct buf text;
    int err;

    buf_init(&text, SECRET_FILE_MAX_BYTES + 1);
    err = secret_file_read(path, &text);
    if (err == 0) {
        err = fcm_account_read(buf_bytes(&text), out);
    }
    secret_wipe(&text);
    return err;
}

static int load_vapid(const char *path, EVP_PKEY **out)
{
    struct buf text;
    int err;

    buf_init(&text, SECRET_FILE_MAX_BYTES + 1);
    err = secret_file_read(path, &text);
    if (err == 0) {
        err = jws_key_read(JWS_ES256, buf_bytes(&text), out);
    }
    secret_wipe(&text);
    return err;
}

static int make_public(struct push_keys *keys)
{
    struct buf text;
    int err;

    buf_init(&text, VAPID_PUBLIC_BYTES);
    err = vapid_public_key(keys->vapid, &text);
    if (err == 0) {
        memcpy(keys->vapid_public, buf_bytes(&text).ptr, text.len);
    }
    buf_done(&text);
    return err;
}

int push_key_files_load(const struct broker_conf *conf, struct push_keys *out_keys,
                        struct buf *out_problem)
{
    struct push_keys keys = {0};
    int err = 0;

    if (conf->fcm_credentials_file[0]) {
        err = tell(out_problem, "FCM_CREDENTIALS_FILE", conf->fcm_credentials_file,
                   load_fcm(conf->fcm_credentials_file, &keys.fcm));
    }
    if (err == 0 && conf->vapid_private_key_file[0]) {
        err = load_vapid(conf->vapid_private_key_file, &keys.vapid);
        err = err ? err : make_public(&keys);
        err = tell(out_problem, "VAPID_PRIVATE_KEY_FILE", conf->vapid_private_key_file, err);
    }
    if (err != 0) {
        push_keys_done(&keys);
        return err;
    }
    *out_keys = keys;
    return 0;
}
