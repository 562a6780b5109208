/* SPDX-License-Identifier: MIT */
/* Writing of objects: whole and durable by way of "~tmp", or staged in their place; and spool
 * files, which become objects by getting a name. Called by storage_local.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/io/storage_impl.h"
#include "broker/io/storage_local.h"
#include "common/io/clock.h"
#include "common/mem.h"
#include "proto/encoding.h"

#define COPY_BYTES 65536u
#define TEMP_NAME_BYTES 32u
/* How often a folder may vanish between making it and using it. Each time somebody else has deleted
 * the only other object in it at that very moment. */
#define PLACE_TRIES 8

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
        err = storage_place_open(l, key, WALK_MAKE_DURABLE, &p);
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
        err = storage_place_open(l, key, WALK_MAKE, &p);
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

int storage_local_put(struct storage *s, const char *key, struct bytes data, bool is_staged)
{
    return store(s, key, &(struct source){.data = data, .fd = -1, .is_staged = is_staged});
}

int storage_local_spool(struct storage *s, int *out_fd)
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

int storage_local_put_file(struct storage *s, const char *key, int fd, uint64_t size)
{
    return store(s, key, &(struct source){.fd = fd, .size = size});
}
