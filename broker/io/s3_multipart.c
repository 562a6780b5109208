/* SPDX-License-Identifier: MIT */
/* A large object in parts: begin, each part, end with the list of the parts' tags.
 *
 *      POST ?uploads=  ->  id       PUT ?partNumber=n&uploadId=id  ->  tag       POST ?uploadId=id
 *
 * Called by storage_s3.c. */
#include <stdio.h>

#include "broker/io/s3_client.h"

#define UPLOAD_ID_MAX_BYTES 1024u
#define PART_LINE_MAX_BYTES (S3_ETAG_MAX_BYTES + 80u) /* of the list */

struct upload {
    struct s3_client *c;
    const char *key;
    struct buf id;    /* escaped; NUL at the end */
    struct buf parts; /* the list */
};

static int begin(struct upload *u)
{
    const struct s3_request request = {
        .method = S3_POST, .key = u->key, .query = "uploads=", .body = S3_BODY_DATA(BYTES_NONE)};
    struct s3_answer answer;
    int err = s3_call(u->c, &request, &answer);

    if (err == 0) {
        struct bytes id = s3_answer_field(&answer, "UploadId");

        err = id.len > 0 ? s3_escape(id, false, &u->id) : ERR_IO;
        err = err ? err : buf_append_char(&u->id, '\0');
        err = err == ERR_FULL ? ERR_IO : err;
    }
    s3_answer_done(&answer);
    return err;
}

static bool is_tag(const char *etag)
{
    return etag[0] != '\0' && !strpbrk(etag, "<>&");
}

static int put_part(struct upload *u, unsigned number, const struct s3_body *body)
{
    char query[3 * UPLOAD_ID_MAX_BYTES + 64];
    struct s3_request request = {.method = S3_PUT, .key = u->key, .query = query, .body = *body};
    struct s3_answer answer;
    int err;

    (void)snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", number, u->id.data);
    err = s3_call(u->c, &request, &answer);
    if (err == 0) {
        err = is_tag(answer.etag)
                  ? buf_printf(&u->parts, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>",
                               number, answer.etag)
                  : ERR_IO;
    }
    s3_answer_done(&answer);
    return err;
}

static int put_parts(struct upload *u, int fd, uint64_t size)
{
    unsigned number = 1;
    int err = buf_append(&u->parts, BYTES_LIT("<CompleteMultipartUpload>"));

    for (uint64_t at = 0; at < size && err == 0; at += S3_PART_BYTES) {
        const struct s3_body body = {
            .fd = fd,
            .offset = at,
            .size = size - at < S3_PART_BYTES ? size - at : S3_PART_BYTES,
        };

        err = put_part(u, number++, &body);
    }
    return err ? err : buf_append(&u->parts, BYTES_LIT("</CompleteMultipartUpload>"));
}

/* `method` POST ends the upload, DELETE aborts it. */
static int finish(struct upload *u, enum s3_method method)
{
    char query[3 * UPLOAD_ID_MAX_BYTES + 64];
    const struct s3_request request = {
        .method = method,
        .key = u->key,
        .query = query,
        .body = S3_BODY_DATA(method == S3_POST ? buf_bytes(&u->parts) : BYTES_NONE)};
    struct s3_answer answer;
    int err;

    (void)snprintf(query, sizeof(query), "uploadId=%s", u->id.data);
    err = s3_call(u->c, &request, &answer);
    s3_answer_done(&answer);
    return err;
}

int s3_multipart_put(struct s3_client *c, const char *key, int fd, uint64_t size)
{
    struct upload u = {.c = c, .key = key};
    int err;

    buf_init(&u.id, 3 * UPLOAD_ID_MAX_BYTES);
    buf_init(&u.parts, S3_PARTS_MAX * PART_LINE_MAX_BYTES);
    err = begin(&u);
    if (err == 0) {
        err = put_parts(&u, fd, size);
        err = err ? err : finish(&u, S3_POST);
        if (err) {
            (void)finish(&u, S3_DELETE); /* what is left is the bucket's rule to remove */
        }
    }
    buf_done(&u.id);
    buf_done(&u.parts);
    return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err;
}
