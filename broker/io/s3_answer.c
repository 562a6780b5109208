/* SPDX-License-Identifier: MIT */
/* What the answers of S3 servers say, of many makers. Called by s3_call.c and s3_multipart.c. */
#include <stdio.h>

#include "broker/io/s3_client.h"

struct bytes s3_answer_field(const struct s3_answer *a, const char *name)
{
    char tag[32];
    int tag_len = snprintf(tag, sizeof(tag), "<%s>", name);
    const char *begin =
        a->text.len ? memmem(a->text.data, a->text.len, tag, (size_t)tag_len) : NULL;
    struct bytes rest;
    size_t len = 0;

    if (!begin) {
        return BYTES_NONE;
    }
    rest = bytes_skip(buf_bytes(&a->text), (size_t)(begin - a->text.data) + (size_t)tag_len);
    while (len < rest.len && rest.ptr[len] != '<') {
        if (rest.ptr[len] == '&') { /* none of the fields we read needs one */
            return BYTES_NONE;
        }
        len++;
    }
    return len < rest.len ? bytes_of(rest.ptr, len) : BYTES_NONE;
}

static bool contains(struct bytes text, const char *part)
{
    return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* Codes that tell more than the status. */
static int code_error(struct bytes code)
{
    if (contains(code, "QuotaExceeded") || contains(code, "StorageFull")) {
        return ERR_FULL;
    }
    if (bytes_eq_str(code, "NoSuchBucket") || bytes_eq_str(code, "RequestTimeout") ||
        bytes_eq_str(code, "SlowDown")) {
        return ERR_UNAVAILABLE;
    }
    if (bytes_eq_str(code, "AuthorizationHeaderMalformed") ||
        bytes_eq_str(code, "InvalidAccessKeyId") || bytes_eq_str(code, "RequestTimeTooSkewed")) {
        return ERR_DENIED;
    }
    return 0;
}

static int status_error(int status)
{
    switch (status) {
    case 401:
    case 403:
        return ERR_DENIED;
    case 404:
        return ERR_NOT_FOUND;
    case 408:
    case 429:
        return ERR_UNAVAILABLE;
    case 416:
        return ERR_SHORT;
    case 507:
        return ERR_FULL;
    default:
        return status >= 500 ? ERR_UNAVAILABLE : ERR_IO;
    }
}

int s3_answer_error(const struct s3_answer *a)
{
    int err;

    if (a->status >= 200 && a->status < 300) {
        /* The end of a multipart upload may fail after its status was sent. */
        if (!contains(buf_bytes(&a->text), "<Error>")) {
            return 0;
        }
        err = code_error(s3_answer_field(a, "Code"));
        return err ? err : ERR_UNAVAILABLE;
    }
    err = code_error(s3_answer_field(a, "Code"));
    return err ? err : status_error(a->status);
}
