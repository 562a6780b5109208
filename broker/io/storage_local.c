/* SPDX-License-Identifier: MIT */
/* Objects as files of a directory. Paths are walked from the root's descriptor, one component at a
 * time, and never through a symbolic link. What is being written stands in "~tmp", a name that no
 * key can have, until it is whole:
 *
 *      ~tmp/<random>  --fdatasync, rename-->  ab/cd/name  --fsync of ab/cd
 *
 * What is only staged is written in its place and not synced. A spool file of ours is not copied
 * but given a name.
 *
 * Several processes may share the directory. Folders that are emptied are removed, maybe while
 * somebody else puts a file into them, who then makes them again. Called by storage.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/encoding.h"
#include "broker/io/storage_impl.h"
#include "broker/io/storage_local.h"
#include "common/io/clock.h"
#include "common/mem.h"

static int open_folder(int parent, const char *name, enum walk walk, int *out_fd)
{
    bool want_make = walk != WALK_ONLY;
    int fd;

    if (want_make && mkdirat(parent, name, STORAGE_FOLDER_MODE) == 0) {
        if (walk == WALK_MAKE_DURABLE && fsync(parent) != 0) {
            return storage_errno(errno);
        }
    } else if (want_make && errno != EEXIST) {
        return storage_errno(errno);
    }
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOTDIR && want_make ? ERR_CONFLICT : storage_errno(errno);
    }
    *out_fd = fd;
    return 0;
}

/* Walk to the folder of a key, making what is absent if wanted. */
int storage_place_open(const struct storage_local *l, const char *key, enum walk walk,
                       struct place *out)
{
    char name[STORAGE_COMPONENT_MAX + 1];
    int folder = fcntl(l->root, F_DUPFD_CLOEXEC, 0), next = -1, err;
    const char *slash;

    if (folder < 0) {
        return storage_errno(errno);
    }
    for (; (slash = strchr(key, '/')) != NULL; key = slash + 1) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)(slash - key), key);
        err = open_folder(folder, name, walk, &next);
        close(folder);
        if (err) {
            return err;
        }
        folder = next;
    }
    *out = (struct place){folder, key};
    return 0;
}

/* Take the folders away that a removed object has left empty. */
static void prune(const struct storage_local *l, const char *key)
{
    char path[STORAGE_KEY_MAX + 1];
    char *slash;

    (void)snprintf(path, sizeof(path), "%s", key);
    while ((slash = strrchr(path, '/')) != NULL) {
        struct place p;
        int err;

        *slash = '\0';
        if (storage_place_open(l, path, WALK_ONLY, &p)) {
            return;
        }
        err = unlinkat(p.folder, p.name, AT_REMOVEDIR);
        close(p.folder);
        if (err != 0) {
            return;
        }
    }
}

/* ---- reading and removing ---- */

static int open_object(const struct storage_local *l, const char *key, int *out_fd)
{
    struct place p;
    struct stat st;
    int err = storage_place_open(l, key, WALK_ONLY, &p), fd;

    if (err) {
        return err;
    }
    /* O_NONBLOCK: not to wait at something that is no file. */
    fd = openat(p.folder, p.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    err = fd < 0 ? storage_errno(errno) : 0;
    close(p.folder);
    if (err == 0 && fstat(fd, &st) != 0) {
        err = storage_errno(errno);
    } else if (err == 0 && !S_ISREG(st.st_mode)) {
        err = ERR_NOT_FOUND;
    }
    if (err) {
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    *out_fd = fd;
    return 0;
}

static int read_exactly(int fd, uint64_t offset, char *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t got = storage_pread(fd, to + done, len - done, offset + done);

        if (got <= 0) {
            return got == 0 ? ERR_SHORT : storage_errno(errno);
        }
        done += (size_t)got;
    }
    return 0;
}

static int local_get(struct storage *s, const char *key, uint64_t offset, size_t len,
                     struct buf *out)
{
    struct stat st;
    char *room;
    int fd, err = open_object(local_of(s), key, &fd);

    if (err) {
        return err;
    }
    if (fstat(fd, &st) != 0) {
        err = storage_errno(errno);
    } else if ((uint64_t)st.st_size < offset + len) {
        err = ERR_SHORT; /* before room is made for what is not there */
    }
    if (err == 0) {
        err = buf_reserve(out, len, &room);
    }
    if (err == 0) {
        err = read_exactly(fd, offset, room, len);
    }
    if (err == 0) {
        buf_commit(out, len);
    }
    close(fd);
    return err;
}

static int local_delete(struct storage *s, const char *key)
{
    struct place p;
    int err = storage_place_open(local_of(s), key, WALK_ONLY, &p);

    if (err) {
        return err == ERR_NOT_FOUND ? 0 : err;
    }
    if (unlinkat(p.folder, p.name, 0) != 0) {
        err = errno == EISDIR ? 0 : storage_errno(errno); /* a folder is no object */
    }
    close(p.folder);
    if (err == 0) {
        prune(local_of(s), key);
    }
    return err == ERR_NOT_FOUND ? 0 : err;
}

/* ---- start and end ---- */

static void local_free(struct storage *s)
{
    struct storage_local *l = local_of(s);

    if (l->root >= 0) {
        close(l->root);
    }
    if (l->temp >= 0) {
        close(l->temp);
    }
    mem_free(l);
}

static const struct storage_ops local_ops = {
    .put = storage_local_put,
    .spool = storage_local_spool,
    .put_file = storage_local_put_file,
    .get = local_get,
    .del = local_delete,
    .free = local_free,
};

struct storage *storage_local_new(const struct storage_conf *conf, int *out_err)
{
    struct storage_local *l = mem_zalloc(sizeof(*l));
    int err = l ? 0 : ERR_NOMEM;

    if (err == 0) {
        *l = (struct storage_local){.base.ops = &local_ops, .root = -1, .temp = -1};
        err = storage_local_open_root(conf->root, &l->root, &l->temp);
    }
    if (err) {
        if (l) {
            local_free(&l->base);
        }
        *out_err = err;
        return NULL;
    }
    return &l->base;
}
