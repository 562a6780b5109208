/* SPDX-License-Identifier: MIT */
/* The token routes: every answer, word for word; every part away at every step; nothing secret in
 * logs. */
#include <jansson.h>
#include <stdio.h>

#include "broker/django_password.h"
#include "broker/login_throttle.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "requests_answers.h"

#define BAD_JSON "{\"detail\":\"The body is not valid JSON.\",\"code\":\"parse_error\"}"
#define NO_OBJECT "{\"detail\":\"The body must be a JSON object.\",\"code\":\"invalid\"}"
#define NOT_FOUND "{\"detail\":\"Not found.\",\"code\":\"not_found\"}"
#define NOT_ALLOWED "{\"detail\":\"Method not allowed.\",\"code\":\"method_not_allowed\"}"
#define NOT_JSON                                                                                   \
    "{\"detail\":\"The body must be application/json.\",\"code\":\"unsupported_media_type\"}"

/* ---- routes and bodies ---- */

static void test_fixed_answers(void **state)
{
    static const struct {
        struct bench_http in;
        uint32_t status;
        const char *headers, *body;
    } cases[] = {
        {{"GET", "/api/token/", "", ""}, 405, NO_STORE "Allow: POST\r\n", NOT_ALLOWED},
        {{"post", "/api/token/", "", ""}, 405, NO_STORE "Allow: POST\r\n", NOT_ALLOWED},
        {{"DELETE", "/api/token/verify/", "", ""}, 405, NO_STORE "Allow: POST\r\n", NOT_ALLOWED},
        {{"POST", "/api/token", "application/json", RIGHT}, 404, NO_STORE, NOT_FOUND},
        {{"POST", "/api/tokens/", "application/json", RIGHT}, 404, NO_STORE, NOT_FOUND},
        {{"GET", "/api/", "", ""}, 404, NO_STORE, NOT_FOUND},
        {{"POST", "/api/token/", "text/plain", RIGHT}, 415, NO_STORE, NOT_JSON},
        {{"POST", "/api/token/", "", RIGHT}, 415, NO_STORE, NOT_JSON},
        {{"POST", "/api/token/", "application/x-www-form-urlencoded", "username=alice"},
         415,
         NO_STORE,
         NOT_JSON},
        {{"POST", "/api/token/", "application/json", "{"}, 400, NO_STORE, BAD_JSON},
        {{"POST", "/api/token/", "application/json", "{\"username\":\"\xff\"}"},
         400,
         NO_STORE,
         BAD_JSON},
        {{"POST", "/api/token/", "application/json", "[]"}, 400, NO_STORE, NO_OBJECT},
        {{"POST", "/api/token/", "application/json", "{}"},
         400,
         NO_STORE,
         "{\"username\":[\"This field is required.\"],"
         "\"password\":[\"This field is required.\"]}"},
        {{"POST", "/api/token/", "", ""},
         400,
         NO_STORE,
         "{\"username\":[\"This field is required.\"],"
         "\"password\":[\"This field is required.\"]}"},
        {{"POST", "/api/token/", "application/json", "{\"password\":\"x\"}"},
         400,
         NO_STORE,
         "{\"username\":[\"This field is required.\"]}"},
        {{"POST", "/api/token/", "application/json", "{\"username\":null,\"password\":\"\"}"},
         400,
         NO_STORE,
         "{\"username\":[\"This field may not be null.\"],"
         "\"password\":[\"This field may not be blank.\"]}"},
        {{"POST", "/api/token/", "application/json", "{\"username\":[],\"password\":true}"},
         400,
         NO_STORE,
         "{\"username\":[\"Not a valid string.\"],\"password\":[\"Not a valid string.\"]}"},
        {{"POST", "/api/token/refresh/", "application/json", "{}"},
         400,
         NO_STORE,
         "{\"refresh\":[\"This field is required.\"]}"},
        {{"POST", "/api/token/verify/", "application/json", "{\"token\":\" \"}"},
         400,
         NO_STORE,
         "{\"token\":[\"This field may not be blank.\"]}"},
        {{"POST", "/api/token/refresh/", "application/json", "{\"refresh\":\"x\"}"},
         401,
         CHALLENGE,
         BAD_TOKEN},
        {{"POST", "/api/token/verify/", "application/json", "{\"token\":\"x.y.z\"}"},
         401,
         CHALLENGE,
         BAD_TOKEN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bench_http(i + 1, &cases[i].in);
        assert_http(bench_answer(i + 1), cases[i].status, cases[i].headers, cases[i].body);
    }
    assert_int_equal(fake_store.by_name + fake_store.by_id, 0);
}

/* ---- login ---- */

static const char *text_of(const json_t *body, const char *key)
{
    const char *text = json_string_value(json_object_get(body, key));

    assert_non_null(text);
    return text;
}

static void check_token(const char *token, enum token_type type, uint32_t lifetime_s)
{
    struct token_claims claims;

    assert_int_equal(token_verify(bench.keys, bytes_str(token), type, FAKE_WALL_START_MS, &claims),
                     0);
    assert_int_equal(claims.user_id, 1);
    assert_int_equal(claims.issued_at_s, FAKE_WALL_START_MS / 1000);
    assert_int_equal(claims.expires_at_s, FAKE_WALL_START_MS / 1000 + lifetime_s);
    assert_int_equal(strlen(claims.jti), 32);
}

static void test_right_password(void **state)
{
    const struct down_item *item;
    json_t *body;

    (void)state;
    bench_post(1, "/api/token/", LOGIN_OF(" alice ", "alice-password"));
    item = bench_answer(1);
    assert_int_equal(item->http.status, 200);
    assert_true(bytes_eq_str(item->http.headers, NO_STORE));
    body = json_loadb(item->http.body.ptr, item->http.body.len, 0, NULL);
    assert_int_equal(json_object_size(body), 2);
    check_token(text_of(body, "access"), TOKEN_ACCESS, ACCESS_S);
    check_token(text_of(body, "refresh"), TOKEN_REFRESH, REFRESH_S);
    json_decref(body);
    assert_int_equal(fake_store.logins, 1);
    assert_int_equal(fake_store.last_login, 1);
    assert_int_equal(fake_redis_fault.calls, 0); /* Redis is not even asked */
}

/* All the same answer, and all from the worker: nobody learns which names exist. */
static void test_wrong_logins(void **state)
{
    static const char *const bodies[] = {
        WRONG,
        LOGIN_OF("nobody", "alice-password"),
        LOGIN_OF("dave", "dave-password"),
        LOGIN_OF("dave", "wrong-password"),
        LOGIN_OF("Alice", "alice-password"),
        LOGIN_OF("alice", " alice-password"),
        LOGIN_OF("alice", "alice-passwor"),
    };
    const size_t count = sizeof(bodies) / sizeof(bodies[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        fake_clock_forward(LOGIN_WINDOW_MS);
        bench_post(i + 1, "/api/token/", bodies[i]);
        assert_http(bench_answer(i + 1), 401, CHALLENGE, NO_ACCOUNT);
        assert_int_equal(fake_worker_fault.calls, i + 1);
    }
    assert_int_equal(fake_store.logins, 0);
}

static void test_texts_that_are_too_long(void **state)
{
    static char body[8192], text[PASSWORD_MAX_BYTES + 2];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    snprintf(body, sizeof(body), LOGIN_OF("alice", "%.*s"), (int)PASSWORD_MAX_BYTES + 1, text);
    bench_post(1, "/api/token/", body);
    assert_http(bench_answer(1), 401, CHALLENGE, NO_ACCOUNT);
    assert_int_equal(fake_store.by_name, 0);
    snprintf(body, sizeof(body), LOGIN_OF("alice", "%.*s"), (int)PASSWORD_MAX_BYTES, text);
    bench_post(2, "/api/token/", body);
    assert_http(bench_answer(2), 401, CHALLENGE, NO_ACCOUNT);
    assert_int_equal(fake_store.by_name, 1);
    snprintf(body, sizeof(body), LOGIN_OF("%.*s", "x"), (int)USERNAME_MAX_BYTES + 1, text);
    bench_post(3, "/api/token/", body);
    assert_http(bench_answer(3), 401, CHALLENGE, NO_ACCOUNT);
    assert_int_equal(fake_store.by_name, 1);
    assert_int_equal(fake_worker_fault.calls, 2);
}

/* Hashes that cannot be checked are nobody's password, and an operator hears of them. */
static void test_hashes_not_understood(void **state)
{
    static char long_hash[PASSWORD_HASH_MAX_BYTES + 2];

    (void)state;
    memset(long_hash, 'h', sizeof(long_hash) - 1);
    fake_store_put_user(1, "alice", "md5$salt$hash", true);
    assert_int_equal(login(1, RIGHT), 401);
    assert_true(bench_logged("password_hash_not_understood"));
    fake_store_put_user(1, "alice", long_hash, true);
    assert_int_equal(login(2, RIGHT), 401);
    fake_store_put_user(1, "alice", "!unusable", true);
    assert_int_equal(login(3, RIGHT), 401);
}

/* ---- refresh and verify ---- */

static void post_token(uint64_t conn, const char *route, const char *field, const char *token)
{
    static char body[CREDENTIAL_MAX_BYTES + 64];

    snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", field, token);
    bench_post(conn, route, body);
}

static void refresh(uint64_t conn, const char *token)
{
    post_token(conn, "/api/token/refresh/", "refresh", token);
}

static void test_refresh(void **state)
{
    const struct down_item *item;
    json_t *body;

    (void)state;
    refresh(1, bench_token(1, TOKEN_REFRESH));
    item = bench_answer(1);
    assert_int_equal(item->http.status, 200);
    body = json_loadb(item->http.body.ptr, item->http.body.len, 0, NULL);
    assert_int_equal(json_object_size(body), 1);
    check_token(text_of(body, "access"), TOKEN_ACCESS, ACCESS_S);
    json_decref(body);
    refresh(2, bench_token(1, TOKEN_ACCESS));
    assert_http(bench_answer(2), 401, CHALLENGE, BAD_TOKEN);
    refresh(3, bench_token_of(bench.keys, 1, TOKEN_REFRESH, 0));
    assert_http(bench_answer(3), 401, CHALLENGE, BAD_TOKEN);
    refresh(4, bench_token(3, TOKEN_REFRESH)); /* deactivated */
    assert_http(bench_answer(4), 401, CHALLENGE, BAD_TOKEN);
    refresh(5, bench_token(99, TOKEN_REFRESH)); /* nobody's */
    assert_http(bench_answer(5), 401, CHALLENGE, BAD_TOKEN);
}

static void verify(uint64_t conn, const char *token)
{
    post_token(conn, "/api/token/verify/", "token", token);
}

static void test_verify(void **state)
{
    (void)state;
    verify(1, bench_token(1, TOKEN_ACCESS));
    assert_http(bench_answer(1), 200, NO_STORE, "{}");
    verify(2, bench_token(1, TOKEN_REFRESH));
    assert_http(bench_answer(2), 200, NO_STORE, "{}");
    verify(3, bench_token_of(bench.keys, 1, TOKEN_ACCESS, 0));
    assert_http(bench_answer(3), 401, CHALLENGE, BAD_TOKEN);
}

/* ---- parts that are away ---- */

static void assert_503(uint64_t conn)
{
    assert_http(bench_answer(conn), 503, NO_STORE "Retry-After: 5\r\n",
                "{\"detail\":\"The service is unavailable at the moment. Nothing was stored.\","
                "\"code\":\"SERVICE_UNAVAILABLE\"}");
}

static void test_store_away(void **state)
{
    static const int failures[] = {ERR_UNAVAILABLE, ERR_BUSY, ERR_REMOTE};
    uint64_t conn = 1;

    (void)state;
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        for (size_t i = 0; i < 3; i++, conn += 2) {
            fake_store.fault =
                (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = at_submit, .err = failures[i]};
            bench_post(conn, "/api/token/", RIGHT);
            assert_503(conn);
            refresh(conn + 1, bench_token(1, TOKEN_REFRESH));
            assert_503(conn + 1);
        }
    }
    verify(conn, bench_token(1, TOKEN_ACCESS)); /* needs no database */
    assert_http(bench_answer(conn), 200, NO_STORE, "{}");
}

static void test_worker_full_and_stopping(void **state)
{
    (void)state;
    fake_worker_fault = (struct fake_fault){.nth = 1, .at_submit = true, .err = ERR_BUSY};
    bench_post(1, "/api/token/", RIGHT);
    assert_503(1);
    fake_worker_is_stopping = true;
    bench_post(2, "/api/token/", RIGHT);
    assert_503(2);
    fake_worker_is_stopping = false;
    assert_int_equal(login(3, RIGHT), 200);
}

static void test_without_memory(void **state)
{
    static const char *const bodies[] = {RIGHT, WRONG};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint32_t status = 0;
        uint64_t conn = 1;

        for (; status != (i == 0 ? 200u : 401u); conn++) {
            mem_fail_after(conn);
            bench_post(conn, "/api/token/", bodies[i]);
            status = bench_answer(conn)->http.status;
            mem_fail_after(0);
            assert_true(status == 503 || status == 500 || status == 400 || status == 200 ||
                        status == 401);
            assert_true(conn < 200);
        }
        assert_true(conn > 5);
    }
}

static void test_repeat_is_answered_once(void **state)
{
    (void)state;
    bench_post(1, "/api/token/", RIGHT);
    bench_post(1, "/api/token/", RIGHT);
    assert_int_equal(bench_answer(1)->http.status, 200);
    assert_int_equal(fake_store.by_name, 1);
}

/* ---- secrets ---- */

static void test_nothing_secret_is_logged(void **state)
{
    (void)state;
    assert_int_equal(login(1, RIGHT), 200);
    assert_true(bench_logged("\"login\""));
    assert_true(bench_logged("\"user\":1"));
    assert_int_equal(login(2, LOGIN_OF("mallory", "hunter2")), 401);
    assert_int_equal(login(3, WRONG), 401);
    assert_false(bench_logged("alice"));
    assert_false(bench_logged("mallory"));
    assert_false(bench_logged("hunter2"));
    assert_false(bench_logged("wrong-password"));
    assert_false(bench_logged("pbkdf2"));
}

static void test_metrics(void **state)
{
    const struct metric *auth = metric_counter("auth_attempts_total", "", "result");
    const struct metric *http = metric_counter("http_requests_total", "", "route");
    const struct metric *status = metric_counter("http_responses_total", "", "status");

    (void)state;
    assert_int_equal(login(1, RIGHT), 200);
    for (uint64_t i = 2; i <= 5; i++) {
        login(i, WRONG);
    }
    bench_post(6, "/nowhere/", "");
    bench_answer(6);
    assert_true(metric_value(auth, "password_ok") == 1);
    assert_true(metric_value(auth, "password_wrong") == 3);
    assert_true(metric_value(auth, "password_throttled") == 1);
    assert_true(metric_value(http, "token") == 5);
    assert_true(metric_value(http, "none") == 1);
    assert_true(metric_value(status, "401") == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fixed_answers),
        TEST(test_right_password),
        TEST(test_wrong_logins),
        TEST(test_texts_that_are_too_long),
        TEST(test_hashes_not_understood),
        TEST(test_refresh),
        TEST(test_verify),
        TEST(test_store_away),
        TEST(test_worker_full_and_stopping),
        TEST(test_without_memory),
        TEST(test_repeat_is_answered_once),
        TEST(test_nothing_secret_is_logged),
        TEST(test_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
