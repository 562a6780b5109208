/* SPDX-License-Identifier: MIT */
#pragma once
/* The first copies of recent messages that had a client_id, so that a repeat is answered without
 * asking the database. Bounded; the oldest goes first. Pure. */
#include <stdbool.h>
#include <stdint.h>
#include "broker/store.h"
#include "common/bytes.h"
#include "common/rcbuf.h"

#define RECENT_MAX 32768u /* about 500 B each: 16 MB */

struct recent;
struct recent *recent_new(void);
void recent_free(struct recent *r);
/* Keep the frame of a message. Keeps a copy of the key; shares `frame`. Without memory it is not
 * kept, which costs only a look-up later. A known key is left as it is. */
void recent_put(struct recent *r, uint32_t partition, const struct client_key *key,
                struct rcbuf *frame);
/* The frame of the first copy (borrowed), or NULL. */
struct rcbuf *recent_find(const struct recent *r, const struct client_key *key);
/* Forget a partition: its messages may not have been committed. */
void recent_forget(struct recent *r, uint32_t partition);
