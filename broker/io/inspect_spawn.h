/* SPDX-License-Identifier: MIT */
#pragma once
/* A program that reads one file and writes a bounded answer. Only inspect.c includes it. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/err.h"

/* Run `program`, with `argument` if it is not NULL, with standard input a new opening of `fd`, an
 * empty environment and no other descriptor, and collect what it writes until it closes its output,
 * the time is over or `out` is full; then it is killed and reaped. Whether all was written, only
 * the output can tell. Errors: ERR_UNAVAILABLE (could not be run), ERR_NOMEM. */
NODISCARD int inspect_spawn(const char *program, const char *argument, int fd, uint32_t timeout_ms,
                            struct buf *out);
