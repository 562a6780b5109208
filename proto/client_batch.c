/* SPDX-License-Identifier: MIT */
/* The updates of a batch_update, sorted: those that are frames become texts of their own, each to
 * be judged as if it had been sent alone, and so do those with a NUL, to be refused alone; the
 * others stay together, one JSON array that is relayed.
 * Called by client_fields.c. */
#include <stdlib.h>

#include "proto/client_msg_impl.h"

static bool is_frame(const json_t *update)
{
    enum client_kind kind;

    return client_read_kind(update, &kind) == 0;
}

/* A value's text, in the arena. */
static int dump(const json_t *value, struct arena *arena, struct bytes *out_text)
{
    char *text = json_dumps(value, JSON_COMPACT);
    int err = text ? arena_dup(arena, bytes_str(text), out_text) : ERR_NOMEM;

    free(text); /* jansson's own allocator */
    return err;
}

static int sort(const json_t *updates, struct arena *arena, struct client_msg *msg, json_t *others)
{
    size_t count = json_array_size(updates);
    struct bytes *parts = arena_alloc(arena, count * sizeof(*parts));
    int err = parts ? 0 : ERR_NOMEM;

    for (size_t i = 0; i < count && !err; i++) {
        json_t *update = json_array_get(updates, i);
        if (!json_is_object(update)) {
            err = ERR_TYPE;
        } else if (is_frame(update) || client_has_nul(update)) {
            err = dump(update, arena, &parts[msg->part_count++]);
        } else if (json_array_append(others, update)) {
            err = ERR_NOMEM;
        }
    }
    msg->parts = parts;
    return err;
}

int client_read_updates(const json_t *frame, struct arena *arena, struct client_msg *msg)
{
    const json_t *updates = client_field(frame, "updates");
    size_t count = json_array_size(updates);
    json_t *others;
    int err;

    if (!updates) {
        return ERR_MISSING;
    }
    if (!json_is_array(updates)) {
        return ERR_TYPE;
    }
    if (count < 1 || count > BATCH_UPDATES_MAX) {
        return ERR_LIMIT;
    }
    others = json_array();
    err = others ? sort(updates, arena, msg, others) : ERR_NOMEM;
    if (!err && json_array_size(others)) {
        err = dump(others, arena, &msg->text);
    }
    json_decref(others);
    return err;
}
