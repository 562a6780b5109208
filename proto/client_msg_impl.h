/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files that read a client's JSON share; nobody else includes it. Values are borrowed. */
#include <jansson.h>
#include "proto/client_msg.h"

/* A field's value; NULL when it is absent or null. */
static inline json_t *client_field(const json_t *frame, const char *name)
{
    json_t *value = json_object_get(frame, name);

    return json_is_null(value) ? NULL : value;
}

static inline struct bytes client_string(const json_t *value)
{
    return bytes_of(json_string_value(value), json_string_length(value));
}

/* Below this the JSON reader is as fast. */
#define CHUNK_CUT_MIN_BYTES 1024u
/* Stands for what was cut out; no data itself, since it encodes nothing. */
#define CHUNK_CUT_MARK "="
/* The text without the data of a chunk, and that; all of it and none where there is none to cut.
 * Errors: ERR_NOMEM. */
NODISCARD int client_cut_chunk(struct bytes json, struct arena *arena, struct bytes *out_rest,
                               struct bytes *out_data);
/* Is there a NUL in any string of the tree? (Its depth is bounded.) */
bool client_has_nul(json_t *value);
/* The kind by "type", or by "action". Errors: ERR_TYPE, ERR_NOT_FOUND. */
NODISCARD int client_read_kind(const json_t *frame, enum client_kind *out_kind);
/* The fields of msg->kind. Errors: ERR_MISSING, ERR_TYPE, ERR_RANGE, ERR_LIMIT, ERR_NOMEM. */
NODISCARD int client_read_fields(const json_t *frame, struct arena *arena, struct client_msg *msg);
/* `updates` of a batch_update: parts and text. Errors: as above. */
NODISCARD int client_read_updates(const json_t *frame, struct arena *arena, struct client_msg *msg);
