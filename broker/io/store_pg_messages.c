/* SPDX-License-Identifier: MIT */
/* Reading messages, and taking ids for new ones, on the store's reading connection. Rows are
 * views into the answer of PostgreSQL. */
#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"
#include "common/mem.h"

#define IDS_MAX 65536u /* of one request */
static void content_row_read(const struct pg_result *r, size_t row, struct content_row *out)
{
    *out = (struct content_row){
        .kind = (enum content_kind)pg_result_i64(r, row, 14),
        .id = pg_result_i64(r, row, 0),
        .channel_id = pg_result_i64(r, row, 1),
        .author_id = pg_result_i64(r, row, 2),
        .author_username = pg_result_get(r, row, 3),
        .author_avatar = pg_result_get(r, row, 4),
        .content = pg_result_get(r, row, 5),
        .client_id = pg_result_get(r, row, 6),
        .timestamp_ms = (uint64_t)pg_result_i64(r, row, 7),
        .seq = (uint64_t)pg_result_i64(r, row, 8),
        .reply_to = pg_result_i64(r, row, 9),
        .message_id = pg_result_i64(r, row, 15),
        .attachments = pg_result_get(r, row, 16),
        .origin = {.partition = (uint32_t)pg_result_i64(r, row, 10),
                   .entry = {.ms = (uint64_t)pg_result_i64(r, row, 11),
                             .seq = (uint64_t)pg_result_i64(r, row, 12)},
                   .index = (uint32_t)pg_result_i64(r, row, 13)},
    };
}

static void on_rows(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = pg_result_rows(result);
    struct content_row *rows;

    if (err != 0) {
        r.fn.rows(r.arg, store_pg_error(r.store->reads, err, result), NULL, 0);
        return;
    }
    rows = mem_alloc(count * sizeof(*rows));
    if (!rows) {
        r.fn.rows(r.arg, ERR_NOMEM, NULL, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        content_row_read(result, i, &rows[i]);
    }
    r.fn.rows(r.arg, 0, rows, count);
    mem_free(rows);
}

int store_undelivered(struct store *s, uint32_t partition, struct entry_id after, int64_t from_id,
                      uint32_t limit, store_rows_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.rows = fn};
    struct pg_i64 v[5];
    struct pg_param params[5];

    if (after.ms > INT64_MAX || after.seq > INT64_MAX) {
        return ERR_RANGE;
    }
    v[0] = pg_i64_of(from_id);
    v[1] = pg_i64_of(partition);
    v[2] = pg_i64_of((int64_t)after.ms);
    v[3] = pg_i64_of((int64_t)after.seq);
    v[4] = pg_i64_of(limit);
    for (size_t i = 0; i < 5; i++) {
        params[i] = pg_param_i64(&v[i]);
    }
    return store_pg_submit(s->reads, STMT_UNDELIVERED, params, 5, on_rows, &request);
}

int store_content(struct store *s, int64_t channel_id, uint64_t after, uint64_t until,
                  uint32_t limit, store_rows_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.rows = fn};
    struct pg_i64 v[] = {pg_i64_of(channel_id), pg_i64_of((int64_t)after),
                         pg_i64_of((int64_t)until), pg_i64_of(limit),
                         pg_i64_of(HISTORY_PAGE_BYTES)};
    struct pg_param params[5];

    if (after > INT64_MAX || until > INT64_MAX) {
        return ERR_RANGE;
    }
    for (size_t i = 0; i < 5; i++) {
        params[i] = pg_param_i64(&v[i]);
    }
    return store_pg_submit(s->reads, STMT_CONTENT, params, 5, on_rows, &request);
}

int store_find_clients(struct store *s, const struct client_key *keys, size_t count,
                       store_rows_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.rows = fn};
    struct pg_param params[PG_LINK_PARAMS_MAX];
    struct pg_arrays a;
    int err;

    if (count > STORE_BATCH_ROWS_MAX) {
        return ERR_LIMIT;
    }
    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_i64(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(&a, keys[i].channel_id);
    }
    pg_arrays_begin_i64(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(&a, keys[i].author_id);
    }
    pg_arrays_begin_text(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_text(&a, keys[i].client_id);
    }
    err = pg_arrays_finish(&a, params);
    if (err == 0) {
        err = store_pg_submit(s->reads, STMT_FIND_CLIENTS, params, a.count, on_rows, &request);
    }
    buf_reset(&s->scratch);
    buf_shrink(&s->scratch, SCRATCH_KEEP_BYTES);
    return err;
}

static void on_ids(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = pg_result_rows(result);
    int64_t *ids;

    if (err != 0) {
        r.fn.ids(r.arg, store_pg_error(r.store->reads, err, result), NULL, 0);
        return;
    }
    ids = mem_alloc(count * sizeof(*ids));
    if (!ids) {
        r.fn.ids(r.arg, ERR_NOMEM, NULL, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = pg_result_i64(result, i, 0);
    }
    r.fn.ids(r.arg, 0, ids, count);
    mem_free(ids);
}

int store_take_ids(struct store *s, uint32_t count, store_ids_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.ids = fn};
    struct pg_i64 n = pg_i64_of(count);
    const struct pg_param params[] = {pg_param_i64(&n)};

    if (count > IDS_MAX) {
        return ERR_LIMIT;
    }
    return store_pg_submit(s->reads, STMT_TAKE_IDS, params, 1, on_ids, &request);
}

static void on_target(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct target_row target;

    if (err != 0 || pg_result_rows(result) == 0) {
        r.fn.target(r.arg, store_pg_error(r.store->reads, err, result), NULL);
        return;
    }
    target = (struct target_row){.author_id = pg_result_i64(result, 0, 0),
                                 .is_deleted = pg_result_bool(result, 0, 1),
                                 .read_id = pg_result_i64(result, 0, 2)};
    r.fn.target(r.arg, 0, &target);
}

int store_target(struct store *s, int64_t channel_id, int64_t message_id, int64_t reader_id,
                 store_target_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.target = fn};
    struct pg_i64 c = pg_i64_of(channel_id), m = pg_i64_of(message_id), u = pg_i64_of(reader_id);
    const struct pg_param params[] = {pg_param_i64(&c), pg_param_i64(&m), pg_param_i64(&u)};

    return store_pg_submit(s->reads, STMT_TARGET, params, 3, on_target, &request);
}
