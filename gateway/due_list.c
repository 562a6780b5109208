/* SPDX-License-Identifier: MIT */
/* Ordered deadlines with one common delay: a ring that is only ever extended at its end. Used by
 * the socket port for pings, closes and HTTP requests; it decides nothing about them. */
#include "gateway/due_list.h"

#include <stddef.h>

void due_list_init(struct due_list *l, uint64_t delay_ms)
{
    l->head.prev = l->head.next = &l->head;
    l->head.at_ms = 0;
    l->delay_ms = delay_ms;
}

void due_stop(struct due *d)
{
    if (!d->next) {
        return;
    }
    d->prev->next = d->next;
    d->next->prev = d->prev;
    d->prev = d->next = NULL;
}

void due_start(struct due_list *l, struct due *d, uint64_t now_ms)
{
    due_stop(d);
    d->at_ms = now_ms + l->delay_ms;
    d->prev = l->head.prev;
    d->next = &l->head;
    d->prev->next = d;
    l->head.prev = d;
}

struct due *due_pop(struct due_list *l, uint64_t now_ms)
{
    struct due *d = l->head.next;

    if (d == &l->head || d->at_ms > now_ms) {
        return NULL;
    }
    due_stop(d);
    return d;
}
