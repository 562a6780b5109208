/* SPDX-License-Identifier: MIT */
/* Logins, revoked tokens, direct channels and changes of access, on the store's reading
 * connection: each statement is a transaction of its own. */
#include "broker/store_access.h"

#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"

#define ACCESS_IDS_MAX 65536u /* of one request */

static void on_done(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.done(r.arg, store_pg_error(r.store->reads, err, result));
}

/* ---- sessions ---- */

int store_session_put(struct store *s, const struct new_session *session, store_done_fn *fn,
                      void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    struct pg_i64 age = pg_i64_of(session->age_s);
    const struct pg_param params[] = {pg_param_text(session->key), pg_param_text(session->payload),
                                      pg_param_i64(&age)};

    return store_pg_submit(s->reads, STMT_SESSION_PUT, params, 3, on_done, &request);
}

int store_session_delete(struct store *s, struct bytes key, store_done_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    const struct pg_param params[] = {pg_param_text(key)};

    return store_pg_submit(s->reads, STMT_SESSION_DELETE, params, 1, on_done, &request);
}

/* ---- revoked tokens ---- */

static void on_revoked(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    if (err != 0) {
        r.fn.revoked(r.arg, store_pg_error(r.store->reads, err, result), false);
        return;
    }
    r.fn.revoked(r.arg, 0, pg_result_bool(result, 0, 0));
}

int store_is_revoked(struct store *s, const struct token_names *names, store_revoked_fn *fn,
                     void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.revoked = fn};
    const struct pg_param params[] = {pg_param_text(names->jti), pg_param_text(names->family)};

    return store_pg_submit(s->reads, STMT_IS_REVOKED, params, 2, on_revoked, &request);
}

int store_revoke(struct store *s, const struct token_names *names, uint64_t expires_s,
                 store_revoked_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.revoked = fn};
    struct pg_i64 expires = pg_i64_of((int64_t)expires_s);
    const struct pg_param params[] = {pg_param_text(names->jti), pg_param_text(names->family),
                                      pg_param_i64(&expires)};

    return store_pg_submit(s->reads, STMT_REVOKE, params, 3, on_revoked, &request);
}

/* ---- changes of access ---- */

static enum access_kind kind_of(struct bytes text)
{
    static const char *const names[] = {
#define ACCESS_NAME(name, text) [ACCESS_##name] = text,
        ACCESS_LIST(ACCESS_NAME)
#undef ACCESS_NAME
    };

    for (unsigned i = ACCESS_NONE + 1; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bytes_eq_str(text, names[i])) {
            return (enum access_kind)i;
        }
    }
    return ACCESS_NONE;
}

static void on_changes(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct access_change changes[ACCESS_CHANGES_MAX];
    size_t count = pg_result_rows(result);

    if (err != 0) {
        r.fn.changes(r.arg, store_pg_error(r.store->reads, err, result), NULL, 0);
        return;
    }
    if (count > ACCESS_CHANGES_MAX) {
        count = ACCESS_CHANGES_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        changes[i] = (struct access_change){
            .id = pg_result_i64(result, i, 0),
            .kind = kind_of(pg_result_get(result, i, 1)),
            .user_id = pg_result_i64(result, i, 2),
            .channel_id = pg_result_i64(result, i, 3),
            .login = (uint64_t)pg_result_i64(result, i, 4),
        };
    }
    r.fn.changes(r.arg, 0, changes, count);
}

/* Send a statement whose one parameter is an array of ids. */
static int submit_ids(struct store *s, size_t statement, const int64_t *ids, size_t count,
                      pg_result_fn *on_result, const struct store_request *request)
{
    struct pg_param params[PG_LINK_PARAMS_MAX];
    struct pg_arrays a;
    int err;

    if (count > ACCESS_IDS_MAX) {
        return ERR_LIMIT;
    }
    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_i64(&a, count);
    for (size_t i = 0; i < count; i++) {
        pg_arrays_i64(&a, ids[i]);
    }
    err = pg_arrays_finish(&a, params);
    if (err == 0) {
        err = store_pg_submit(s->reads, statement, params, a.count, on_result, request);
    }
    buf_reset(&s->scratch);
    buf_shrink(&s->scratch, SCRATCH_KEEP_BYTES);
    return err;
}

int store_access_changes(struct store *s, const int64_t *but_ids, size_t count,
                         store_changes_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.changes = fn};

    return submit_ids(s, STMT_ACCESS_CHANGES, but_ids, count, on_changes, &request);
}

int store_access_forget(struct store *s, const int64_t *ids, size_t count, store_done_fn *fn,
                        void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};

    return submit_ids(s, STMT_ACCESS_FORGET, ids, count, on_done, &request);
}

/* ---- housekeeping ---- */

static void on_trimmed(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    if (err != 0) {
        r.fn.trimmed(r.arg, store_pg_error(r.store->reads, err, result), 0);
        return;
    }
    r.fn.trimmed(r.arg, 0, pg_result_i64(result, 0, 0));
}

int store_trim(struct store *s, int64_t after_channel, store_trimmed_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.trimmed = fn};
    struct pg_i64 after = pg_i64_of(after_channel);
    const struct pg_param params[] = {pg_param_i64(&after)};

    return store_pg_submit(s->reads, STMT_TRIM, params, 1, on_trimmed, &request);
}
