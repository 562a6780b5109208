/* SPDX-License-Identifier: MIT */
#pragma once
/* Sanitises every string of a JSON text, keys too (PROTOCOL.md §7: "every string in
 * batch_update"). Pure. */
#include "broker/sanitize.h"

/* Append the text with all its strings sanitised, in compact form; numbers keep their value, keys
 * their order. Of two keys that become the same the one that was clean stays, else the first: what
 * had to be cleaned never takes the place of what was meant by its name.
 * Errors: ERR_SYNTAX (not an array or object), ERR_DEPTH, ERR_UTF8, ERR_RANGE (NUL), ERR_FULL,
 * ERR_NOMEM; `out` is then as it was. */
NODISCARD int sanitize_json(enum sanitize_mode mode, struct bytes json, struct buf *out);
