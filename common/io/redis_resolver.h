/* SPDX-License-Identifier: MIT */
#pragma once
/* Asks seeds where the primary is, one after the other: Sentinels by the service's name (SENTINEL
 * get-master-addr-by-name), servers of a cluster by one of our keys, which their redirection
 * (MOVED) or their answer places. */
#include "common/bytes.h"
#include "common/io/loop.h"
#include "common/redis_url.h"

struct redis_resolver;

/* Once for each start, never inside of it. Both none: no seed knows. Borrowed; not yet checked
 * to be an address. The resolver may be freed in it. */
typedef void redis_resolved_fn(void *arg, struct bytes host, struct bytes port);

/* Borrows `url` and `prefix` (of all our keys) until redis_resolver_free(). NULL without memory. */
struct redis_resolver *redis_resolver_new(struct loop *loop, const struct redis_url *url,
                                          const char *prefix, redis_resolved_fn *fn, void *arg);
/* The seed that answered last is asked first. Each has a second. */
void redis_resolver_start(struct redis_resolver *r);
void redis_resolver_stop(struct redis_resolver *r); /* no callback follows; NULL is fine */
/* What the last answer led to was no primary: another seed is asked first. NULL is fine. */
void redis_resolver_doubt(struct redis_resolver *r);
void redis_resolver_free(struct redis_resolver *r); /* NULL is fine */
