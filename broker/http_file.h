/* SPDX-License-Identifier: MIT */
#pragma once
/* The answer to a request for a file (RFC 9110): conditional, in ranges, with the name that it is
 * to be saved under. Pure. */
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"

struct http_file {
    struct bytes name, type, etag; /* etag: without quotation marks */
    uint64_t size;
};

struct http_file_request { /* headers; empty = not given */
    struct bytes range, if_range, if_none_match;
};

struct http_file_answer {
    uint32_t status; /* 200, 206, 304 or 416 */
    uint64_t offset, bytes;
};

#define HTTP_FILE_HEADERS_MAX_BYTES 4096u

/* A Range that is malformed, or names several ranges, is passed over: the whole file is the answer.
 * Appends the header lines. Errors: those of struct buf. */
NODISCARD int http_file_answer(const struct http_file *file, const struct http_file_request *req,
                               struct http_file_answer *out, struct buf *out_headers);

/* The value of Content-Disposition (RFC 6266): shown in place for images, which a browser decodes
 * and nothing else; saved otherwise. With a name for old clients and, when it differs, one in
 * UTF-8 (RFC 8187). */
NODISCARD int http_file_disposition(const struct http_file *file, struct buf *out);
