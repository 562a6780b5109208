/* SPDX-License-Identifier: MIT */
/* Notifications and presence, on a connection of their own: operations of a batch are one call of
 * notification_apply (sql/0009), and batches follow each other in order. */
#include "broker/store_people.h"

#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"
#include "common/mem.h"

const struct pg_statement store_pg_people_statements[STMT_PEOPLE_COUNT] = {
    [STMT_USER_OPS] = {"user_ops",
                       "SELECT op, code, user_id, coalesce(id, 0), seq, unread,"
                       " coalesce(status, ''),"
                       " coalesce((extract(epoch FROM created_at) * 1000)::bigint, 0)"
                       " FROM notification_apply($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,"
                       " $15::bigint)"},
    [STMT_PRESENCE] = {"presence",
                       "INSERT INTO user_presence AS p (user_id, chosen, shown, last_seen)"
                       " SELECT u.person, u.chosen, u.shown, u.seen"
                       " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])"
                       " AS u (person, chosen, shown, seen)"
                       " WHERE EXISTS (SELECT FROM auth_user a WHERE a.id = u.person)"
                       " ON CONFLICT (user_id) DO UPDATE SET chosen = excluded.chosen,"
                       " shown = excluded.shown, last_seen = excluded.last_seen"},
    [STMT_PRESENCE_SHOWN] = {"presence_shown",
                             "SELECT p.user_id, u.username, p.chosen, p.shown,"
                             " (extract(epoch FROM p.last_seen) * 1000)::bigint"
                             " FROM user_presence p JOIN auth_user u ON u.id = p.user_id"
                             " WHERE (p.shown <> 'offline' OR p.chosen = 'offline')"
                             " AND p.user_id >= $1::bigint"
                             " ORDER BY p.user_id LIMIT $2::bigint"},
    /* $1 the channel, $2 the author, $3 names, $4 at most. */
    [STMT_AUDIENCE] = {"audience",
                       "SELECT m.user_id FROM chat_channel c"
                       " JOIN chat_membership m ON m.channel_id = c.id"
                       " WHERE c.id = $1::bigint AND $5::bigint <> 0"
                       " AND m.user_id <> $2::bigint AND m.user_id <> ALL ($6::bigint[])"
                       " UNION SELECT u.id FROM auth_user u, chat_channel c"
                       " WHERE u.username = ANY ($3::text[]) AND u.is_active"
                       " AND u.id <> $2::bigint AND c.id = $1::bigint"
                       " AND (NOT (c.is_private OR c.kind = 'direct') OR EXISTS ("
                       "SELECT FROM chat_membership m WHERE m.channel_id = c.id"
                       " AND m.user_id = u.id)) LIMIT $4::bigint"},
};

/* ---- operations ---- */

static void on_user_ops(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = pg_result_rows(result);
    struct user_op_row *rows;

    if (err != 0) {
        r.fn.user_ops(r.arg, store_pg_error(r.store->people, err, result), NULL, 0);
        return;
    }
    rows = mem_alloc((count + 1) * sizeof(*rows));
    if (!rows) {
        r.fn.user_ops(r.arg, ERR_NOMEM, NULL, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct user_op_row){
            .op = (size_t)pg_result_i64(result, i, 0) - 1,
            .code = (enum user_op_code)pg_result_i64(result, i, 1),
            .user_id = pg_result_i64(result, i, 2),
            .notification_id = pg_result_i64(result, i, 3),
            .seq = (uint64_t)pg_result_i64(result, i, 4),
            .unread_count = pg_result_i64(result, i, 5),
            .status = pg_result_get(result, i, 6),
            .created_at_ms = (uint64_t)pg_result_i64(result, i, 7),
        };
    }
    r.fn.user_ops(r.arg, 0, rows, count);
    mem_free(rows);
}

/* Most operations have nothing to say. */
static const struct up_notify NOTHING;

static const struct up_notify *notify_of(const struct user_op *op)
{
    return op->notify ? op->notify : &NOTHING;
}

static void put_numbers(struct pg_arrays *a, const struct user_op *ops, size_t n)
{
    pg_arrays_begin_i32(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i32(a, ops[i].kind);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, ops[i].user_id);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, ops[i].notification_id);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, notify_of(&ops[i])->channel_id);
    }
    pg_arrays_begin_i64(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_i64(a, notify_of(&ops[i])->message_id);
    }
    pg_arrays_begin_time(a, n);
    for (size_t i = 0; i < n; i++) {
        pg_arrays_time(a, notify_of(&ops[i])->created_ms);
    }
}

static void put_texts(struct pg_arrays *a, const struct user_op *ops, size_t n)
{
    static const size_t OFFSETS[] = {
        offsetof(struct up_notify, title), offsetof(struct up_notify, message),
        offsetof(struct up_notify, category), offsetof(struct up_notify, url),
        offsetof(struct up_notify, source)};

    for (size_t k = 0; k < sizeof(OFFSETS) / sizeof(OFFSETS[0]); k++) {
        pg_arrays_begin_text(a, n);
        for (size_t i = 0; i < n; i++) {
            struct bytes text;
            memcpy(&text, (const char *)notify_of(&ops[i]) + OFFSETS[k], sizeof(text));
            pg_arrays_text(a, text);
        }
    }
}

static size_t count_people(const struct user_op *ops, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += notify_user_count(notify_of(&ops[i]));
    }
    return count;
}

/* One array over all people of all operations. */
enum people_column { PEOPLE_OP, PEOPLE_USER, PEOPLE_ONLINE };

static void put_people_column(struct pg_arrays *a, const struct user_op *ops, size_t n,
                              enum people_column column)
{
    for (size_t i = 0; i < n; i++) {
        const struct up_notify *notify = notify_of(&ops[i]);
        for (size_t k = 0; k < notify_user_count(notify); k++) {
            if (column == PEOPLE_USER) {
                pg_arrays_i64(a, notify_user(notify, k));
            } else {
                bool is_online = ops[i].is_online && ops[i].is_online[k];
                pg_arrays_i32(a, column == PEOPLE_OP ? (uint32_t)i + 1 : is_online);
            }
        }
    }
}

static void put_people(struct pg_arrays *a, const struct user_op *ops, size_t n)
{
    size_t people = count_people(ops, n);

    pg_arrays_begin_i32(a, people);
    put_people_column(a, ops, n, PEOPLE_OP);
    pg_arrays_begin_i64(a, people);
    put_people_column(a, ops, n, PEOPLE_USER);
    pg_arrays_begin_i32(a, people);
    put_people_column(a, ops, n, PEOPLE_ONLINE);
}

/* Sends what is in `a`, and `last` behind it unless it is NULL; the scratch is free again. */
static int submit_arrays(struct store *s, enum people_statement statement, struct pg_arrays *a,
                         const struct pg_i64 *last, pg_result_fn *on_result,
                         const struct store_request *request)
{
    struct pg_param params[PG_LINK_PARAMS_MAX];
    int err = pg_arrays_finish(a, params);
    size_t count = a->count;

    if (err == 0 && last) {
        params[count++] = pg_param_i64(last);
    }
    if (err == 0) {
        err = store_pg_submit(s->people, statement, params, count, on_result, request);
    }
    buf_reset(&s->scratch);
    buf_shrink(&s->scratch, SCRATCH_KEEP_BYTES);
    return err;
}

int store_user_ops(struct store *s, const struct user_op *ops, size_t count, uint32_t push_after_s,
                   store_user_ops_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.user_ops = fn};
    struct pg_i64 push_after = pg_i64_of(push_after_s);
    struct pg_arrays a;

    pg_arrays_init(&a, &s->scratch);
    put_numbers(&a, ops, count);
    put_texts(&a, ops, count);
    put_people(&a, ops, count);
    return submit_arrays(s, STMT_USER_OPS, &a, &push_after, on_user_ops, &request);
}

/* ---- presence ---- */

static void on_stored(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.done(r.arg, store_pg_error(r.store->people, err, result));
}

int store_presence(struct store *s, const struct presence_row *rows, size_t count,
                   store_done_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    struct pg_arrays a;

    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_i64(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(&a, rows[i].user_id);
    }
    pg_arrays_begin_text(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_text(&a, rows[i].chosen);
    }
    pg_arrays_begin_text(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_text(&a, rows[i].shown);
    }
    pg_arrays_begin_time(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_time(&a, rows[i].last_seen_ms);
    }
    return submit_arrays(s, STMT_PRESENCE, &a, NULL, on_stored, &request);
}

static void on_shown(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = pg_result_rows(result);
    struct presence_row *rows;

    if (err != 0) {
        r.fn.presence(r.arg, store_pg_error(r.store->people, err, result), NULL, 0);
        return;
    }
    rows = mem_alloc((count + 1) * sizeof(*rows));
    if (!rows) {
        r.fn.presence(r.arg, ERR_NOMEM, NULL, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct presence_row){.user_id = pg_result_i64(result, i, 0),
                                        .username = pg_result_get(result, i, 1),
                                        .chosen = pg_result_get(result, i, 2),
                                        .shown = pg_result_get(result, i, 3),
                                        .last_seen_ms = (uint64_t)pg_result_i64(result, i, 4)};
    }
    r.fn.presence(r.arg, 0, rows, count);
    mem_free(rows);
}

int store_presence_shown(struct store *s, int64_t from_id, uint32_t limit, store_presence_fn *fn,
                         void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.presence = fn};
    struct pg_i64 from = pg_i64_of(from_id), most = pg_i64_of(limit);
    const struct pg_param params[] = {pg_param_i64(&from), pg_param_i64(&most)};

    return store_pg_submit(s->people, STMT_PRESENCE_SHOWN, params, 2, on_shown, &request);
}

/* ---- whom a chat notifies ---- */

static void on_audience(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = pg_result_rows(result);
    int64_t *ids;

    if (err != 0) {
        r.fn.user_ids(r.arg, store_pg_error(r.store->people, err, result), NULL, 0);
        return;
    }
    ids = mem_alloc((count + 1) * sizeof(*ids));
    if (!ids) {
        r.fn.user_ids(r.arg, ERR_NOMEM, NULL, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = pg_result_i64(result, i, 0);
    }
    r.fn.user_ids(r.arg, 0, ids, count);
    mem_free(ids);
}

int store_chat_audience(struct store *s, const struct chat_audience *audience,
                        store_user_ids_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.user_ids = fn};
    const struct up_notify here = {.users = audience->here};
    struct pg_i64 channel = pg_i64_of(audience->channel_id),
                  author = pg_i64_of(audience->author_id), most = pg_i64_of(audience->limit),
                  has_members = pg_i64_of(audience->has_members);
    struct pg_param lists[2];
    struct pg_arrays a;
    int err;

    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_text(&a, audience->name_count);
    for (size_t i = 0; i < audience->name_count; i++) {
        pg_arrays_text(&a, audience->names[i]);
    }
    pg_arrays_begin_i64(&a, notify_user_count(&here));
    for (size_t i = 0; i < notify_user_count(&here); i++) {
        pg_arrays_i64(&a, notify_user(&here, i));
    }
    err = pg_arrays_finish(&a, lists);
    if (err != 0) {
        return err;
    }
    const struct pg_param params[] = {pg_param_i64(&channel), pg_param_i64(&author),      lists[0],
                                      pg_param_i64(&most),    pg_param_i64(&has_members), lists[1]};
    return store_pg_submit(s->people, STMT_AUDIENCE, params, 6, on_audience, &request);
}
