/* SPDX-License-Identifier: MIT */
#pragma once
/* A borrowed view of bytes: pointer and length, never NUL-terminated, never freed. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
    const char *ptr;
    size_t len;
};

#define BYTES_LIT(s) ((struct bytes){(s), sizeof(s) - 1})
#define BYTES_NONE ((struct bytes){NULL, 0})
/* For printf: printf("%.*s", BYTES_FMT(b)). */
#define BYTES_FMT(b) (int)(b).len, (b).ptr

static inline struct bytes bytes_of(const void *ptr, size_t len)
{
    return (struct bytes){ptr, len};
}

static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes){s, s ? strlen(s) : 0};
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool bytes_eq_str(struct bytes a, const char *s)
{
    return bytes_eq(a, bytes_str(s));
}

static inline bool bytes_has_prefix(struct bytes a, struct bytes prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

static inline struct bytes bytes_skip(struct bytes a, size_t n)
{
    return n >= a.len ? (struct bytes){a.ptr ? a.ptr + a.len : NULL, 0}
                      : (struct bytes){a.ptr + n, a.len - n};
}

/* Takes the next line off `rest`, without its end; the last one may have none. false = none left.
 */
static inline bool bytes_next_line(struct bytes *rest, struct bytes *out_line)
{
    const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;

    if (rest->len == 0) {
        return false;
    }
    *out_line = bytes_of(rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len);
    *rest = bytes_skip(*rest, out_line->len + 1);
    return true;
}
