/* SPDX-License-Identifier: MIT */
/* The dashboard's figures, for staff: what gateways report now, and the history. Called by
 * request_http.c.
 *
 *   who -> reports of all gateways -> names of their channels -> answer
 *   who -> points of the last hours -> answer */
#include "broker/request_api.h"

#include <string.h>

#include "broker/http_query.h"
#include "broker/store_usage.h"
#include "broker/usage_collect.h"
#include "common/io/clock.h"
#include "proto/encoding.h"

#define HOURS_DEFAULT 24u
#define HOURS_MAX_BYTES 17u

/* If not, the request has been answered. */
static bool is_allowed(struct request *req)
{
    bool is_staff = req->api->is_staff;

    if (!is_staff) {
        request_api_refuse(req, 403, CODE_PERMISSION_DENIED);
    }
    return is_staff;
}

/* ---- now ---- */

static void answer(struct request *req)
{
    struct buf body;
    int err;

    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = usage_sum_render(req->api->usage, clock_wall_ms(), &body);
    request_api_answer(req, 200, err, &body);
}

static void on_names(void *arg, int err, const struct channel_name_row *rows, size_t count)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        err = usage_sum_name(req->api->usage, rows[i].id, rows[i].name);
    }
    answer(req); /* without names rather than not at all */
}

static void on_collected(void *arg, int err, struct usage_sum *sum)
{
    struct request *req = step_end(arg);
    int64_t ids[USAGE_LISTED_MAX];
    struct step *step;

    if (!req || err) {
        usage_sum_free(sum);
        if (req) {
            request_http_unavailable(req);
        }
        return;
    }
    req->api->usage = sum;
    step = step_begin(req);
    err = step ? store_channel_names(req->owner->deps.store, ids,
                                     usage_sum_channels(sum, ids, USAGE_LISTED_MAX), on_names, step)
               : ERR_NOMEM;
    if (err) {
        step_end(step);
        answer(req);
    }
}

static void collect(struct request *req)
{
    struct step *step;
    int err;

    if (!is_allowed(req)) {
        return;
    }
    step = step_begin(req);
    err = step ? usage_collect(req->owner->deps.redis, req->owner->deps.conf->redis_prefix,
                               on_collected, step)
               : ERR_NOMEM;
    request_api_submitted(req, step, err, "usage");
}

void request_usage(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, BYTES_NONE, collect);
}

/* ---- history ---- */

static void on_points(void *arg, int err, const struct usage_point *points, size_t count)
{
    struct request *req = step_end(arg);
    struct buf body;

    if (!request_api_goes_on(req, err, "usage_history")) {
        return;
    }
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = usage_history((uint32_t)req->api->accepted, points, count, &body);
    request_api_answer(req, 200, err, &body);
}

/* Without a number in range: a day. */
static uint32_t hours_of(struct bytes query)
{
    struct buf text;
    int64_t hours;

    buf_init(&text, HOURS_MAX_BYTES);
    hours = http_query_get(query, "hours", &text) == 0 ? decimal_id(buf_bytes(&text)) : 0;
    buf_done(&text);
    if (hours == 0) {
        return HOURS_DEFAULT;
    }
    return hours < (int64_t)USAGE_HOURS_MAX ? (uint32_t)hours : USAGE_HOURS_MAX;
}

static void look_back(struct request *req)
{
    struct step *step;
    int err;

    if (!is_allowed(req)) {
        return;
    }
    req->api->accepted = hours_of(request_api_input(req));
    step = step_begin(req);
    err = step ? store_usage_history(req->owner->deps.store, (uint32_t)req->api->accepted,
                                     on_points, step)
               : ERR_NOMEM;
    request_api_submitted(req, step, err, "usage_history");
}

void request_usage_history(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->query, look_back);
}
