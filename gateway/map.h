/* SPDX-License-Identifier: MIT */
#pragma once
/* uthash with our allocator. Without memory an insertion leaves `hh.tbl` of the element NULL, and
 * the element is not in the map: MAP_HAS_FAILED(element) tells. */
#include "common/mem.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) mem_alloc(size)
#define uthash_free(ptr, size) mem_free(ptr)
#include <uthash.h>

#define MAP_HAS_FAILED(element) ((element)->hh.tbl == NULL)
