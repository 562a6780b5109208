/* SPDX-License-Identifier: MIT */
#pragma once
/* What is known of recent messages that frames may be about (replies, edits, deletions, receipts),
 * so that most of them need no look-up. Includes what is handled and not yet committed; that is
 * forgotten with its partition. Bounded; the oldest goes first. Pure. */
#include <stdbool.h>
#include <stdint.h>

#define TARGETS_MAX 65536u /* about 100 B each */

struct target_state {
    int64_t author_id;
    bool is_deleted;
};

struct targets;
struct targets *targets_new(void);
void targets_free(struct targets *t); /* NULL is fine */
/* Know (or know better) a message of a channel of `partition`. Without memory it stays unknown. */
void targets_put(struct targets *t, uint32_t partition, int64_t channel_id, int64_t message_id,
                 const struct target_state *state);
bool targets_find(const struct targets *t, int64_t channel_id, int64_t message_id,
                  struct target_state *out_state);
void targets_forget(struct targets *t, uint32_t partition);
void targets_clear(struct targets *t);
