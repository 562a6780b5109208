/* SPDX-License-Identifier: MIT */
/* HTTP requests by hand. */
#include "fake_http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_fault fake_http_fault;
static struct fake_http_request requests[FAKE_HTTP_MAX];
static size_t count;

void fake_http_reset(void)
{
    memset(requests, 0, sizeof(requests));
    memset(&fake_http_fault, 0, sizeof(fake_http_fault));
    count = 0;
}

size_t fake_http_count(void)
{
    return count;
}

size_t fake_http_open(void)
{
    size_t open = 0;

    for (size_t i = 0; i < count; i++) {
        open += requests[i].is_open;
    }
    return open;
}

struct fake_http_request *fake_http_find(const char *url)
{
    for (size_t i = 0; i < count; i++) {
        if (requests[i].is_open && strstr(requests[i].url, url)) {
            return &requests[i];
        }
    }
    return NULL;
}

void fake_http_answer(struct fake_http_request *r, uint32_t status, const char *body,
                      uint32_t retry_after_s)
{
    const struct http_response response = {
        .status = status, .retry_after_s = retry_after_s, .body = bytes_str(body)};

    r->is_open = false;
    r->fn(r->arg, 0, &response);
}

void fake_http_fail(struct fake_http_request *r, int err)
{
    r->is_open = false;
    r->fn(r->arg, err, NULL);
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_conf *conf)
{
    (void)loop;
    (void)conf;
    return (struct http_client *)(void *)requests;
}

/* As the real one: what is open ends. */
void http_client_free(struct http_client *c)
{
    for (size_t i = 0; c && i < count; i++) {
        if (requests[i].is_open) {
            fake_http_fail(&requests[i], ERR_UNAVAILABLE);
        }
    }
}

int http_client_post(struct http_client *c, const struct http_request *request, http_client_fn *fn,
                     void *arg)
{
    int err = fake_fault_next(&fake_http_fault);
    struct fake_http_request *r = &requests[count];

    (void)c;
    if (err != 0) {
        return err;
    }
    if (count == FAKE_HTTP_MAX || request->body.len > sizeof(r->body)) {
        abort();
    }
    count++;
    *r = (struct fake_http_request){.fn = fn,
                                    .arg = arg,
                                    .is_open = true,
                                    .timeout_ms = request->timeout_ms,
                                    .is_public_only = request->is_public_only,
                                    .body_len = request->body.len};
    (void)snprintf(r->url, sizeof(r->url), "%s", request->url);
    memcpy(r->body, request->body.ptr, request->body.len);
    for (size_t i = 0; i < HTTP_REQUEST_HEADERS_MAX && request->headers[i]; i++) {
        (void)snprintf(r->headers[i], sizeof(r->headers[i]), "%s", request->headers[i]);
    }
    return 0;
}
