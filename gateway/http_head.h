/* SPDX-License-Identifier: MIT */
#pragma once
/* The head of an HTTP/1.x request: where it ends, and what it says (RFC 9112). Strict, because what
 * is doubtful is read differently by different parsers: only CRLF ends a line, no folded lines, no
 * control bytes (but tabs in values) and no non-ASCII anywhere. Pure; all results are views. */
#include <stdbool.h>
#include <stddef.h>
#include "common/bytes.h"
#include "common/err.h"

#define HTTP_HEAD_MAX 16384u /* PROTOCOL.md §2: "headers over 16 KiB" */
#define HTTP_FIELDS_MAX 100u

struct http_field {
    struct bytes name, value; /* value without blanks around it */
};

struct http_head {
    struct bytes method, path, query; /* query.ptr NULL = no "?" */
    bool is_http_1_1;                 /* else 1.0 */
    size_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

enum http_scan { HTTP_SCAN_MORE, HTTP_SCAN_COMPLETE, HTTP_SCAN_BAD };

/* Look for the end of the head in what has come so far. *pos is where to go on (start with 0);
 * on COMPLETE it is the length of the head with its empty line. */
enum http_scan http_head_scan(struct bytes text, size_t *pos);

/* Parse a complete head. Errors: ERR_SYNTAX (400), ERR_VERSION (505: not 1.0 or 1.1),
 * ERR_LIMIT (431: too many fields), ERR_RANGE (414: path over HTTP_PATH_MAX_BYTES). */
NODISCARD int http_head_parse(struct bytes head, struct http_head *out);

/* The n-th value (0 = first) of a field, by name in any case. ptr NULL = there is none. */
struct bytes http_head_value(const struct http_head *h, const char *name, size_t nth);
size_t http_head_count(const struct http_head *h, const char *name);
/* Does a comma-separated value contain the token, in any case? */
bool http_value_has(struct bytes value, const char *token);
/* Content-Length: decimal digits only. Errors: ERR_SYNTAX; ERR_MISSING when there is none. */
NODISCARD int http_head_content_length(const struct http_head *h, size_t *out_len);
