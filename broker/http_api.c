/* SPDX-License-Identifier: MIT */
/* Routes and answers of the HTTP API. Knows nothing of users, tokens or Redis; which answer it is
 * to be, its callers decide: request_http.c and request_token.c. */
#include "broker/http_api.h"

#include "proto/json_out.h"

struct route_row {
    const char *path, *method, *label;
};

static const struct route_row NO_ROUTE = {"", "", "none"};

static const struct route_row ROUTES[ROUTE_COUNT] = {
#define ROUTE_ROW(name, path, method, label) [ROUTE_##name] = {path, method, label},
    ROUTE_LIST(ROUTE_ROW)
#undef ROUTE_ROW
};

static const char *const PROBLEM_SENTENCES[] = {
#define PROBLEM_ROW(name, sentence) [HTTP_##name] = sentence,
    HTTP_PROBLEM_LIST(PROBLEM_ROW)
#undef PROBLEM_ROW
};

enum http_route http_route_find(struct bytes path)
{
    for (unsigned i = ROUTE_NONE + 1; i < ROUTE_COUNT; i++) {
        if (bytes_eq_str(path, ROUTES[i].path)) {
            return (enum http_route)i;
        }
    }
    return ROUTE_NONE;
}

static const struct route_row *route_row(enum http_route route)
{
    return route > ROUTE_NONE && route < ROUTE_COUNT ? &ROUTES[route] : &NO_ROUTE;
}

const char *http_route_method(enum http_route route)
{
    return route_row(route)->method;
}

const char *http_route_label(enum http_route route)
{
    return route_row(route)->label;
}

int http_answer_headers(const struct http_answer *answer, struct buf *out)
{
    size_t start = out->len;
    int err = buf_append(out, BYTES_LIT("Cache-Control: no-store\r\n"));

    if (err == 0 && answer->allow) {
        err = buf_printf(out, "Allow: %s\r\n", answer->allow);
    }
    if (err == 0 && answer->retry_after_s > 0) {
        err = buf_printf(out, "Retry-After: %u\r\n", answer->retry_after_s);
    }
    if (err == 0 && answer->status == 401) {
        err = buf_append(out, BYTES_LIT("WWW-Authenticate: Bearer realm=\"api\"\r\n"));
    }
    if (err != 0) {
        out->len = start;
    }
    return err;
}

/* An answer is written whole or not at all. */
static int finish(const struct json_out *j, size_t start)
{
    if (j->err != 0) {
        j->out->len = start;
    }
    return j->err;
}

int http_detail(const char *detail, const char *code, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "detail", bytes_str(detail));
    json_kstr(&j, "code", bytes_str(code));
    json_end_object(&j);
    return finish(&j, start);
}

int http_field_problems(const struct http_field *fields, size_t count, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].problem != HTTP_FINE) {
            json_key(&j, fields[i].name);
            json_begin_array(&j);
            json_str(&j, bytes_str(PROBLEM_SENTENCES[fields[i].problem]));
            json_end_array(&j);
        }
    }
    json_end_object(&j);
    return finish(&j, start);
}

int http_tokens(struct bytes access, struct bytes refresh, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "access", access);
    if (refresh.len > 0) {
        json_kstr(&j, "refresh", refresh);
    }
    json_end_object(&j);
    return finish(&j, start);
}
