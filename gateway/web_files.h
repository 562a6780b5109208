/* SPDX-License-Identifier: MIT */
#pragma once
/* The files of the web application, in memory: which one a path means, in which encoding, and with
 * which header lines it is answered. Pure; io/web_dir.c fills it. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

#define WEB_FILES_MAX 512u
#define WEB_FILE_MAX_BYTES (1000u * 1000u)  /* below HTTP_REPLY_MAX_BYTES */
#define WEB_BYTES_MAX (16u * 1024u * 1024u) /* of all */
#define WEB_PATH_MAX_BYTES 256u
#define WEB_HEADERS_MAX_BYTES 2048u

enum web_encoding { WEB_IDENTITY, WEB_GZIP, WEB_BROTLI, WEB_ENCODING_COUNT };

struct web_files;
struct web_files *web_files_new(void); /* NULL without memory */
void web_files_free(struct web_files *w);
/* A file by its path below the root ("assets/app.js"); "app.js.gz" and "app.js.br" are the encoded
 * forms of "app.js". Copied. Errors: ERR_LIMIT, ERR_NOMEM. */
NODISCARD int web_files_add(struct web_files *w, struct bytes path, struct bytes content);
size_t web_files_count(const struct web_files *w); /* without encoded forms */

struct web_request { /* header values; empty = not given */
    struct bytes path, accept_encoding, if_none_match;
};
struct web_answer {
    int status; /* 200 or 304 */
    struct bytes type, body;
};
/* "/" is index.html. `connect_sources`: further hosts that the page may reach, for its
 * Content-Security-Policy; may be empty. Appends the header lines. Errors: ERR_NOT_FOUND; those of
 * struct buf. */
NODISCARD int web_files_answer(const struct web_files *w, const struct web_request *req,
                               struct bytes connect_sources, struct web_answer *out,
                               struct buf *out_headers);
