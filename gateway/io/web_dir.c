/* SPDX-License-Identifier: MIT */
/* Walks the directory by descriptors. Called by gateway.c. */
#include "gateway/io/web_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 6

static int read_all(int fd, size_t size, struct buf *out)
{
    char *room;
    int err = size > WEB_FILE_MAX_BYTES ? ERR_LIMIT : 0;

    while (err == 0 && out->len < size) {
        ssize_t n;
        err = buf_reserve(out, size - out->len, &room);
        n = err == 0 ? read(fd, room, size - out->len) : 0;
        if (n < 0 && errno != EINTR) {
            return ERR_IO;
        }
        if (err == 0 && n == 0) {
            break;
        }
        buf_commit(out, n > 0 ? (size_t)n : 0);
    }
    return err;
}

static int add_file(struct web_files *w, int fd, const char *path, size_t size)
{
    struct buf content;
    int err;

    buf_init(&content, WEB_FILE_MAX_BYTES + 1);
    err = read_all(fd, size, &content);
    err = err ? err : web_files_add(w, bytes_str(path), buf_bytes(&content));
    buf_done(&content);
    return err;
}

static int walk(struct web_files *w, int folder, const char *prefix, int depth);

static int visit(struct web_files *w, int folder, const char *name, const char *prefix, int depth)
{
    char path[WEB_PATH_MAX_BYTES + 8];
    struct stat st;
    int fd, err = 0;

    if (snprintf(path, sizeof(path), "%s%s", prefix, name) >= (int)sizeof(path) - 1) {
        return ERR_LIMIT;
    }
    fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return errno == ELOOP ? 0 : ERR_IO;
    }
    if (S_ISDIR(st.st_mode)) {
        (void)strcat(path, "/");
        return depth < DEPTH_MAX ? walk(w, fd, path, depth + 1) : (close(fd), ERR_LIMIT);
    }
    if (S_ISREG(st.st_mode)) {
        err = add_file(w, fd, path, (size_t)st.st_size);
    }
    (void)close(fd);
    return err;
}

/* Takes the descriptor. */
static int walk(struct web_files *w, int folder, const char *prefix, int depth)
{
    DIR *dir = fdopendir(folder);
    struct dirent *e;
    int err = 0;

    if (!dir) {
        (void)close(folder);
        return ERR_IO;
    }
    while (err == 0 && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.') {
            err = visit(w, dirfd(dir), e->d_name, prefix, depth);
        }
    }
    (void)closedir(dir);
    return err;
}

int web_dir_load(const char *root, struct web_files **out_files)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct web_files *w;
    int err;

    if (fd < 0) {
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    w = web_files_new();
    if (!w) {
        (void)close(fd);
        return ERR_NOMEM;
    }
    err = walk(w, fd, "", 1);
    if (err) {
        web_files_free(w);
        return err;
    }
    *out_files = w;
    return 0;
}
