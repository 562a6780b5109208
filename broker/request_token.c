/* SPDX-License-Identifier: MIT */
/* Tokens given out, checked and revoked, and the answer that a login ends in. Called by
 * request_http.c and request_login.c. A token is good when neither it nor its login is revoked.
 *
 *   refresh:   field -> good refresh token -> active user -> 200 with an access token
 *   verify:    field -> good token of either type -> 200
 *   blacklist: field -> good refresh token -> its login revoked -> 200 */
#include "broker/requests_impl.h"

#include "common/io/clock.h"
#include "common/log.h"

#define BAD_TOKEN "Token is invalid or expired"

static void refuse_token(struct request *req)
{
    request_http_fail(req, 401, BAD_TOKEN, "token_not_valid");
}

static int issue(struct requests *r, struct token_claims *claims, struct buf *out)
{
    const struct broker_conf *conf = r->deps.conf;
    uint64_t now_s = clock_wall_ms() / 1000;
    unsigned char random[TOKEN_RANDOM_BYTES];

    claims->issued_at_s = now_s;
    claims->expires_at_s =
        now_s + (claims->type == TOKEN_ACCESS ? conf->access_token_s : conf->refresh_token_s);
    clock_random(random, sizeof(random));
    token_set_jti(claims, random);
    if (claims->sid[0] == '\0') { /* the first of its family */
        memcpy(claims->sid, claims->jti, sizeof(claims->sid));
    }
    return token_issue(r->deps.keys, claims, out);
}

/* The end of a request: 200 with what was issued, or 500. */
static void answer_tokens(struct request *req, int err, struct bytes access, struct bytes refresh)
{
    struct http_answer answer = {.status = 200};
    struct buf body;

    buf_init(&body, 2 * TOKEN_MAX_BYTES + HTTP_DETAIL_MAX_BYTES);
    if (err == 0) {
        err = http_tokens(access, refresh, &body);
    }
    answer.body = buf_bytes(&body);
    if (err == 0) {
        request_http_answer(req, &answer);
    } else {
        log_error("token_not_issued", LOG_ERR(err));
        request_http_internal(req);
    }
    buf_done(&body);
}

void request_token_answer(struct request *req, int64_t user_id)
{
    struct token_claims first = {.type = TOKEN_REFRESH, .user_id = user_id}, second;
    struct buf access, refresh;
    int err;

    buf_init(&access, TOKEN_MAX_BYTES);
    buf_init(&refresh, TOKEN_MAX_BYTES);
    err = issue(req->owner, &first, &refresh);
    if (err == 0) {
        second = first;
        second.type = TOKEN_ACCESS;
        err = issue(req->owner, &second, &access);
    }
    answer_tokens(req, err, buf_bytes(&access), buf_bytes(&refresh));
    buf_done(&access);
    buf_done(&refresh);
}

/* ---- verify ---- */

/* 200 {}, or what was wrong. */
static void answer_checked(struct request *req, int err)
{
    struct http_answer answer = {.status = 200, .body = BYTES_LIT("{}")};

    if (err == 0) {
        request_http_answer(req, &answer);
    } else if (err == ERR_DENIED) {
        refuse_token(req);
    } else {
        request_http_unavailable(req);
    }
}

/* Check the token in a field of the body. */
static void check_field(struct request *req, const struct up_http *http, const char *name,
                        enum token_type type, request_token_fn *fn)
{
    struct http_field token = {.name = name, .is_trimmed = true};

    if (request_http_fields(req, http, HTTP_PROBLEMS_ALONE, &token, 1)) {
        request_check_token(req, http_field_bytes(&token), type, fn);
        http_fields_done(&token, 1);
    }
}

void request_token_verify(struct request *req, const struct up_http *http)
{
    check_field(req, http, "token", TOKEN_ANY, answer_checked);
}

/* ---- refresh ---- */

static void on_refresh_user(struct request *req, int err, const struct user_row *user)
{
    struct token_claims claims = {.type = TOKEN_ACCESS};
    struct bytes family = token_family(&req->claims);
    struct buf access;

    if (err != 0) {
        answer_checked(req, err);
        return;
    }
    claims.user_id = user->id;
    memcpy(claims.sid, family.ptr, family.len);
    buf_init(&access, TOKEN_MAX_BYTES);
    err = issue(req->owner, &claims, &access);
    answer_tokens(req, err, buf_bytes(&access), BYTES_NONE);
    buf_done(&access);
}

static void on_refresh_token(struct request *req, int err)
{
    if (err != 0) {
        answer_checked(req, err);
    } else {
        request_find_user(req, req->claims.user_id, on_refresh_user);
    }
}

void request_token_refresh(struct request *req, const struct up_http *http)
{
    check_field(req, http, "refresh", TOKEN_REFRESH, on_refresh_token);
}

/* ---- blacklist ---- */

static void on_revoked_now(void *arg, int err, bool was_revoked)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err != 0) {
        request_store_error(err, "revoke");
        request_http_unavailable(req);
        return;
    }
    answer_checked(req, was_revoked ? ERR_DENIED : 0);
}

/* Of the whole family: other tokens of it may live longer than this one. */
static uint64_t family_end_s(const struct request *req)
{
    const struct broker_conf *conf = req->owner->deps.conf;
    uint32_t longest =
        conf->access_token_s > conf->refresh_token_s ? conf->access_token_s : conf->refresh_token_s;
    uint64_t end_s = clock_wall_ms() / 1000 + longest;

    return end_s > req->claims.expires_at_s ? end_s : req->claims.expires_at_s;
}

static void on_blacklist_token(struct request *req, int err)
{
    struct token_names names = {.jti = bytes_str(req->claims.jti),
                                .family = token_family(&req->claims)};
    struct step *step;

    if (err != 0) {
        answer_checked(req, err);
        return;
    }
    step = step_begin(req);
    err =
        step ? store_revoke(req->owner->deps.store, &names, family_end_s(req), on_revoked_now, step)
             : ERR_NOMEM;
    if (err != 0) {
        step_end(step);
        request_store_error(err, "revoke");
        request_http_unavailable(req);
    }
}

void request_token_blacklist(struct request *req, const struct up_http *http)
{
    check_field(req, http, "refresh", TOKEN_REFRESH, on_blacklist_token);
}
