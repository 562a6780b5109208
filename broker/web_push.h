/* SPDX-License-Identifier: MIT */
#pragma once
/* Web push as bytes: a browser's subscription, the encryption of a message for it (RFC 8291, in the
 * aes128gcm coding of RFC 8188), and the sender's own proof (VAPID, RFC 8292). Pure: random numbers
 * come from the caller. */
#include <stdint.h>
#include "broker/openssl.h"
#include "broker/push_message.h"
#include "common/buf.h"
#include "common/err.h"

#define WEB_PUSH_POINT_BYTES 65u /* of P-256, not compressed */
#define WEB_PUSH_AUTH_BYTES 16u
#define WEB_PUSH_ENDPOINT_MAX_BYTES 2048u
#define WEB_PUSH_BODY_MAX_BYTES 4096u /* what every push service takes */
#define WEB_PUSH_TEXT_MAX_BYTES (WEB_PUSH_BODY_MAX_BYTES - 103u)

struct web_push_subscription {
    char endpoint[WEB_PUSH_ENDPOINT_MAX_BYTES + 1];
    unsigned char key[WEB_PUSH_POINT_BYTES]; /* p256dh: the browser's public key */
    unsigned char auth[WEB_PUSH_AUTH_BYTES];
};

/* Read {"endpoint","keys":{"p256dh","auth"}}; more keys do not matter. The endpoint is an https
 * address of visible ASCII with a host and without a user.
 * Errors: ERR_SYNTAX, ERR_MISSING, ERR_RANGE (a value that is not good), ERR_LIMIT, ERR_NOMEM. */
NODISCARD int web_push_read(struct bytes json, struct web_push_subscription *out);

struct web_push_secrets {
    unsigned char salt[16];
    unsigned char private_key[32]; /* used for one message */
};
/* Append the encrypted body.
 * Errors: ERR_LIMIT (longer than WEB_PUSH_TEXT_MAX_BYTES), ERR_RANGE (a key that is not on the
 * curve), ERR_REMOTE (OpenSSL refused), ERR_FULL, ERR_NOMEM; `out` is then as it was. */
NODISCARD int web_push_encrypt(const struct web_push_subscription *to,
                               const struct web_push_secrets *secrets, struct bytes text,
                               struct buf *out);

/* What a page's service worker gets: {"title","body","tag","data":{"notification_id","category",
 * "url"}}; tag is the collapse key. */
NODISCARD int web_push_text(const struct push_message *m, struct buf *out);

/* What the answer of a push service means. */
void web_push_outcome(uint32_t status, uint32_t retry_after_s, struct push_outcome *out);

/* ---- VAPID ---- */

#define VAPID_LIFETIME_S 43200u /* RFC 8292 allows a day */

/* Append "vapid t=…, k=…", the value of Authorization for this endpoint. `subject`: mailto: or
 * https:.
 * Errors: ERR_REMOTE, ERR_FULL, ERR_NOMEM; `out` is then as it was. */
NODISCARD int vapid_authorization(EVP_PKEY *key, const char *subject, const char *endpoint,
                                  uint64_t wall_s, struct buf *out);
/* Append the public key as browsers want it (applicationServerKey): base64url of the point. */
NODISCARD int vapid_public_key(const EVP_PKEY *key, struct buf *out);
