/* SPDX-License-Identifier: MIT */
/* Keys of the storage. Called by whoever puts something there or has it read. */
#include "broker/storage_key.h"

#include <inttypes.h>
#include <stdio.h>

void storage_key_of_part(const char *storage_name, int64_t part, char out[STORAGE_KEY_MAX])
{
    snprintf(out, STORAGE_KEY_MAX, "part/%.40s/%" PRId64, storage_name, part);
}

void storage_key_of_file(const char *storage_name, const char *what, char out[STORAGE_KEY_MAX])
{
    snprintf(out, STORAGE_KEY_MAX, "file/%.40s/%s", storage_name, what);
}

bool storage_key_is_file(struct bytes key)
{
    return bytes_has_prefix(key, BYTES_LIT("file/")) && key.len < STORAGE_KEY_MAX;
}
