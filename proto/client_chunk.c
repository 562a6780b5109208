/* SPDX-License-Identifier: MIT */
/* The data of an upload_chunk, taken out of the text before a JSON reader sees it: reading a
 * character at a time it would take most of what a chunk costs. What is cut out is the inside of a
 * string without escapes; if it is good data, the rest is JSON exactly if the whole was, and if
 * anything is wrong the whole is read again. Called by client_msg.c. */
#include "proto/client_msg_impl.h"

#define NAME "\"chunk_data\""

static struct bytes skip_space(struct bytes text)
{
    while (text.len > 0 && strchr(" \t\r\n", *text.ptr) && *text.ptr != '\0') {
        text = bytes_skip(text, 1);
    }
    return text;
}

/* The inside of the string that is the value of the first "chunk_data"; none when it is not plain.
 */
static struct bytes find_data(struct bytes json)
{
    const char *name = memmem(json.ptr, json.len, NAME, strlen(NAME));
    struct bytes rest = name ? bytes_skip(json, (size_t)(name - json.ptr) + strlen(NAME)) : json;
    const char *end;

    rest = name ? skip_space(rest) : BYTES_NONE;
    if (rest.len == 0 || *rest.ptr != ':') {
        return BYTES_NONE;
    }
    rest = skip_space(bytes_skip(rest, 1));
    if (rest.len == 0 || *rest.ptr != '"') {
        return BYTES_NONE;
    }
    rest = bytes_skip(rest, 1);
    end = rest.len > 0 ? memchr(rest.ptr, '"', rest.len) : NULL;
    if (!end || memchr(rest.ptr, '\\', (size_t)(end - rest.ptr))) {
        return BYTES_NONE;
    }
    return bytes_of(rest.ptr, (size_t)(end - rest.ptr));
}

/* Could a field outside of the data be another "chunk_data", written so or with escapes? Of those
 * the last one counts, and it might look like the mark. */
static bool may_have_another(struct bytes text)
{
    return text.len > 0 &&
           (memchr(text.ptr, '\\', text.len) || memmem(text.ptr, text.len, NAME, strlen(NAME)));
}

int client_cut_chunk(struct bytes json, struct arena *arena, struct bytes *out_rest,
                     struct bytes *out_data)
{
    struct bytes data = json.len < CHUNK_CUT_MIN_BYTES ? BYTES_NONE : find_data(json);
    size_t before = data.len > 0 ? (size_t)(data.ptr - json.ptr) : 0;
    size_t after = json.len - before - data.len;
    char *rest;

    *out_rest = json;
    *out_data = BYTES_NONE;
    if (data.len < CHUNK_CUT_MIN_BYTES / 2 ||
        may_have_another(bytes_of(data.ptr + data.len, after)) || memchr(json.ptr, '\\', before)) {
        return 0;
    }
    rest = arena_alloc(arena, before + strlen(CHUNK_CUT_MARK) + after);
    if (!rest) {
        return ERR_NOMEM;
    }
    memcpy(rest, json.ptr, before);
    memcpy(rest + before, CHUNK_CUT_MARK, strlen(CHUNK_CUT_MARK));
    memcpy(rest + before + strlen(CHUNK_CUT_MARK), data.ptr + data.len, after);
    *out_rest = bytes_of(rest, before + strlen(CHUNK_CUT_MARK) + after);
    *out_data = data;
    return 0;
}
