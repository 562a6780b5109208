/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests to one bucket of an S3-compatible server, as storage_s3*.c and s3_*.c share them. Nobody
 * else includes it. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "broker/s3_presign.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

#define S3_IDLE_MAX 8u                 /* connections kept for later; as many threads are plenty */
#define S3_ERROR_BODY_MAX_BYTES 65536u /* of an answer that is not an object: a short XML */
#define S3_ETAG_MAX_BYTES 128u         /* most are 34 */
#define S3_PART_BYTES (8u * 1024u * 1024u)
#define S3_PARTS_MAX 10000u /* of one upload; the protocol's own bound */

struct s3_client {
    char base[S3_BASE_MAX_BYTES], public_base[S3_BASE_MAX_BYTES];
    char *bucket, *region, *access_key, *secret_key;
    char *ca_file;  /* NULL: the system's */
    char *provider; /* as libcurl wants it: "aws:amz:<region>:s3" */
    pthread_mutex_t mutex;
    void *idle[S3_IDLE_MAX]; /* CURL *; guarded by the mutex, as is the count */
    size_t idle_count;
};

/* What a request carries: bytes of memory, or a part of a file. */
struct s3_body {
    struct bytes data;
    int fd;                /* -1: data */
    uint64_t offset, size; /* of the file */
};
#define S3_BODY_DATA(bytes) ((struct s3_body){.data = (bytes), .fd = -1, .size = (bytes).len})

enum s3_method { S3_GET, S3_HEAD, S3_PUT, S3_POST, S3_DELETE };

struct s3_request {
    enum s3_method method;
    const char *key;
    const char *query; /* as it is signed: sorted, escaped, "name=" where there is no value; NULL */
    struct s3_body body;
    uint64_t range_offset; /* S3_GET only; with range_len > 0 */
    size_t range_len;
    struct buf *object; /* S3_GET only: takes range_len bytes; has room for them */
};

struct s3_answer {
    int status;
    uint64_t length; /* of S3_HEAD: the object's */
    char etag[S3_ETAG_MAX_BYTES];
    struct buf text; /* an answer that is no object */
};

/* ---- s3_call.c ---- */

/* Do one request, and once more when the connection failed and doing it twice does no harm.
 * 0 whatever the status, unless it says that it failed: then as storage.h has it.
 * `out` is initialised here and is to be freed by s3_answer_done, whatever is returned. */
NODISCARD int s3_call(struct s3_client *c, const struct s3_request *request, struct s3_answer *out);
void s3_answer_done(struct s3_answer *a);

/* ---- s3_body.c ---- */

#define S3_HASH_LEN 64u
/* The body's SHA-256 in hex. Errors: ERR_SHORT (the file ends before), ERR_IO, ERR_NOMEM. */
NODISCARD int s3_body_hash(const struct s3_body *body, char out[S3_HASH_LEN + 1]);
/* Copy from `at` on; gives the count, 0 at the end. Errors: as above. */
NODISCARD int s3_body_read(const struct s3_body *body, uint64_t at, char *to, size_t len,
                           size_t *out_len);

/* ---- s3_answer.c ---- */

/* What an answer's status and text mean. */
int s3_answer_error(const struct s3_answer *a);
/* The text of the first <name> of an answer; BYTES_NONE when there is none or it has markup in it.
 */
struct bytes s3_answer_field(const struct s3_answer *a, const char *name);

/* ---- s3_multipart.c ---- */

/* Upload a file in parts. An upload that fails is aborted, if the server can still be reached. */
NODISCARD int s3_multipart_put(struct s3_client *c, const char *key, int fd, uint64_t size);
