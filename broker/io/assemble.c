/* SPDX-License-Identifier: MIT */
/* chunks -> spool file, hashed on the way -> kibray-inspect -> storage. Called by upload_finish.c
 * on a thread. */
#include "broker/io/assemble.h"

#include <errno.h>
#include <stdio.h>
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

struct hashing { /* of the whole file, and of one part */
    EVP_MD_CTX *all, *one;
    struct buf piece;
};

static bool update(struct hashing *h)
{
    return EVP_DigestUpdate(h->all, h->piece.data, h->piece.len) == 1 &&
           EVP_DigestUpdate(h->one, h->piece.data, h->piece.len) == 1;
}

static int end_hash(EVP_MD_CTX *hash, char out[SHA256_HEX_BYTES + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(hash, digest, NULL) != 1) {
        return ERR_NOMEM;
    }
    hex_encode(digest, SHA256_HEX_BYTES / 2, out);
    return 0;
}

/* Parts are staged: what comes back is compared with what came. */
static int spool_part(const struct assembly_plan *plan, struct file_part *part, int fd,
                      struct hashing *h)
{
    char key[STORAGE_KEY_MAX], digest[SHA256_HEX_BYTES + 1];
    int err = EVP_DigestInit_ex(h->one, EVP_sha256(), NULL) == 1 ? 0 : ERR_NOMEM;

    storage_key_of_part(plan->storage_name, part->part, key);
    for (uint32_t at = 0; at < part->size && err == 0; at += PIECE_BYTES) {
        uint32_t len = part->size - at < PIECE_BYTES ? part->size - at : PIECE_BYTES;
        buf_reset(&h->piece);
        err = storage_get(plan->storage, key, at, len, &h->piece);
        if (err == 0 && !update(h)) {
            err = ERR_NOMEM;
        }
        err = err ? err : write_all(fd, buf_bytes(&h->piece));
    }
    if (err == ERR_NOT_FOUND || err == ERR_SHORT) {
        part->is_lost = true;
        return 0;
    }
    err = err ? err : end_hash(h->one, digest);
    part->is_lost = err == 0 && strcmp(digest, part->digest) != 0;
    return err;
}

static int spool_parts(const struct assembly_plan *plan, int fd, struct hashing *h,
                       struct assembled_file *out)
{
    bool is_any_lost = false;
    int err = 0;

    for (size_t i = 0; i < plan->part_count && err == 0; i++) {
        err = spool_part(plan, &plan->parts[i], fd, h);
        is_any_lost = is_any_lost || plan->parts[i].is_lost;
    }
    if (err == 0 && is_any_lost) {
        return ERR_CONFLICT;
    }
    return err ? err : end_hash(h->all, out->sha256);
}

static int spool_all(const struct assembly_plan *plan, int fd, struct assembled_file *out)
{
    struct hashing h = {EVP_MD_CTX_new(), EVP_MD_CTX_new(), {0}};
    int err = h.all && h.one && EVP_DigestInit_ex(h.all, EVP_sha256(), NULL) == 1 ? 0 : ERR_NOMEM;

    buf_init(&h.piece, PIECE_BYTES);
    err = err ? err : spool_parts(plan, fd, &h, out);
    EVP_MD_CTX_free(h.all);
    EVP_MD_CTX_free(h.one);
    buf_done(&h.piece);
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
    int fd = -1, err = storage_spool(plan->storage, plan->spool_dir, &fd);

    if (err) {
        return err;
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
