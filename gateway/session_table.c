/* SPDX-License-Identifier: MIT */
/* Generation-tagged slots: id -> session. Owns slots, not sessions. Used by everything that gets
 * a late answer for a connection. */
#include "gateway/session_table.h"

#include <stddef.h>

#include "common/mem.h"

#define FIRST_CAP 64u
#define NO_SLOT UINT32_MAX

struct slot {
    struct session *session; /* NULL = free or retired */
    uint32_t generation, next_free;
};

struct session_table {
    struct slot *slots;
    uint32_t cap, used, count, first_free, max;
};

struct session_table *session_table_new(uint32_t max_sessions)
{
    struct session_table *t = mem_zalloc(sizeof(*t));

    if (t) {
        t->max = max_sessions < NO_SLOT - 1 ? max_sessions : NO_SLOT - 1;
        t->first_free = NO_SLOT;
    }
    return t;
}

void session_table_free(struct session_table *t)
{
    if (t) {
        mem_free(t->slots);
        mem_free(t);
    }
}

static int grow(struct session_table *t)
{
    uint32_t cap = t->cap ? t->cap * 2 : FIRST_CAP;
    struct slot *slots;

    cap = cap < t->max ? cap : t->max;
    if (cap == t->cap) {
        return ERR_FULL;
    }
    slots = mem_realloc(t->slots, cap * sizeof(*slots));
    if (!slots) {
        return ERR_NOMEM;
    }
    t->slots = slots;
    t->cap = cap;
    return 0;
}

int session_table_add(struct session_table *t, struct session *s, uint64_t *out_id)
{
    uint32_t at = t->first_free;

    if (at != NO_SLOT) {
        t->first_free = t->slots[at].next_free;
    } else {
        int err = t->used == t->cap ? grow(t) : 0;
        if (err != 0) {
            return err;
        }
        at = t->used++;
        t->slots[at].generation = 0;
    }
    t->slots[at].session = s;
    t->count++;
    *out_id = (uint64_t)t->slots[at].generation << 32 | (at + 1);
    return 0;
}

static struct slot *slot_of(const struct session_table *t, uint64_t id)
{
    uint32_t number = (uint32_t)id;

    if (number == 0 || number > t->used || !t->slots[number - 1].session ||
        t->slots[number - 1].generation != id >> 32) {
        return NULL;
    }
    return &t->slots[number - 1];
}

struct session *session_table_find(const struct session_table *t, uint64_t id)
{
    const struct slot *slot = slot_of(t, id);

    return slot ? slot->session : NULL;
}

void session_table_remove(struct session_table *t, uint64_t id)
{
    struct slot *slot = slot_of(t, id);

    if (!slot) {
        return;
    }
    slot->session = NULL;
    t->count--;
    if (slot->generation < UINT32_MAX) {
        slot->generation++;
        slot->next_free = t->first_free;
        t->first_free = (uint32_t)(slot - t->slots);
    }
}

uint32_t session_table_count(const struct session_table *t)
{
    return t->count;
}

struct session *session_table_next(const struct session_table *t, uint32_t *cursor)
{
    while (*cursor < t->used) {
        struct session *s = t->slots[(*cursor)++].session;
        if (s) {
            return s;
        }
    }
    return NULL;
}
