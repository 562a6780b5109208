/* SPDX-License-Identifier: MIT */
/* An HTTP API request: route, method and content type, then the handler of the route; and the way
 * of every answer back. Called by requests.c; the handlers call the answers. */
#include "broker/request_api.h"

#include <stdio.h>

#include "common/log.h"

typedef void handler_fn(struct request *req, const struct up_http *http);

static handler_fn *const HANDLERS[ROUTE_COUNT] = {
    [ROUTE_USER_ME] = request_user_me,
    [ROUTE_CHANNELS] = request_channels,
    [ROUTE_CHANNEL_CREATE] = request_channel_create,
    [ROUTE_MEMBER_ADD] = request_member_add,
    [ROUTE_MEMBER_REMOVE] = request_member_remove,
    [ROUTE_MESSAGES] = request_messages,
    [ROUTE_SEARCH] = request_search,
    [ROUTE_TOKEN] = request_login_tokens,
    [ROUTE_TOKEN_REFRESH] = request_token_refresh,
    [ROUTE_TOKEN_VERIFY] = request_token_verify,
    [ROUTE_TOKEN_BLACKLIST] = request_token_blacklist,
    [ROUTE_LOGIN] = request_login_session,
    [ROUTE_LOGOUT] = request_session_logout,
    [ROUTE_NOTIFY] = request_notify,
    [ROUTE_NOTIFICATIONS] = request_notifications,
    [ROUTE_PREFERENCES] = request_preferences,
    [ROUTE_PREFERENCES_SET] = request_preferences_set,
    [ROUTE_DEVICES] = request_devices,
    [ROUTE_DEVICE_ADD] = request_device_add,
    [ROUTE_DEVICE_REMOVE] = request_device_remove,
    [ROUTE_PUSH_TEST] = request_push_test,
    [ROUTE_VAPID_KEY] = request_vapid_key,
    [ROUTE_USAGE] = request_usage,
    [ROUTE_USAGE_HISTORY] = request_usage_history,
    [ROUTE_UPLOAD] = request_upload_body,
    [ROUTE_MEDIA] = request_media,
};

void request_http_answer(struct request *req, const struct http_answer *answer)
{
    struct down_item item = {.kind = DOWN_HTTP};
    struct buf headers;
    char status[16];

    buf_init(&headers, HTTP_HEADERS_MAX_BYTES);
    item.http.status = answer->status;
    item.http.content_type = BYTES_LIT("application/json");
    item.http.body = answer->body;
    if (http_answer_headers(answer, &headers) == 0) {
        item.http.headers = buf_bytes(&headers);
    }
    snprintf(status, sizeof(status), "%u", answer->status);
    metric_add_label(req->owner->metrics.http_status, status, 1);
    request_answer(req, &item);
    buf_done(&headers);
}

/* The answer with {"detail","code"} as its body; without memory it goes without one. */
static void answer_detail(struct request *req, struct http_answer *answer, const char *detail,
                          const char *code)
{
    struct buf body;

    buf_init(&body, HTTP_DETAIL_MAX_BYTES);
    if (http_detail(detail, code, &body) == 0) {
        answer->body = buf_bytes(&body);
    }
    request_http_answer(req, answer);
    buf_done(&body);
}

void request_http_fail(struct request *req, uint32_t status, const char *detail, const char *code)
{
    struct http_answer answer = {.status = status};

    answer_detail(req, &answer, detail, code);
}

void request_http_unavailable(struct request *req)
{
    struct http_answer answer = {.status = 503, .retry_after_s = HTTP_RETRY_AFTER_S};

    answer_detail(req, &answer, code_sentence(CODE_SERVICE_UNAVAILABLE),
                  code_name(CODE_SERVICE_UNAVAILABLE));
}

void request_http_internal(struct request *req)
{
    request_http_fail(req, 500, code_sentence(CODE_INTERNAL_ERROR), code_name(CODE_INTERNAL_ERROR));
}

void request_http_throttled(struct request *req, uint32_t retry_after_s)
{
    struct http_answer answer = {.status = 429, .retry_after_s = retry_after_s};
    char detail[96];

    snprintf(detail, sizeof(detail), "Request was throttled. Expected available in %u second%s.",
             retry_after_s, retry_after_s == 1 ? "" : "s");
    answer_detail(req, &answer, detail, code_name(CODE_RATE_LIMIT_EXCEEDED));
}

void request_http_problems(struct request *req, enum http_problems_form form,
                           const struct http_field *fields, size_t field_count)
{
    struct http_answer answer = {.status = 400};
    struct buf body;

    buf_init(&body, HTTP_DETAIL_MAX_BYTES);
    if (http_field_problems(form, fields, field_count, &body) == 0) {
        answer.body = buf_bytes(&body);
    }
    request_http_answer(req, &answer);
    buf_done(&body);
}

bool request_http_fields(struct request *req, const struct up_http *http,
                         enum http_problems_form form, struct http_field *fields,
                         size_t field_count)
{
    int err = http_fields_read(http->body, fields, field_count);

    if (err == 0) {
        return true;
    }
    if (err == ERR_NOMEM) {
        request_http_unavailable(req);
    } else if (err == ERR_TYPE) {
        request_http_fail(req, 400, "The body must be a JSON object.", "invalid");
    } else if (err != ERR_MISSING) {
        request_http_fail(req, 400, "The body is not valid JSON.", "parse_error");
    } else {
        request_http_problems(req, form, fields, field_count);
    }
    http_fields_done(fields, field_count);
    return false;
}

void request_http_start(struct request *req, const struct up_http *http)
{
    struct http_match match = http_route_find(http->method, http->path);
    struct http_answer not_allowed = {.status = 405, .allow = match.allow};

    metric_add_label(req->owner->metrics.http, http_route_label(match.route), 1);
    if (match.route == ROUTE_NONE && match.allow[0] == '\0') {
        request_http_fail(req, 404, "Not found.", "not_found");
        return;
    }
    if (match.route == ROUTE_NONE) {
        answer_detail(req, &not_allowed, "Method not allowed.", "method_not_allowed");
        return;
    }
    if (http->body.len > 0 && !http_type_is_json(http->content_type)) {
        request_http_fail(req, 415, "The body must be application/json.", "unsupported_media_type");
        return;
    }
    req->path_id = match.id;
    req->path_name = match.name;
    HANDLERS[match.route](req, http);
}
