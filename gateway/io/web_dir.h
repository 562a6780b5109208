/* SPDX-License-Identifier: MIT */
#pragma once
/* Reads the web application from a directory, once, at start-up. */
#include "gateway/web_files.h"

/* All regular files below `root`, but those whose name begins with a dot, and no links. Gives in
 * *out_files. Errors: ERR_NOT_FOUND (no such directory), ERR_LIMIT (too many, too large, too
 * deep), ERR_IO, ERR_NOMEM. */
NODISCARD int web_dir_load(const char *root, struct web_files **out_files);
