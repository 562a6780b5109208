/* SPDX-License-Identifier: MIT */
#pragma once
/* What storage.c asks of each kind of storage. Keys have been checked. Nobody else includes it. */
#include <sys/types.h>
#include "broker/io/storage.h"

#define STORAGE_COMPONENT_MAX 80u                         /* bytes of a key's longest component */
#define STORAGE_KEY_MAX (3u * STORAGE_COMPONENT_MAX + 2u) /* more than any key */

struct storage_ops {
    int (*put)(struct storage *s, const char *key, struct bytes data, bool is_staged);
    int (*spool)(struct storage *s, int *out_fd); /* NULL: a file of a directory will do */
    int (*put_file)(struct storage *s, const char *key, int fd, uint64_t size);
    int (*get)(struct storage *s, const char *key, uint64_t offset, size_t len, struct buf *out);
    int (*del)(struct storage *s, const char *key);
    int (*link)(struct storage *s, const char *key, const struct storage_link *link,
                struct buf *out_url); /* NULL: has none */
    void (*free)(struct storage *s);
};

/* The first member of each kind's own struct. */
struct storage {
    const struct storage_ops *ops;
};

struct storage *storage_local_new(const struct storage_conf *conf, int *out_err);
struct storage *storage_s3_new(const struct storage_conf *conf, int *out_err);

/* An errno as one of our errors. */
int storage_errno(int number);
/* Read the file from `offset` on without moving its offset. Gives the count, 0 at the end, or -1
 * with errno. */
ssize_t storage_pread(int fd, char *to, size_t len, uint64_t offset);
