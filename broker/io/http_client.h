/* SPDX-License-Identifier: MIT */
#pragma once
/* HTTPS requests to other services over libcurl: HTTP/2 where the server offers it, connections
 * kept and shared, certificates verified, no redirects, no proxy. Every accepted request completes
 * exactly once and never inside the submitting call. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "common/io/loop.h"

struct http_client;

struct http_client_conf {
    const char *ca_file;       /* PEM, instead of the system's; NULL or "": the system's. Copied */
    uint32_t concurrency;      /* requests under way; more is ERR_BUSY */
    size_t response_max_bytes; /* of a body; more ends the request with ERR_LIMIT */
};

#define HTTP_REQUEST_HEADERS_MAX 8u

/* A POST. Everything is copied. */
struct http_request {
    const char *url; /* https only */
    struct bytes body;
    const char *headers[HTTP_REQUEST_HEADERS_MAX]; /* "Name: value", up to the first NULL */
    uint32_t timeout_ms;                           /* of the whole; not 0 */
    bool is_public_only; /* not to addresses that are no public ones (net_address.h) */
};

struct http_response {
    uint32_t status;
    uint32_t retry_after_s; /* 0 = not said */
    struct bytes body;
};

/* err: 0 with the response (whatever its status), borrowed for the callback's duration;
 * ERR_UNAVAILABLE (no connection, or it broke), ERR_TIMEOUT, ERR_LIMIT, ERR_REMOTE (TLS failed, a
 * certificate that is not trusted among others), ERR_DENIED (an address that is not public),
 * ERR_SYNTAX (no https URL), ERR_NOMEM. May submit; may not free the client. */
typedef void http_client_fn(void *arg, int err, const struct http_response *response);

/* NULL: no memory, or libcurl does not start. */
struct http_client *http_client_new(struct loop *loop, const struct http_client_conf *conf);
/* Pending requests complete with ERR_UNAVAILABLE. NULL is fine. */
void http_client_free(struct http_client *c);
/* Errors: ERR_BUSY, ERR_NOMEM, ERR_UNAVAILABLE (the client is being freed). */
NODISCARD int http_client_post(struct http_client *c, const struct http_request *request,
                               http_client_fn *fn, void *arg);
