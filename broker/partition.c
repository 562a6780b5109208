/* SPDX-License-Identifier: MIT */
/* State of a partition at its owner. No I/O. Used by takeover, pipeline and coordinator. */
#include "broker/partition.h"

#include <utlist.h>

#include "common/mem.h"

const char *partition_state_name(enum partition_state s)
{
    static const char *const names[] = {
#define PARTITION_STATE_NAME(name) #name,
        PARTITION_STATE_LIST(PARTITION_STATE_NAME)
#undef PARTITION_STATE_NAME
    };
    return names[s];
}

static void forget_stored(struct partition *p)
{
    struct stored_origin *s, *tmp;
    HASH_ITER(hh, p->stored, s, tmp) {
        HASH_DEL(p->stored, s);
        mem_free(s);
    }
}

void partition_reset(struct partition *p, enum partition_state next)
{
    struct undelivered *u, *tmp;
    uint32_t id = p->id, generation = p->generation + 1;
    uint64_t lease_until_ms = p->lease_until_ms;

    forget_stored(p);
    DL_FOREACH_SAFE(p->undelivered, u, tmp) {
        DL_DELETE(p->undelivered, u);
        mem_free(u);
    }
    rooms_clear(&p->rooms);
    memset(p, 0, sizeof(*p));
    p->id = id;
    p->generation = generation;
    p->lease_until_ms = lease_until_ms;
    p->state = next;
}

int partition_note_stored(struct partition *p, const struct origin *origin)
{
    struct stored_origin *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return ERR_NOMEM;
    }
    s->key.ms = origin->entry.ms;
    s->key.seq = origin->entry.seq;
    s->key.index = origin->index;
    HASH_ADD(hh, p->stored, key, sizeof(s->key), s);
    return 0;
}

bool partition_is_stored(const struct partition *p, const struct origin *origin)
{
    struct stored_origin probe, *found = NULL;
    memset(&probe.key, 0, sizeof(probe.key));
    probe.key.ms = origin->entry.ms;
    probe.key.seq = origin->entry.seq;
    probe.key.index = origin->index;
    HASH_FIND(hh, p->stored, &probe.key, sizeof(probe.key), found);
    return found != NULL;
}

int partition_note_undelivered(struct partition *p, struct entry_id last, int64_t lowest_id)
{
    struct undelivered *u = mem_zalloc(sizeof(*u));
    if (!u) {
        return ERR_NOMEM;
    }
    u->last = last;
    u->lowest_id = lowest_id;
    DL_APPEND(p->undelivered, u);
    return 0;
}

void partition_watermark_written(struct partition *p, struct entry_id until)
{
    p->watermark = until;
    while (p->undelivered && entry_id_cmp(p->undelivered->last, until) <= 0) {
        struct undelivered *u = p->undelivered;
        DL_DELETE(p->undelivered, u);
        mem_free(u);
    }
    if (p->stored && entry_id_cmp(until, p->replay_until) >= 0) {
        forget_stored(p);
    }
}

int64_t partition_redeliver_from(const struct partition *p, int64_t lowest_id)
{
    const struct undelivered *u;
    DL_FOREACH(p->undelivered, u) {
        if (lowest_id == 0 || u->lowest_id < lowest_id) {
            lowest_id = u->lowest_id;
        }
    }
    return lowest_id ? lowest_id : REDELIVER_NOTHING;
}

uint32_t partition_share(uint32_t partitions, uint32_t count, uint32_t rank)
{
    return count ? partitions / count + (rank < partitions % count ? 1u : 0u) : 0;
}
