/* SPDX-License-Identifier: MIT */
#pragma once
/* broker/io/http_client.h without a network: requests wait until the test answers them, the oldest
 * first. */
#include "broker/io/http_client.h"
#include "fake_fault.h"

#define FAKE_HTTP_MAX 512u

struct fake_http_request {
    char url[256], headers[8][512], body[8192];
    size_t body_len;
    uint32_t timeout_ms;
    bool is_public_only;
    http_client_fn *fn;
    void *arg;
    bool is_open;
};
extern struct fake_fault fake_http_fault; /* of submitting */

void fake_http_reset(void);
size_t fake_http_count(void); /* ever submitted */
size_t fake_http_open(void);  /* not answered yet */
/* The oldest open request whose URL contains the text; NULL = none. */
struct fake_http_request *fake_http_find(const char *url);
void fake_http_answer(struct fake_http_request *r, uint32_t status, const char *body,
                      uint32_t retry_after_s);
void fake_http_fail(struct fake_http_request *r, int err);
