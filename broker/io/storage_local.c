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

#define COPY_BYTES 65536u
#define TEMP_NAME_BYTES 32u
/* How often a folder may vanish between making it and using it. Each time somebody else has deleted
 * the only other object in it at that very moment. */
#define PLACE_TRIES 8

struct storage_local {
    struct storage base;
    int root, temp; /* descriptors */
};

/* Where an object is. */
struct place {
    int folder;       /* a descriptor of our own */
    const char *name; /* in the folder; points into the key */
};

static struct storage_local *local_of(struct storage *s)
{
    return (struct storage_local *)s;
}

/* How a key's folders are treated on the way to it. */
enum walk { WALK_ONLY, WALK_MAKE, WALK_MAKE_DURABLE };

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
static int place_open(const struct storage_local *l, const char *key, enum walk walk,
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
        if (place_open(l, path, WALK_ONLY, &p)) {
            return;
        }
        err = unlinkat(p.folder, p.name, AT_REMOVEDIR);
        close(p.folder);
        if (err != 0) {
            return;
        }
    }
}

/* ---- writing ---- */

/* What is to be written: from memory, or from a file. */
struct source {
    struct bytes data;
    int fd; /* -1: from memory */
    uint64_t size;
    bool is_staged; /* need not be durable */
};

static int write_all(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t done = write(fd, data.ptr, data.len);

        if (done < 0 && errno != EINTR) {
            return storage_errno(errno);
        }
        data = bytes_skip(data, done > 0 ? (size_t)done : 0);
    }
    return 0;
}

static int copy_file(int fd, const struct source *from)
{
    char *piece = mem_alloc(COPY_BYTES);
    uint64_t at = 0;
    int err = piece ? 0 : ERR_NOMEM;

    while (err == 0 && at < from->size) {
        uint64_t left = from->size - at;
        ssize_t got =
            storage_pread(from->fd, piece, left < COPY_BYTES ? (size_t)left : COPY_BYTES, at);

        if (got <= 0) {
            err = got == 0 ? ERR_SHORT : storage_errno(errno);
        } else {
            err = write_all(fd, bytes_of(piece, (size_t)got));
            at += (uint64_t)got;
        }
    }
    mem_free(piece);
    return err;
}

static int fill(int fd, const struct source *from)
{
    int err = from->fd < 0 ? write_all(fd, from->data) : copy_file(fd, from);

    return err == 0 && fdatasync(fd) != 0 ? storage_errno(errno) : err;
}

/* Give the finished file its place. */
static int move_to(const struct storage_local *l, const char *temp, const char *key)
{
    struct place p;
    int err = ERR_NOT_FOUND;

    for (int i = 0; i < PLACE_TRIES && err == ERR_NOT_FOUND; i++) {
        err = place_open(l, key, WALK_MAKE_DURABLE, &p);
        if (err) {
            continue;
        }
        if (renameat(l->temp, temp, p.folder, p.name) != 0) {
            err = errno == EISDIR ? ERR_CONFLICT : storage_errno(errno);
        } else if (fsync(p.folder) != 0) {
            err = storage_errno(errno);
        }
        close(p.folder);
    }
    return err == ERR_NOT_FOUND ? ERR_IO : err;
}

/* A name for something that is not whole yet. */
static void make_temp_name(char out[TEMP_NAME_BYTES + 1])
{
    unsigned char random[TEMP_NAME_BYTES / 2];

    clock_random(random, sizeof(random));
    hex_encode(random, sizeof(random), out);
}

/* Give the spool file itself a name, if it is one of ours that has none and is just so long. */
static bool adopt(const struct storage_local *l, const struct source *from, const char *temp)
{
    char path[64];
    struct stat st;

    if (from->fd < 0 || fstat(from->fd, &st) != 0 || st.st_nlink != 0 ||
        (uint64_t)st.st_size != from->size || fdatasync(from->fd) != 0) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", from->fd);
    return linkat(AT_FDCWD, path, l->temp, temp, AT_SYMLINK_FOLLOW) == 0;
}

static int write_temp(const struct storage_local *l, const struct source *from, const char *temp)
{
    int fd = openat(l->temp, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    STORAGE_FILE_MODE);
    int err;

    if (fd < 0) {
        return storage_errno(errno);
    }
    err = fill(fd, from);
    return close(fd) != 0 && err == 0 ? storage_errno(errno) : err;
}

/* Straight into its place: whoever reads it sees by its digest whether it is whole. */
static int stage(const struct storage_local *l, const char *key, const struct source *from)
{
    struct place p;
    int err = ERR_NOT_FOUND, fd = -1;

    for (int i = 0; i < PLACE_TRIES && err == ERR_NOT_FOUND; i++) {
        err = place_open(l, key, WALK_MAKE, &p);
        if (err) {
            continue;
        }
        fd = openat(p.folder, p.name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                    STORAGE_FILE_MODE);
        err = fd >= 0 ? 0 : errno == EISDIR ? ERR_CONFLICT : storage_errno(errno);
        close(p.folder);
    }
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_IO : err;
    }
    err = write_all(fd, from->data);
    return close(fd) != 0 && err == 0 ? storage_errno(errno) : err;
}

static int store(struct storage *s, const char *key, const struct source *from)
{
    const struct storage_local *l = local_of(s);
    char temp[TEMP_NAME_BYTES + 1];
    int err;

    if (from->is_staged) {
        return stage(l, key, from);
    }
    make_temp_name(temp);
    err = adopt(l, from, temp) ? 0 : write_temp(l, from, temp);
    if (err == 0) {
        err = move_to(l, temp, key);
    }
    if (err) {
        (void)unlinkat(l->temp, temp, 0);
    }
    return err;
}

static int local_put(struct storage *s, const char *key, struct bytes data, bool is_staged)
{
    return store(s, key, &(struct source){.data = data, .fd = -1, .is_staged = is_staged});
}

static int local_spool(struct storage *s, int *out_fd)
{
    const struct storage_local *l = local_of(s);
    char temp[TEMP_NAME_BYTES + 1];
    int fd = openat(l->temp, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, STORAGE_FILE_MODE);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        make_temp_name(temp);
        fd = openat(l->temp, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    STORAGE_FILE_MODE);
        (void)unlinkat(l->temp, temp, 0);
    }
    if (fd < 0) {
        return storage_errno(errno);
    }
    *out_fd = fd;
    return 0;
}

static int local_put_file(struct storage *s, const char *key, int fd, uint64_t size)
{
    return store(s, key, &(struct source){.fd = fd, .size = size});
}

/* ---- reading and removing ---- */

static int open_object(const struct storage_local *l, const char *key, int *out_fd)
{
    struct place p;
    struct stat st;
    int err = place_open(l, key, WALK_ONLY, &p), fd;

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
    int err = place_open(local_of(s), key, WALK_ONLY, &p);

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
    .put = local_put,
    .spool = local_spool,
    .put_file = local_put_file,
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
