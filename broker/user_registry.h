/* SPDX-License-Identifier: MIT */
#pragma once
/* Which connections a user has open, on all gateways together: a Redis hash per user (key_user),
 * field "<gateway>/<conn hex>" -> topic. Glue. Places of gateways that died are found and taken
 * away when a user seems to have too many connections. */
#include <stdint.h>
#include "common/bytes.h"
#include "common/io/redis_link.h"

#define USER_REGISTRY_TTL_MS 86400000u   /* a hash that nobody touched for a day disappears */
#define USER_REGISTRY_SWEEP_FIELDS 4096u /* looked at in one sweep; the rest the next time */
#define USER_REGISTRY_SWEEP_GATEWAYS 64u

struct user_registry {
    struct redis_link *link;
    const char *prefix; /* outlives the link */
    uint32_t limit;     /* connections of one user; 0 = none */
};
struct user_slot {
    struct bytes gateway; /* not empty, at most GATEWAY_NAME_MAX */
    uint64_t conn;
    int64_t user_id;
};

/* err: 0; ERR_LIMIT (the user has no place left, and none was taken); ERR_UNAVAILABLE (Redis did
 * not answer, or with an error: whether the place was taken is unknown). */
typedef void user_registry_fn(void *arg, int err);

/* Take a place; one that this connection has already is kept, whatever the limit.
 * Calls back: once, never inside this call, if 0 was returned.
 * Errors: ERR_UNAVAILABLE, ERR_BUSY, ERR_NOMEM, ERR_LIMIT (gateway's name). */
NODISCARD int user_registry_take(const struct user_registry *registry, const struct user_slot *slot,
                                 struct bytes topic, user_registry_fn *fn, void *arg);
/* Give the place back. Nothing happens while Redis is away: the place is then swept when its
 * gateway has gone, or with the hash. */
void user_registry_give_back(const struct user_registry *registry, const struct user_slot *slot);
