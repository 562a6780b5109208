/* SPDX-License-Identifier: MIT */
#pragma once
/* The rows of users that asked for something a moment ago, by id, so that a storm of openings is
 * one query a user. Pure: bounded in users, bytes and age; given the time. */
#include <stdint.h>
#include "broker/django_password.h"
#include "broker/store.h"

#define USER_CACHE_USERS 4096u /* at most 2 KiB each */
/* Long enough for all tabs of a browser that come back at once. Who was put out and may come back
 * at once (sql/0006) must not be opened by a row from before: the second kick would hit again. */
#define USER_CACHE_TTL_MS 250u

struct user_cache;
/* `max_users` is rounded up to a power of two, at least 4. NULL without memory. */
struct user_cache *user_cache_new(size_t max_users, uint32_t ttl_ms);
void user_cache_free(struct user_cache *c); /* NULL is fine */

/* Keep a copy of the row, which was asked for at read_ms; an older one of this user, or the oldest
 * of a full set, goes.
 * Errors: ERR_LIMIT (a text is over its bound), ERR_NOMEM; then no row of this user is kept. */
NODISCARD int user_cache_put(struct user_cache *c, const struct user_row *user, uint64_t read_ms);
/* The row, younger than the TTL, or NULL. Borrowed until the next call that changes the cache. */
const struct user_row *user_cache_get(const struct user_cache *c, int64_t id, uint64_t now_ms);
/* The read_ms of a row that user_cache_get gave. */
uint64_t user_cache_read_ms(const struct user_cache *c, int64_t id);
void user_cache_drop(struct user_cache *c, int64_t id);
