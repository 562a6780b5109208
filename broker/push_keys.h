/* SPDX-License-Identifier: MIT */
#pragma once
/* What pushes are sent with. Loaded by io/push_key_files.h. */
#include "broker/fcm.h"
#include "broker/openssl.h"

#define VAPID_PUBLIC_BYTES 87u /* base64url of a point of P-256 */

struct push_keys {
    struct fcm_account *fcm;                   /* owned; NULL: nothing goes by FCM */
    EVP_PKEY *vapid;                           /* owned; NULL: nothing goes by web push */
    char vapid_public[VAPID_PUBLIC_BYTES + 1]; /* its public half for browsers; "" without one */
};

static inline void push_keys_done(struct push_keys *keys)
{
    fcm_account_free(keys->fcm);
    EVP_PKEY_free(keys->vapid);
    *keys = (struct push_keys){0};
}
