/* SPDX-License-Identifier: MIT */
#pragma once
/* Where the contents of files live: a local directory, or a bucket of an S3-compatible server.
 * Every call blocks until it is done, for S3 up to minutes: it belongs onto a worker thread. All
 * calls but storage_free may come from several threads at once.
 *
 * Keys are made by us: [a-z0-9]{1,64}(/[a-z0-9._-]{1,80}){0,2}, no component "." or "..". Anything
 * else is ERR_SYNTAX and nothing is touched. A key must not be the folder of another one ("a" and
 * "a/b"): a local directory cannot hold both.
 *
 * Errors of all calls, besides those named at each:
 *   ERR_FULL         no room: the disk, a quota (ENOSPC, EDQUOT; S3: 507, QuotaExceeded)
 *   ERR_UNAVAILABLE  the storage is away: no connection, a time-out, 5xx, no such bucket
 *   ERR_DENIED       permissions, a wrong key or secret (403)
 *   ERR_REMOTE       S3: its certificate is not trusted
 *   ERR_IO           anything else that went wrong, NFS and foreign answers among it
 *   ERR_NOMEM */
#include <stddef.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

enum storage_kind { STORAGE_LOCAL, STORAGE_S3 };

/* Strings are copied. Of the kind that is not used, everything is ignored. */
struct storage_conf {
    enum storage_kind kind;
    const char *root;          /* local: the directory; made with mode 0700 when it is absent */
    const char *s3_url;        /* http(s)://host[:port], where we reach it */
    const char *s3_public_url; /* where clients reach it; NULL or "": as we do */
    const char *s3_bucket;
    const char *s3_region; /* NULL or "": us-east-1 */
    const char *s3_access_key;
    const char *s3_secret_key;
    const char *s3_ca_file; /* PEM, instead of the system's; NULL or "": the system's */
};

#define STORAGE_URL_MAX_BYTES 8000u        /* of a link; servers take about 8 KiB */
#define STORAGE_LINK_MAX_S (7u * 86400u)   /* S3 refuses links that live longer than a week */
#define STORAGE_LINK_FIELD_MAX_BYTES 2560u /* of a content type or disposition, before escaping */

struct storage;

/* NULL with *out_err set: ERR_SYNTAX (a setting that cannot be), ERR_DENIED, ERR_IO, ERR_NOMEM.
 * Reaches for no network: storage_check does. */
struct storage *storage_new(const struct storage_conf *conf, int *out_err);
/* After the last call has returned. NULL is fine. */
void storage_free(struct storage *s);

/* Store a whole object; what was under the key is replaced. Atomic: a reader sees the old or the
 * new one. Durable on return.
 * Errors: ERR_CONFLICT when the key is the folder of others, or one of others its folder. */
NODISCARD int storage_put(struct storage *s, const char *key, struct bytes data);
/* The same, but neither atomic nor durable until the system writes it of itself: for what is
 * checked when it is read, and can be had again. Costs no wait for a disk. */
NODISCARD int storage_stage(struct storage *s, const char *key, struct bytes data);

/* A file without a name to put something together in, for storage_put_file, on the same disk if the
 * storage is one; `dir` is for those that are not (NULL or "": TMPDIR, else /tmp).
 * Owns: the caller closes it. Errors: as of all calls. */
NODISCARD int storage_spool(struct storage *s, const char *dir, int *out_fd);
/* The same as storage_put with the first `size` bytes of a file, whose offset is neither used nor
 * moved. Memory does not grow with `size`. The file must not change meanwhile, nor later if it is
 * of storage_spool: it may become the object itself. Errors: ERR_SHORT when it has fewer bytes;
 * ERR_LIMIT when S3 could not hold it. */
NODISCARD int storage_put_file(struct storage *s, const char *key, int fd, uint64_t size);

/* Append exactly `len` bytes from `offset` on, or nothing.
 * Errors: ERR_NOT_FOUND; ERR_SHORT when the object ends before; ERR_FULL, also of the buffer. */
NODISCARD int storage_get(struct storage *s, const char *key, uint64_t offset, size_t len,
                          struct buf *out);
/* Remove an object, and locally the folders that it leaves empty. An absent one is success. Locally
 * it may come back when the machine loses power at once. */
NODISCARD int storage_delete(struct storage *s, const char *key);

struct storage_link {
    uint32_t expires_s;                     /* 1 to STORAGE_LINK_MAX_S */
    struct bytes content_type, disposition; /* the answer's headers; empty: the server's own */
};

/* Append a URL with which anybody can GET the object for so long. Needs no network.
 * Errors: ERR_STATE (not of a local directory), ERR_RANGE (expires_s), ERR_LIMIT (too long a field
 * or URL), ERR_FULL (the buffer). */
NODISCARD int storage_link(struct storage *s, const char *key, const struct storage_link *link,
                           struct buf *out_url);

/* At start-up: can an object be written, read and removed? Takes one under "check/". */
NODISCARD int storage_check(struct storage *s);
