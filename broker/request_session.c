/* SPDX-License-Identifier: MIT */
/* POST /api/login/ after the password was found right, and POST /api/logout/: sessions as Django's
 * own login() and logout() would make and end them, in the table that both share. Called by
 * request_login.c and request_http.c.
 *
 *   login:  new key -> row in django_session -> the user's row -> 200, user and cookie
 *   logout: key of the cookie -> row deleted -> 200, cookie taken away */
#include "broker/requests_impl.h"

#include "broker/session_cookie.h"
#include "common/io/clock.h"
#include "common/log.h"

#define SESSION_TEXT_MAX_BYTES 2048u /* of a row that we write */
#define USER_JSON_MAX_BYTES (8u * (USERNAME_MAX_BYTES + AVATAR_MAX_BYTES))

/* 200 with this body and cookie; each may have failed to be written for want of memory. */
static void answer_with_cookie(struct request *req, struct bytes key, uint32_t age_s,
                               struct bytes body)
{
    struct http_answer answer = {.status = 200, .body = body};
    struct buf cookie;

    buf_init(&cookie, SESSION_COOKIE_TEXT_MAX);
    if (session_cookie(key, age_s, req->owner->deps.conf->session_cookie_secure, &cookie) == 0) {
        answer.set_cookie = buf_bytes(&cookie);
        request_http_answer(req, &answer);
    } else {
        request_http_internal(req);
    }
    buf_done(&cookie);
}

/* ---- login ---- */

/* The row is there. Whose it is was read again meanwhile: of a user who was deactivated, or has
 * another password since the check, nothing comes of it. */
static void on_session_user(struct request *req, int err, const struct user_row *user)
{
    struct buf body;

    if (err == ERR_DENIED) {
        request_login_refuse(req);
        return;
    }
    buf_init(&body, USER_JSON_MAX_BYTES);
    if (err != 0) {
        request_http_unavailable(req);
    } else if (http_user(user, &body) != 0) {
        request_http_internal(req);
    } else {
        answer_with_cookie(req, bytes_str(req->work.login.session_key),
                           req->owner->deps.conf->session_cookie_age_s, buf_bytes(&body));
    }
    buf_done(&body);
}

static void on_put(void *arg, int err)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err != 0) {
        request_store_error(err, "session_put");
        request_http_unavailable(req);
        return;
    }
    req->has_session = true;
    request_find_user(req, req->session.user_id, on_session_user);
}

static int put_session(struct request *req, struct bytes payload)
{
    const struct requests_deps *deps = &req->owner->deps;
    struct new_session session = {.key = bytes_str(req->work.login.session_key),
                                  .payload = payload,
                                  .age_s = deps->conf->session_cookie_age_s};
    struct step *step = step_begin(req);
    int err = step ? store_session_put(deps->store, &session, on_put, step) : ERR_NOMEM;

    if (err != 0) {
        step_end(step);
        request_store_error(err, "session_put");
    }
    return err;
}

void request_session_answer(struct request *req)
{
    struct bytes secret = bytes_str(req->owner->deps.conf->secret_key);
    unsigned char random[SESSION_KEY_RANDOM_BYTES];
    struct buf payload;
    int err;

    clock_random(random, sizeof(random));
    django_session_key(random, req->work.login.session_key);
    buf_init(&payload, SESSION_TEXT_MAX_BYTES);
    err = django_session_encode(&req->session, secret, clock_wall_ms(), &payload);
    if (err == 0) {
        err = put_session(req, buf_bytes(&payload));
    }
    buf_done(&payload);
    if (err != 0) {
        request_http_unavailable(req);
    }
}

/* ---- logout ---- */

static void answer_logged_out(struct request *req)
{
    answer_with_cookie(req, BYTES_NONE, 0, BYTES_LIT("{}"));
}

static void on_deleted(void *arg, int err)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err != 0) {
        request_store_error(err, "session_delete");
        request_http_unavailable(req);
        return;
    }
    answer_logged_out(req);
}

void request_session_logout(struct request *req, const struct up_http *http)
{
    const struct credentials cookie = {.cookie = http->cred.cookie};
    struct http_credential found;
    struct step *step;
    int err;

    if (http_auth_find(&cookie, &found) != 0 || found.kind != HTTP_CREDENTIAL_SESSION) {
        answer_logged_out(req);
        return;
    }
    step = step_begin(req);
    err = step ? store_session_delete(req->owner->deps.store, http_credential_value(&found),
                                      on_deleted, step)
               : ERR_NOMEM;
    if (err != 0) {
        step_end(step);
        request_store_error(err, "session_delete");
        request_http_unavailable(req);
    }
}
