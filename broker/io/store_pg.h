/* SPDX-License-Identifier: MIT */
#pragma once
/* The store over PostgreSQL: two connections, one for commits, one for reads, so that a slow
 * read never delays a commit. All SQL of the running daemon is in store_pg*.c. */
#include "broker/store.h"
#include "common/io/loop.h"

struct store_events {
    void (*on_up)(void *arg);       /* both connections are ready */
    void (*on_down)(void *arg);     /* either was lost; pending requests were completed */
};

/* `dsn`: anything libpq takes. Reconnects by itself with backoff. NULL without memory. */
struct store *store_pg_new(struct loop *loop, const char *dsn, const struct store_events *events,
                           void *arg);
void store_pg_free(struct store *s);    /* completes pending with ERR_UNAVAILABLE; NULL is fine */
bool store_pg_is_up(const struct store *s);
