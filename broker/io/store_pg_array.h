/* SPDX-License-Identifier: MIT */
#pragma once
/* Writes PostgreSQL's binary array format, one-dimensional arrays one after the other into one
 * buffer:
 *
 *      int32 dimensions (1, or 0 when empty) | int32 has NULLs | int32 element type OID
 *      int32 length | int32 lower bound 1 | per element: int32 size (-1 NULL), bytes
 *
 * All integers big-endian. Errors are sticky: write all, ask once with pg_arrays_finish. */
#include <stdint.h>
#include "broker/io/pg_link.h"
#include "common/buf.h"

struct pg_arrays {
    struct buf *out; /* borrowed until pg_arrays_finish's parameters are sent */
    size_t starts[PG_LINK_PARAMS_MAX + 1];
    size_t count;
    int err;
};

void pg_arrays_init(struct pg_arrays *a, struct buf *out); /* empties `out` */
/* Begin the next array of `length` elements; exactly so many elements must follow. */
void pg_arrays_begin_i64(struct pg_arrays *a, size_t length);
void pg_arrays_begin_i32(struct pg_arrays *a, size_t length);
void pg_arrays_begin_text(struct pg_arrays *a, size_t length);
void pg_arrays_begin_time(struct pg_arrays *a, size_t length);

void pg_arrays_i64(struct pg_arrays *a, int64_t n);
void pg_arrays_u64(struct pg_arrays *a, uint64_t n); /* over INT64_MAX: ERR_RANGE */
void pg_arrays_i32(struct pg_arrays *a, uint32_t n); /* over INT32_MAX: ERR_RANGE */
void pg_arrays_text(struct pg_arrays *a, struct bytes text);
void pg_arrays_time(struct pg_arrays *a, uint64_t wall_ms); /* milliseconds since 1970, UTC */
void pg_arrays_null(struct pg_arrays *a);

/* The arrays as parameters in the order in which they were begun; they point into `out`.
 * Errors: the first that happened (ERR_NOMEM, ERR_FULL, ERR_RANGE). */
NODISCARD int pg_arrays_finish(const struct pg_arrays *a, struct pg_param *out_params);
