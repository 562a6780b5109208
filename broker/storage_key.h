/* SPDX-License-Identifier: MIT */
#pragma once
/* The keys under which files lie in the storage, as sql/0010 knows them: part/<name>/<number> for a
 * chunk, file/<name>/data and file/<name>/thumb for a whole file. Pure. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"

#define STORAGE_KEY_MAX 128u

void storage_key_of_part(const char *storage_name, int64_t part, char out[STORAGE_KEY_MAX]);
void storage_key_of_file(const char *storage_name, const char *what, char out[STORAGE_KEY_MAX]);
/* Is it one of a whole file, as gateways may ask for it? */
bool storage_key_is_file(struct bytes key);
