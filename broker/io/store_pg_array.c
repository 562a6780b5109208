/* SPDX-License-Identifier: MIT */
/* PostgreSQL's binary array format, written. Knows no SQL and sends nothing. Used by the store's
 * commit and look-ups: one array per column makes one statement of a whole batch. */
#include "broker/io/store_pg_array.h"

#include <endian.h>

/* Type OIDs are fixed for the built-in types (pg_type.dat). */
#define OID_INT8 20u
#define OID_INT4 23u
#define OID_TEXT 25u
#define OID_TIMESTAMPTZ 1184u

#define ELEMENT_NULL UINT32_MAX      /* size -1 */
#define MS_1970_TO_2000 946684800000 /* PostgreSQL counts microseconds from 2000-01-01 UTC */

void pg_arrays_init(struct pg_arrays *a, struct buf *out)
{
    buf_reset(out);
    *a = (struct pg_arrays){.out = out};
}

static char *reserve(struct pg_arrays *a, size_t n)
{
    char *room = NULL;

    if (a->err == 0) {
        a->err = buf_reserve(a->out, n, &room);
    }
    return a->err == 0 ? room : NULL;
}

static void put_u32(char *at, uint32_t n)
{
    uint32_t big = htobe32(n);

    memcpy(at, &big, sizeof(big));
}

static void put_u64(char *at, uint64_t n)
{
    uint64_t big = htobe64(n);

    memcpy(at, &big, sizeof(big));
}

static void begin(struct pg_arrays *a, uint32_t oid, size_t length)
{
    size_t header_bytes = length > 0 ? 20 : 12;
    char *at = reserve(a, header_bytes);

    if (!at) {
        return;
    }
    if (a->count == PG_LINK_PARAMS_MAX || length > INT32_MAX) {
        a->err = ERR_LIMIT;
        return;
    }
    put_u32(at, length > 0 ? 1 : 0);
    put_u32(at + 4, 1); /* may have NULLs: a hint only */
    put_u32(at + 8, oid);
    if (length > 0) {
        put_u32(at + 12, (uint32_t)length);
        put_u32(at + 16, 1);
    }
    a->starts[a->count++] = a->out->len;
    buf_commit(a->out, header_bytes);
}

void pg_arrays_begin_i64(struct pg_arrays *a, size_t length)
{
    begin(a, OID_INT8, length);
}

void pg_arrays_begin_i32(struct pg_arrays *a, size_t length)
{
    begin(a, OID_INT4, length);
}

void pg_arrays_begin_text(struct pg_arrays *a, size_t length)
{
    begin(a, OID_TEXT, length);
}

void pg_arrays_begin_time(struct pg_arrays *a, size_t length)
{
    begin(a, OID_TIMESTAMPTZ, length);
}

void pg_arrays_i64(struct pg_arrays *a, int64_t n)
{
    char *at = reserve(a, 12);

    if (at) {
        put_u32(at, 8);
        put_u64(at + 4, (uint64_t)n);
        buf_commit(a->out, 12);
    }
}

void pg_arrays_u64(struct pg_arrays *a, uint64_t n)
{
    if (n > INT64_MAX && a->err == 0) {
        a->err = ERR_RANGE;
    }
    pg_arrays_i64(a, (int64_t)n);
}

void pg_arrays_i32(struct pg_arrays *a, uint32_t n)
{
    char *at = reserve(a, 8);

    if (!at) {
        return;
    }
    if (n > INT32_MAX) {
        a->err = ERR_RANGE;
        return;
    }
    put_u32(at, 4);
    put_u32(at + 4, n);
    buf_commit(a->out, 8);
}

void pg_arrays_text(struct pg_arrays *a, struct bytes text)
{
    char *at;

    if (text.len > INT32_MAX && a->err == 0) {
        a->err = ERR_RANGE;
    }
    at = reserve(a, 4);
    if (at) {
        put_u32(at, (uint32_t)text.len);
        buf_commit(a->out, 4);
        a->err = buf_append(a->out, text);
    }
}

void pg_arrays_time(struct pg_arrays *a, uint64_t wall_ms)
{
    /* Year 9999 is far below; it keeps the multiplication from overflowing. */
    if (wall_ms > 253402300799999u && a->err == 0) {
        a->err = ERR_RANGE;
    }
    if (a->err == 0) {
        pg_arrays_i64(a, ((int64_t)wall_ms - MS_1970_TO_2000) * 1000);
    }
}

void pg_arrays_null(struct pg_arrays *a)
{
    char *at = reserve(a, 4);

    if (at) {
        put_u32(at, ELEMENT_NULL);
        buf_commit(a->out, 4);
    }
}

int pg_arrays_finish(const struct pg_arrays *a, struct pg_param *out_params)
{
    if (a->err != 0) {
        return a->err;
    }
    for (size_t i = 0; i < a->count; i++) {
        size_t end = i + 1 < a->count ? a->starts[i + 1] : a->out->len;

        out_params[i] =
            (struct pg_param){bytes_of(a->out->data + a->starts[i], end - a->starts[i]), true};
    }
    return 0;
}
