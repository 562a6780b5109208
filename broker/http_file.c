/* SPDX-License-Identifier: MIT */
/* Ranges, conditions and header lines of downloads. Called by request_media.c. */
#include "broker/http_file.h"

#include <inttypes.h>
#include <stdbool.h>

/* ---- conditions ---- */

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t')) {
        text = bytes_skip(text, 1);
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* "…", or W/"…" where a weak comparison will do. */
static bool is_etag(struct bytes tag, struct bytes etag, bool is_weak_enough)
{
    if (is_weak_enough && bytes_has_prefix(tag, BYTES_LIT("W/"))) {
        tag = bytes_skip(tag, 2);
    }
    return tag.len == etag.len + 2 && tag.ptr[0] == '"' && tag.ptr[tag.len - 1] == '"' &&
           bytes_eq(bytes_of(tag.ptr + 1, etag.len), etag);
}

/* Is one of the list this one? Our tags have no comma. */
static bool any_etag(struct bytes list, struct bytes etag)
{
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
        struct bytes tag = trimmed(bytes_of(list.ptr, len));
        if (bytes_eq_str(tag, "*") || is_etag(tag, etag, true)) {
            return true;
        }
        list = bytes_skip(list, comma ? len + 1 : len);
    }
    return false;
}

/* ---- ranges ---- */

/* Digits at the beginning. Too large a number is the largest. Gives whether there were any. */
static bool take_number(struct bytes *text, uint64_t *out)
{
    uint64_t n = 0;
    bool has_digit = false;

    while (text->len > 0 && *text->ptr >= '0' && *text->ptr <= '9') {
        n = n > (UINT64_MAX - 9) / 10 ? UINT64_MAX : n * 10 + (uint64_t)(*text->ptr - '0');
        has_digit = true;
        *text = bytes_skip(*text, 1);
    }
    *out = n;
    return has_digit;
}

enum range_kind { RANGE_NONE, RANGE_ONE, RANGE_OUTSIDE };

/* bytes=first-last, bytes=first- or bytes=-count */
static enum range_kind read_range(struct bytes range, uint64_t size, uint64_t *out_first,
                                  uint64_t *out_bytes)
{
    uint64_t first, last;
    bool has_first, has_last;

    range = trimmed(range);
    if (!bytes_has_prefix(range, BYTES_LIT("bytes="))) {
        return RANGE_NONE;
    }
    range = bytes_skip(range, 6);
    has_first = take_number(&range, &first);
    if (range.len == 0 || *range.ptr != '-') {
        return RANGE_NONE;
    }
    range = bytes_skip(range, 1);
    has_last = take_number(&range, &last);
    if (range.len > 0 || (!has_first && !has_last) || (has_first && has_last && last < first)) {
        return RANGE_NONE;
    }
    if (!has_first) {
        last = last < size ? last : size;
        first = size - last;
        *out_bytes = last;
    } else {
        *out_bytes = first >= size ? 0 : (has_last && last < size ? last + 1 : size) - first;
    }
    *out_first = first;
    return *out_bytes == 0 ? RANGE_OUTSIDE : RANGE_ONE;
}

/* ---- names ---- */

/* RFC 8187 §3.2.1: attr-char. */
static bool is_attr_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL);
}

static bool is_plain(char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '%' && c != '/';
}

static bool is_shown_in_place(struct bytes type)
{
    static const char *const TYPES[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};

    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (bytes_eq_str(type, TYPES[i])) {
            return true;
        }
    }
    return false;
}

int http_file_disposition(const struct http_file *file, struct buf *out)
{
    int err =
        buf_printf(out, "%s; filename=\"", is_shown_in_place(file->type) ? "inline" : "attachment");
    bool is_same = true;

    for (size_t i = 0; i < file->name.len && err == 0; i++) {
        char c = file->name.ptr[i];
        bool is_more = ((unsigned char)c & 0xC0) == 0x80; /* of a character that has its '_' */
        is_same = is_same && is_plain(c);
        err = is_more ? 0 : buf_append_char(out, is_plain(c) ? c : '_');
    }
    err = err ? err : buf_append_char(out, '"');
    if (err == 0 && !is_same) {
        err = buf_append(out, BYTES_LIT("; filename*=UTF-8''"));
    }
    for (size_t i = 0; i < file->name.len && err == 0 && !is_same; i++) {
        char c = file->name.ptr[i];
        err = is_attr_char(c) ? buf_append_char(out, c)
                              : buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
    return err;
}

/* ---- the answer ---- */

static int put_headers(const struct http_file *file, const struct http_file_answer *a,
                       struct buf *out)
{
    /* It is only for who may see it now; a copy is good as long as the tag is. */
    int err = buf_printf(out,
                         "Cache-Control: private, no-cache\r\n"
                         "ETag: \"%.*s\"\r\n",
                         BYTES_FMT(file->etag));

    if (err == 0 && a->status == 206) {
        err = buf_printf(out, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n",
                         a->offset, a->offset + a->bytes - 1, file->size);
    }
    if (err == 0 && a->status == 416) {
        err = buf_printf(out, "Content-Range: bytes */%" PRIu64 "\r\n", file->size);
    }
    if (err || a->status == 304 || a->status == 416) {
        return err;
    }
    err = buf_append(out, BYTES_LIT("Accept-Ranges: bytes\r\n"
                                    "Content-Security-Policy: sandbox\r\n"
                                    "Content-Disposition: "));
    err = err ? err : http_file_disposition(file, out);
    return err ? err : buf_append(out, BYTES_LIT("\r\n"));
}

int http_file_answer(const struct http_file *file, const struct http_file_request *req,
                     struct http_file_answer *out, struct buf *out_headers)
{
    size_t start = out_headers->len;
    struct http_file_answer a = {.status = 200, .bytes = file->size};
    bool is_range_wanted =
        req->if_range.len == 0 || is_etag(trimmed(req->if_range), file->etag, false);
    uint64_t first, bytes;
    int err;

    if (any_etag(req->if_none_match, file->etag)) {
        a = (struct http_file_answer){.status = 304};
    } else if (req->range.len > 0 && is_range_wanted) {
        switch (read_range(req->range, file->size, &first, &bytes)) {
        case RANGE_NONE:
            break;
        case RANGE_ONE:
            a = (struct http_file_answer){206, first, bytes};
            break;
        case RANGE_OUTSIDE:
            a = (struct http_file_answer){.status = 416};
            break;
        }
    }
    err = put_headers(file, &a, out_headers);
    if (err) {
        out_headers->len = start;
        return err;
    }
    *out = a;
    return 0;
}
