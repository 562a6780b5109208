/* SPDX-License-Identifier: MIT */
#pragma once
/* A small JSON writer into a struct buf with a sticky error, for the frames that are made per
 * message (a general library takes 2.2 µs for such an object, this 0.4; see docs/adr). Strings
 * must be valid UTF-8; '"', '\' and control characters are escaped, and so are U+2028/2029,
 * which old JavaScript engines take for line ends. Commas are put by the writer. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"

struct json_out {
    struct buf *out;
    int err;
    bool need_comma;
};

void json_out_init(struct json_out *j, struct buf *out);
void json_begin_object(struct json_out *j);
void json_end_object(struct json_out *j);
void json_begin_array(struct json_out *j);
void json_end_array(struct json_out *j);
void json_key(struct json_out *j, const char *key); /* key is plain ASCII */
void json_str(struct json_out *j, struct bytes s);
void json_str_key(struct json_out *j, struct bytes key); /* any text */
void json_i64(struct json_out *j, int64_t n);
void json_bool(struct json_out *j, bool b);
void json_nil(struct json_out *j);                    /* null (jansson has a json_null) */
void json_raw(struct json_out *j, struct bytes json); /* a ready value */
/* key and value in one */
void json_kstr(struct json_out *j, const char *key, struct bytes s);
void json_ki64(struct json_out *j, const char *key, int64_t n);
void json_kbool(struct json_out *j, const char *key, bool b);
/* "2024-01-01T12:00:00.000Z" of a UTC time in ms since 1970 */
void json_ktime(struct json_out *j, const char *key, uint64_t wall_ms);
#define ISO_TIME_MAX 32u
size_t iso_time(uint64_t wall_ms, char out[ISO_TIME_MAX]);
