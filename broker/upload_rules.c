/* SPDX-License-Identifier: MIT */
/* The rules in the order in which they are told. Called by request_upload.c and
 * request_upload_http.c. */
#include "broker/upload_rules.h"

#include "broker/file_type.h"
#include "common/conf.h"
#include "proto/limits.h"

static struct upload_judgement refuse(enum client_code code, const char *sentence)
{
    return (struct upload_judgement){code, sentence};
}

/* RFC 6838 §4.2: letters, digits and a few marks, one slash. */
static bool is_type(struct bytes type)
{
    size_t slashes = 0;

    for (size_t i = 0; i < type.len; i++) {
        char c = type.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        slashes += c == '/';
        if (!is_plain && (i == 0 || c == '\0' || !strchr("/!#$&-^_.+", c))) {
            return false;
        }
    }
    return slashes == 1 && type.ptr[type.len - 1] != '/';
}

/* "Text/Plain; charset=utf-8" -> "text/plain" */
static int put_type(struct bytes given, struct buf *out)
{
    int err = 0;

    for (size_t i = 0; i < given.len && given.ptr[i] != ';' && err == 0; i++) {
        char c = given.ptr[i];
        err = buf_append_char(out, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
    while (out->len > 0 && (out->data[out->len - 1] == ' ' || out->data[out->len - 1] == '\t')) {
        out->len--;
    }
    return err;
}

static bool is_allowed(const char *list, struct bytes type)
{
    struct bytes item;
    size_t pos = 0;

    while (conf_list_next(list, &pos, &item)) {
        bool is_family = item.len >= 2 && item.ptr[item.len - 1] == '*';
        if (is_family ? bytes_has_prefix(type, bytes_of(item.ptr, item.len - 1))
                      : bytes_eq(type, item)) {
            return true;
        }
    }
    return false;
}

/* Cleaned, then sanitised, then trimmed of what that has brought to its ends. */
static int put_name(const struct upload_rules *rules, struct bytes given, struct buf *out)
{
    struct buf clean, safe;
    struct bytes name = BYTES_NONE;
    size_t code_points;
    int err;

    buf_init(&clean, FILE_NAME_MAX_BYTES);
    buf_init(&safe, STORED_NAME_MAX_BYTES);
    err = file_name_clean(given, &clean);
    if (err == 0) {
        err = sanitize_text(rules->sanitize_mode, buf_bytes(&clean), &safe, &code_points);
    }
    if (err == 0) {
        name = file_name_trim(buf_bytes(&safe));
        err = name.len > 0 ? buf_append(out, name) : ERR_SYNTAX;
    }
    buf_done(&clean);
    buf_done(&safe);
    return err;
}

static enum client_code code_of(int err)
{
    return err == ERR_NOMEM ? CODE_SERVICE_UNAVAILABLE : CODE_INVALID_MESSAGE;
}

struct upload_judgement upload_judge(const struct upload_rules *rules, struct bytes file_name,
                                     struct bytes file_type, int64_t file_size,
                                     struct buf *out_name, struct buf *out_type)
{
    int err = put_name(rules, file_name, out_name);

    if (err != 0) {
        return refuse(code_of(err), "This is not a file name.");
    }
    /* What is stored must not run either: sanitising may have made it so. */
    if (file_name_is_executable(file_name) || file_name_is_executable(buf_bytes(out_name))) {
        return refuse(CODE_INVALID_MESSAGE, "Files with such a name are not taken.");
    }
    err = put_type(file_type, out_type);
    if (err != 0 || !is_type(buf_bytes(out_type)) ||
        !is_allowed(rules->allowed_types, buf_bytes(out_type))) {
        return refuse(code_of(err), "Files of this type are not taken.");
    }
    if (file_size < 1) {
        return refuse(CODE_INVALID_MESSAGE, "The file is empty.");
    }
    if (file_size > rules->size_max) {
        return refuse(CODE_MESSAGE_TOO_LARGE, "The file is too large.");
    }
    return refuse(CODE_NONE, NULL);
}
