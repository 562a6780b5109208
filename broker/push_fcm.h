/* SPDX-License-Identifier: MIT */
#pragma once
/* Sends by Firebase Cloud Messaging: keeps an access token, renews it before it expires, one
 * renewal at a time, and once for a message that was refused for it. Glue. */
#include "broker/fcm.h"
#include "broker/io/http_client.h"

struct push_fcm_deps { /* all borrowed */
    struct loop *loop;
    struct http_client *http;
    const struct fcm_account *account;
    const char *url;     /* FCM_URL */
    uint32_t timeout_ms; /* of one request */
};

struct push_fcm;
struct push_fcm *push_fcm_new(const struct push_fcm_deps *deps); /* NULL: no memory */
/* After the HTTP client was freed. What waits for a token completes with PUSH_RETRY. NULL is fine.
 */
void push_fcm_free(struct push_fcm *f);
/* Everything of the message is copied. Errors: ERR_NOMEM, ERR_FULL (a token too long). */
NODISCARD int push_fcm_send(struct push_fcm *f, const struct push_message *m, push_done_fn *fn,
                            void *arg);
