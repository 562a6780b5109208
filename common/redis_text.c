/* SPDX-License-Identifier: MIT */
/* Wire format of commands, and the few answers that the link itself reads. Replies are parsed by
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

bool redis_error_is_elsewhere(struct bytes error)
{
    /* UNBLOCKED ends a blocking read on a primary that became a replica. */
    static const char *const words[] = {"MOVED",       "ASK",        "TRYAGAIN", "READONLY",
                                        "CLUSTERDOWN", "MASTERDOWN", "UNBLOCKED"};
    struct bytes word = redis_error_word(error);

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (bytes_eq_str(word, words[i])) {
            return true;
        }
    }
    return false;
}

bool redis_moved_to(struct bytes error, struct bytes *out_host, struct bytes *out_port)
{
    struct bytes word = redis_error_word(error), slot, place;
    const char *colon;

    if (!bytes_eq_str(word, "MOVED")) {
        return false;
    }
    slot = redis_error_word(bytes_skip(error, word.len + 1));
    place = bytes_skip(error, word.len + slot.len + 2);
    /* An IPv6 address has colons of its own, and no brackets. */
    colon = place.len > 0 ? memrchr(place.ptr, ':', place.len) : NULL;
    if (!colon) {
        return false;
    }
    *out_host = bytes_of(place.ptr, (size_t)(colon - place.ptr));
    *out_port = bytes_skip(place, out_host->len + 1);
    return true;
}
