/* SPDX-License-Identifier: MIT */
#pragma once
/* What a client receives about files, as JSON text. All append to `out`; errors are those of
 * struct buf, and then nothing of it stays there. */
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/codes.h"
#include "proto/json_out.h"

struct attachment {
    int64_t id, file_size;
    struct bytes file_name, file_type;
    struct bytes sha256; /* hex; empty = not told, as in messages */
};

/* {"id","file_name","file_size","file_type","url"} and, when it is there, "sha256", as a value. */
void server_put_attachment(struct json_out *j, const struct attachment *a);
/* The address of the file on this server: "/media/attachments/<id>/<file_name>". */
NODISCARD int attachment_url(int64_t id, struct bytes file_name, struct buf *out);

struct upload_started {
    struct bytes upload_id;
    uint32_t chunk_size;
    const uint32_t *received; /* indices */
    size_t received_count;
};
NODISCARD int server_upload_started(const struct upload_started *s, struct buf *out);

struct upload_progress {
    struct bytes upload_id;
    uint32_t chunk_index;
    int64_t received, total; /* bytes */
};
NODISCARD int server_upload_progress(const struct upload_progress *p, struct buf *out);
NODISCARD int server_upload_complete(struct bytes upload_id, const struct attachment *a,
                                     struct buf *out);
NODISCARD int server_upload_cancelled(struct bytes upload_id, struct buf *out);
/* An error that follows the last chunk's answer: which upload failed stands beside it. */
NODISCARD int server_upload_failed(enum client_code code, const char *sentence,
                                   struct bytes upload_id, struct buf *out);
