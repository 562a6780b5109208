/* SPDX-License-Identifier: MIT */
/* Tokens given out and checked: refresh and verify, and the answer that a login ends in. Called by
 * request_http.c and request_login.c.
 *
 *   refresh: field -> refresh token -> active user -> 200 with an access token
 *   verify:  field -> token of either type -> 200 */
#include "broker/requests_impl.h"

#include "common/io/clock.h"
#include "common/log.h"

#define BAD_TOKEN "Token is invalid or expired"

static void refuse_token(struct request *req)
{
    request_http_fail(req, 401, BAD_TOKEN, "token_not_valid");
}

static int issue(struct requests *r, enum token_type type, int64_t user_id, struct buf *out)
{
    uint64_t now_s = clock_wall_ms() / 1000;
    uint32_t lifetime_s =
        type == TOKEN_ACCESS ? r->deps.conf->access_token_s : r->deps.conf->refresh_token_s;
    struct token_claims claims = {
        .type = type, .user_id = user_id, .expires_at_s = now_s + lifetime_s, .issued_at_s = now_s};
    unsigned char random[TOKEN_RANDOM_BYTES];

    clock_random(random, sizeof(random));
    token_set_jti(&claims, random);
    return token_issue(r->deps.keys, &claims, out);
}

void request_token_answer(struct request *req, int64_t user_id, bool want_refresh)
{
    struct http_answer answer = {.status = 200};
    struct buf access, refresh, body;
    int err;

    buf_init(&access, TOKEN_MAX_BYTES);
    buf_init(&refresh, TOKEN_MAX_BYTES);
    buf_init(&body, 2 * TOKEN_MAX_BYTES + HTTP_DETAIL_MAX_BYTES);
    err = issue(req->owner, TOKEN_ACCESS, user_id, &access);
    if (err == 0 && want_refresh) {
        err = issue(req->owner, TOKEN_REFRESH, user_id, &refresh);
    }
    if (err == 0) {
        err = http_tokens(buf_bytes(&access), buf_bytes(&refresh), &body);
    }
    answer.body = buf_bytes(&body);
    if (err == 0) {
        request_http_answer(req, &answer);
    } else {
        log_error("token_not_issued", LOG_I64("user", user_id), LOG_ERR(err));
        request_http_fail(req, 500, code_sentence(CODE_INTERNAL_ERROR),
                          code_name(CODE_INTERNAL_ERROR));
    }
    buf_done(&access);
    buf_done(&refresh);
    buf_done(&body);
}

void request_token_verify(struct request *req, const struct up_http *http)
{
    struct http_field token = {.name = "token", .is_trimmed = true};
    struct http_answer answer = {.status = 200, .body = BYTES_LIT("{}")};
    struct token_claims claims;
    int err;

    if (!request_http_fields(req, http, &token, 1)) {
        return;
    }
    err = token_verify(req->owner->deps.keys, http_field_bytes(&token), TOKEN_ANY, clock_wall_ms(),
                       &claims);
    http_fields_done(&token, 1);
    if (err == 0) {
        request_http_answer(req, &answer);
    } else if (err == ERR_NOMEM) {
        request_http_unavailable(req);
    } else {
        refuse_token(req);
    }
}

static void on_refresh_user(struct request *req, int err, const struct user_row *user)
{
    if (err == 0) {
        request_token_answer(req, user->id, false);
    } else if (err == ERR_DENIED) {
        refuse_token(req);
    } else {
        request_http_unavailable(req);
    }
}

void request_token_refresh(struct request *req, const struct up_http *http)
{
    struct http_field token = {.name = "refresh", .is_trimmed = true};
    struct token_claims claims;
    int err;

    if (!request_http_fields(req, http, &token, 1)) {
        return;
    }
    err = token_verify(req->owner->deps.keys, http_field_bytes(&token), TOKEN_REFRESH,
                       clock_wall_ms(), &claims);
    http_fields_done(&token, 1);
    if (err == 0) {
        request_find_user(req, claims.user_id, on_refresh_user);
    } else if (err == ERR_NOMEM) {
        request_http_unavailable(req);
    } else {
        refuse_token(req);
    }
}
