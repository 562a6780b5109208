/* SPDX-License-Identifier: MIT */
/* The directory of a local storage: made, opened and tidied at start-up; errno as our errors.
 * Called by storage_local.c. */
#include "broker/io/storage_local.h"

#include "broker/io/storage_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/clock.h"

/* Whoever writes a file for so long is dead, on whatever machine. */
#define TEMP_AGE_MAX_S 86400

int storage_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: /* a symbolic link is never followed */
        return ERR_DENIED;
    case EMFILE:
    case ENFILE:
    case ESTALE:
    case ETIMEDOUT:
        return ERR_UNAVAILABLE;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

static bool is_stale(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (int64_t)(clock_wall_ms() / 1000) - st.st_mtime > TEMP_AGE_MAX_S;
}

/* Best effort: what cannot be removed costs room and nothing else. */
static void tidy(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    if (!dir) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (is_stale(folder, entry->d_name)) {
            (void)unlinkat(folder, entry->d_name, 0);
        }
    }
    closedir(dir);
}

/* The folder's own entry must be as durable as what will be in it. */
static int make_and_open(int parent, const char *path, int flags, int *out_fd)
{
    int fd, above;

    if (mkdirat(parent, path, STORAGE_FOLDER_MODE) != 0 && errno != EEXIST) {
        return storage_errno(errno);
    }
    fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (fd < 0) {
        return storage_errno(errno);
    }
    above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above >= 0) {
        (void)fsync(above); /* of a folder that may be another's */
        close(above);
    }
    *out_fd = fd;
    return 0;
}

int storage_local_open_root(const char *path, int *out_root, int *out_temp)
{
    int root, temp, err;

    if (!path || path[0] == '\0') {
        return ERR_SYNTAX;
    }
    err = make_and_open(AT_FDCWD, path, 0, &root);
    if (err) {
        return err;
    }
    err = make_and_open(root, "~tmp", O_NOFOLLOW, &temp);
    if (err) {
        close(root);
        return err;
    }
    tidy(temp);
    *out_root = root;
    *out_temp = temp;
    return 0;
}
