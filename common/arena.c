/* SPDX-License-Identifier: MIT */
/* Bump allocation in a list of chunks, newest first. Bounded by the bytes given out; single
 * allocations are never freed. A reset keeps one chunk, so a busy arena stops calling malloc. */
#include "common/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "common/mem.h"

#define ARENA_CHUNK_FIRST 4096u
#define ARENA_CHUNK_LARGEST (256u * 1024u) /* a larger one is never kept over a reset */

struct chunk {
    struct chunk *next;
    size_t cap, used;
    alignas(max_align_t) char data[];
};

struct arena {
    struct chunk *newest;
    size_t max, given;
    size_t next_cap;
};

struct arena *arena_new(size_t max_bytes)
{
    struct arena *a = mem_zalloc(sizeof(*a));

    if (a) {
        a->max = max_bytes < SIZE_MAX / 2 ? max_bytes : SIZE_MAX / 2;
        a->next_cap = ARENA_CHUNK_FIRST;
    }
    return a;
}

/* Frees the whole list except `kept`, which may be NULL. */
static void free_chunks(struct arena *a, struct chunk *kept)
{
    struct chunk *c = a->newest;

    while (c) {
        struct chunk *next = c->next;

        if (c != kept) {
            mem_free(c);
        }
        c = next;
    }
}

void arena_free(struct arena *a)
{
    if (a) {
        free_chunks(a, NULL);
        mem_free(a);
    }
}

void arena_reset(struct arena *a)
{
    struct chunk *kept = NULL;

    for (struct chunk *c = a->newest; c; c = c->next) {
        if (c->cap <= ARENA_CHUNK_LARGEST && (!kept || c->cap > kept->cap)) {
            kept = c;
        }
    }
    free_chunks(a, kept);
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    a->newest = kept;
    a->given = 0;
}

static struct chunk *add_chunk(struct arena *a, size_t need)
{
    size_t cap = need > a->next_cap ? need : a->next_cap;
    struct chunk *c = mem_alloc(sizeof(*c) + cap);

    if (!c) {
        return NULL;
    }
    if (a->next_cap < ARENA_CHUNK_LARGEST) {
        a->next_cap *= 2;
    }
    c->cap = cap;
    c->used = 0;
    c->next = a->newest;
    a->newest = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct chunk *c = a->newest;
    size_t padded;
    char *p;

    if (size > a->max - a->given) {
        return NULL;
    }
    padded = (size + (size == 0) + align - 1) / align * align;
    if (!c || padded > c->cap - c->used) {
        c = add_chunk(a, padded);
    }
    if (!c) {
        return NULL;
    }
    p = c->data + c->used;
    c->used += padded;
    /* The padding counts, so that many tiny pieces are bounded too. */
    a->given = padded < a->max - a->given ? a->given + padded : a->max;
    memset(p, 0, padded);
    return p;
}

int arena_dup(struct arena *a, struct bytes src, struct bytes *out_copy)
{
    char *p = src.len < SIZE_MAX ? arena_alloc(a, src.len + 1) : NULL;

    if (!p) {
        return ERR_NOMEM;
    }
    if (src.len > 0) {
        memcpy(p, src.ptr, src.len);
    }
    *out_copy = bytes_of(p, src.len);
    return 0;
}
