/* SPDX-License-Identifier: MIT */
#pragma once
/* The part of an address behind the "?": its parameters, and what those of a page of messages
 * mean. Pure. */
#include <stdint.h>
#include "broker/http_api.h"

/* The value of a parameter, percent-decoded, '+' a space; the first one of that name counts.
 * Appends to `out`, which stays as it is on an error.
 * Errors: ERR_NOT_FOUND, ERR_SYNTAX (a broken percent code), those of struct buf. */
NODISCARD int http_query_get(struct bytes query, const char *name, struct buf *out);
/* Append what a part of a path stands for, percent-decoded. Errors: ERR_SYNTAX, those of struct
 * buf.
 */
NODISCARD int http_path_decode(struct bytes text, struct buf *out);
/* Append a text as a parameter's value. */
NODISCARD int http_query_encode(struct bytes text, struct buf *out);

#define PAGE_LIMIT_DEFAULT 50u
#define PAGE_LIMIT_MAX 200u
#define SEARCH_MAX_CHARS 256u

enum page_field { PAGE_BEFORE, PAGE_AFTER, PAGE_LIMIT, PAGE_WORDS, PAGE_UNREAD, PAGE_FIELD_COUNT };

struct page_query {
    int64_t before, after; /* message ids, exclusive; 0 = not given */
    bool has_after;        /* maybe 0: from the channel's beginning */
    uint32_t limit;
    bool is_unread;                             /* unread=1: of notifications, only those */
    struct http_field fields[PAGE_FIELD_COUNT]; /* for http_field_problems; owns the words */
};

enum page_of { PAGE_OF_MESSAGES, PAGE_OF_SEARCH, PAGE_OF_NOTIFICATIONS };

/* Read before, after and limit; of a search q, too, which must be there; of notifications unread,
 * but not after. An empty number is as good as none.
 * Owns: the words, until page_query_done.
 * Errors: ERR_NOMEM; ERR_MISSING: at least one field has a problem. */
NODISCARD int page_query_read(struct bytes query, enum page_of what, struct page_query *out);
void page_query_done(struct page_query *q);
