/* SPDX-License-Identifier: MIT */
/* A hash by (channel, message) and a list by age. Filled by the handlers of content and by the
 * prefetch, asked by both. */
#include "broker/targets.h"

#include <uthash.h>
#include <utlist.h>

#include "common/mem.h"

struct target_key {
    int64_t channel_id, message_id;
};

struct target_entry {
    UT_hash_handle hh;
    struct target_entry *next, *prev;
    struct target_key key;
    struct target_state state;
    uint32_t partition;
};

struct targets {
    struct target_entry *table, *by_age;
    uint32_t count;
};

struct targets *targets_new(void)
{
    return mem_zalloc(sizeof(struct targets));
}

static void drop(struct targets *t, struct target_entry *e)
{
    HASH_DEL(t->table, e);
    DL_DELETE(t->by_age, e);
    mem_free(e);
    t->count--;
}

void targets_clear(struct targets *t)
{
    while (t->by_age) {
        drop(t, t->by_age);
    }
}

void targets_free(struct targets *t)
{
    if (t) {
        targets_clear(t);
        mem_free(t);
    }
}

static struct target_entry *find(const struct targets *t, const struct target_key *key)
{
    struct target_entry *e;

    HASH_FIND(hh, t->table, key, sizeof(*key), e);
    return e;
}

void targets_put(struct targets *t, uint32_t partition, int64_t channel_id, int64_t message_id,
                 const struct target_state *state)
{
    const struct target_key key = {channel_id, message_id};
    struct target_entry *e = find(t, &key);

    if (!e && t->count >= TARGETS_MAX) {
        drop(t, t->by_age);
    }
    if (!e && (e = mem_zalloc(sizeof(*e)))) {
        e->key = key;
        HASH_ADD(hh, t->table, key, sizeof(e->key), e);
        DL_APPEND(t->by_age, e);
        t->count++;
    }
    if (e) {
        e->state = *state;
        e->partition = partition;
    }
}

bool targets_find(const struct targets *t, int64_t channel_id, int64_t message_id,
                  struct target_state *out_state)
{
    const struct target_key key = {channel_id, message_id};
    const struct target_entry *e = find(t, &key);

    if (e) {
        *out_state = e->state;
    }
    return e != NULL;
}

void targets_forget(struct targets *t, uint32_t partition)
{
    struct target_entry *e, *tmp;

    DL_FOREACH_SAFE(t->by_age, e, tmp) {
        if (e->partition == partition) {
            drop(t, e);
        }
    }
}
