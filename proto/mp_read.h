/* SPDX-License-Identifier: MIT */
#pragma once
/* msgpack reading behind a cursor with a sticky error: after the first failure every read gives
 * zero and moves nothing; look at `err` once at the end. Over msgpack-c's unpacker for scalars
 * would copy; this reads views straight from the input. */
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"

struct mp_read {
    struct bytes in;
    size_t pos;
    int err; /* 0, ERR_SHORT, ERR_TYPE, ERR_RANGE, ERR_LIMIT, ERR_UTF8, ERR_DEPTH */
};

void mp_read_init(struct mp_read *r, struct bytes in);
/* Record that a value just read is not acceptable; an earlier error stays. */
void mp_fail(struct mp_read *r, int err);
uint64_t mp_u64(struct mp_read *r, uint64_t max); /* ERR_RANGE above max, negative too */
int64_t mp_i64(struct mp_read *r, int64_t min, int64_t max);
bool mp_bool(struct mp_read *r);
/* str or bin, a view into the input; ERR_LIMIT above max_len */
struct bytes mp_bytes(struct mp_read *r, size_t max_len);
/* str only: valid UTF-8 without NUL (which PostgreSQL cannot store), else ERR_UTF8 */
struct bytes mp_text(struct mp_read *r, size_t max_len);
uint32_t mp_array(struct mp_read *r, uint32_t max_count); /* header only */
void mp_array_exact(struct mp_read *r, uint32_t count);   /* ERR_TYPE if another count */
/* One value of any type; ERR_DEPTH when nested deeper than MP_DEPTH_MAX arrays and maps. */
void mp_skip(struct mp_read *r);
bool mp_at_end(const struct mp_read *r); /* also after an error, so that a loop ends */
/* 0 when no error and nothing is left; ERR_TRAILING when something is. */
NODISCARD int mp_read_finish(const struct mp_read *r);
