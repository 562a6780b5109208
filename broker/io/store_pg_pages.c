/* SPDX-License-Identifier: MIT */
/* Pages of a channel's messages, and searching them, on the store's connection for the API. The
 * first two columns of every row say what is true of the channel; a row without a message is there
 * when the page has none. Called by request_pages.c. */
#include "broker/io/store_pg_impl.h"
#include "common/mem.h"

/* Of PAGE_OF in store_pg_api_sql.c. */
enum page_column { COL_MAY_ENTER, COL_LAST_SEQ, COL_SCAN_END, COL_MESSAGE };
#define COL_EDITED (COL_MESSAGE + 9)
#define COL_DELETED (COL_MESSAGE + 10)

void store_pg_message_read(const struct pg_result *r, size_t row, size_t column,
                           struct chat_message *out)
{
    *out = (struct chat_message){
        .id = pg_result_i64(r, row, column),
        .channel_id = pg_result_i64(r, row, column + 1),
        .author_id = pg_result_i64(r, row, column + 2),
        .author_username = pg_result_get(r, row, column + 3),
        .author_avatar = pg_result_get(r, row, column + 4),
        .content = pg_result_get(r, row, column + 5),
        .timestamp_ms = (uint64_t)pg_result_i64(r, row, column + 6),
        .reply_to = pg_result_i64(r, row, column + 7),
        .attachments = pg_result_get(r, row, column + 8),
    };
}

static void page_row_read(const struct pg_result *r, size_t row, struct listed_message *out)
{
    store_pg_message_read(r, row, COL_MESSAGE, &out->message);
    out->edited_at_ms = (uint64_t)pg_result_i64(r, row, COL_EDITED);
    out->deleted_at_ms = (uint64_t)pg_result_i64(r, row, COL_DELETED);
}

static void on_page(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t row_count = pg_result_rows(result);
    struct listed_message *rows;
    struct message_page page;

    if (err != 0 || row_count == 0) {
        r.fn.page(r.arg, store_pg_api_error(r.store, err, result), NULL);
        return;
    }
    rows = mem_alloc(row_count * sizeof(*rows));
    if (!rows) {
        r.fn.page(r.arg, ERR_NOMEM, NULL);
        return;
    }
    page = (struct message_page){
        .may_enter = pg_result_bool(result, 0, COL_MAY_ENTER),
        .last_seq = (uint64_t)pg_result_i64(result, 0, COL_LAST_SEQ),
        .scan_end = pg_result_i64(result, 0, COL_SCAN_END),
        .rows = rows,
        .count = pg_result_get(result, 0, COL_MESSAGE).ptr ? row_count : 0,
    };
    for (size_t i = 0; i < page.count; i++) {
        page_row_read(result, i, &rows[i]);
    }
    r.fn.page(r.arg, 0, &page);
    mem_free(rows);
}

int store_messages(struct store *s, const struct page_request *page, store_page_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.page = fn};
    struct pg_i64 v[] = {pg_i64_of(page->channel_id), pg_i64_of(page->user_id),
                         pg_i64_of(page->after), pg_i64_of(page->before), pg_i64_of(page->limit)};
    struct pg_param params[5];

    for (size_t i = 0; i < 5; i++) {
        params[i] = pg_param_i64(&v[i]);
    }
    return store_pg_submit(s->api, page->is_forward ? STMT_PAGE_FORWARD : STMT_PAGE_BACK, params, 5,
                           on_page, &request);
}

int store_search(struct store *s, const struct page_request *page, struct bytes words,
                 store_page_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.page = fn};
    struct pg_i64 channel = pg_i64_of(page->channel_id), user = pg_i64_of(page->user_id),
                  before = pg_i64_of(page->before), limit = pg_i64_of(page->limit),
                  rows = pg_i64_of(STORE_SEARCH_ROWS_MAX),
                  bytes = pg_i64_of(STORE_SEARCH_BYTES_MAX);
    const struct pg_param params[] = {
        pg_param_i64(&channel), pg_param_i64(&user), pg_param_i64(&before), pg_param_text(words),
        pg_param_i64(&limit),   pg_param_i64(&rows), pg_param_i64(&bytes)};

    return store_pg_submit(s->api, STMT_SEARCH, params, 7, on_page, &request);
}
