/* SPDX-License-Identifier: MIT */
/* Who a request is from: credential -> user id -> active user. Does not know what the user is
 * wanted for. Called by the other request files.
 *
 *   token   --signature, lifetime, type, not revoked--> user id --> row (cache, else database)
 *   session --row of django_session--> signature --> user id, hash --> row --> hash of its password
 *
 * Remembers when the oldest of these reads began, and by which login the user is here: whatever
 * ends somebody's right has to find the sockets that were opened from what was true before. */
#include "broker/requests_impl.h"

#include "broker/login_id.h"
#include "common/io/clock.h"
#include "common/log.h"

int request_store_error(int err, const char *query)
{
    static struct log_limit limit = {.per_minute = 6};

    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_warn("request_query_failed", LOG_STR("query", query), LOG_ERR(err));
    }
    return ERR_UNAVAILABLE;
}

static void count(struct request *req, const char *result)
{
    metric_add_label(req->owner->metrics.auth, result, 1);
}

static void fail(struct request *req, int err)
{
    count(req, err == ERR_DENIED ? "credential_denied" : "credential_unavailable");
    req->on_user(req, err, NULL);
}

/* What is being decided rests on something that was read at this time. */
static void note_read(struct request *req, uint64_t mono_ms)
{
    if (!req->has_read || mono_ms < req->read_ms) {
        req->read_ms = mono_ms;
    }
    req->has_read = true;
}

/* The user must exist and be active, and a session be of the present password. */
static bool is_good(const struct request *req, const struct user_row *user)
{
    struct bytes secret = bytes_str(req->owner->deps.conf->secret_key);

    return user && user->is_active &&
           (!req->has_session || django_session_is_for(&req->session, user->password, secret));
}

/* The last word. */
static void judge(struct request *req, const struct user_row *user)
{
    if (!is_good(req, user)) {
        fail(req, ERR_DENIED);
        return;
    }
    count(req, "credential_ok");
    req->on_user(req, 0, user);
}

static void on_user(void *arg, int err, const struct user_row *user)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err != 0 && err != ERR_NOT_FOUND) {
        fail(req, request_store_error(err, "user_by_id"));
        return;
    }
    if (err == 0 && user && user_cache_put(req->owner->users, user, req->user_asked_ms) != 0) {
        log_debug("user_not_cached", LOG_I64("user", user->id));
    }
    judge(req, err == 0 ? user : NULL);
}

static void find_user(struct request *req, int64_t user_id)
{
    struct requests *r = req->owner;
    const struct user_row *cached = user_cache_get(r->users, user_id, clock_mono_ms());
    struct step *step;
    int err = ERR_NOMEM;

    /* A row from a moment ago may say yes, but not no: the password may be newer than it. */
    if (cached && is_good(req, cached)) {
        note_read(req, user_cache_read_ms(r->users, user_id));
        judge(req, cached);
        return;
    }
    req->user_asked_ms = clock_mono_ms();
    note_read(req, req->user_asked_ms);
    step = step_begin(req);
    if (step) {
        err = store_user_by_id(r->deps.store, user_id, on_user, step);
    }
    if (err != 0) {
        step_end(step);
        fail(req, request_store_error(err, "user_by_id"));
    }
}

void request_find_user(struct request *req, int64_t user_id, request_user_fn *fn)
{
    req->on_user = fn;
    find_user(req, user_id);
}

static void on_session(void *arg, int err, const struct session_row *session)
{
    struct request *req = step_end(arg);
    struct bytes secret;

    if (!req) {
        return;
    }
    if (err != 0 && err != ERR_NOT_FOUND) {
        fail(req, request_store_error(err, "session"));
        return;
    }
    if (err != 0 || !session || session->is_expired) {
        fail(req, ERR_DENIED);
        return;
    }
    secret = bytes_str(req->owner->deps.conf->secret_key);
    err = django_session_decode(session->payload, secret, &req->session);
    if (err != 0) {
        fail(req, err == ERR_NOMEM ? ERR_UNAVAILABLE : ERR_DENIED);
        return;
    }
    req->has_session = true;
    find_user(req, req->session.user_id);
}

static void find_session(struct request *req, struct bytes key)
{
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    req->login = login_id_of_session(key);
    note_read(req, clock_mono_ms());
    if (step) {
        err = store_session(req->owner->deps.store, key, on_session, step);
    }
    if (err != 0) {
        step_end(step);
        fail(req, request_store_error(err, "session"));
    }
}

/* ---- tokens ---- */

static void on_revoked(void *arg, int err, bool is_revoked)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err != 0) {
        err = request_store_error(err, "is_revoked");
    } else if (is_revoked) {
        err = ERR_DENIED;
    }
    req->on_token(req, err);
}

/* A refresh token can be revoked by itself, every token with its login. */
static void check_revoked(struct request *req)
{
    const struct token_claims *claims = &req->claims;
    struct token_names names = {.family = token_family(claims)};
    struct step *step;
    int err = ERR_NOMEM;

    if (claims->type == TOKEN_REFRESH) {
        names.jti = bytes_str(claims->jti);
    }
    if (names.jti.len == 0 && names.family.len == 0) {
        req->on_token(req, 0);
        return;
    }
    note_read(req, clock_mono_ms());
    step = step_begin(req);
    if (step) {
        err = store_is_revoked(req->owner->deps.store, &names, on_revoked, step);
    }
    if (err != 0) {
        step_end(step);
        req->on_token(req, request_store_error(err, "is_revoked"));
    }
}

void request_check_token(struct request *req, struct bytes token, enum token_type type,
                         request_token_fn *fn)
{
    int err = token_verify(req->owner->deps.keys, token, type, clock_wall_ms(), &req->claims);

    req->on_token = fn;
    if (err != 0) {
        fn(req, err == ERR_NOMEM ? ERR_UNAVAILABLE : ERR_DENIED);
        return;
    }
    req->login = login_id_of_family(token_family(&req->claims));
    req->expires_s = req->claims.expires_at_s;
    check_revoked(req);
}

static void on_access_token(struct request *req, int err)
{
    if (err != 0) {
        fail(req, err);
    } else {
        find_user(req, req->claims.user_id);
    }
}

void request_authenticate_token(struct request *req, struct bytes token, request_user_fn *fn)
{
    req->on_user = fn;
    request_check_token(req, token, TOKEN_ACCESS, on_access_token);
}

/* ---- any credential ---- */

void request_authenticate(struct request *req, const struct credentials *cred, request_user_fn *fn)
{
    struct http_credential found;

    req->on_user = fn;
    if (http_auth_find(cred, &found) != 0) {
        fail(req, ERR_DENIED);
        return;
    }
    switch (found.kind) {
    case HTTP_CREDENTIAL_NONE:
        fail(req, ERR_DENIED);
        return;
    case HTTP_CREDENTIAL_TOKEN:
        request_authenticate_token(req, http_credential_value(&found), fn);
        return;
    case HTTP_CREDENTIAL_SESSION:
        find_session(req, http_credential_value(&found));
        return;
    }
}
