/* SPDX-License-Identifier: MIT */
/* What a browser sent: JSON text -> type and client_id; the fields of each kind are read by
 * client_fields.c. UTF-8 and depth are checked before jansson sees the text. Does not sanitise,
 * does not know sessions or permissions. Called by gateway/inbound for every frame.
 *
 * NULs are let through the JSON reader (JSON_ALLOW_NUL) and refused afterwards, so that the error
 * frame can still carry the client_id, and so that in a batch only the update that has one is
 * refused. A lone surrogate is made a NUL for the same reason. */
#include "proto/client_msg.h"

#include <jansson.h>
#include <string.h>

#include "common/mem.h"
#include "proto/client_msg_impl.h"

int json_check_depth(struct bytes json)
{
    size_t depth = 0;
    bool is_in_string = false;

    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (is_in_string) {
            i += c == '\\'; /* whatever is escaped does not end the string */
            is_in_string = c != '"';
        } else if (c == '"') {
            is_in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX) {
                return ERR_DEPTH;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return 0;
}

/* The four hex digits behind "\\u", or 0 when there are none. */
static unsigned escape_at(const char *p, const char *end)
{
    unsigned n = 0;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') {
        return 0;
    }
    for (int i = 2; i < 6; i++) {
        unsigned c = (unsigned char)p[i] | 0x20u;
        unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
        if (digit == 16) {
            return 0;
        }
        n = n << 4 | digit;
    }
    return n;
}

/* Put these four hex digits for every lone surrogate, in place. Returns whether there was one. */
static bool mend_surrogates(char *text, size_t len, const char *digits)
{
    const char *end = text + len;
    bool is_mended = false;

    for (char *p = text; p < end; p++) {
        unsigned first = escape_at(p, end), second;
        if (*p != '\\') {
            continue;
        }
        if (first < 0xd800 || first > 0xdfff) {
            p++; /* whatever is escaped */
            continue;
        }
        second = escape_at(p + 6, end);
        if (first < 0xdc00 && second >= 0xdc00 && second <= 0xdfff) {
            p += 11;
            continue;
        }
        memcpy(p + 2, digits, 4);
        p += 5;
        is_mended = true;
    }
    return is_mended;
}

/* The tree of a frame that only lone surrogates spoil, with this character for each. */
static json_t *load_mended(struct bytes json, const char *digits)
{
    char *copy = mem_dup_str(json);
    json_t *root = NULL;

    if (copy && mend_surrogates(copy, json.len, digits)) {
        root = json_loadb(copy, json.len, JSON_ALLOW_NUL, NULL);
    }
    mem_free(copy);
    return root;
}

/* Text -> tree, with a NUL for every lone surrogate. Gives a tree with an error, too, where that is
 * enough to find type and client_id: when a number is too large for the reader (ERR_RANGE; integers
 * are then there as reals), and when a lone surrogate in a key, where no NUL may be, is all that is
 * wrong (ERR_SYNTAX). */
static int load(struct bytes json, json_t **out_root)
{
    json_error_t why;
    int err = ERR_SYNTAX;

    json_t *root = json_loadb(json.ptr, json.len, JSON_ALLOW_NUL, &why);
    if (root) {
        err = 0;
    } else if (json_error_code(&why) == json_error_numeric_overflow) {
        err = ERR_RANGE;
        root = json_loadb(json.ptr, json.len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why);
    } else if (json_error_code(&why) == json_error_out_of_memory) {
        err = ERR_NOMEM;
    } else {
        root = load_mended(json, "0000");
        err = root ? 0 : ERR_SYNTAX;
        root = root ? root : load_mended(json, "fffd");
    }
    *out_root = root;
    return err;
}

static bool has_nul(struct bytes text)
{
    return text.len && memchr(text.ptr, 0, text.len);
}

bool client_has_nul(json_t *value)
{
    if (json_is_string(value)) {
        return has_nul(client_string(value));
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (client_has_nul(json_array_get(value, i))) {
            return true;
        }
    }
    for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        if (client_has_nul(json_object_iter_value(at))) {
            return true;
        }
    }
    return false;
}

/* In the frame itself? The updates of a batch are judged one by one. */
static bool frame_has_nul(json_t *frame, enum client_kind kind)
{
    void *at = json_object_iter(frame);

    for (; at; at = json_object_iter_next(frame, at)) {
        bool is_apart =
            kind == KIND_BATCH_UPDATE && strcmp(json_object_iter_key(at), "updates") == 0;
        if (!is_apart && client_has_nul(json_object_iter_value(at))) {
            return true;
        }
    }
    return false;
}

int client_read_kind(const json_t *frame, enum client_kind *out_kind)
{
    const json_t *type = client_field(frame, "type");
    const json_t *action = client_field(frame, "action");

    if (!type) {
        bool is_heartbeat =
            json_is_string(action) && bytes_eq_str(client_string(action), "heartbeat");
        *out_kind = is_heartbeat ? KIND_HEARTBEAT : KIND_INVALID;
    } else if (!json_is_string(type)) {
        return ERR_TYPE;
    } else {
        /* A heartbeat is an action; as a type it is unknown like any other. */
        enum client_kind kind = kind_find(client_string(type));
        *out_kind = kind == KIND_HEARTBEAT ? KIND_INVALID : kind;
    }
    return *out_kind == KIND_INVALID ? ERR_NOT_FOUND : 0;
}

static int read_client_id(const json_t *frame, struct arena *arena, struct bytes *out_id)
{
    const json_t *value = client_field(frame, "client_id");

    if (!value) {
        return 0;
    }
    if (!json_is_string(value)) {
        return ERR_TYPE;
    }
    struct bytes id = client_string(value);
    if (has_nul(id)) {
        return ERR_SYNTAX;
    }
    if (id.len == 0 || id.len > CLIENT_ID_MAX_BYTES || utf8_count(id) > CLIENT_ID_MAX_CHARS) {
        return ERR_LIMIT;
    }
    return arena_dup(arena, id, out_id);
}

/* Type and client_id come first, so that they are there when something else is wrong. */
static int read_frame(json_t *frame, struct arena *arena, struct client_msg *msg)
{
    if (!json_is_object(frame)) {
        return ERR_SYNTAX;
    }
    int id_err = read_client_id(frame, arena, &msg->client_id);
    int err = client_read_kind(frame, &msg->kind);

    if (frame_has_nul(frame, msg->kind)) {
        return ERR_SYNTAX;
    }
    if (id_err == ERR_NOMEM) {
        return id_err;
    }
    if (!err && msg->kind == KIND_CHAT_MESSAGE) {
        err = id_err; /* elsewhere a client_id only comes back in errors: a bad one is none */
    }
    return err ? err : client_read_fields(frame, arena, msg);
}

/* `chunk`: what was cut out of the text. */
static int parse(struct bytes json, struct bytes chunk, struct arena *arena, struct client_msg *msg)
{
    json_t *root = NULL;
    int err = json_check_depth(json);

    *msg = (struct client_msg){.kind = KIND_INVALID, .chunk = chunk};
    if (!err) {
        err = load(json, &root);
    }
    if (root) {
        int frame_err = read_frame(root, arena, msg);
        err = err ? err : frame_err;
    }
    json_decref(root);
    return err;
}

int client_msg_parse(struct bytes json, struct arena *arena, struct client_msg *out_msg)
{
    struct client_msg msg = {.kind = KIND_INVALID};
    struct bytes rest, chunk = BYTES_NONE;

    int err = utf8_check(json);
    if (!err) {
        err = client_cut_chunk(json, arena, &rest, &chunk);
    }
    if (!err) {
        err = parse(rest, chunk, arena, &msg);
    }
    if (chunk.len > 0 && (err || msg.kind != KIND_UPLOAD_CHUNK)) {
        err = parse(json, BYTES_NONE, arena, &msg); /* what was cut may be part of something */
    }
    if (err) {
        msg = (struct client_msg){.kind = msg.kind, .client_id = msg.client_id};
    }
    *out_msg = msg;
    return err;
}
