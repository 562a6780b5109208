/* SPDX-License-Identifier: MIT */
#pragma once
/* Allocation entry points. All project code allocates here, so that a test can make the n-th
 * allocation fail. Errors: NULL when memory is short; the caller returns ERR_NOMEM. */
#include <stddef.h>
#include "common/bytes.h"

void *mem_alloc(size_t size);              /* uninitialised; size 0 gives a unique pointer */
void *mem_zalloc(size_t size);             /* zeroed */
void *mem_realloc(void *ptr, size_t size); /* the old block stays valid on failure */
void mem_free(void *ptr);                  /* NULL is fine */
char *mem_dup_str(struct bytes text);      /* gives a NUL-terminated copy */

/* Test hook: the allocation number `nth` from now (1 = the next) and all later ones fail;
 * 0 switches failing off. Returns how many allocations were made since the last call. */
size_t mem_fail_after(size_t nth);
