/* SPDX-License-Identifier: MIT */
/* The body of a request: JSON text -> the values of its fields, each with what is wrong with it.
 * With client_msg.c and its like the only file that parses a client's JSON. Called by
 * request_http.c. */
#include "broker/http_api.h"

#include <jansson.h>
#include <strings.h>

#include "broker/openssl.h"
#include "common/mem.h"
#include "proto/client_msg.h"
#include "proto/limits.h"

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text = bytes_skip(text, 1);
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

bool http_type_is_json(struct bytes content_type)
{
    static const char json[] = "application/json";
    struct bytes type = content_type;
    const char *semicolon = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;

    if (semicolon) {
        type.len = (size_t)(semicolon - type.ptr);
    }
    type = trim(type);
    return type.len == sizeof(json) - 1 && strncasecmp(type.ptr, json, type.len) == 0;
}

static int read_text(const json_t *value, struct http_field *f)
{
    struct bytes text;

    if (!json_is_string(value)) {
        f->problem = HTTP_TYPE;
        return 0;
    }
    text = bytes_of(json_string_value(value), json_string_length(value));
    if (f->is_trimmed) {
        text = trim(text);
    }
    if (text.len == 0) {
        f->problem = HTTP_BLANK;
        return 0;
    }
    if (memchr(text.ptr, '\0', text.len)) {
        f->problem = HTTP_NUL_CHARACTER;
        return 0;
    }
    f->value = mem_dup_str(text);
    f->len = text.len;
    return f->value ? 0 : ERR_NOMEM;
}

static enum http_problem read_id(const json_t *value, int64_t *out_id)
{
    if (!json_is_integer(value)) {
        return HTTP_INTEGER;
    }
    *out_id = json_integer_value(value);
    return *out_id < 1 || *out_id > ID_MAX ? HTTP_RANGE : HTTP_FINE;
}

static int read_ids(const json_t *value, struct http_field *f)
{
    size_t count = json_array_size(value); /* 0 of what is no array */

    if (!json_is_array(value) || count > HTTP_IDS_MAX) {
        f->problem = json_is_array(value) ? HTTP_TOO_LONG : HTTP_ID_LIST;
        return 0;
    }
    f->ids = count > 0 ? mem_alloc(count * sizeof(*f->ids)) : NULL;
    if (count > 0 && !f->ids) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count && f->problem == HTTP_FINE; i++) {
        f->problem = read_id(json_array_get(value, i), &f->ids[i]);
    }
    f->id_count = count;
    return 0;
}

static bool is_flag_name(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        char c = name[i], lower = (char)(c | 0x20);

        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.')) {
            return false;
        }
    }
    return len > 0 && len <= HTTP_FLAG_NAME_MAX;
}

/* Both are written by us: names that need no escapes. */
static int write_flags(json_t *object, struct buf *out)
{
    const char *name;
    json_t *flag;
    int err = buf_append_char(out, '{');

    json_object_foreach(object, name, flag)
    {
        if (err == 0) {
            err = buf_printf(out, "%s\"%s\":%s", out->len > 1 ? "," : "", name,
                             json_is_true(flag) ? "true" : "false");
        }
    }
    return err == 0 ? buf_append_char(out, '}') : err;
}

static int read_flags(const json_t *value, struct http_field *f)
{
    json_t *object =
        (json_t *)(uintptr_t)value; /* for json_object_foreach, which changes nothing */
    const char *name;
    json_t *flag;
    struct buf text;
    int err;

    if (!json_is_object(value) || json_object_size(value) > HTTP_FLAGS_MAX) {
        f->problem = json_is_object(value) ? HTTP_TOO_LONG : HTTP_FLAG_MAP;
        return 0;
    }
    json_object_foreach(object, name, flag)
    {
        if (!json_is_boolean(flag) || !is_flag_name(name)) {
            f->problem = json_is_boolean(flag) ? HTTP_PATTERN : HTTP_FLAG_MAP;
            return 0;
        }
    }
    buf_init(&text, HTTP_FLAGS_MAX * (HTTP_FLAG_NAME_MAX + 16));
    err = write_flags(object, &text);
    if (err == 0) {
        f->value = mem_dup_str(buf_bytes(&text));
        f->len = text.len;
        err = f->value ? 0 : ERR_NOMEM;
    }
    buf_done(&text);
    return err;
}

static bool is_clock(struct bytes t)
{
    static const char lowest[] = "00:00", highest[] = "29:59";

    for (size_t i = 0; i < t.len && t.len == sizeof(lowest) - 1; i++) {
        if (t.ptr[i] < lowest[i] || t.ptr[i] > highest[i]) {
            return false;
        }
    }
    return t.len == sizeof(lowest) - 1 && (t.ptr[0] < '2' || t.ptr[1] < '4');
}

static int read_clock(const json_t *value, struct http_field *f)
{
    struct bytes text = bytes_of(json_string_value(value), json_string_length(value));

    if (!json_is_string(value) || !is_clock(text)) {
        f->problem = HTTP_TIME;
        return 0;
    }
    f->value = mem_dup_str(text);
    f->len = text.len;
    return f->value ? 0 : ERR_NOMEM;
}

static int read_field(const json_t *object, struct http_field *f)
{
    const json_t *value = json_object_get(object, f->name);

    f->problem = HTTP_FINE;
    f->is_given = value != NULL;
    f->is_null = json_is_null(value);
    if (f->is_optional && (!value || json_is_null(value))) {
        return 0;
    }
    if (!value || json_is_null(value)) {
        f->problem = value ? HTTP_NULL : HTTP_MISSING;
        return 0;
    }
    switch (f->type) {
    case HTTP_TEXT:
        return read_text(value, f);
    case HTTP_FLAG:
        f->problem = json_is_boolean(value) ? HTTP_FINE : HTTP_BOOLEAN;
        f->flag = json_is_true(value);
        return 0;
    case HTTP_ID:
        f->problem = read_id(value, &f->id);
        return 0;
    case HTTP_IDS:
        return read_ids(value, f);
    case HTTP_FLAGS:
        return read_flags(value, f);
    case HTTP_CLOCK:
        return read_clock(value, f);
    }
    return 0;
}

static int read_object(const json_t *object, struct http_field *fields, size_t count)
{
    bool has_problem = false;

    for (size_t i = 0; i < count; i++) {
        int err = read_field(object, &fields[i]);

        if (err != 0) {
            http_fields_done(fields, count);
            return err;
        }
        has_problem = has_problem || fields[i].problem != HTTP_FINE;
    }
    return has_problem ? ERR_MISSING : 0;
}

/* The reader's own copy of a password must not stay in freed memory. jansson gives no writable
 * view of a string, but the memory is its own heap block. */
static void wipe_texts(json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (json_is_string(value)) {
            OPENSSL_cleanse((char *)(uintptr_t)json_string_value(value), json_string_length(value));
        }
    }
}

int http_fields_read(struct bytes body, struct http_field *fields, size_t count)
{
    struct bytes text = trim(body).len > 0 ? body : BYTES_LIT("{}");
    int err = utf8_check(text);
    json_error_t why;
    json_t *root;

    if (err == 0) {
        err = json_check_depth(text);
    }
    if (err != 0) {
        return err;
    }
    root = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!root) {
        return json_error_code(&why) == json_error_out_of_memory ? ERR_NOMEM : ERR_SYNTAX;
    }
    err = json_is_object(root) ? read_object(root, fields, count) : ERR_TYPE;
    wipe_texts(root);
    json_decref(root);
    return err;
}

void http_fields_done(struct http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].value) {
            OPENSSL_cleanse(fields[i].value, fields[i].len);
            mem_free(fields[i].value);
        }
        mem_free(fields[i].ids);
        fields[i].value = NULL;
        fields[i].len = 0;
        fields[i].ids = NULL;
        fields[i].id_count = 0;
    }
}
