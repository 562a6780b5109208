/* SPDX-License-Identifier: MIT */
#pragma once
/* JSON string literals for texts that this process writes about itself (logs, health, settings). */
#include "common/buf.h"

/* Append `text` as a JSON string with its quotes. Whatever is not UTF-8 becomes U+FFFD.
 * Errors: ERR_FULL, ERR_NOMEM (buffer unchanged). */
NODISCARD int json_quote(struct buf *out, struct bytes text);
