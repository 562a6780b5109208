/* SPDX-License-Identifier: MIT */
#pragma once
/* The store over PostgreSQL: three connections, one for commits, one for look-ups, one for the
 * listings of the HTTP API, so that what is slow never delays what is not. The store is up when
 * the first two are. All SQL of the running daemon is in store_pg*.c and broker/sql.
 * A server that answers but cannot work (standby, out of resources, statement timed out,
 * deadlock) counts as a lost connection: the link is restarted and the request completes with
 * ERR_UNAVAILABLE, so that recovering is one path for the caller. */
#include "broker/store.h"
#include "common/io/loop.h"

struct store_events {
    void (*on_up)(void *arg);   /* both connections are ready: commits and look-ups */
    void (*on_down)(void *arg); /* either was lost; its pending requests were completed */
};

#define STORE_PG_TIMEOUT_MS 10000u /* of one request; the server gives up a little earlier */

/* `dsn`: anything libpq takes. Reconnects by itself with backoff. NULL without memory or when the
 * dsn is malformed (logged). */
struct store *store_pg_new(struct loop *loop, const char *dsn, const struct store_events *events,
                           void *arg);
void store_pg_free(struct store *s); /* completes pending with ERR_UNAVAILABLE; NULL is fine */
bool store_pg_is_up(const struct store *s);
