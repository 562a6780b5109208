/* SPDX-License-Identifier: MIT */
#pragma once
/* The directory of a local storage, below the objects. Only storage_local*.c include it. */
#include "common/err.h"

#define STORAGE_FOLDER_MODE 0700
#define STORAGE_FILE_MODE 0600

/* Open the directory `path` and "~tmp" in it, making both when they are absent. Removes what
 * writers that died have left in "~tmp". Errors: ERR_SYNTAX (no path), as storage.h has them. */
NODISCARD int storage_local_open_root(const char *path, int *out_root, int *out_temp);
