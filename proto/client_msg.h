/* SPDX-License-Identifier: MIT */
#pragma once
/* What a browser sent: JSON text -> typed fields. Pure; the only file that parses client JSON.
 *
 * Depth is bounded (JSON_DEPTH_MAX) before the JSON reader sees the text. Unknown keys are
 * ignored. NUL in any string and lone surrogates are ERR_SYNTAX; 1.0, 1e0, "1", true, 0 and
 * 2^53 are not ids (ERR_TYPE / ERR_RANGE). null stands for an absent optional field.
 *
 * An update of a batch is judged by itself, but the text is read as one: what the JSON reader
 * cannot represent refuses the whole batch. That is an integer outside of 64 bits, a real beyond
 * a double, and a NUL or a lone surrogate in a key. */
#include <stdbool.h>
#include <stdint.h>
#include "common/arena.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/kinds.h"
#include "proto/limits.h"
#include "proto/utf8.h"

struct client_msg {
    enum client_kind kind;   /* KIND_INVALID for an unknown or missing type */
    struct bytes client_id;  /* empty = none given; set whenever it was readable, also
                                when another field is bad, so that the error can carry it */
    struct bytes text;       /* chat_message: message, edit_message: new_content, both before
                                sanitising; batch_update: the JSON array of the objects that are
                                no frames, empty = none; refresh_token: token;
                                status_update: status, one of PROTOCOL.md §5 */
    int64_t channel_id;      /* 0 = none given */
    int64_t reply_to;        /* 0 = none given */
    int64_t message_id;      /* edit, delete, receipt; else 0 */
    int64_t notification_id; /* mark_read (that or message_id), dismiss; else 0 */
    bool is_typing;          /* typing */
    struct bytes
        upload_id; /* upload_chunk, cancel_upload; upload_file: to go on with; empty = new */
    struct bytes file_name, file_type; /* upload_file, as given */
    int64_t file_size;                 /* upload_file */
    bool is_posted;                    /* upload_file: make a message of it when it is complete */
    uint32_t chunk_index;              /* upload_chunk */
    struct bytes chunk;                /* upload_chunk: the bytes, decoded */
    int64_t attachments[ATTACHMENTS_MAX];
    uint32_t attachment_count;
    /* batch_update: the objects that are frames or have a NUL or a lone surrogate in a string,
     * each as the JSON text of a frame of its own, which parses to what it would have alone. Does
     * not travel: each of them becomes an envelope. */
    const struct bytes *parts;
    uint32_t part_count;
};

/* Parse one frame. Strings are copied into `arena`. On an error out_msg->kind and
 * out_msg->client_id are still filled as far as they could be read (the one exception to
 * "untouched on failure"; all else is zero).
 * Errors: ERR_SYNTAX (not JSON, not an object, NUL, lone surrogate), ERR_UTF8, ERR_DEPTH,
 * ERR_NOT_FOUND (no or unknown type), ERR_MISSING, ERR_TYPE, ERR_RANGE (id out of range),
 * ERR_LIMIT (client_id too long or empty, too many attachments or updates, no update; names and
 * chunks that are too long or empty), ERR_NOMEM.
 */
NODISCARD int client_msg_parse(struct bytes json, struct arena *arena, struct client_msg *out_msg);

/* {"action":"heartbeat"} is KIND_HEARTBEAT, {"type":"ping"} is KIND_PING. */

/* Is `json` nested no deeper than JSON_DEPTH_MAX arrays and objects? Counts brackets outside of
 * strings. 0 or ERR_DEPTH. */
NODISCARD int json_check_depth(struct bytes json);
