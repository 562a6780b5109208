/* SPDX-License-Identifier: MIT */
#pragma once
/* Where a Redis is: redis://[[user]:password@]host[:port][/db], unix:///path[?db=n]; when Sentinels
 * know it,
 * redis+sentinel://[[user]:password@]host[:port][,host[:port]]…/service[/db][?sentinel_password=p];
 * in a Redis Cluster, redis+cluster://[[user]:password@]host[:port][,host[:port]]…
 * "rediss" instead of "redis" asks for TLS; then ?ca_file=/path names whom to trust instead of the
 * system's authorities. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"

#define REDIS_URL_PART_MAX 255u /* of host, user and password, in bytes after percent-decoding */
#define REDIS_URL_PATH_MAX 107u /* what a socket address holds */
#define REDIS_URL_DB_MAX 65535u
#define REDIS_SEEDS_MAX 8u
#define REDIS_PREFIX_MAX 32u /* of key names, with its braces in a cluster */

/* Of the settings, the same in both daemons. */
#define REDIS_URL_HELP                                                                             \
    "redis://[[user]:password@]host[:port][/db], unix:///path[?db=n], "                            \
    "redis+sentinel://[[user]:password@]host[:port][,host[:port]]/service[/db]"                    \
    "[?sentinel_password=p] or redis+cluster://[[user]:password@]host[:port][,host[:port]]; "      \
    "rediss for redis: TLS, checked by the system's authorities or ?ca_file=/path."
#define REDIS_PREFIX_HELP                                                                          \
    "What all keys in Redis begin with, the same for all processes of one system; in a Redis "     \
    "Cluster it is put in braces, so that they lie in one slot."

/* Who says which server is the primary. */
enum redis_topology { REDIS_ALONE, REDIS_SENTINEL, REDIS_CLUSTER };

struct redis_url {
    bool is_unix, is_tls;
    char host[REDIS_URL_PART_MAX + 1]; /* name, IPv4, or IPv6 without brackets; path if is_unix */
    uint16_t port;
    uint32_t db;
    char user[REDIS_URL_PART_MAX + 1];
    char password[REDIS_URL_PART_MAX + 1]; /* empty = no AUTH */
    char ca_file[REDIS_URL_PART_MAX + 1];  /* empty = the system's */
    struct redis_seeds {
        enum redis_topology topology; /* ALONE: host and port are Redis itself; else they are to
                                         be asked for */
        uint32_t count;
        struct {
            char host[REDIS_URL_PART_MAX + 1];
            uint16_t port;
        } at[REDIS_SEEDS_MAX];
        char service[REDIS_URL_PART_MAX + 1]; /* SENTINEL: the primary's name */
        char user[REDIS_URL_PART_MAX + 1];    /* login at the seeds */
        char password[REDIS_URL_PART_MAX + 1];
    } seeds;
};

/* Parse a URL. User and password may be percent-encoded.
 * Errors: ERR_SYNTAX, ERR_LIMIT (a part too long), ERR_RANGE (port, db); *out untouched. */
NODISCARD int redis_url_parse(const char *text, struct redis_url *out);
/* For settings checks. Errors: ERR_SYNTAX (not well-formed), ERR_MISSING (asks for TLS, and this
 * build has none). */
NODISCARD int redis_url_check(const char *text);
const char *redis_url_problem(int err); /* a sentence about such an error */
/* REDIS_PREFIX, what all keys begin with. In a Redis Cluster it is put in braces, so that all keys
 * of one system lie in one slot: docs/adr/0025-redis-failover.md. One sentence that begins with
 * REDIS_PREFIX when it cannot be that; NULL when it can. */
const char *redis_prefix_problem(const char *url, const char *prefix);
/* Replaces *prefix, of mem.h, by what keys begin with at this url. Errors: ERR_NOMEM. */
NODISCARD int redis_prefix_fit(const char *url, char **prefix);
/* Put in what a seed has answered. Errors: ERR_SYNTAX, ERR_LIMIT, ERR_RANGE. */
NODISCARD int redis_url_set_address(struct redis_url *url, struct bytes host, struct bytes port);
