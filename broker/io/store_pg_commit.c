/* SPDX-License-Identifier: MIT */
/* Writing, on the store's own connection for it: a batch with its positions in one statement
 * (broker_commit, sql/0003), and claims of partitions, which so are ordered after the commits
 * that went before. */
#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"

/* ---- commit ---- */

static void put_positions(struct pg_arrays *a, const struct position_move *p, size_t n)
{
    pg_arrays_begin_i32(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i32(a, p[i].partition);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, p[i].fence);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, p[i].expected.ms);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, p[i].expected.seq);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, p[i].last.ms);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, p[i].last.seq);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, p[i].redeliver_from);
    }
}

static void put_seqs(struct pg_arrays *a, const struct seq_move *s, size_t n)
{
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, s[i].channel_id);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, s[i].expected);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, s[i].next);
    }
}

static void put_rows(struct pg_arrays *a, const struct content_row *m, size_t n)
{
    pg_arrays_begin_i32(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i32(a, m[i].kind);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, m[i].id);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, m[i].channel_id);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, m[i].seq);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, m[i].author_id);
    }
    pg_arrays_begin_time(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_time(a, m[i].timestamp_ms);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        if (m[i].reply_to != 0) {
            pg_arrays_i64(a, m[i].reply_to);
        } else {
            pg_arrays_null(a);
        }
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, m[i].message_id);
    }
}

static void put_origins(struct pg_arrays *a, const struct content_row *m, size_t n)
{
    pg_arrays_begin_i32(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i32(a, m[i].origin.partition);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, m[i].origin.entry.ms);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_u64(a, m[i].origin.entry.seq);
    }
    pg_arrays_begin_i32(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i32(a, m[i].origin.index);
    }
}

static void put_texts(struct pg_arrays *a, const struct content_row *m, size_t n)
{
    pg_arrays_begin_text(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_text(a, m[i].content);
    }
    pg_arrays_begin_text(a, n);
    for (size_t i = 0; i < n; i++) {
        if (m[i].client_id.len > 0) {
            pg_arrays_text(a, m[i].client_id);
        } else {
            pg_arrays_null(a);
        }
    }
}

/* Of the messages that have some: the message and its list, then all attachments one by one. */
static void put_attachments(struct pg_arrays *a, const struct content_row *m, size_t n,
                            size_t messages, size_t attachments)
{
    pg_arrays_begin_i64(a, messages);
    for (size_t i = 0; i < n; i++) {
        if (m[i].attachment_count > 0) {
            pg_arrays_i64(a, m[i].channel_id);
        }
    }
    pg_arrays_begin_i64(a, messages);
    for (size_t i = 0; i < n; i++) {
        if (m[i].attachment_count > 0) {
            pg_arrays_i64(a, m[i].id);
        }
    }
    pg_arrays_begin_text(a, messages);
    for (size_t i = 0; i < n; i++) {
        if (m[i].attachment_count > 0) {
            pg_arrays_text(a, m[i].attachments);
        }
    }
    pg_arrays_begin_i64(a, attachments);
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < m[i].attachment_count; k++) {
            pg_arrays_i64(a, m[i].attachment_ids[k]);
        }
    }
    pg_arrays_begin_i64(a, attachments);
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < m[i].attachment_count; k++) {
            pg_arrays_i64(a, m[i].id);
        }
    }
}

static void put_reads(struct pg_arrays *a, const struct read_row *r, size_t n)
{
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, r[i].channel_id);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, r[i].user_id);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, r[i].message_id);
    }
    pg_arrays_begin_time(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_time(a, r[i].timestamp_ms);
    }
}

static int64_t count_events(const struct content_row *rows, size_t n)
{
    int64_t events = 0;

    for (size_t i = 0; i < n; i++) {
        events += rows[i].kind != CONTENT_MESSAGE;
    }
    return events;
}

static void count_attachments(const struct content_row *rows, size_t n, size_t *out_messages,
                              size_t *out_attachments)
{
    for (size_t i = 0; i < n; i++) {
        *out_messages += rows[i].attachment_count > 0;
        *out_attachments += rows[i].attachment_count;
    }
}

static int commit_error(struct pg_link *link, int err, const struct pg_result *result)
{
    const char *sqlstate = pg_result_sqlstate(result);

    if (err == ERR_REMOTE && strcmp(sqlstate, "KB001") == 0) {
        return ERR_STATE;
    }
    /* Another unique key can only be hit by a bug: that is not for the caller to sort out. */
    if (err == ERR_REMOTE && strcmp(sqlstate, "23505") == 0 &&
        strcmp(pg_result_constraint(result), "chat_message_client") == 0) {
        return ERR_CONFLICT;
    }
    return store_pg_error(link, err, result);
}

static void on_commit(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.store->commits_in_flight--;
    r.fn.done(r.arg, commit_error(r.store->commits, err, result));
}

int store_commit(struct store *s, const struct store_batch *batch, store_done_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    struct pg_param params[PG_LINK_PARAMS_MAX];
    struct pg_i64 events = pg_i64_of(count_events(batch->rows, batch->row_count));
    size_t messages = 0, attachments = 0;
    struct pg_arrays a;
    int err;

    if (s->is_closing || !pg_link_is_up(s->commits)) {
        return ERR_UNAVAILABLE;
    }
    if (s->commits_in_flight >= COMMITS_IN_FLIGHT_MAX) {
        return ERR_BUSY;
    }
    if (batch->row_count > STORE_BATCH_ROWS_MAX || batch->read_count > STORE_BATCH_ROWS_MAX) {
        return ERR_LIMIT;
    }
    pg_arrays_init(&a, &s->scratch);
    put_positions(&a, batch->positions, batch->position_count);
    put_seqs(&a, batch->seqs, batch->seq_count);
    put_rows(&a, batch->rows, batch->row_count);
    put_origins(&a, batch->rows, batch->row_count);
    put_texts(&a, batch->rows, batch->row_count);
    put_reads(&a, batch->reads, batch->read_count);
    count_attachments(batch->rows, batch->row_count, &messages, &attachments);
    if (messages > 0) {
        put_attachments(&a, batch->rows, batch->row_count, messages, attachments);
    }
    err = pg_arrays_finish(&a, params);
    if (err == 0) {
        params[a.count] = pg_param_i64(&events);
        err = store_pg_submit(s->commits, messages > 0 ? STMT_COMMIT_FILES : STMT_COMMIT, params,
                              a.count + 1, on_commit, &request);
    }
    if (err == 0) {
        s->commits_in_flight++;
    }
    buf_reset(&s->scratch);
    buf_shrink(&s->scratch, SCRATCH_KEEP_BYTES);
    return err;
}

/* ---- claim ---- */

static void on_claim(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct partition_claim claim = {0};

    if (err != 0) {
        r.fn.claim(r.arg, store_pg_error(r.store->commits, err, result), NULL);
        return;
    }
    claim.fence = pg_result_i64(result, 0, 0);
    claim.last.ms = (uint64_t)pg_result_i64(result, 0, 1);
    claim.last.seq = (uint64_t)pg_result_i64(result, 0, 2);
    claim.redeliver_from = pg_result_i64(result, 0, 3);
    r.fn.claim(r.arg, 0, &claim);
}

int store_claim(struct store *s, uint32_t partition, struct bytes owner, store_claim_fn *fn,
                void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.claim = fn};
    struct pg_i64 p = pg_i64_of(partition);
    const struct pg_param params[] = {pg_param_i64(&p), pg_param_text(owner)};

    return store_pg_submit(s->commits, STMT_CLAIM, params, 2, on_claim, &request);
}
