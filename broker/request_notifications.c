/* SPDX-License-Identifier: MIT */
/* The routes about one's notifications: the list of them, and what of them is pushed when. Called
 * by request_http.c; what they have in common with others is in request_api.c. */
#include "broker/request_api.h"

#include "broker/http_notices.h"

/* ---- GET /api/notifications/ ---- */

static void on_notifications(void *arg, int err, const struct listed_notification *rows,
                             size_t count)
{
    struct request *req = step_end(arg);
    struct buf body;

    if (!request_api_goes_on(req, err, "notifications")) {
        return;
    }
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_notifications(rows, count, req->api->page.limit, req->api->page.is_unread, &body);
    request_api_answer(req, 200, err, &body);
}

static void notifications_run(struct request *req)
{
    struct page_query *q = &req->api->page;
    struct notification_request page = {.user_id = req->api->user_id};
    struct step *step = NULL;
    int err = page_query_read(request_api_input(req), PAGE_OF_NOTIFICATIONS, q);

    if (err == ERR_MISSING) {
        request_http_problems(req, HTTP_PROBLEMS_WITH_DETAIL, q->fields, PAGE_FIELD_COUNT);
        return;
    }
    if (err == 0) {
        page.before = q->before > 0 ? q->before : INT64_MAX;
        page.limit = q->limit + 1; /* one more: is there a next page? */
        page.is_unread = q->is_unread;
        step = step_begin(req);
        err = step ? store_notifications(req->owner->deps.store, &page, on_notifications, step)
                   : ERR_NOMEM;
    }
    request_api_submitted(req, step, err, "notifications");
}

void request_notifications(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->query, notifications_run);
}

/* ---- GET /api/notifications/preferences/ ---- */

static void on_preferences(void *arg, int err, const struct preferences *preferences)
{
    struct request *req = step_end(arg);
    struct buf body;

    if (!request_api_goes_on(req, err, "preferences")) {
        return;
    }
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_preferences(preferences, &body);
    request_api_answer(req, 200, err, &body);
}

static void preferences_run(struct request *req)
{
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = store_preferences(req->owner->deps.store, req->api->user_id, on_preferences, step);
    }
    request_api_submitted(req, step, err, "preferences");
}

void request_preferences(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, BYTES_NONE, preferences_run);
}

/* ---- PATCH /api/notifications/preferences/ ---- */

enum preference_field {
    FIELD_PUSH,
    FIELD_CATEGORIES,
    FIELD_START,
    FIELD_END,
    FIELD_ZONE,
    FIELD_COUNT
};
_Static_assert((unsigned)FIELD_COUNT <= API_FIELDS_MAX, "room for the fields");

static void on_changed(void *arg, int err, enum preference_verdict verdict)
{
    struct request *req = step_end(arg);

    if (!request_api_is_known(req, err, "set_preferences")) {
        return;
    }
    switch (verdict) {
    case PREFERENCE_SET:
        preferences_run(req); /* answered with all of them as they are now */
        break;
    case PREFERENCE_NO_ZONE:
        request_api_refuse_field(req, FIELD_ZONE, HTTP_TIME_ZONE);
        break;
    case PREFERENCE_TOO_MANY:
        request_api_refuse_field(req, FIELD_CATEGORIES, HTTP_TOO_LONG);
        break;
    }
}

static struct preference_change change_of(const struct request *req)
{
    const struct http_field *f = req->api->fields;

    return (struct preference_change){
        .user_id = req->api->user_id,
        .has_push = f[FIELD_PUSH].is_given,
        .push_enabled = f[FIELD_PUSH].flag,
        .categories = http_field_bytes(&f[FIELD_CATEGORIES]),
        .has_quiet_start = f[FIELD_START].is_given,
        .quiet_start = http_field_bytes(&f[FIELD_START]),
        .has_quiet_end = f[FIELD_END].is_given,
        .quiet_end = http_field_bytes(&f[FIELD_END]),
        .time_zone = http_field_bytes(&f[FIELD_ZONE]),
    };
}

static void preferences_set_run(struct request *req)
{
    static const struct http_field fields[FIELD_COUNT] = {
        [FIELD_PUSH] = {.name = "push_enabled", .type = HTTP_FLAG, .is_optional = true},
        [FIELD_CATEGORIES] = {.name = "categories", .type = HTTP_FLAGS, .is_optional = true},
        [FIELD_START] = {.name = "quiet_start", .type = HTTP_CLOCK, .is_optional = true},
        [FIELD_END] = {.name = "quiet_end", .type = HTTP_CLOCK, .is_optional = true},
        [FIELD_ZONE] = {.name = "time_zone", .is_optional = true}};
    static const enum preference_field never_null[] = {FIELD_PUSH, FIELD_CATEGORIES, FIELD_ZONE};
    struct preference_change change;
    struct step *step;
    int err = ERR_NOMEM;

    if (!request_api_fields(req, fields, FIELD_COUNT)) {
        return;
    }
    for (size_t i = 0; i < sizeof(never_null) / sizeof(never_null[0]); i++) {
        const struct http_field *f = &req->api->fields[never_null[i]];

        if (f->is_given && f->is_null) {
            request_api_refuse_field(req, never_null[i], HTTP_NULL);
            return;
        }
    }
    change = change_of(req);
    step = step_begin(req);
    if (step) {
        err = store_set_preferences(req->owner->deps.store, &change, on_changed, step);
    }
    request_api_submitted(req, step, err, "set_preferences");
}

void request_preferences_set(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->body, preferences_set_run);
}
