/* SPDX-License-Identifier: MIT */
#pragma once
/* URLs with which anybody can GET one object of an S3-compatible server for a while: the query form
 * of AWS Signature Version 4. Pure; the caller brings the time. */
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

#define S3_BASE_MAX_BYTES 300u /* "https://", a DNS name (253), a port */

/* "http(s)://host[:port][/]" as clients will put it into their Host header: lower case, without
 * the port when it is the scheme's own, without the '/'. Writes text and NUL.
 * Errors: ERR_SYNTAX (also for a path, query or user in it), ERR_LIMIT. */
NODISCARD int s3_base(const char *url, char out[S3_BASE_MAX_BYTES]);

/* Append text with everything but A-Z a-z 0-9 - . _ ~ escaped, as signatures want it. */
NODISCARD int s3_escape(struct bytes text, bool keeps_slash, struct buf *out);

struct s3_credentials {
    const char *region, *access_key, *secret_key;
};

struct s3_presign {
    const char *base;  /* as s3_base gives it */
    struct bytes path; /* "/bucket/key", not escaped */
    struct bytes content_type,
        disposition; /* the answer shall say; empty: what it says by itself */
    uint64_t now_s;  /* Unix time */
    uint32_t expires_s;
};

/* Append the URL. Errors: ERR_FULL (the buffer), ERR_RANGE (no such time), ERR_NOMEM. `out` is then
 * as it was. */
NODISCARD int s3_presign(const struct s3_credentials *c, const struct s3_presign *request,
                         struct buf *out);
