/* SPDX-License-Identifier: MIT */
/* Any bytes as the path, the query and the body of a request: what is taken is within its bounds,
 * and an encoded text comes back as it was. */
#include <stdint.h>
#include <stdlib.h>

#include "broker/http_query.h"
#include "proto/limits.h"
#include "proto/utf8.h"

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void check_page(struct bytes query, bool want_words)
{
    struct page_query q;
    int err = page_query_read(query, want_words ? PAGE_OF_SEARCH : PAGE_OF_MESSAGES, &q);
    struct bytes words = http_field_bytes(&q.fields[PAGE_WORDS]);

    check(err == 0 || err == ERR_MISSING || err == ERR_NOMEM);
    if (err == 0) {
        check(q.limit >= 1 && q.limit <= PAGE_LIMIT_MAX && q.before >= 0 && q.before <= ID_MAX);
        check(q.after >= 0 && q.after <= ID_MAX && (q.has_after || q.after == 0));
        check((words.len > 0) == want_words && utf8_check(words) == 0);
        check(utf8_count(words) <= SEARCH_MAX_CHARS);
    }
    page_query_done(&q);
}

static void check_encoding(struct bytes text)
{
    struct buf query, back;

    buf_init(&query, 3 * text.len + 2);
    buf_init(&back, text.len);
    if (buf_append(&query, BYTES_LIT("q=")) == 0 && http_query_encode(text, &query) == 0) {
        int err = http_query_get(buf_bytes(&query), "q", &back);

        check(err == ERR_NOMEM || (err == 0 && bytes_eq(buf_bytes(&back), text)));
    }
    buf_done(&query);
    buf_done(&back);
}

static void check_body(struct bytes body)
{
    struct http_field fields[] = {{.name = "name", .is_trimmed = true},
                                  {.name = "is_private", .type = HTTP_FLAG, .is_optional = true},
                                  {.name = "members", .type = HTTP_IDS, .is_optional = true},
                                  {.name = "user_id", .type = HTTP_ID}};

    if (http_fields_read(body, fields, 4) == 0) {
        check(fields[0].len > 0 && fields[2].id_count <= HTTP_IDS_MAX);
        check(fields[3].id >= 1 && fields[3].id <= ID_MAX);
        for (size_t i = 0; i < fields[2].id_count; i++) {
            check(fields[2].ids[i] >= 1 && fields[2].ids[i] <= ID_MAX);
        }
    }
    http_fields_done(fields, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct http_match match = http_route_find(BYTES_LIT("GET"), text);

    check(match.route < ROUTE_COUNT && match.id >= 0 && match.id <= ID_MAX);
    check_page(text, false);
    check_page(text, true);
    check_encoding(text);
    check_body(text);
    return 0;
}
