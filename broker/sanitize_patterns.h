/* SPDX-License-Identifier: MIT */
#pragma once
/* The seven patterns of the customer's document and the control characters, taken out of text. */
#include <stddef.h>
#include <stdint.h>
#include "common/bytes.h"

/* Copy `in`, which is valid UTF-8, to `text` without control characters (Unicode Cc other than
 * tab and newline) and then without matches of the patterns, so that none is left. Gives the
 * number of bytes written. Case is folded and \s understood as by Python's re for str.
 * Limits: `text` and `states` (working space) have room for in.len elements each. Linear time. */
size_t sanitize_remove_patterns(struct bytes in, char *text, uint64_t *states);
