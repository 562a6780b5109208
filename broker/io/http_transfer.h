/* SPDX-License-Identifier: MIT */
#pragma once
/* One request of http_client.c, as libcurl is told it. Nobody else includes it. */
#include <curl/curl.h>
#include "broker/io/http_client.h"
#include "common/buf.h"

struct transfer {
    struct transfer *next, *prev;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    http_client_fn *fn;
    void *arg;
    bool is_public_only, was_denied, was_too_long;
};

/* NULL without memory. */
struct transfer *transfer_new(const struct http_client_conf *conf,
                              const struct http_request *request);
void transfer_free(struct transfer *t); /* NULL is fine */
/* What a transfer has ended with, as http_client_fn tells it. */
int transfer_error(const struct transfer *t, CURLcode code);
