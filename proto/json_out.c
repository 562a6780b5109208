/* SPDX-License-Identifier: MIT */
/* JSON writing for the frames that are made per message. Strings go out in runs of bytes that
 * need no escape, so that usual text is one copy. Does not check nesting: server_msg.c and the
 * broker's HTTP answers, its callers, have fixed shapes that are tested with a JSON reader. */
#include "proto/json_out.h"

#define ESCAPE_MAX 6u /* \u001f */

void json_out_init(struct json_out *j, struct buf *out)
{
    *j = (struct json_out){.out = out};
}

static void put(struct json_out *j, struct bytes part)
{
    if (!j->err) {
        j->err = buf_append(j->out, part);
    }
}

static void put_char(struct json_out *j, char c)
{
    if (!j->err) {
        j->err = buf_append_char(j->out, c);
    }
}

/* Before a key, or a value in an array. */
static void begin_item(struct json_out *j)
{
    if (j->need_comma) {
        put_char(j, ',');
    }
}

static void end_item(struct json_out *j)
{
    j->need_comma = true;
}

static void open_bracket(struct json_out *j, char bracket)
{
    begin_item(j);
    put_char(j, bracket);
    j->need_comma = false;
}

static void close_bracket(struct json_out *j, char bracket)
{
    put_char(j, bracket);
    end_item(j);
}

void json_begin_object(struct json_out *j)
{
    open_bracket(j, '{');
}

void json_end_object(struct json_out *j)
{
    close_bracket(j, '}');
}

void json_begin_array(struct json_out *j)
{
    open_bracket(j, '[');
}

void json_end_array(struct json_out *j)
{
    close_bracket(j, ']');
}

void json_key(struct json_out *j, const char *key)
{
    size_t len = strlen(key);
    char *room;

    if (!j->err) {
        j->err = buf_reserve(j->out, len + sizeof("\"\":") - 1 + j->need_comma, &room);
    }
    if (j->err) {
        return;
    }
    char *at = room;
    if (j->need_comma) {
        *at++ = ',';
    }
    *at++ = '"';
    memcpy(at, key, len);
    at += len;
    *at++ = '"';
    *at++ = ':';
    buf_commit(j->out, (size_t)(at - room));
    j->need_comma = false;
}

/* U+2028 and U+2029 are E2 80 A8 and E2 80 A9. */
static bool is_line_separator(struct bytes rest)
{
    return rest.len >= 3 && memcmp(rest.ptr, "\xE2\x80", 2) == 0 &&
           ((unsigned char)rest.ptr[2] | 1) == 0xA9;
}

/* Length of the beginning of `s` that can be copied as it is. */
static size_t plain_run(struct bytes s)
{
    size_t i = 0;

    for (; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            break;
        }
        if (c == 0xE2 && is_line_separator(bytes_skip(s, i))) {
            break;
        }
    }
    return i;
}

/* The letter of a two-character escape, or 0. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* Escape the character at the beginning of `s`. Gives how many bytes of `s` that were. */
static size_t put_escape(struct json_out *j, struct bytes s)
{
    static const char HEX[] = "0123456789abcdef";
    unsigned char c = (unsigned char)s.ptr[0];

    if (c == 0xE2) {
        put(j, s.ptr[2] == '\xA8' ? BYTES_LIT("\\u2028") : BYTES_LIT("\\u2029"));
        return 3;
    }
    char text[ESCAPE_MAX] = {'\\', short_escape(s.ptr[0])};
    size_t len = 2;
    if (!text[1]) {
        memcpy(text, "\\u00", 4);
        text[4] = HEX[c >> 4];
        text[5] = HEX[c & 15];
        len = ESCAPE_MAX;
    }
    put(j, bytes_of(text, len));
    return 1;
}

void json_str(struct json_out *j, struct bytes s)
{
    begin_item(j);
    put_char(j, '"');
    while (s.len && !j->err) {
        size_t run = plain_run(s);
        put(j, bytes_of(s.ptr, run));
        s = bytes_skip(s, run);
        if (s.len) {
            s = bytes_skip(s, put_escape(j, s));
        }
    }
    put_char(j, '"');
    end_item(j);
}

void json_str_key(struct json_out *j, struct bytes key)
{
    json_str(j, key);
    if (!j->err) {
        j->err = buf_append_char(j->out, ':');
    }
    j->need_comma = false;
}

void json_i64(struct json_out *j, int64_t n)
{
    begin_item(j);
    if (!j->err) {
        j->err = buf_append_i64(j->out, n);
    }
    end_item(j);
}

void json_raw(struct json_out *j, struct bytes json)
{
    begin_item(j);
    put(j, json);
    end_item(j);
}

void json_bool(struct json_out *j, bool b)
{
    json_raw(j, b ? BYTES_LIT("true") : BYTES_LIT("false"));
}

void json_nil(struct json_out *j)
{
    json_raw(j, BYTES_LIT("null"));
}

void json_kstr(struct json_out *j, const char *key, struct bytes s)
{
    json_key(j, key);
    json_str(j, s);
}

void json_ki64(struct json_out *j, const char *key, int64_t n)
{
    json_key(j, key);
    json_i64(j, n);
}

void json_kbool(struct json_out *j, const char *key, bool b)
{
    json_key(j, key);
    json_bool(j, b);
}

void json_ktime(struct json_out *j, const char *key, uint64_t wall_ms)
{
    char text[ISO_TIME_MAX];
    size_t len = iso_time(wall_ms, text);

    json_kstr(j, key, bytes_of(text, len));
}
