/* SPDX-License-Identifier: MIT */
#pragma once
/* The small HTTP/1.1 responder of the metrics port: GET /metrics, /healthz, /readyz, nothing else
 * (404, 405, 400). One request per connection, at most STATUS_HTTP_CONNS at a time, 2 KiB and
 * 5 s per request. Meant for a local or cluster-internal port. */
#include <stdint.h>
#include "common/buf.h"
#include "common/health.h"
#include "common/io/loop.h"

#define STATUS_HTTP_CONNS 32u

struct status_http;
/* address "127.0.0.1" or "0.0.0.0", "::"…; port 0 = off (gives NULL with *out_err 0).
 * Keeps `health` until freed. Errors: ERR_SYNTAX (no IP address), ERR_CONFLICT (port is taken),
 * ERR_IO, ERR_NOMEM. Every call sets *out_err.
 * on_scrape is called before /metrics is rendered, to refresh gauges; may be NULL. */
struct status_http *status_http_new(struct loop *loop, const char *address, uint16_t port,
                                    const struct health *health, int *out_err);
void status_http_on_scrape(struct status_http *s, loop_fn *fn, void *arg);
void status_http_free(struct status_http *s);
/* The body and type for one of the three paths, for a daemon that also serves them elsewhere.
 * Returns the HTTP status; 404 for other paths. *out_type is static. */
int status_http_body(const struct health *health, struct bytes path, struct buf *out_body,
                     const char **out_type);
