/* SPDX-License-Identifier: MIT */
#pragma once
/* What the request files share. Nobody else includes it.
 *
 * A request is a place in a table. Whatever it waits for gets a `struct step`, not a pointer to
 * it: the step knows the request's id, and an id is never used twice. A completion whose request
 * has gone finds nothing. */
#include "broker/django_session.h"
#include "broker/http_api.h"
#include "broker/http_auth.h"
#include "broker/request_work.h"
#include "broker/requests.h"
#include "broker/store_access.h"
#include "broker/user_cache.h"
#include "broker/user_registry.h"
#include "common/metrics.h"

struct request;
struct api_work;    /* request_api.h */
struct upload_work; /* request_upload.h */
struct media_work;  /* request_media.c */

/* err: 0 with the row of an active user; ERR_DENIED (no credential, a bad or expired one, nobody's,
 * or the user's who is not active); ERR_UNAVAILABLE. */
typedef void request_user_fn(struct request *req, int err, const struct user_row *user);
/* err: 0, with the token's claims in req->claims; ERR_DENIED (a bad, expired or revoked one);
 * ERR_UNAVAILABLE. */
typedef void request_token_fn(struct request *req, int err);

struct request {
    struct requests *owner;
    uint64_t id;          /* generation and place; 0 = not in use */
    struct request *next; /* in its bucket, or in the list of the free */
    enum up_kind kind;
    uint64_t conn;
    uint64_t frame_no; /* of UP_REFRESH, UP_UPLOAD and UP_PULL: part of its name; else 0 */
    size_t gateway_len;
    char gateway[GATEWAY_NAME_MAX];
    int64_t path_id;        /* HTTP: the number in the path; 0 = none */
    struct bytes path_name; /* HTTP: the name in it; valid while the request is started */

    /* request_user.c */
    request_user_fn *on_user;
    request_token_fn *on_token;
    uint64_t login, expires_s;       /* as in struct down_granted */
    uint64_t read_ms, user_asked_ms; /* monotonic: of the oldest read that decided; of the row */
    bool has_read, has_session;
    struct django_session session;
    struct api_work *api;       /* owned, maybe NULL */
    struct upload_work *upload; /* owned, maybe NULL: request_upload.h */
    struct media_work *media;   /* owned, maybe NULL: request_media.c */
    struct token_claims claims;

    union {
        struct open_work open;
        struct login_work login;
        struct history_work history;
        struct refresh_work refresh;
        struct pull_work pull;
    } work;
};

struct step {
    struct step *next, *prev;
    struct requests *owner; /* NULL: requests_free was faster */
    uint64_t request_id;
};

struct requests_metrics {
    struct metric *opened, *refreshed, *auth, *http, *http_status, *lost, *running;
};

struct requests {
    struct requests_deps deps;
    struct user_cache *users;
    struct user_registry registry;
    struct login_throttle throttle;
    struct step *steps;
    uint32_t nobody_iterations; /* what the check of an unknown user's password costs */
    struct requests_metrics metrics;

    struct request *buckets[REQUESTS_MAX];
    struct request *free;
    uint64_t generation;
    uint32_t used; /* places that were ever in use */
    uint32_t running;
    struct request table[REQUESTS_MAX];
    struct request spare; /* not of the table: for saying that it is full */
};

/* ---- requests.c ---- */

/* What a completion gets as its `arg`. NULL without memory. */
struct step *step_begin(struct request *req);
/* First thing in a completion, or when submitting failed: frees the step and gives its request,
 * or NULL when that has gone. NULL is fine. */
struct request *step_end(struct step *step);

/* Send the answer and end the request: `req` is invalid afterwards. `item`'s conn is filled in. */
void request_answer(struct request *req, struct down_item *item);
/* End it without an answer. */
void request_drop(struct request *req);

static inline struct bytes request_gateway(const struct request *req)
{
    return bytes_of(req->gateway, req->gateway_len);
}

/* ---- request_user.c ---- */

/* Check a token of this type, and that neither it nor its login is revoked. May call back before
 * it returns; `req` may have ended by then. */
void request_check_token(struct request *req, struct bytes token, enum token_type type,
                         request_token_fn *fn);
/* As request_authenticate, by an access token. */
void request_authenticate_token(struct request *req, struct bytes token, request_user_fn *fn);

/* Both may call back before they return; `req` may have ended by then. */
void request_authenticate(struct request *req, const struct credentials *cred, request_user_fn *fn);
void request_find_user(struct request *req, int64_t user_id, request_user_fn *fn);
/* Tells once what of the store failed. Gives ERR_UNAVAILABLE. */
int request_store_error(int err, const char *query);

/* ---- request_open.c ---- */
void request_open_start(struct request *req, const struct up_open *open);
void request_open_refuse(struct request *req, enum client_code code);

/* ---- request_history.c ---- */
void request_history_start(struct request *req, const struct up_history *history);
/* Nothing can be had now: the answer to a request that was not started. */
void request_history_refuse(struct request *req, const struct up_history *history);
/* The request ends: what it gathered is freed. */
void request_history_done(struct request *req);

/* ---- request_refresh.c ---- */
void request_refresh_start(struct request *req, const struct up_refresh *refresh);
void request_refresh_refuse(struct request *req, const struct up_refresh *refresh,
                            enum client_code code);

/* ---- request_http.c ---- */
#define HTTP_RETRY_AFTER_S 5u /* of a 503: what is waiting for a worker has been done by then */

void request_http_start(struct request *req, const struct up_http *http);
/* Each of these answers and ends the request. */
void request_http_answer(struct request *req, const struct http_answer *answer);
void request_http_fail(struct request *req, uint32_t status, const char *detail, const char *code);
void request_http_unavailable(struct request *req);
void request_http_throttled(struct request *req, uint32_t retry_after_s);
/* 400 with what is wrong with each field. */
void request_http_problems(struct request *req, enum http_problems_form form,
                           const struct http_field *fields, size_t field_count);
void request_http_internal(struct request *req);
/* Read the fields of the body. Gives whether all are there; if not, the request has been answered
 * and the fields own nothing. */
bool request_http_fields(struct request *req, const struct up_http *http,
                         enum http_problems_form form, struct http_field *fields,
                         size_t field_count);

/* ---- request_token.c ---- */
void request_token_refresh(struct request *req, const struct up_http *http);
void request_token_verify(struct request *req, const struct up_http *http);
void request_token_blacklist(struct request *req, const struct up_http *http);
/* 200 with the tokens of a new login. */
void request_token_answer(struct request *req, int64_t user_id);

/* ---- request_login.c ---- */
void request_login_tokens(struct request *req, const struct up_http *http);
void request_login_session(struct request *req, const struct up_http *http);
/* 401: the one answer to every wrong name and password. */
void request_login_refuse(struct request *req);
/* The request ends: what its login owns is freed. */
void request_login_done(struct request *req);

/* ---- request_api.c ---- */
/* The request ends: what it knows of who asks, and what, is freed. */
void request_api_done(struct request *req);
/* ---- request_session.c ---- */
/* 200 with the user and the cookie of a new session; req->session is whose. */
void request_session_answer(struct request *req);
void request_session_logout(struct request *req, const struct up_http *http);
