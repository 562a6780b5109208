/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of the prefetch share. Nobody else includes it. */
#include "broker/prefetch.h"

struct lookup {
    const struct prefetch_deps *deps;
    struct batch *b;
    struct room *room;
    struct rooms *rooms; /* of users, all of a partition */
    struct work *work;
    int64_t from_id; /* presence: the next page */
};

struct lookup *lookup_begin(const struct prefetch_deps *deps, struct batch *b, struct room *room,
                            struct work *work); /* NULL: no memory, the batch fails */
void lookup_end(struct lookup *l, int err);
/* Submitting failed: nothing will call back. */
void lookup_cancel(struct lookup *l, int err);

/* prefetch_rooms.c; each does nothing when it is loaded or being loaded. */
void prefetch_users(const struct prefetch_deps *deps, struct batch *b, struct partition *p);
void prefetch_room(const struct prefetch_deps *deps, struct batch *b, struct room *room);
