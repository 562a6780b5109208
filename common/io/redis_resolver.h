/* SPDX-License-Identifier: MIT */
#pragma once
/* Asks Sentinels where the primary is (SENTINEL get-master-addr-by-name), one after the other. */
#include "common/bytes.h"
#include "common/io/loop.h"
#include "common/redis_url.h"

struct redis_resolver;

/* Once for each start, never inside of it. Both none: no Sentinel knows. Borrowed; not yet checked
 * to be an address. The resolver may be freed in it. */
typedef void redis_resolved_fn(void *arg, struct bytes host, struct bytes port);

/* Copies `sentinels`. NULL without memory. */
struct redis_resolver *redis_resolver_new(struct loop *loop,
                                          const struct redis_sentinels *sentinels,
                                          redis_resolved_fn *fn, void *arg);
/* The Sentinel that answered last is asked first. Each has a second. */
void redis_resolver_start(struct redis_resolver *r);
void redis_resolver_stop(struct redis_resolver *r); /* no callback follows; NULL is fine */
void redis_resolver_free(struct redis_resolver *r); /* NULL is fine */
