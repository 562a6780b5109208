/* SPDX-License-Identifier: MIT */
#pragma once
/* What a channel may be called, and how a room in a path names one by number. */
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"

/* A name is [A-Za-z0-9_-]{1,100} and not only digits, so that it never looks like an id.
 * Errors: ERR_LIMIT (empty or too long), ERR_SYNTAX (another character, or only digits). */
NODISCARD int channel_name_check(struct bytes name);

/* The id in a room of decimal digits, 1 to ID_MAX.
 * Errors: ERR_SYNTAX (empty, or not only digits), ERR_RANGE. */
NODISCARD int channel_number_parse(struct bytes room, int64_t *out_id);
