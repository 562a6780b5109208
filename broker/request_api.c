/* SPDX-License-Identifier: MIT */
/* What the requests of people who are signed in have in common: find out who it is, then go on;
 * what a failing store means. Called by request_channels.c,
 * request_pages.c and their like.
 *
 *   copy of the input -> credential -> active user -> run -> store -> answer
 *                             401          401                503 when it is away */
#include "broker/request_api.h"

#include "broker/usage_sum.h"
#include "common/mem.h"

static void on_user(struct request *req, int err, const struct user_row *user)
{
    if (err == ERR_DENIED) {
        request_api_refuse(req, 401, CODE_AUTHENTICATION_FAILED);
        return;
    }
    if (err != 0) {
        request_http_unavailable(req);
        return;
    }
    req->api->user_id = user->id;
    req->api->is_staff = user->is_staff;
    req->api->run(req);
}

void request_api_start(struct request *req, const struct up_http *http, struct bytes input,
                       void (*run)(struct request *req))
{
    req->api = mem_zalloc(sizeof(*req->api) + input.len);
    if (!req->api) {
        request_http_unavailable(req);
        return;
    }
    req->api->run = run;
    req->api->input_len = input.len;
    if (input.len > 0) {
        memcpy(req->api->input, input.ptr, input.len);
    }
    request_authenticate(req, &http->cred, on_user);
}

void request_api_done(struct request *req)
{
    if (req->api) {
        page_query_done(&req->api->page);
        usage_sum_free(req->api->usage);
        http_fields_done(req->api->fields, sizeof(req->api->fields) / sizeof(req->api->fields[0]));
        mem_free(req->api);
        req->api = NULL;
    }
}

void request_api_submitted(struct request *req, struct step *step, int err, const char *query)
{
    if (err != 0) {
        step_end(step);
        request_store_error(err, query);
        request_http_unavailable(req);
    }
}

bool request_api_goes_on(struct request *req, int err, const char *query)
{
    if (req && err != 0) {
        request_store_error(err, query);
        request_http_unavailable(req);
    }
    return req && err == 0;
}

void request_api_answer(struct request *req, uint32_t status, int err, struct buf *body)
{
    struct http_answer answer = {.status = status, .body = buf_bytes(body)};

    if (err == 0) {
        request_http_answer(req, &answer);
    } else {
        request_http_unavailable(req);
    }
    buf_done(body);
}

void request_api_refuse(struct request *req, uint32_t status, enum client_code code)
{
    request_http_fail(req, status, code_sentence(code), code_name(code));
}

/* The connection broke, or the time was up, between asking for a change and its answer. */
bool request_api_is_known(struct request *req, int err, const char *query)
{
    if (req && err != 0) {
        request_store_error(err, query);
        request_http_fail(req, 503, "There was no answer in time; it may have been done or not.",
                          code_name(CODE_SERVICE_UNAVAILABLE));
    }
    return req && err == 0;
}

bool request_api_fields(struct request *req, const struct http_field *wanted, size_t count)
{
    struct http_field fields[API_FIELDS_MAX]; /* not the work's, which ends with the request */
    struct up_http http = {.body = request_api_input(req)};

    memcpy(fields, wanted, count * sizeof(*fields));
    if (!request_http_fields(req, &http, HTTP_PROBLEMS_WITH_DETAIL, fields, count)) {
        return false;
    }
    memcpy(req->api->fields, fields, count * sizeof(*fields));
    return true;
}

void request_api_refuse_field(struct request *req, size_t field, enum http_problem problem)
{
    req->api->fields[field].problem = problem;
    request_http_problems(req, HTTP_PROBLEMS_WITH_DETAIL, &req->api->fields[field], 1);
}
