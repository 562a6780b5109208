/* SPDX-License-Identifier: MIT */
#pragma once
/* Firebase Cloud Messaging, HTTP v1, as texts: the service account, the statement for which Google
 * gives an access token, a message, and what an answer means. Pure; push_fcm.h sends. */
#include <stdbool.h>
#include <stdint.h>
#include "broker/push_message.h"
#include "common/buf.h"
#include "common/err.h"

#define FCM_BODY_MAX_BYTES 16384u
#define FCM_ACCESS_MAX_BYTES 4096u

struct fcm_account; /* its key is wiped when it is freed */

/* Read the JSON file of a service account.
 * Owns: gives *out.  Errors: ERR_SYNTAX (no JSON object, or no PEM in it), ERR_MISSING (a key is
 * not there), ERR_TYPE, ERR_RANGE (no RSA key of 2048 bits; a token_uri that is not https),
 * ERR_NOMEM. */
NODISCARD int fcm_account_read(struct bytes json, struct fcm_account **out);
void fcm_account_free(struct fcm_account *a); /* NULL is fine */
const char *fcm_token_uri(const struct fcm_account *a);
/* Append the address that messages are sent to; `base` without a slash at its end. */
NODISCARD int fcm_send_url(const struct fcm_account *a, const char *base, struct buf *out);

/* Append the form that asks token_uri for an access token (RFC 7523). */
NODISCARD int fcm_grant(const struct fcm_account *a, uint64_t wall_s, struct buf *out);
/* Read the answer: append the token, which has visible ASCII only.
 * Errors: ERR_SYNTAX, ERR_MISSING, ERR_RANGE, those of struct buf; `out` is then as it was. */
NODISCARD int fcm_access_read(struct bytes body, struct buf *out, uint32_t *out_lifetime_s);

/* Append the body that sends a message. */
NODISCARD int fcm_message(const struct push_message *m, uint64_t wall_s, struct buf *out);

/* What an answer means. True: the access token was not taken, and the outcome is to try again. */
bool fcm_outcome(uint32_t status, struct bytes body, uint32_t retry_after_s,
                 struct push_outcome *out);
