/* SPDX-License-Identifier: MIT */
#pragma once
/* The directory of a local storage, below the objects. Only storage_local*.c include it. */
#include <stdbool.h>
#include <stdint.h>
#include "broker/io/storage_impl.h"
#include "common/bytes.h"
#include "common/err.h"

#define STORAGE_FOLDER_MODE 0700
#define STORAGE_FILE_MODE 0600

/* Open the directory `path` and "~tmp" in it, making both when they are absent. Removes what
 * writers that died have left in "~tmp". Errors: ERR_SYNTAX (no path), as storage.h has them. */
NODISCARD int storage_local_open_root(const char *path, int *out_root, int *out_temp);

struct storage_local {
    struct storage base;
    int root, temp; /* descriptors */
};

/* Where an object is. */
struct place {
    int folder;       /* a descriptor of our own */
    const char *name; /* in the folder; points into the key */
};

static inline struct storage_local *local_of(struct storage *s)
{
    return (struct storage_local *)s;
}

/* How a key's folders are treated on the way to it. */
enum walk { WALK_ONLY, WALK_MAKE, WALK_MAKE_DURABLE };
/* Walk to the folder of a key, making what is absent if wanted. Gives the folder's descriptor. */
NODISCARD int storage_place_open(const struct storage_local *l, const char *key, enum walk walk,
                                 struct place *out);

/* ---- storage_local_write.c ---- */
int storage_local_put(struct storage *s, const char *key, struct bytes data, bool is_staged);
int storage_local_put_file(struct storage *s, const char *key, int fd, uint64_t size);
int storage_local_spool(struct storage *s, int *out_fd);
