/* SPDX-License-Identifier: MIT */
/* The door of both storages: looks at keys and arguments, passes on. The work is done in
 * storage_local.c and storage_s3.c. */
#include "broker/io/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/encoding.h"
#include "broker/io/storage_impl.h"
#include "common/io/clock.h"

#define KEY_FIRST_MAX 64u
#define KEY_NEXT_MAX 80u
#define KEY_COMPONENTS_MAX 3u

static bool is_key_char(char c, bool is_first_component)
{
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
        return true;
    }
    return !is_first_component && (c == '.' || c == '_' || c == '-');
}

static bool is_component(struct bytes text, bool is_first)
{
    if (text.len == 0 || text.len > (is_first ? KEY_FIRST_MAX : KEY_NEXT_MAX) ||
        bytes_eq_str(text, ".") || bytes_eq_str(text, "..")) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!is_key_char(text.ptr[i], is_first)) {
            return false;
        }
    }
    return true;
}

static bool is_key(const char *key)
{
    unsigned count = 0;

    while (key && count < KEY_COMPONENTS_MAX) {
        size_t len = strcspn(key, "/");

        if (!is_component(bytes_of(key, len), count == 0)) {
            return false;
        }
        count++;
        if (key[len] == '\0') {
            return true;
        }
        key += len + 1;
    }
    return false;
}

struct storage *storage_new(const struct storage_conf *conf, int *out_err)
{
    switch (conf->kind) {
    case STORAGE_LOCAL:
        return storage_local_new(conf, out_err);
    case STORAGE_S3:
        return storage_s3_new(conf, out_err);
    }
    *out_err = ERR_SYNTAX;
    return NULL;
}

void storage_free(struct storage *s)
{
    if (s) {
        s->ops->free(s);
    }
}

int storage_put(struct storage *s, const char *key, struct bytes data)
{
    return is_key(key) ? s->ops->put(s, key, data, false) : ERR_SYNTAX;
}

int storage_stage(struct storage *s, const char *key, struct bytes data)
{
    return is_key(key) ? s->ops->put(s, key, data, true) : ERR_SYNTAX;
}

/* A file without a name; where the file system has no such thing, one whose name goes at once. */
static int open_unnamed(const char *dir)
{
    char name[4096];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) {
        return fd;
    }
    if (snprintf(name, sizeof(name), "%s/kibray-XXXXXX", dir) >= (int)sizeof(name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0) {
        (void)unlink(name);
    }
    return fd;
}

int storage_spool(struct storage *s, const char *dir, int *out_fd)
{
    const char *tmp = getenv("TMPDIR");
    int fd;

    if (s->ops->spool) {
        return s->ops->spool(s, out_fd);
    }
    tmp = tmp && tmp[0] != '\0' ? tmp : "/tmp";
    fd = open_unnamed(dir && dir[0] != '\0' ? dir : tmp);
    if (fd < 0) {
        return storage_errno(errno);
    }
    *out_fd = fd;
    return 0;
}

int storage_put_file(struct storage *s, const char *key, int fd, uint64_t size)
{
    if (!is_key(key)) {
        return ERR_SYNTAX;
    }
    return fd >= 0 ? s->ops->put_file(s, key, fd, size) : ERR_IO;
}

int storage_get(struct storage *s, const char *key, uint64_t offset, size_t len, struct buf *out)
{
    if (!is_key(key)) {
        return ERR_SYNTAX;
    }
    return offset <= INT64_MAX - len ? s->ops->get(s, key, offset, len, out) : ERR_SHORT;
}

int storage_delete(struct storage *s, const char *key)
{
    return is_key(key) ? s->ops->del(s, key) : ERR_SYNTAX;
}

int storage_link(struct storage *s, const char *key, const struct storage_link *link,
                 struct buf *out_url)
{
    if (!is_key(key)) {
        return ERR_SYNTAX;
    }
    if (!s->ops->link) {
        return ERR_STATE;
    }
    if (link->expires_s == 0 || link->expires_s > STORAGE_LINK_MAX_S) {
        return ERR_RANGE;
    }
    if (link->content_type.len > STORAGE_LINK_FIELD_MAX_BYTES ||
        link->disposition.len > STORAGE_LINK_FIELD_MAX_BYTES) {
        return ERR_LIMIT;
    }
    return s->ops->link(s, key, link, out_url);
}

int storage_check(struct storage *s)
{
    unsigned char random[16];
    char key[sizeof("check/") + 2 * sizeof(random)] = "check/";
    struct buf back;
    int err, removed;

    clock_random(random, sizeof(random));
    hex_encode(random, sizeof(random), key + strlen(key));
    buf_init(&back, sizeof(key));
    err = s->ops->put(s, key, bytes_str(key), false);
    if (err == 0) {
        err = s->ops->get(s, key, 0, strlen(key), &back);
    }
    if (err == 0 && !bytes_eq_str(buf_bytes(&back), key)) {
        err = ERR_IO;
    }
    buf_done(&back);
    removed = s->ops->del(s, key);
    return err ? err : removed;
}

ssize_t storage_pread(int fd, char *to, size_t len, uint64_t offset)
{
    ssize_t got;

    do {
        got = pread(fd, to, len, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    return got;
}
