/* SPDX-License-Identifier: MIT */
#pragma once
/* TLS towards Redis, when the build has a hiredis that speaks it (1.0 and later, with hiredis_ssl;
 * the 0.14 of Debian 12 does not). */
#include "common/err.h"
#include "common/redis_url.h"

struct redisContext;

/* Before the first byte: TLS 1.2 or later, the server's certificate checked against url->host by
 * url->ca_file or the system's authorities. Errors: ERR_UNAVAILABLE (not built in, or no such
 * authorities), ERR_NOMEM. */
NODISCARD int redis_tls_start(struct redisContext *connection, const struct redis_url *url);
