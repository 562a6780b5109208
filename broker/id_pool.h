/* SPDX-License-Identifier: MIT */
#pragma once
/* Message ids taken from the database's sequence in blocks, so that no message waits for its id.
 * Emptied whenever a partition has been claimed: ids then keep growing within each channel. */
#include <stddef.h>
#include <stdint.h>
#include "broker/store.h"

#define ID_POOL_BLOCK 4096u
#define ID_POOL_LOW 2048u /* fetch the next block when fewer are left */

struct id_pool;
/* on_ids: called when a block has arrived. A failure is not told: who still needs ids asks again,
 * but not at once. */
struct id_pool *id_pool_new(struct store *store, void (*on_ids)(void *arg), void *arg);
void id_pool_free(struct id_pool *p);  /* not while the store may still answer */
void id_pool_empty(struct id_pool *p); /* answers under way are ignored, too */
/* Borrow the ids at hand (until the next call); id_pool_use() takes `n` from their front. Asks
 * for more when few are left; `need` is how many the caller cannot do without. */
size_t id_pool_peek(struct id_pool *p, size_t need, const int64_t **out_ids);
void id_pool_use(struct id_pool *p, size_t n);
