/* SPDX-License-Identifier: MIT */
/* Checks of a PostgreSQL connection string. Opens nothing, logs nothing. Called by pg_link and
 * pg_cli before they connect, so that what they log later is free of secrets. */
#include "broker/io/pg_dsn.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <string.h>

#include "common/bytes.h"
#include "common/io/name_lookup.h"
#include "common/mem.h"

static bool option_is_plain(const char *keyword, const char *value)
{
    if (strcmp(keyword, "host") == 0) {
        /* A leading '@' is an abstract Unix socket. */
        return value[0] == '\0' || strchr(value + 1, '@') == NULL;
    }
    if (strcmp(keyword, "port") == 0) {
        return value[strspn(value, "0123456789,")] == '\0';
    }
    return true;
}

int pg_dsn_check(const char *dsn)
{
    PQconninfoOption *options = NULL;
    int err = 0;

    if (!dsn) {
        return ERR_SYNTAX;
    }
    options = PQconninfoParse(dsn, NULL);
    if (!options) {
        return ERR_SYNTAX;
    }
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (o->val && !option_is_plain(o->keyword, o->val)) {
            err = ERR_SYNTAX;
        }
    }
    PQconninfoFree(options);
    return err;
}

char *pg_dsn_host(const char *dsn)
{
    PQconninfoOption *options = PQconninfoParse(dsn, NULL), *o;
    char *host = NULL;
    bool is_lone = true;

    for (o = options; o && o->keyword; o++) {
        if (!o->val || o->val[0] == '\0') {
            continue;
        }
        if (strcmp(o->keyword, "hostaddr") == 0) {
            is_lone = false;
        } else if (strcmp(o->keyword, "host") == 0) {
            is_lone = is_lone && !strpbrk(o->val, ",/@") && !name_is_address(o->val);
            mem_free(host);
            host = mem_dup_str(bytes_str(o->val));
        }
    }
    PQconninfoFree(options);
    if (!is_lone) {
        mem_free(host);
        host = NULL;
    }
    return host;
}
