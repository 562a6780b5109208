/* SPDX-License-Identifier: MIT */
/* Look-ups of users, Django sessions and channels, on the store's reading connection. What is not
 * there completes with 0 and NULL; so does text that no row can hold (NUL, bad UTF-8), because it
 * comes from peers. */
#include "broker/channel_name.h"
#include "broker/io/store_pg_impl.h"
#include "broker/store_access.h"
#include "common/log.h"

/* 0 also for text that cannot be stored; *out_has_row then is false. */
static int lookup_error(struct store *s, int err, const struct pg_result *result, bool *out_has_row)
{
    if (store_pg_is_impossible_text(err, result)) {
        *out_has_row = false;
        return 0;
    }
    *out_has_row = err == 0 && pg_result_rows(result) > 0;
    return store_pg_error(s->reads, err, result);
}

/* ---- users ---- */

static void on_user(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct user_row user;
    bool has_row;

    err = lookup_error(r.store, err, result, &has_row);
    if (!has_row) {
        r.fn.user(r.arg, err, NULL);
        return;
    }
    user = (struct user_row){
        .id = pg_result_i64(result, 0, 0),
        .username = pg_result_get(result, 0, 1),
        .password = pg_result_get(result, 0, 2),
        .avatar = pg_result_get(result, 0, 3),
        .is_active = pg_result_bool(result, 0, 4),
        .is_staff = pg_result_bool(result, 0, 5),
    };
    r.fn.user(r.arg, 0, &user);
}

int store_user_by_id(struct store *s, int64_t id, store_user_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.user = fn};
    struct pg_i64 user_id = pg_i64_of(id);
    const struct pg_param params[] = {pg_param_i64(&user_id)};

    return store_pg_submit(s->reads, STMT_USER_BY_ID, params, 1, on_user, &request);
}

int store_user_by_name(struct store *s, struct bytes username, store_user_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.user = fn};
    const struct pg_param params[] = {pg_param_text(username)};

    return store_pg_submit(s->reads, STMT_USER_BY_NAME, params, 1, on_user, &request);
}

static void on_login_noted(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    err = store_pg_error(r.store->reads, err, result);
    if (err != 0) {
        log_warn("store_note_login_failed", LOG_ERR(err));
    }
}

void store_note_login(struct store *s, int64_t user_id)
{
    struct store_request request = {.store = s};
    struct pg_i64 id = pg_i64_of(user_id);
    const struct pg_param params[] = {pg_param_i64(&id)};
    int err = store_pg_submit(s->reads, STMT_NOTE_LOGIN, params, 1, on_login_noted, &request);

    if (err != 0) {
        log_warn("store_note_login_failed", LOG_ERR(err));
    }
}

/* ---- sessions ---- */

static void on_session(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct session_row session;
    bool has_row;

    err = lookup_error(r.store, err, result, &has_row);
    if (!has_row) {
        r.fn.session(r.arg, err, NULL);
        return;
    }
    session = (struct session_row){
        .payload = pg_result_get(result, 0, 0),
        .is_expired = pg_result_bool(result, 0, 1),
    };
    r.fn.session(r.arg, 0, &session);
}

int store_session(struct store *s, struct bytes key, store_session_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.session = fn};
    const struct pg_param params[] = {pg_param_text(key)};

    return store_pg_submit(s->reads, STMT_SESSION, params, 1, on_session, &request);
}

/* ---- channels ---- */

static void on_channel(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct channel_row channel;
    bool has_row;

    err = lookup_error(r.store, err, result, &has_row);
    if (!has_row) {
        r.fn.channel(r.arg, err, NULL);
        return;
    }
    channel = (struct channel_row){
        .id = pg_result_i64(result, 0, 0),
        .name = pg_result_get(result, 0, 1),
        .is_private = pg_result_bool(result, 0, 2),
        .is_member = pg_result_bool(result, 0, 3),
        .last_seq = (uint64_t)pg_result_i64(result, 0, 4),
    };
    r.fn.channel(r.arg, 0, &channel);
}

int store_channel(struct store *s, struct bytes room, int64_t user_id, bool auto_create,
                  store_channel_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.channel = fn};
    int64_t number = 0;
    bool is_number = channel_number_parse(room, &number) == 0;
    bool want_create = auto_create && channel_name_check(room) == 0;
    struct pg_i64 user = pg_i64_of(user_id), id = pg_i64_of(number),
                  create = pg_i64_of(want_create);
    const struct pg_param null_id = {BYTES_NONE, true};
    const struct pg_param params[] = {pg_param_i64(&user), pg_param_text(room),
                                      is_number ? pg_param_i64(&id) : null_id,
                                      pg_param_i64(&create)};

    return store_pg_submit(s->reads, STMT_CHANNEL, params, 4, on_channel, &request);
}

int store_channel_by_id(struct store *s, int64_t id, int64_t user_id, store_channel_fn *fn,
                        void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.channel = fn};
    struct pg_i64 user = pg_i64_of(user_id), channel_id = pg_i64_of(id);
    const struct pg_param params[] = {pg_param_i64(&user), pg_param_i64(&channel_id)};

    return store_pg_submit(s->reads, STMT_CHANNEL_BY_ID, params, 2, on_channel, &request);
}

int store_direct_channel(struct store *s, int64_t user_id, int64_t other_id, store_channel_fn *fn,
                         void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.channel = fn};
    struct pg_i64 user = pg_i64_of(user_id), other = pg_i64_of(other_id);
    const struct pg_param params[] = {pg_param_i64(&user), pg_param_i64(&other)};

    return store_pg_submit(s->reads, STMT_DIRECT_CHANNEL, params, 2, on_channel, &request);
}
