/* SPDX-License-Identifier: MIT */
/* Routes and answers of the HTTP API. Knows nothing of users, tokens or Redis; which answer it is
 * to be, its callers decide: request_http.c and request_token.c. */
#include "broker/http_api.h"

#include <stdio.h>

#include "broker/channel_name.h"
#include "proto/json_out.h"

struct route_row {
    const char *method, *path, *label;
};

static const struct route_row ROUTES[ROUTE_COUNT] = {
#define ROUTE_ROW(name, method, path, label) [ROUTE_##name] = {method, path, label},
    ROUTE_LIST(ROUTE_ROW)
#undef ROUTE_ROW
};

static const char *const PROBLEM_SENTENCES[] = {
#define PROBLEM_ROW(name, sentence) [HTTP_##name] = sentence,
    HTTP_PROBLEM_LIST(PROBLEM_ROW)
#undef PROBLEM_ROW
};

#define ID_MARK "<id>"

#define NAME_MARK "<name>"

/* What follows the number: the pattern's end, or a name in its place. */
static bool end_matches(struct bytes pattern, struct bytes end, struct bytes *out_name)
{
    struct bytes mark = BYTES_LIT(NAME_MARK);
    size_t before = pattern.len - mark.len;

    if (pattern.len < mark.len || !bytes_eq(bytes_skip(pattern, before), mark)) {
        return bytes_eq(pattern, end);
    }
    *out_name = bytes_skip(end, before);
    return bytes_has_prefix(end, bytes_of(pattern.ptr, before)) && out_name->len > 0 &&
           !memchr(out_name->ptr, '/', out_name->len);
}

/* Is this a path of the pattern? Gives the number in the place of "<id>", 0 when it has none, and
 * the name in the place of "<name>". */
static bool path_matches(const char *pattern, struct bytes path, int64_t *out_id,
                         struct bytes *out_name)
{
    const char *mark = strstr(pattern, ID_MARK);
    struct bytes before = mark ? bytes_of(pattern, (size_t)(mark - pattern)) : bytes_str(pattern);
    struct bytes after = mark ? bytes_str(mark + strlen(ID_MARK)) : BYTES_NONE;
    struct bytes rest = bytes_skip(path, before.len);
    const char *end;

    *out_id = 0;
    if (!mark || !bytes_has_prefix(path, before) || rest.len == 0) {
        return !mark && bytes_eq(path, before);
    }
    end = memchr(rest.ptr, '/', rest.len);
    if (!end || !end_matches(after, bytes_skip(rest, (size_t)(end - rest.ptr)), out_name)) {
        return false;
    }
    return channel_number_parse(bytes_of(rest.ptr, (size_t)(end - rest.ptr)), out_id) == 0;
}

static void allow_method(struct http_match *match, const char *method)
{
    const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
    size_t len = strlen(match->allow);

    snprintf(match->allow + len, sizeof(match->allow) - len, "%s%s", len > 0 ? ", " : "", more);
}

struct http_match http_route_find(struct bytes method, struct bytes path)
{
    struct http_match match = {.route = ROUTE_NONE};
    struct bytes asked = bytes_eq_str(method, "HEAD") ? BYTES_LIT("GET") : method;
    struct bytes name = BYTES_NONE;
    int64_t id;

    for (unsigned i = ROUTE_NONE + 1; i < ROUTE_COUNT; i++) {
        if (!path_matches(ROUTES[i].path, path, &id, &name)) {
            continue;
        }
        match.id = id;
        match.name = name;
        allow_method(&match, ROUTES[i].method);
        if (bytes_eq_str(asked, ROUTES[i].method)) {
            match.route = (enum http_route)i;
        }
    }
    return match;
}

const char *http_route_label(enum http_route route)
{
    return route > ROUTE_NONE && route < ROUTE_COUNT ? ROUTES[route].label : "none";
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
    if (err == 0 && answer->set_cookie.len > 0) {
        err = buf_printf(out, "Set-Cookie: %.*s\r\n", BYTES_FMT(answer->set_cookie));
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

int http_field_problems(enum http_problems_form form, const struct http_field *fields, size_t count,
                        struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    if (form == HTTP_PROBLEMS_WITH_DETAIL) {
        json_kstr(&j, "detail", BYTES_LIT("Some values of the request are not valid."));
        json_kstr(&j, "code", BYTES_LIT("invalid"));
    }
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

int http_user(const struct user_row *user, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_ki64(&j, "id", user->id);
    json_kstr(&j, "username", user->username);
    json_kbool(&j, "is_staff", user->is_staff);
    json_kstr(&j, "avatar", user->avatar);
    json_end_object(&j);
    return finish(&j, start);
}
