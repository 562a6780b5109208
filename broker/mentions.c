/* SPDX-License-Identifier: MIT */
/* One pass over a text. Bytes above ASCII are taken for letters: Django allows those of any script,
 * and a sign that is none makes a name that nobody has. */
#include "broker/mentions.h"

#include <stdbool.h>

#include "proto/limits.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_inner(char c)
{
    return c == '.' || c == '+' || c == '-';
}

/* The name at the beginning of `text`; maybe empty. */
static struct bytes name_at(struct bytes text)
{
    size_t len = 0;

    while (len < text.len && (is_word(text.ptr[len]) || is_inner(text.ptr[len]))) {
        len++;
    }
    while (len > 0 && is_inner(text.ptr[len - 1])) {
        len--;
    }
    return bytes_of(text.ptr, len);
}

static bool has(const struct bytes *names, size_t count, struct bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

size_t mentions_find(struct bytes text, struct bytes out_names[MENTIONS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < text.len && count < MENTIONS_MAX; i++) {
        bool is_start = text.ptr[i] == '@' && (i == 0 || !is_word(text.ptr[i - 1]));
        struct bytes name = is_start ? name_at(bytes_skip(text, i + 1)) : BYTES_NONE;
        if (name.len > 0 && name.len <= USERNAME_MAX_BYTES && !has(out_names, count, name)) {
            out_names[count++] = name;
        }
        i += name.len;
    }
    return count;
}
