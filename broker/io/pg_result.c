/* SPDX-License-Identifier: MIT */
/* Read access to one answer of PostgreSQL (text format). Bounds are checked: a column or row that
 * is not there reads as NULL. Used by the callbacks of pg_link and by pg_cli's callers. */
#include <stdlib.h>

#include "broker/io/pg_result_impl.h"

const char *pg_result_sqlstate(const struct pg_result *r)
{
    const char *state = r ? PQresultErrorField(r->res, PG_DIAG_SQLSTATE) : NULL;

    return state ? state : "";
}

const char *pg_result_constraint(const struct pg_result *r)
{
    const char *name = r ? PQresultErrorField(r->res, PG_DIAG_CONSTRAINT_NAME) : NULL;

    return name ? name : "";
}

size_t pg_result_rows(const struct pg_result *r)
{
    return r ? (size_t)PQntuples(r->res) : 0;
}

struct bytes pg_result_get(const struct pg_result *r, size_t row, size_t column)
{
    int y = (int)row, x = (int)column;

    if (row >= pg_result_rows(r) || column >= (size_t)PQnfields(r->res) ||
        PQgetisnull(r->res, y, x)) {
        return BYTES_NONE;
    }
    return bytes_of(PQgetvalue(r->res, y, x), (size_t)PQgetlength(r->res, y, x));
}

int64_t pg_result_i64(const struct pg_result *r, size_t row, size_t column)
{
    struct bytes value = pg_result_get(r, row, column);

    /* libpq puts a NUL behind every value. */
    return value.ptr ? strtoll(value.ptr, NULL, 10) : 0;
}

bool pg_result_bool(const struct pg_result *r, size_t row, size_t column)
{
    return bytes_eq_str(pg_result_get(r, row, column), "t");
}
