/* SPDX-License-Identifier: MIT */
#pragma once
/* Sends web pushes to the push services of browsers. Glue. */
#include "broker/io/http_client.h"
#include "broker/web_push.h"

struct push_web_deps { /* all borrowed */
    struct http_client *http;
    EVP_PKEY *key;       /* VAPID_PRIVATE_KEY_FILE */
    const char *subject; /* VAPID_SUBJECT */
    uint32_t timeout_ms; /* of one request */
    bool allow_private;  /* PUSH_ALLOW_PRIVATE_ENDPOINTS */
};

struct push_web;
struct push_web *push_web_new(const struct push_web_deps *deps); /* NULL: no memory */
void push_web_free(struct push_web *w); /* after the HTTP client was freed; NULL is fine */
/* Everything of the message is copied.
 * Errors: those of web_push_read (the subscription is none), ERR_FULL, ERR_REMOTE (OpenSSL),
 * ERR_BUSY, ERR_NOMEM, ERR_UNAVAILABLE. */
NODISCARD int push_web_send(struct push_web *w, const struct push_message *m, push_done_fn *fn,
                            void *arg);
