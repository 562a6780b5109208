/* SPDX-License-Identifier: MIT */
#pragma once
/* The few texts of Redis that we write or read ourselves. */
#include "common/buf.h"

#define REDIS_RUN_ID_MAX 64u

/* Replace what `out` holds by one command in wire format.
 * Errors: ERR_FULL, ERR_NOMEM (`out` is then empty). */
NODISCARD int redis_format_command(struct buf *out, const struct bytes *argv, size_t argc);
/* The value of "run_id:" in an answer to INFO: up to REDIS_RUN_ID_MAX lower-case hexadecimal
 * digits; none when it is absent or odd. Borrows from `info`. */
struct bytes redis_find_run_id(struct bytes info);
/* Does an error reply say that another server is to be asked, or this one later? The command was
 * not done. */
bool redis_error_is_elsewhere(struct bytes error);
/* "MOVED 866 10.0.0.2:7001": host and port, borrowed; the host is empty when it is the one that was
 * asked. False: it says something else. */
bool redis_moved_to(struct bytes error, struct bytes *out_host, struct bytes *out_port);
/* The first word of an error reply ("WRONGTYPE"): the rest may quote payload and is not logged. */
struct bytes redis_error_word(struct bytes error);
