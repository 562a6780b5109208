/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests of people who are signed in: what request_channels.c and request_pages.c share, and the
 * handlers that request_http.c calls. Nobody else includes it. */
#include "broker/http_query.h"
#include "broker/requests_impl.h"
#include "broker/store_api.h"

#define API_FIELDS_MAX 5u

/* From request_api_start to the end of the request. */
struct api_work {
    void (*run)(struct request *req); /* once it is known who it is */
    int64_t user_id;
    bool is_staff;
    size_t accepted;         /* request_notify.c: people; request_usage.c: hours */
    struct usage_sum *usage; /* request_usage.c; owned */
    struct page_query page;  /* of what comes in pages */
    struct http_field fields[API_FIELDS_MAX];
    size_t input_len;
    char input[]; /* the body, or the query */
};

static inline struct bytes request_api_input(const struct request *req)
{
    return bytes_of(req->api->input, req->api->input_len);
}

/* Find out who asks and go on with `run`; those who are nobody get a 401. `input` is copied. */
void request_api_start(struct request *req, const struct up_http *http, struct bytes input,
                       void (*run)(struct request *req));
/* After a query was submitted to the store: on an error the step is taken back and the request
 * answered. */
void request_api_submitted(struct request *req, struct step *step, int err, const char *query);
/* In a completion, with what step_end gave: go on? If not, the request has gone or was answered. */
bool request_api_goes_on(struct request *req, int err, const char *query);
/* Answer with the body, if it could be written, and free it. */
void request_api_answer(struct request *req, uint32_t status, int err, struct buf *body);
/* An error that has the name of a client code: 401, 403, 404. */
void request_api_refuse(struct request *req, uint32_t status, enum client_code code);

/* In a change's completion: as request_api_goes_on, but one that failed may have been done. */
bool request_api_is_known(struct request *req, int err, const char *query);
/* Read the fields of the body into the work. Gives whether that could be done; if not, the request
 * has been answered. */
bool request_api_fields(struct request *req, const struct http_field *wanted, size_t count);
/* One of the fields is not good after all: 400. */
void request_api_refuse_field(struct request *req, size_t field, enum http_problem problem);

/* ---- handlers: request_channels.c ---- */
void request_user_me(struct request *req, const struct up_http *http);
void request_channels(struct request *req, const struct up_http *http);
void request_channel_create(struct request *req, const struct up_http *http);
void request_member_add(struct request *req, const struct up_http *http);
void request_member_remove(struct request *req, const struct up_http *http);

/* ---- handlers: request_notify.c ---- */
void request_notify(struct request *req, const struct up_http *http);

/* ---- handlers: request_pages.c ---- */
void request_messages(struct request *req, const struct up_http *http);
void request_search(struct request *req, const struct up_http *http);

/* ---- handlers: request_notifications.c ---- */
void request_notifications(struct request *req, const struct up_http *http);
void request_preferences(struct request *req, const struct up_http *http);
void request_preferences_set(struct request *req, const struct up_http *http);

/* ---- handlers: request_upload_http.c, request_media.c ---- */
void request_upload_body(struct request *req, const struct up_http *http);
void request_media(struct request *req, const struct up_http *http);

/* ---- handlers: request_usage.c ---- */
void request_usage(struct request *req, const struct up_http *http);
void request_usage_history(struct request *req, const struct up_http *http);

/* ---- handlers: request_devices.c ---- */
void request_devices(struct request *req, const struct up_http *http);
void request_device_add(struct request *req, const struct up_http *http);
void request_device_remove(struct request *req, const struct up_http *http);
void request_push_test(struct request *req, const struct up_http *http);
void request_vapid_key(struct request *req, const struct up_http *http);
