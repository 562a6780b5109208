/* SPDX-License-Identifier: MIT */
#pragma once
/* Where a Redis is: redis://[[user]:password@]host[:port][/db] or unix:///path[?db=n]. */
#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"

#define REDIS_URL_PART_MAX 255u /* of host, user and password, in bytes after percent-decoding */
#define REDIS_URL_PATH_MAX 107u /* what a socket address holds */
#define REDIS_URL_DB_MAX 65535u

struct redis_url {
    bool is_unix;
    char host[REDIS_URL_PART_MAX + 1]; /* name, IPv4, or IPv6 without brackets; path if is_unix */
    uint16_t port;
    uint32_t db;
    char user[REDIS_URL_PART_MAX + 1];
    char password[REDIS_URL_PART_MAX + 1]; /* empty = no AUTH */
};

/* Parse a URL. User and password may be percent-encoded.
 * Errors: ERR_SYNTAX, ERR_LIMIT (a part too long), ERR_RANGE (port, db); *out untouched. */
NODISCARD int redis_url_parse(const char *text, struct redis_url *out);
