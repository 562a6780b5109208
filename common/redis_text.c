/* SPDX-License-Identifier: MIT */
/* Wire format of commands, and the two answers that the link itself reads. Replies are parsed by
 * hiredis. Called by redis_link.c. */
#include "common/redis_text.h"

static int append_argument(struct buf *out, struct bytes argument)
{
    int err = buf_append_char(out, '$');

    if (err == 0) {
        err = buf_append_i64(out, (int64_t)argument.len);
    }
    if (err == 0) {
        err = buf_append(out, BYTES_LIT("\r\n"));
    }
    if (err == 0) {
        err = buf_append(out, argument);
    }
    return err != 0 ? err : buf_append(out, BYTES_LIT("\r\n"));
}

int redis_format_command(struct buf *out, const struct bytes *argv, size_t argc)
{
    int err;

    buf_reset(out);
    err = buf_append_char(out, '*');
    if (err == 0) {
        err = buf_append_i64(out, (int64_t)argc);
    }
    if (err == 0) {
        err = buf_append(out, BYTES_LIT("\r\n"));
    }
    for (size_t i = 0; i < argc && err == 0; i++) {
        err = append_argument(out, argv[i]);
    }
    if (err != 0) {
        buf_reset(out);
    }
    return err;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

struct bytes redis_find_run_id(struct bytes info)
{
    static const struct bytes key = {"\nrun_id:", 8};
    const char *at = info.len > 0 ? memmem(info.ptr, info.len, key.ptr, key.len) : NULL;
    struct bytes rest;
    size_t len = 0;

    if (!at) {
        return BYTES_NONE;
    }
    rest = bytes_skip(info, (size_t)(at - info.ptr) + key.len);
    while (len < rest.len && is_hex(rest.ptr[len])) {
        len++;
    }
    if (len == 0 || len > REDIS_RUN_ID_MAX || len == rest.len || rest.ptr[len] != '\r') {
        return BYTES_NONE;
    }
    return bytes_of(rest.ptr, len);
}

struct bytes redis_error_word(struct bytes error)
{
    const char *blank = error.len > 0 ? memchr(error.ptr, ' ', error.len) : NULL;

    return blank ? bytes_of(error.ptr, (size_t)(blank - error.ptr)) : error;
}
