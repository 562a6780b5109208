/* SPDX-License-Identifier: MIT */
#pragma once
/* Where a Redis is: redis://[[user]:password@]host[:port][/db], unix:///path[?db=n], or, when
 * Sentinels know it,
 * redis+sentinel://[[user]:password@]host[:port][,host[:port]]…/service[/db][?sentinel_password=p]
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"

#define REDIS_URL_PART_MAX 255u /* of host, user and password, in bytes after percent-decoding */
#define REDIS_URL_PATH_MAX 107u /* what a socket address holds */
#define REDIS_URL_DB_MAX 65535u
#define REDIS_SENTINELS_MAX 8u

struct redis_url {
    bool is_unix;
    char host[REDIS_URL_PART_MAX + 1]; /* name, IPv4, or IPv6 without brackets; path if is_unix */
    uint16_t port;
    uint32_t db;
    char user[REDIS_URL_PART_MAX + 1];
    char password[REDIS_URL_PART_MAX + 1]; /* empty = no AUTH */
    struct redis_sentinels {
        uint32_t count; /* 0: host and port are Redis itself; else they are to be asked for */
        struct {
            char host[REDIS_URL_PART_MAX + 1];
            uint16_t port;
        } at[REDIS_SENTINELS_MAX];
        char service[REDIS_URL_PART_MAX + 1];  /* the primary's name */
        char password[REDIS_URL_PART_MAX + 1]; /* of the Sentinels */
    } sentinels;
};

/* Parse a URL. User and password may be percent-encoded.
 * Errors: ERR_SYNTAX, ERR_LIMIT (a part too long), ERR_RANGE (port, db); *out untouched. */
NODISCARD int redis_url_parse(const char *text, struct redis_url *out);
/* Is the url well-formed? 0 or ERR_SYNTAX. For settings checks. */
NODISCARD int redis_url_check(const char *text);
/* Put in what a Sentinel has answered. Errors: ERR_SYNTAX, ERR_LIMIT, ERR_RANGE. */
NODISCARD int redis_url_set_address(struct redis_url *url, struct bytes host, struct bytes port);
