/* SPDX-License-Identifier: MIT */
/* Sockets per peer address, a map of counters. Decides nothing: the gateway's opening of sockets
 * compares with the setting. */
#include "gateway/address_count.h"

#include "gateway/map.h"

struct address_count {
    UT_hash_handle hh;
    uint32_t sockets;
    char address[];
};

void address_table_done(struct address_table *t)
{
    struct address_count *entry, *next;

    HASH_ITER(hh, t->head, entry, next) {
        HASH_DEL(t->head, entry);
        mem_free(entry);
    }
}

static struct address_count *find(const struct address_table *t, struct bytes address)
{
    struct address_count *entry;

    HASH_FIND(hh, t->head, address.ptr, (unsigned)address.len, entry);
    return entry;
}

uint32_t address_sockets(const struct address_table *t, struct bytes address)
{
    const struct address_count *entry = address.len > 0 ? find(t, address) : NULL;

    return entry ? entry->sockets : 0;
}

struct address_count *address_enter(struct address_table *t, struct bytes address)
{
    struct address_count *entry = find(t, address);

    if (!entry) {
        entry = mem_zalloc(sizeof(*entry) + address.len + 1);
        if (!entry) {
            return NULL;
        }
        if (address.len > 0) {
            memcpy(entry->address, address.ptr, address.len);
        }
        HASH_ADD(hh, t->head, address, (unsigned)address.len, entry);
        if (MAP_HAS_FAILED(entry)) {
            mem_free(entry);
            return NULL;
        }
    }
    entry->sockets++;
    return entry;
}

void address_leave(struct address_table *t, struct address_count *entry)
{
    if (entry && --entry->sockets == 0) {
        HASH_DEL(t->head, entry);
        mem_free(entry);
    }
}
