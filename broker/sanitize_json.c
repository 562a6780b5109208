/* SPDX-License-Identifier: MIT */
/* JSON tree -> the same tree with clean strings -> text. Depth is bounded before the reader sees
 * the text. Called by handle_batch_update.c. */
#include "broker/sanitize_json.h"

#include <jansson.h>
#include <stdlib.h>

#include "proto/client_msg.h"

struct cleaning {
    enum sanitize_mode mode;
    struct buf text; /* of one string */
    int err;
};

static json_t *clean_value(struct cleaning *c, const json_t *value);

/* The clean form of a string, NUL-terminated, until the next call. NULL: c->err is set. */
static const char *clean_text(struct cleaning *c, struct bytes text)
{
    size_t ignored;

    buf_reset(&c->text);
    c->err = sanitize_text(c->mode, text, &c->text, &ignored);
    if (c->err == 0) {
        c->err = buf_append_char(&c->text, '\0');
    }
    return c->err ? NULL : c->text.data;
}

/* The member under its clean name, unless that is taken. A clean name is there once, so who bears
 * it may take it from one that was cleaned. Takes `child`. */
static int put_member(json_t *object, const char *name, const char *clean, json_t *child)
{
    if (strcmp(name, clean) != 0 && json_object_get(object, clean)) {
        json_decref(child);
        return 0;
    }
    return json_object_set_new(object, clean, child) ? ERR_NOMEM : 0;
}

static json_t *clean_object(struct cleaning *c, const json_t *value)
{
    json_t *out = json_object();
    void *at = json_object_iter((json_t *)(uintptr_t)value);

    for (; out && at && !c->err; at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        const char *name = json_object_iter_key(at);
        json_t *child = clean_value(c, json_object_iter_value(at));
        const char *clean = child ? clean_text(c, bytes_str(name)) : NULL;
        if (clean) {
            c->err = put_member(out, name, clean, child);
        } else {
            json_decref(child);
        }
    }
    return out;
}

static json_t *clean_array(struct cleaning *c, const json_t *value)
{
    json_t *out = json_array();

    for (size_t i = 0; out && i < json_array_size(value) && !c->err; i++) {
        json_t *child = clean_value(c, json_array_get(value, i));
        if (child && json_array_append_new(out, child)) {
            c->err = ERR_NOMEM;
        }
    }
    return out;
}

static json_t *clean_string(struct cleaning *c, const json_t *value)
{
    struct bytes text = bytes_of(json_string_value(value), json_string_length(value));
    const char *clean = clean_text(c, text);

    return clean ? json_stringn(clean, c->text.len - 1) : NULL;
}

/* A new tree, or NULL with c->err set. */
static json_t *clean_value(struct cleaning *c, const json_t *value)
{
    json_t *out;

    if (json_is_object(value)) {
        out = clean_object(c, value);
    } else if (json_is_array(value)) {
        out = clean_array(c, value);
    } else if (json_is_string(value)) {
        out = clean_string(c, value);
    } else {
        out = json_incref((json_t *)(uintptr_t)value);
    }
    if (!out && !c->err) {
        c->err = ERR_NOMEM;
    }
    if (c->err) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static int dump(const json_t *root, struct buf *out)
{
    char *text = json_dumps(root, JSON_COMPACT);
    int err = text ? buf_append(out, bytes_str(text)) : ERR_NOMEM;

    free(text); /* jansson's own allocator */
    return err;
}

int sanitize_json(enum sanitize_mode mode, struct bytes json, struct buf *out)
{
    struct cleaning c = {.mode = mode};
    json_t *root = NULL, *clean = NULL;

    c.err = json_check_depth(json);
    if (c.err) {
        return c.err;
    }
    buf_init(&c.text, out->max);
    root = json_loadb(json.ptr, json.len, JSON_ALLOW_NUL, NULL);
    if (root) {
        clean = clean_value(&c, root);
    } else {
        c.err = ERR_SYNTAX;
    }
    if (clean) {
        c.err = dump(clean, out);
    }
    json_decref(clean);
    json_decref(root);
    buf_done(&c.text);
    return c.err;
}
