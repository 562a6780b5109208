/* SPDX-License-Identifier: MIT */
/* Text form of Redis stream entry ids. Used wherever an id goes into or comes out of a Redis
 * command or PostgreSQL. */
#include "proto/delivery.h"

#include <inttypes.h>
#include <stdio.h>

void entry_id_format(struct entry_id id, char out[ENTRY_ID_TEXT_MAX])
{
    snprintf(out, ENTRY_ID_TEXT_MAX, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

/* Decimal digits only, all of `text`, at least one. */
static int parse_u64(struct bytes text, uint64_t *out_n)
{
    uint64_t n = 0;

    if (text.len == 0) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10) {
            return ERR_SYNTAX;
        }
        n = n * 10 + digit;
    }
    *out_n = n;
    return 0;
}

int entry_id_parse(struct bytes text, struct entry_id *out_id)
{
    struct entry_id id = {0};
    const char *dash = text.len ? memchr(text.ptr, '-', text.len) : NULL;
    size_t ms_len = dash ? (size_t)(dash - text.ptr) : text.len;

    int err = parse_u64(bytes_of(text.ptr, ms_len), &id.ms);
    if (!err && dash) {
        err = parse_u64(bytes_skip(text, ms_len + 1), &id.seq);
    }
    if (!err) {
        *out_id = id;
    }
    return err;
}
