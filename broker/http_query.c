/* SPDX-License-Identifier: MIT */
/* Parameters of an address: found, decoded, encoded, and checked for a page of messages. Called by
 * request_pages.c and http_pages.c. */
#include "broker/http_query.h"

#include "common/mem.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define WORDS_MAX_BYTES (4u * SEARCH_MAX_CHARS)
#define NUMBER_MAX_BYTES 20u

/* Take off what stands before the next `separator`, which goes too. */
static struct bytes take_item(struct bytes *list, char separator)
{
    const char *end = list->len > 0 ? memchr(list->ptr, separator, list->len) : NULL;
    size_t len = end ? (size_t)(end - list->ptr) : list->len;
    struct bytes item = bytes_of(list->ptr, len);

    *list = bytes_skip(*list, len + 1);
    return item;
}

static int hex_value(char c)
{
    char lower = (char)(c | 0x20);

    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static int decode(struct bytes text, bool is_plus_a_space, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = is_plus_a_space && text.ptr[i] == '+' ? ' ' : text.ptr[i];
        int high, low, err;

        if (byte == '%') {
            high = i + 1 < text.len ? hex_value(text.ptr[i + 1]) : -1;
            low = i + 2 < text.len ? hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return ERR_SYNTAX;
            }
            byte = (char)(unsigned char)(high << 4 | low);
            i += 2;
        }
        err = buf_append_char(out, byte);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int http_query_get(struct bytes query, const char *name, struct buf *out)
{
    size_t start = out->len;
    int err;

    while (query.len > 0) {
        struct bytes value = take_item(&query, '&');

        if (!bytes_eq_str(take_item(&value, '='), name)) {
            continue;
        }
        err = decode(value, true, out);
        if (err != 0) {
            out->len = start;
        }
        return err;
    }
    return ERR_NOT_FOUND;
}

int http_path_decode(struct bytes text, struct buf *out)
{
    size_t start = out->len;
    int err = decode(text, false, out);

    if (err != 0) {
        out->len = start;
    }
    return err;
}

/* RFC 3986 §2.3 */
static bool is_unreserved(char c)
{
    char lower = (char)(c | 0x20);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

int http_query_encode(struct bytes text, struct buf *out)
{
    size_t start = out->len;
    int err = 0;

    for (size_t i = 0; i < text.len && err == 0; i++) {
        if (text.ptr[i] == ' ') {
            err = buf_append_char(out, '+');
        } else if (is_unreserved(text.ptr[i])) {
            err = buf_append_char(out, text.ptr[i]);
        } else {
            err = buf_printf(out, "%%%02X", (unsigned char)text.ptr[i]);
        }
    }
    if (err != 0) {
        out->len = start;
    }
    return err;
}

/* ---- pages ---- */

/* Decimal digits, nothing else. Over ID_MAX: ERR_RANGE. */
static int parse_number(struct bytes text, int64_t *out)
{
    int64_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return ERR_SYNTAX;
        }
        n = n > ID_MAX ? n : n * 10 + (text.ptr[i] - '0');
    }
    if (n > ID_MAX) {
        return ERR_RANGE;
    }
    *out = n;
    return 0;
}

/* Errors: ERR_NOT_FOUND (none is given, *out stays), ERR_NOMEM. */
static int read_number(struct bytes query, struct http_field *field, int64_t least, int64_t *out)
{
    struct buf text;
    int64_t n = 0;
    int err;

    buf_init(&text, NUMBER_MAX_BYTES);
    err = http_query_get(query, field->name, &text);
    if (err == 0 && text.len == 0) {
        err = ERR_NOT_FOUND;
    }
    if (err == 0) {
        err = parse_number(buf_bytes(&text), &n);
    }
    buf_done(&text);
    if (err == ERR_NOT_FOUND || err == ERR_NOMEM) {
        return err;
    }
    if (err == ERR_RANGE || (err == 0 && n < least)) {
        field->problem = HTTP_RANGE;
    } else if (err != 0) {
        field->problem = HTTP_INTEGER;
    } else {
        *out = n;
    }
    return 0;
}

static bool is_blank(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != ' ' && (text.ptr[i] < '\t' || text.ptr[i] > '\r')) {
            return false;
        }
    }
    return true;
}

static enum http_problem problem_of_words(struct bytes words)
{
    if (is_blank(words)) {
        return HTTP_BLANK;
    }
    if (utf8_check(words) != 0) {
        return HTTP_TYPE;
    }
    if (memchr(words.ptr, '\0', words.len)) {
        return HTTP_NUL_CHARACTER;
    }
    return utf8_count(words) > SEARCH_MAX_CHARS ? HTTP_TOO_LONG : HTTP_FINE;
}

static int read_words(struct bytes query, struct http_field *field)
{
    struct buf text;
    int err;

    buf_init(&text, WORDS_MAX_BYTES);
    err = http_query_get(query, field->name, &text);
    if (err == 0) {
        field->problem = problem_of_words(buf_bytes(&text));
    } else if (err == ERR_NOT_FOUND) {
        field->problem = HTTP_MISSING;
    } else {
        field->problem = err == ERR_FULL ? HTTP_TOO_LONG : HTTP_TYPE;
    }
    if (err != ERR_NOMEM && field->problem == HTTP_FINE) {
        field->value = mem_dup_str(buf_bytes(&text));
        field->len = text.len;
        err = field->value ? 0 : ERR_NOMEM;
    }
    buf_done(&text);
    return err == ERR_NOMEM ? err : 0;
}

static int read_numbers(struct bytes query, bool is_notifications, struct page_query *out)
{
    int64_t limit = PAGE_LIMIT_DEFAULT, unread = 0;
    int before = read_number(query, &out->fields[PAGE_BEFORE], 1, &out->before);
    int count = read_number(query, &out->fields[PAGE_LIMIT], 1, &limit);
    int other = is_notifications ? read_number(query, &out->fields[PAGE_UNREAD], 0, &unread)
                                 : read_number(query, &out->fields[PAGE_AFTER], 0, &out->after);

    if (limit > PAGE_LIMIT_MAX) {
        out->fields[PAGE_LIMIT].problem = HTTP_RANGE;
        limit = PAGE_LIMIT_MAX;
    }
    out->limit = (uint32_t)limit;
    out->has_after = other == 0 && !is_notifications;
    out->is_unread = unread != 0;
    return before == ERR_NOMEM || count == ERR_NOMEM || other == ERR_NOMEM ? ERR_NOMEM : 0;
}

int page_query_read(struct bytes query, enum page_of what, struct page_query *out)
{
    int err;

    *out = (struct page_query){.fields = {[PAGE_BEFORE] = {.name = "before"},
                                          [PAGE_AFTER] = {.name = "after"},
                                          [PAGE_LIMIT] = {.name = "limit"},
                                          [PAGE_WORDS] = {.name = "q"},
                                          [PAGE_UNREAD] = {.name = "unread"}}};
    err = read_numbers(query, what == PAGE_OF_NOTIFICATIONS, out);
    if (err == 0 && what == PAGE_OF_SEARCH) {
        err = read_words(query, &out->fields[PAGE_WORDS]);
    }
    for (size_t i = 0; i < PAGE_FIELD_COUNT && err == 0; i++) {
        err = out->fields[i].problem != HTTP_FINE ? ERR_MISSING : 0;
    }
    return err;
}

void page_query_done(struct page_query *q)
{
    http_fields_done(q->fields, PAGE_FIELD_COUNT);
}
