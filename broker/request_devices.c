/* SPDX-License-Identifier: MIT */
/* The routes about the devices that notifications are pushed to. Called by request_http.c; what
 * they have in common with others is in request_api.c. */
#include "broker/request_api.h"

#include "broker/http_notices.h"
#include "broker/push_message.h"
#include "broker/web_push.h"

#define TEST_TITLE "Test Notification"
#define TEST_MESSAGE "Push notifications work on this device."

/* ---- GET /api/notifications/devices/ ---- */

static void on_devices(void *arg, int err, const struct device_row *rows, size_t count)
{
    struct request *req = step_end(arg);
    struct buf body;

    if (!request_api_goes_on(req, err, "devices")) {
        return;
    }
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_devices(rows, count, &body);
    request_api_answer(req, 200, err, &body);
}

static void devices_run(struct request *req)
{
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = store_devices(req->owner->deps.store, req->api->user_id, on_devices, step);
    }
    request_api_submitted(req, step, err, "devices");
}

void request_devices(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, BYTES_NONE, devices_run);
}

/* ---- POST and DELETE /api/notifications/devices/ ---- */

enum device_field { DEVICE_TOKEN, DEVICE_TYPE, DEVICE_FIELD_COUNT };

static const struct http_field FIELDS[DEVICE_FIELD_COUNT] = {
    [DEVICE_TOKEN] = {.name = "token", .is_trimmed = true},
    [DEVICE_TYPE] = {.name = "device_type"}};

static void on_added(void *arg, int err, const struct device_row *rows, size_t count)
{
    struct request *req = step_end(arg);
    struct device_row device;
    struct buf body;

    (void)count;
    if (!request_api_is_known(req, err, "add_device")) {
        return;
    }
    device = rows[0];
    device.token = http_field_bytes(&req->api->fields[DEVICE_TOKEN]);
    device.device_type = http_field_bytes(&req->api->fields[DEVICE_TYPE]);
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_device(&device, &body);
    request_api_answer(req, device.is_new ? 201 : 200, err, &body);
}

static bool is_device_type(struct bytes type)
{
    return bytes_eq_str(type, "web") || bytes_eq_str(type, "android") || bytes_eq_str(type, "ios");
}

/* Gives whether the fields are good; if not, the request was answered. */
static bool check_device(struct request *req)
{
    struct bytes token = http_field_bytes(&req->api->fields[DEVICE_TOKEN]);
    struct bytes type = http_field_bytes(&req->api->fields[DEVICE_TYPE]);
    struct web_push_subscription subscription;

    if (!is_device_type(type)) {
        request_api_refuse_field(req, DEVICE_TYPE, HTTP_CHOICE);
        return false;
    }
    if (token.len > DEVICE_TOKEN_MAX_BYTES) {
        request_api_refuse_field(req, DEVICE_TOKEN, HTTP_TOO_LONG);
        return false;
    }
    if (push_kind_of(type, token) == PUSH_WEB && web_push_read(token, &subscription) != 0) {
        request_api_refuse_field(req, DEVICE_TOKEN, HTTP_SUBSCRIPTION);
        return false;
    }
    return true;
}

static void add_run(struct request *req)
{
    struct step *step;
    int err = ERR_NOMEM;

    if (!request_api_fields(req, FIELDS, DEVICE_FIELD_COUNT) || !check_device(req)) {
        return;
    }
    step = step_begin(req);
    if (step) {
        err = store_add_device(req->owner->deps.store, req->api->user_id,
                               http_field_bytes(&req->api->fields[DEVICE_TYPE]),
                               http_field_bytes(&req->api->fields[DEVICE_TOKEN]), on_added, step);
    }
    request_api_submitted(req, step, err, "add_device");
}

static void on_removed(void *arg, int err)
{
    struct request *req = step_end(arg);
    struct http_answer done = {.status = 204};

    if (request_api_is_known(req, err, "remove_device")) {
        request_http_answer(req, &done);
    }
}

static void remove_run(struct request *req)
{
    struct step *step;
    int err = ERR_NOMEM;

    if (!request_api_fields(req, FIELDS, 1)) { /* the token */
        return;
    }
    step = step_begin(req);
    if (step) {
        err = store_remove_device(req->owner->deps.store, req->api->user_id,
                                  http_field_bytes(&req->api->fields[DEVICE_TOKEN]), on_removed,
                                  step);
    }
    request_api_submitted(req, step, err, "remove_device");
}

void request_device_add(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->body, add_run);
}

void request_device_remove(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->body, remove_run);
}

/* ---- POST /api/notifications/devices/test_notification/ ---- */

static void on_test(void *arg, int err, int64_t count)
{
    struct request *req = step_end(arg);
    struct buf body;

    if (!request_api_is_known(req, err, "push_test")) {
        return;
    }
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_push_test(count, &body);
    request_api_answer(req, 202, err, &body);
}

static void test_run(struct request *req)
{
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = store_push_test(req->owner->deps.store, req->api->user_id, BYTES_LIT(TEST_TITLE),
                              BYTES_LIT(TEST_MESSAGE), on_test, step);
    }
    request_api_submitted(req, step, err, "push_test");
}

void request_push_test(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, BYTES_NONE, test_run);
}

/* ---- GET /api/notifications/vapid-key/ ---- */

static void vapid_run(struct request *req)
{
    const char *key = req->owner->deps.vapid_public;
    struct buf body;

    if (!key || key[0] == '\0') {
        request_http_fail(req, 404, "Web push is not set up.", "not_configured");
        return;
    }
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    request_api_answer(req, 200, http_vapid_key(bytes_str(key), &body), &body);
}

void request_vapid_key(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, BYTES_NONE, vapid_run);
}
