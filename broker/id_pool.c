/* SPDX-License-Identifier: MIT */
/* Keeps a few thousand fresh message ids at hand. Used by the pipeline. */
#include "broker/id_pool.h"

#include <string.h>

#include "common/mem.h"

#define ID_POOL_CAP (4u * ID_POOL_BLOCK)

struct id_pool {
    struct store *store;
    void (*on_ids)(void *arg);
    void *arg;
    uint32_t generation, asked_generation;
    bool is_asking;
    size_t start, end;
    int64_t ids[ID_POOL_CAP];
};

struct id_pool *id_pool_new(struct store *store, void (*on_ids)(void *arg), void *arg)
{
    struct id_pool *p = mem_zalloc(sizeof(*p));
    if (p) {
        p->store = store;
        p->on_ids = on_ids;
        p->arg = arg;
    }
    return p;
}

void id_pool_free(struct id_pool *p)
{
    mem_free(p);
}

void id_pool_empty(struct id_pool *p)
{
    p->start = 0;
    p->end = 0;
    p->generation++;
}

static void on_block(void *arg, int err, const int64_t *ids, size_t count)
{
    struct id_pool *p = arg;

    p->is_asking = false;
    if (err) {
        return;
    }
    if (p->generation == p->asked_generation) {
        memmove(p->ids, p->ids + p->start, (p->end - p->start) * sizeof(p->ids[0]));
        p->end -= p->start;
        p->start = 0;
        if (count > ID_POOL_CAP - p->end) {
            count = ID_POOL_CAP - p->end;
        }
        memcpy(p->ids + p->end, ids, count * sizeof(p->ids[0]));
        p->end += count;
    }
    p->on_ids(p->arg);
}

static void ask(struct id_pool *p, uint32_t count)
{
    if (p->is_asking) {
        return;
    }
    p->asked_generation = p->generation;
    p->is_asking = store_take_ids(p->store, count, on_block, p) == 0;
}

size_t id_pool_peek(struct id_pool *p, size_t need, const int64_t **out_ids)
{
    size_t have = p->end - p->start;

    if (have < need) {
        ask(p, need - have > ID_POOL_BLOCK ? 2 * ID_POOL_BLOCK : ID_POOL_BLOCK);
    } else if (have - need < ID_POOL_LOW) {
        ask(p, ID_POOL_BLOCK);
    }
    *out_ids = p->ids + p->start;
    return have;
}

void id_pool_use(struct id_pool *p, size_t n)
{
    p->start += n;
}
