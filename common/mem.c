/* SPDX-License-Identifier: MIT */
/* The C allocator behind a counter, so that a test can make the n-th allocation fail. No pools,
 * no limits: those belong to the containers. All project code allocates through here. */
#include "common/mem.h"

#include <stdint.h>
#include <stdlib.h>

/* Per thread: a test that fails its own allocations leaves worker threads alone. */
static _Thread_local size_t made_count;
static _Thread_local size_t fail_from; /* 0 = never */

static bool is_allowed(void)
{
    made_count++;
    return fail_from == 0 || made_count < fail_from;
}

void *mem_alloc(size_t size)
{
    return is_allowed() ? malloc(size ? size : 1) : NULL;
}

void *mem_zalloc(size_t size)
{
    return is_allowed() ? calloc(1, size ? size : 1) : NULL;
}

void *mem_realloc(void *ptr, size_t size)
{
    return is_allowed() ? realloc(ptr, size ? size : 1) : NULL;
}

void mem_free(void *ptr)
{
    free(ptr);
}

char *mem_dup_str(struct bytes text)
{
    char *copy = text.len < SIZE_MAX ? mem_alloc(text.len + 1) : NULL;

    if (!copy) {
        return NULL;
    }
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    copy[text.len] = '\0';
    return copy;
}

size_t mem_fail_after(size_t nth)
{
    size_t made = made_count;

    made_count = 0;
    fail_from = nth;
    return made;
}
