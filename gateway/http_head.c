/* SPDX-License-Identifier: MIT */
/* Parses request heads. Decodes nothing (paths stay percent-encoded), knows neither bodies nor
 * WebSockets. Called by io/ws_http for whatever arrives on the public port, so it trusts nothing:
 * the head is bounded by HTTP_HEAD_MAX before it comes here.
 *
 *   GET /path?query HTTP/1.1 CRLF  *( name ":" blanks value blanks CRLF )  CRLF */
#include "gateway/http_head.h"

#include <stdint.h>
#include <strings.h>

#include "proto/limits.h"

#define CONTENT_LENGTH_DIGITS 15u

/* Is this byte allowed to follow `before` in a head? */
static bool byte_is_legal(unsigned char c, unsigned char before)
{
    if (c == '\n') {
        return before == '\r';
    }
    if (before == '\r') {
        return false; /* a bare CR */
    }
    return c == '\r' || c == '\t' || (c >= 0x20 && c < 0x7f);
}

enum http_scan http_head_scan(struct bytes text, size_t *pos)
{
    for (size_t i = *pos; i < text.len; i++) {
        if (!byte_is_legal((unsigned char)text.ptr[i],
                           i > 0 ? (unsigned char)text.ptr[i - 1] : 0)) {
            return HTTP_SCAN_BAD;
        }
        if (i >= 3 && memcmp(text.ptr + i - 3, "\r\n\r\n", 4) == 0) {
            *pos = i + 1;
            return HTTP_SCAN_COMPLETE;
        }
    }
    *pos = text.len;
    return HTTP_SCAN_MORE;
}

static bool is_token_char(char ch)
{
    if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9')) {
        return true;
    }
    return ch != '\0' && strchr("!#$%&'*+-.^_`|~", ch) != NULL;
}

static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (!is_token_char(b.ptr[i])) {
            return false;
        }
    }
    return b.len > 0;
}

/* Cut everything up to `ch` off *rest. false: it is not there (nothing cut). */
static bool cut_at(struct bytes *rest, char ch, struct bytes *out)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, ch, rest->len) : NULL;

    if (!at) {
        return false;
    }
    *out = bytes_of(rest->ptr, (size_t)(at - rest->ptr));
    *rest = bytes_skip(*rest, out->len + 1);
    return true;
}

static struct bytes trim(struct bytes b)
{
    while (b.len > 0 && (b.ptr[0] == ' ' || b.ptr[0] == '\t')) {
        b = bytes_skip(b, 1);
    }
    while (b.len > 0 && (b.ptr[b.len - 1] == ' ' || b.ptr[b.len - 1] == '\t')) {
        b.len--;
    }
    return b;
}

/* One line without its CRLF. */
static bool cut_line(struct bytes *rest, struct bytes *out)
{
    if (!cut_at(rest, '\n', out) || out->len == 0 || out->ptr[out->len - 1] != '\r') {
        return false;
    }
    out->len--;
    return true;
}

static int parse_target(struct bytes target, struct http_head *out)
{
    if (target.len == 0 || target.ptr[0] != '/' || memchr(target.ptr, '#', target.len) ||
        memchr(target.ptr, '\t', target.len)) {
        return ERR_SYNTAX;
    }
    if (cut_at(&target, '?', &out->path)) {
        out->query = target;
    } else {
        out->path = target;
        out->query = BYTES_NONE;
    }
    return out->path.len > HTTP_PATH_MAX_BYTES ? ERR_RANGE : 0;
}

static int parse_request_line(struct bytes line, struct http_head *out)
{
    struct bytes target;

    if (!cut_at(&line, ' ', &out->method) || !is_token(out->method) ||
        !cut_at(&line, ' ', &target)) {
        return ERR_SYNTAX;
    }
    out->is_http_1_1 = bytes_eq_str(line, "HTTP/1.1");
    if (!out->is_http_1_1 && !bytes_eq_str(line, "HTTP/1.0")) {
        bool is_other_version =
            line.len == 8 && bytes_has_prefix(line, BYTES_LIT("HTTP/")) && line.ptr[6] == '.';
        return is_other_version ? ERR_VERSION : ERR_SYNTAX;
    }
    return parse_target(target, out);
}

static int parse_field(struct bytes line, struct http_head *out)
{
    struct http_field *f = &out->fields[out->field_count];

    /* A line that begins with a blank (folding) fails here, too: a blank is in no token. */
    if (!cut_at(&line, ':', &f->name) || !is_token(f->name)) {
        return ERR_SYNTAX;
    }
    f->value = trim(line);
    out->field_count++;
    return 0;
}

int http_head_parse(struct bytes head, struct http_head *out)
{
    struct bytes line;
    int err;

    out->field_count = 0;
    if (bytes_has_prefix(head, BYTES_LIT("\r\n"))) {
        head = bytes_skip(head, 2); /* RFC 9112 §2.2: one empty line before a request is ignored */
    }
    if (!cut_line(&head, &line)) {
        return ERR_SYNTAX;
    }
    err = parse_request_line(line, out);
    while (err == 0) {
        if (!cut_line(&head, &line)) {
            return ERR_SYNTAX;
        }
        if (line.len == 0) {
            return head.len == 0 ? 0 : ERR_SYNTAX;
        }
        if (out->field_count == HTTP_FIELDS_MAX) {
            return ERR_LIMIT;
        }
        err = parse_field(line, out);
    }
    return err;
}

static bool eq_any_case(struct bytes b, const char *s)
{
    return b.len == strlen(s) && strncasecmp(b.ptr, s, b.len) == 0;
}

struct bytes http_head_value(const struct http_head *h, const char *name, size_t nth)
{
    for (size_t i = 0; i < h->field_count; i++) {
        if (eq_any_case(h->fields[i].name, name) && nth-- == 0) {
            return h->fields[i].value;
        }
    }
    return BYTES_NONE;
}

size_t http_head_count(const struct http_head *h, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < h->field_count; i++) {
        count += eq_any_case(h->fields[i].name, name) ? 1 : 0;
    }
    return count;
}

bool http_value_has(struct bytes value, const char *token)
{
    struct bytes item;

    while (cut_at(&value, ',', &item)) {
        if (eq_any_case(trim(item), token)) {
            return true;
        }
    }
    return eq_any_case(trim(value), token);
}

int http_head_content_length(const struct http_head *h, size_t *out_len)
{
    struct bytes v = http_head_value(h, "content-length", 0);
    size_t n = 0;

    if (!v.ptr) {
        return ERR_MISSING;
    }
    if (v.len == 0 || v.len > CONTENT_LENGTH_DIGITS || http_head_count(h, "content-length") > 1) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9') {
            return ERR_SYNTAX;
        }
        n = n * 10 + (size_t)(v.ptr[i] - '0');
    }
    *out_len = n;
    return 0;
}
