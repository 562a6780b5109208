/* SPDX-License-Identifier: MIT */
#pragma once
/* Deadlines that all have the same delay. Whoever is added last is due last, so the list is always
 * in order, and adding, removing and finding the next one take the same time for ten as for ten
 * thousand. Embedded in its owner; allocates nothing; holds no clock. */
#include <stdint.h>

struct due {
    struct due *prev, *next; /* NULL: in no list */
    uint64_t at_ms;
};

struct due_list {
    struct due head; /* of the ring; first due is head.next */
    uint64_t delay_ms;
};

void due_list_init(struct due_list *l, uint64_t delay_ms);
/* (Re-)start the deadline: it leaves the list it is in and is due delay_ms from now in `l`. */
void due_start(struct due_list *l, struct due *d, uint64_t now_ms);
void due_stop(struct due *d); /* in no list: nothing happens */
/* Takes the first one out if it is due, else NULL. */
struct due *due_pop(struct due_list *l, uint64_t now_ms);
