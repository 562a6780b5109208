/* SPDX-License-Identifier: MIT */
#pragma once
/* What a file is, by libmagic. */
#include <stdbool.h>
#include "common/bytes.h"

/* Load the database; needs the file system. */
bool kind_load(void);
/* The MIME type of standard input, of which `begin` is the beginning; lower case, no parameters.
 * "application/octet-stream" when nothing else is known. Lives until the next call. */
const char *kind_find(struct bytes begin);
