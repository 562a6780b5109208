/* SPDX-License-Identifier: MIT */
/* chunks -> spool file, hashed on the way -> kibray-inspect -> storage. Called by upload_finish.c
 * on a thread. */
#include "broker/io/assemble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/file_type.h"
#include "broker/io/inspect.h"
#include "broker/openssl.h"
#include "broker/storage_key.h"
#include "proto/encoding.h"
#include "proto/limits.h"

#define PIECE_BYTES 262144u /* of a chunk, in memory at a time */

static int err_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_IO;
}

static const char *spool_dir(const struct assembly_plan *plan)
{
    const char *tmp = getenv("TMPDIR");

    if (plan->spool_dir && plan->spool_dir[0] != '\0') {
        return plan->spool_dir;
    }
    return tmp && tmp[0] != '\0' ? tmp : "/tmp";
}

/* A file without a name; where the file system has no such thing, one whose name goes at once. */
static int open_spool(const struct assembly_plan *plan)
{
    const char *dir = spool_dir(plan);
    char name[4096];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) {
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

static int write_all(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t n = write(fd, data.ptr, data.len);
        if (n < 0 && errno != EINTR) {
            return err_of_errno();
        }
        data = n > 0 ? bytes_skip(data, (size_t)n) : data;
    }
    return 0;
}

static int spool_part(const struct assembly_plan *plan, const struct file_part *part, int fd,
                      EVP_MD_CTX *hash, struct buf *piece)
{
    char key[STORAGE_KEY_MAX];
    int err = 0;

    storage_key_of_part(plan->storage_name, part->part, key);
    for (uint32_t at = 0; at < part->size && err == 0; at += PIECE_BYTES) {
        uint32_t len = part->size - at < PIECE_BYTES ? part->size - at : PIECE_BYTES;
        buf_reset(piece);
        err = storage_get(plan->storage, key, at, len, piece);
        if (err == 0 && EVP_DigestUpdate(hash, piece->data, piece->len) != 1) {
            err = ERR_NOMEM;
        }
        err = err ? err : write_all(fd, buf_bytes(piece));
    }
    return err;
}

static int spool_all(const struct assembly_plan *plan, int fd, struct assembled_file *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    struct buf piece;
    int err = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 ? 0 : ERR_NOMEM;

    buf_init(&piece, PIECE_BYTES);
    for (size_t i = 0; i < plan->part_count && err == 0; i++) {
        err = spool_part(plan, &plan->parts[i], fd, hash, &piece);
    }
    if (err == 0 && EVP_DigestFinal_ex(hash, digest, NULL) != 1) {
        err = ERR_NOMEM;
    }
    if (err == 0) {
        hex_encode(digest, SHA256_HEX_BYTES / 2, out->sha256);
    }
    EVP_MD_CTX_free(hash);
    buf_done(&piece);
    return err;
}

static uint64_t size_of(const struct assembly_plan *plan)
{
    uint64_t size = 0;

    for (size_t i = 0; i < plan->part_count; i++) {
        size += plan->parts[i].size;
    }
    return size;
}

static int store(const struct assembly_plan *plan, int fd, const struct inspect_result *found,
                 struct assembled_file *out)
{
    char key[STORAGE_KEY_MAX];
    int err;

    storage_key_of_file(plan->storage_name, "data", key);
    err = storage_put_file(plan->storage, key, fd, size_of(plan));
    if (err == 0 && found->thumbnail_type) {
        storage_key_of_file(plan->storage_name, "thumb", key);
        err = storage_put(plan->storage, key, buf_bytes(&found->thumbnail));
        out->thumbnail_bytes = (uint32_t)found->thumbnail.len;
        snprintf(out->thumbnail_type, sizeof(out->thumbnail_type), "%s", found->thumbnail_type);
    }
    return err;
}

int assemble(const struct assembly_plan *plan, struct assembled_file *out)
{
    const struct inspect_conf conf = {.program = plan->inspect_program, .want_thumbnail = true};
    struct inspect_result found;
    int fd = open_spool(plan);
    int err;

    if (fd < 0) {
        return err_of_errno();
    }
    inspect_result_init(&found);
    err = spool_all(plan, fd, out);
    err = err ? err : inspect_file(fd, &conf, &found);
    if (err == 0) {
        snprintf(out->found_type, sizeof(out->found_type), "%s", found.type);
        if (!file_type_fits(bytes_str(plan->declared_type), bytes_str(found.type))) {
            err = ERR_TYPE;
        }
    }
    err = err ? err : store(plan, fd, &found, out);
    inspect_result_done(&found);
    (void)close(fd);
    return err;
}
