/* SPDX-License-Identifier: MIT */
#pragma once
/* What may be uploaded (PROTOCOL.md §4), judged by what a client says of a file before it has sent
 * any of it. Pure. */
#include <stdint.h>
#include "broker/sanitize.h"
#include "common/buf.h"
#include "proto/codes.h"

/* Bytes of a name that is stored: with it percent-encoded, the header lines of a download stay
 * below the 4 KiB that a gateway takes. */
#define STORED_NAME_MAX_BYTES 768u

struct upload_rules {
    const char *allowed_types; /* comma-separated; one that ends with a slash and a star is a
                                  family */
    uint32_t size_max;         /* bytes */
    enum sanitize_mode sanitize_mode;
};

struct upload_judgement {
    enum client_code code; /* CODE_NONE: it may come */
    const char *sentence;  /* why not; NULL: the code's own */
};

/* Appends the name and the type as they are to be stored: the name cleaned and sanitised, the type
 * in lower case without parameters. */
struct upload_judgement upload_judge(const struct upload_rules *rules, struct bytes file_name,
                                     struct bytes file_type, int64_t file_size,
                                     struct buf *out_name, struct buf *out_type);
