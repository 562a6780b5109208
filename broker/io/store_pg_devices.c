/* SPDX-License-Identifier: MIT */
/* Notifications as a list, preferences and devices, on the store's connection for the API. Rows are
 * views into the answer of PostgreSQL. Called by request_notifications.c and request_devices.c. */
#include "broker/store_devices.h"

#include "broker/io/store_pg_impl.h"
#include "common/mem.h"

/* ---- notifications ---- */

static void on_notifications(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = err == 0 ? pg_result_rows(result) : 0;
    struct listed_notification *rows = mem_alloc(count * sizeof(*rows));

    if (err != 0 || !rows) {
        mem_free(rows);
        r.fn.notifications(r.arg, err != 0 ? store_pg_api_error(r.store, err, result) : ERR_NOMEM,
                           NULL, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct listed_notification){
            .id = pg_result_i64(result, i, 0),
            .title = pg_result_get(result, i, 1),
            .message = pg_result_get(result, i, 2),
            .category = pg_result_get(result, i, 3),
            .url = pg_result_get(result, i, 4),
            .status = pg_result_get(result, i, 5),
            .created_at_ms = (uint64_t)pg_result_i64(result, i, 6),
        };
    }
    r.fn.notifications(r.arg, 0, rows, count);
    mem_free(rows);
}

int store_notifications(struct store *s, const struct notification_request *n,
                        store_notifications_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.notifications = fn};
    struct pg_i64 v[] = {pg_i64_of(n->user_id), pg_i64_of(n->before), pg_i64_of(n->is_unread),
                         pg_i64_of(n->limit)};
    struct pg_param params[4];

    for (size_t i = 0; i < 4; i++) {
        params[i] = pg_param_i64(&v[i]);
    }
    return store_pg_submit(s->api, STMT_NOTIFICATIONS, params, 4, on_notifications, &request);
}

/* ---- preferences ---- */

static void on_preferences(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct preferences p;

    if (err != 0) {
        r.fn.preferences(r.arg, store_pg_api_error(r.store, err, result), NULL);
        return;
    }
    p = (struct preferences){
        .push_enabled = pg_result_bool(result, 0, 0),
        .categories = pg_result_get(result, 0, 1),
        .quiet_start = pg_result_get(result, 0, 2),
        .quiet_end = pg_result_get(result, 0, 3),
        .time_zone = pg_result_get(result, 0, 4),
    };
    r.fn.preferences(r.arg, 0, &p);
}

int store_preferences(struct store *s, int64_t user_id, store_preferences_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.preferences = fn};
    struct pg_i64 id = pg_i64_of(user_id);
    const struct pg_param params[] = {pg_param_i64(&id)};

    return store_pg_submit(s->api, STMT_PREFERENCES, params, 1, on_preferences, &request);
}

static void on_preference(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.preference(r.arg, store_pg_api_error(r.store, err, result),
                    (enum preference_verdict)pg_result_i64(result, 0, 0));
}

int store_set_preferences(struct store *s, const struct preference_change *c,
                          store_preference_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.preference = fn};
    struct pg_i64 user = pg_i64_of(c->user_id),
                  push = pg_i64_of(c->has_push ? c->push_enabled : -1),
                  has_start = pg_i64_of(c->has_quiet_start), has_end = pg_i64_of(c->has_quiet_end),
                  most = pg_i64_of(PREFERENCE_CATEGORIES_MAX);
    const struct pg_param params[] = {
        pg_param_i64(&user),         pg_param_i64(&push),           pg_param_text(c->categories),
        pg_param_i64(&has_start),    pg_param_text(c->quiet_start), pg_param_i64(&has_end),
        pg_param_text(c->quiet_end), pg_param_text(c->time_zone),   pg_param_i64(&most)};

    return store_pg_submit(s->api, STMT_SET_PREFERENCES, params, 9, on_preference, &request);
}

/* ---- devices ---- */

static void on_devices(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct device_row rows[DEVICES_PER_USER];
    size_t count = err == 0 ? pg_result_rows(result) : 0;

    if (err != 0) {
        r.fn.devices(r.arg, store_pg_api_error(r.store, err, result), NULL, 0);
        return;
    }
    if (count > DEVICES_PER_USER) {
        count = DEVICES_PER_USER;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct device_row){.id = pg_result_i64(result, i, 0),
                                      .device_type = pg_result_get(result, i, 1),
                                      .token = pg_result_get(result, i, 2),
                                      .created_at_ms = (uint64_t)pg_result_i64(result, i, 3)};
    }
    r.fn.devices(r.arg, 0, rows, count);
}

int store_devices(struct store *s, int64_t user_id, store_devices_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.devices = fn};
    struct pg_i64 id = pg_i64_of(user_id);
    const struct pg_param params[] = {pg_param_i64(&id)};

    return store_pg_submit(s->api, STMT_DEVICES, params, 1, on_devices, &request);
}

static void on_added(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct device_row row;

    if (err != 0) {
        r.fn.devices(r.arg, store_pg_api_error(r.store, err, result), NULL, 0);
        return;
    }
    row = (struct device_row){.id = pg_result_i64(result, 0, 0),
                              .created_at_ms = (uint64_t)pg_result_i64(result, 0, 1),
                              .is_new = pg_result_bool(result, 0, 2)};
    r.fn.devices(r.arg, 0, &row, 1);
}

int store_add_device(struct store *s, int64_t user_id, struct bytes device_type, struct bytes token,
                     store_devices_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.devices = fn};
    struct pg_i64 user = pg_i64_of(user_id), most = pg_i64_of(DEVICES_PER_USER);
    const struct pg_param params[] = {pg_param_i64(&user), pg_param_text(device_type),
                                      pg_param_text(token), pg_param_i64(&most)};

    return store_pg_submit(s->api, STMT_ADD_DEVICE, params, 4, on_added, &request);
}

static void on_removed(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.done(r.arg, store_pg_api_error(r.store, err, result));
}

int store_remove_device(struct store *s, int64_t user_id, struct bytes token, store_done_fn *fn,
                        void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.done = fn};
    struct pg_i64 user = pg_i64_of(user_id);
    const struct pg_param params[] = {pg_param_i64(&user), pg_param_text(token)};

    return store_pg_submit(s->api, STMT_REMOVE_DEVICE, params, 2, on_removed, &request);
}

static void on_count(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.count(r.arg, store_pg_api_error(r.store, err, result), pg_result_i64(result, 0, 0));
}

int store_push_test(struct store *s, int64_t user_id, struct bytes title, struct bytes message,
                    store_count_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.count = fn};
    struct pg_i64 user = pg_i64_of(user_id);
    const struct pg_param params[] = {pg_param_i64(&user), pg_param_text(title),
                                      pg_param_text(message)};

    return store_pg_submit(s->api, STMT_PUSH_TEST, params, 3, on_count, &request);
}

/* ---- housekeeping ---- */

static void on_trimmed(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    if (err != 0) {
        r.fn.pages(r.arg, store_pg_api_error(r.store, err, result), 0, 0);
        return;
    }
    r.fn.pages(r.arg, 0, pg_result_i64(result, 0, 0), pg_result_i64(result, 0, 1));
}

int store_trim_notifications(struct store *s, int64_t after_id, uint32_t days, uint32_t limit,
                             store_pages_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.pages = fn};
    struct pg_i64 v[] = {pg_i64_of(after_id), pg_i64_of(days), pg_i64_of(limit)};
    const struct pg_param params[] = {pg_param_i64(&v[0]), pg_param_i64(&v[1]),
                                      pg_param_i64(&v[2])};

    return store_pg_submit(s->api, STMT_NOTIFICATION_TRIM, params, 3, on_trimmed, &request);
}
