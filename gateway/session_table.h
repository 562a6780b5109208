/* SPDX-License-Identifier: MIT */
#pragma once
/* Names for sessions that may be gone when somebody asks: 64-bit ids, generation in the upper
 * half, slot + 1 in the lower. An id is never 0 and never used twice in a process's life (a slot
 * whose generation has run through is retired). */
#include <stdint.h>
#include "common/err.h"

struct session_table;
struct session;

struct session_table *session_table_new(uint32_t max_sessions); /* NULL without memory */
void session_table_free(struct session_table *t);               /* sessions are not its own */
/* Errors: ERR_FULL, ERR_NOMEM. */
NODISCARD int session_table_add(struct session_table *t, struct session *s, uint64_t *out_id);
/* NULL when there is none of this id any more. */
struct session *session_table_find(const struct session_table *t, uint64_t id);
void session_table_remove(struct session_table *t, uint64_t id); /* unknown: nothing */
uint32_t session_table_count(const struct session_table *t);
/* Steps through all sessions: start with *cursor 0; NULL at the end. The one just given may be
 * removed; others may be added or removed, too, and are then seen or not. */
struct session *session_table_next(const struct session_table *t, uint32_t *cursor);
