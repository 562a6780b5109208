/* SPDX-License-Identifier: MIT */
#pragma once
/* The first copies of recent messages that had a client_id, so that a repeat is answered without
 * asking the database. Bounded; the oldest goes first, of those that are committed before the
 * others. Pure.
 *
 * What is committed stays true when a batch fails and is run again. It must stay known, too: the
 * repeats that two batches met would else make them fail in turns for ever. */
#include <stdbool.h>
#include <stdint.h>
#include "broker/store.h"
#include "common/bytes.h"
#include "common/rcbuf.h"

#define RECENT_MAX 32768u                      /* about 500 B each: 16 MB */
#define RECENT_BYTES_MAX (64u * 1024u * 1024u) /* of frames, should they all be long */

struct recent;
struct recent *recent_new(void);
void recent_free(struct recent *r);
/* Keep the frame of a message that is not committed yet. Keeps a copy of the key; shares `frame`.
 * Without memory it is not kept, which costs only a look-up later. A known key is left as it is. */
void recent_put(struct recent *r, uint32_t partition, const struct client_key *key,
                struct rcbuf *frame);
/* The message with this key was committed. An unknown key is nothing. */
void recent_commit(struct recent *r, const struct client_key *key);
/* The frame of the first copy (borrowed), or NULL. */
struct rcbuf *recent_find(const struct recent *r, const struct client_key *key);
/* The message was deleted: a repeat is answered as after its deletion, without the text. Without
 * memory it is forgotten. An unknown one is nothing. */
void recent_empty(struct recent *r, int64_t message_id);
/* Forget what is not committed of a partition: it may never be. */
void recent_forget_pending(struct recent *r, uint32_t partition);
/* Forget all of a partition: others store its messages now. */
void recent_forget(struct recent *r, uint32_t partition);
void recent_clear(struct recent *r);
