/* SPDX-License-Identifier: MIT */
#pragma once
/* Small files with secrets in them, whose contents must not stay in freed memory. Blocking; at
 * start-up only. */
#include "common/buf.h"
#include "common/err.h"

#define SECRET_FILE_MAX_BYTES 65536u

/* `out` must be able to take SECRET_FILE_MAX_BYTES + 1.
 * Errors: ERR_IO (cannot be read), ERR_LIMIT (too long), ERR_FULL, ERR_NOMEM. */
NODISCARD int secret_file_read(const char *path, struct buf *out);
void secret_wipe(struct buf *b); /* and buf_done */
