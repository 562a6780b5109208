/* SPDX-License-Identifier: MIT */
/* POST /api/token/ and /api/login/: a user's name and password, for tokens or for a session. The
 * password is checked by a worker thread, whose job owns all it touches and wipes the password
 * when it is freed. Called by request_http.c.
 *
 *   fields -> row by name -> check in a worker -> right: 200, never refused (request_token.c,
 *             |                                |         request_session.c)
 *             (no row: checked against nobody)  \-> wrong: counted -> 401, or 429 over the limit
 *
 * An unknown user, a wrong password and a deactivated user get the same answer after the same
 * work, so that nobody can find out which names exist. */
#include "broker/requests_impl.h"

#include <stdlib.h>

#include "broker/openssl.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"

struct password_job {
    struct step *step;
    struct http_field password; /* its value is owned */
    size_t hash_len;
    char hash[PASSWORD_HASH_MAX_BYTES + 1];
    uint32_t nobody_iterations;
    bool has_hash, has_run;
    int err; /* of the check */
};

static void job_free(struct password_job *job)
{
    if (job) {
        http_fields_done(&job->password, 1);
        OPENSSL_cleanse(job->hash, sizeof(job->hash));
        mem_free(job);
    }
}

void request_login_done(struct request *req)
{
    job_free(req->work.login.job);
    req->work.login.job = NULL;
}

static void count(struct request *req, const char *result)
{
    metric_add_label(req->owner->metrics.auth, result, 1);
}

void request_login_refuse(struct request *req)
{
    count(req, "password_wrong");
    request_http_fail(req, 401, "No active account found with the given credentials",
                      code_name(CODE_AUTHENTICATION_FAILED));
}

static void on_failure_counted(void *arg, int err, uint32_t retry_after_s)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err == ERR_LIMIT) {
        count(req, "password_throttled");
        request_http_throttled(req, retry_after_s);
        return;
    }
    request_login_refuse(req); /* also when Redis could not count: the password was wrong */
}

static void wrong(struct request *req)
{
    static struct log_limit limit = {.per_minute = 60};
    const struct login_work *w = &req->work.login;
    struct step *step = NULL;
    int err = 0;

    if (w->user_id != 0 && log_limit_pass(&limit, clock_mono_ms())) {
        log_info("login_refused", LOG_I64("user", w->user_id),
                 LOG_STR("why", w->is_active ? "password" : "inactive"));
    }
    if (req->owner->throttle.limit > 0) {
        step = step_begin(req);
        err = step ? login_throttle_count(&req->owner->throttle, &w->subject, on_failure_counted,
                                          step)
                   : ERR_NOMEM;
    }
    if (req->owner->throttle.limit == 0 || err != 0) {
        step_end(step);
        request_login_refuse(req);
    }
}

static void right(struct request *req)
{
    int64_t user_id = req->work.login.user_id;

    count(req, "password_ok");
    log_info("login", LOG_I64("user", user_id));
    store_note_login(req->owner->deps.store, user_id);
    if (req->work.login.want_session) {
        request_session_answer(req);
    } else {
        request_token_answer(req, user_id);
    }
}

/* ---- in a worker thread: touches nothing but the job ---- */

static void run_check(void *arg)
{
    struct password_job *job = arg;
    struct bytes password = http_field_bytes(&job->password);

    job->has_run = true;
    job->err = job->has_hash ? django_password_check(password, bytes_of(job->hash, job->hash_len))
                             : ERR_NOT_FOUND;
    if (job->err != 0 && job->err != ERR_DENIED) { /* no check was made: let it cost as much */
        django_password_check_nobody(password, job->nobody_iterations);
    }
}

/* ---- on the loop again ---- */

/* A Django site sets its own number of iterations; the check against nobody follows it. */
static void learn_iterations(struct requests *r, const struct password_job *job)
{
    static const char prefix[] = "pbkdf2_sha256$";
    unsigned long n;

    if (job->err != 0 || strncmp(job->hash, prefix, sizeof(prefix) - 1) != 0) {
        return;
    }
    n = strtoul(job->hash + sizeof(prefix) - 1, NULL, 10);
    if (n > 0 && n <= PASSWORD_ITERATIONS_MAX) {
        r->nobody_iterations = (uint32_t)n;
    }
}

/* A session is tied to the password that was checked. */
static void note_session(struct request *req, const struct password_job *job)
{
    struct bytes secret = bytes_str(req->owner->deps.conf->secret_key);

    req->session.user_id = req->work.login.user_id;
    if (django_session_auth_hash(bytes_of(job->hash, job->hash_len), secret,
                                 req->session.auth_hash) != 0) {
        req->session.user_id = 0; /* without memory: cannot be encoded, 503 */
    }
}

static void on_checked(void *arg)
{
    struct password_job *job = arg;
    struct request *req = step_end(job->step);
    bool has_run = job->has_run;
    int err = job->err;

    if (req) {
        learn_iterations(req->owner, job);
        note_session(req, job);
    }
    job_free(job);
    if (!req) {
        return;
    }
    if (!has_run || err == ERR_NOMEM) {
        request_http_unavailable(req);
        return;
    }
    if (err != 0 && err != ERR_DENIED && err != ERR_NOT_FOUND) {
        log_warn("password_hash_not_understood", LOG_I64("user", req->work.login.user_id),
                 LOG_ERR(err));
    }
    if (err == 0 && req->work.login.is_active) {
        right(req);
    } else {
        wrong(req);
    }
}

static void check_password(struct request *req)
{
    struct login_work *w = &req->work.login;
    struct password_job *job = w->job;
    int err = ERR_NOMEM;

    job->nobody_iterations = req->owner->nobody_iterations;
    job->step = step_begin(req);
    if (job->step) {
        err = worker_submit(req->owner->deps.worker, run_check, on_checked, job);
    }
    if (err == 0) {
        w->job = NULL; /* it is the worker's now */
        return;
    }
    step_end(job->step);
    count(req, "password_busy");
    request_http_unavailable(req);
}

static void on_user(void *arg, int err, const struct user_row *user)
{
    struct request *req = step_end(arg);
    struct login_work *w;

    if (!req) {
        return;
    }
    w = &req->work.login;
    if (err != 0 && err != ERR_NOT_FOUND) {
        request_store_error(err, "user_by_name");
        request_http_unavailable(req);
        return;
    }
    if (err == 0 && user) {
        w->user_id = user->id;
        w->is_active = user->is_active;
    }
    if (w->user_id != 0 && user->password.len <= PASSWORD_HASH_MAX_BYTES) {
        w->job->has_hash = true;
        w->job->hash_len = user->password.len;
        if (user->password.len > 0) {
            memcpy(w->job->hash, user->password.ptr, user->password.len);
        }
    }
    check_password(req);
}

static void find_user(struct request *req, struct bytes username)
{
    struct step *step;
    int err = ERR_NOMEM;

    if (username.len > USERNAME_MAX_BYTES) {
        check_password(req); /* nobody has such a name */
        return;
    }
    step = step_begin(req);
    if (step) {
        err = store_user_by_name(req->owner->deps.store, username, on_user, step);
    }
    if (err != 0) {
        step_end(step);
        request_store_error(err, "user_by_name");
        request_http_unavailable(req);
    }
}

static void start(struct request *req, const struct up_http *http, bool want_session)
{
    struct http_field fields[] = {{.name = "username", .is_trimmed = true}, {.name = "password"}};
    struct login_work *w = &req->work.login;

    if (!request_http_fields(req, http, HTTP_PROBLEMS_ALONE, fields, 2)) {
        return;
    }
    w->subject = login_subject_of(http_field_bytes(&fields[0]), http->address);
    w->job = mem_zalloc(sizeof(*w->job));
    if (!w->job) {
        http_fields_done(fields, 2);
        request_http_unavailable(req);
        return;
    }
    w->want_session = want_session;
    w->job->password = fields[1];
    if (w->job->password.len > PASSWORD_MAX_BYTES) {
        wrong(req); /* nobody's, whatever the name */
    } else {
        find_user(req, http_field_bytes(&fields[0]));
    }
    http_fields_done(fields, 1);
}

void request_login_tokens(struct request *req, const struct up_http *http)
{
    start(req, http, false);
}

void request_login_session(struct request *req, const struct up_http *http)
{
    start(req, http, true);
}
