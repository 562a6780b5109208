/* SPDX-License-Identifier: MIT */
#pragma once
/* Free-all-at-once memory for the work on one batch or message. */
#include <stddef.h>
#include "common/bytes.h"
#include "common/err.h"

struct arena;
struct arena *arena_new(size_t max_bytes);       /* NULL without memory */
void arena_free(struct arena *a);                /* NULL is fine */
void arena_reset(struct arena *a);               /* everything given out is invalid */
void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned; NULL over the maximum */
/* Copy bytes into the arena. Errors: ERR_NOMEM (also over the maximum). A NUL follows the copy. */
NODISCARD int arena_dup(struct arena *a, struct bytes src, struct bytes *out_copy);
