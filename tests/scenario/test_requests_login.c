/* SPDX-License-Identifier: MIT */
/* The routes that begin and end a login: sessions by cookie, and families of tokens. */
#include <jansson.h>
#include <stdio.h>

#include "broker/django_session.h"
#include "common/mem.h"
#include "requests_answers.h"

#define ATTRIBUTES "; Path=/; HttpOnly; SameSite=Lax; Max-Age="
#define GONE_COOKIE NO_STORE "Set-Cookie: sessionid=" ATTRIBUTES "0; Secure\r\n"
#define UNAVAILABLE                                                                                \
    "{\"detail\":\"The service is unavailable at the moment. Nothing was stored.\","               \
    "\"code\":\"SERVICE_UNAVAILABLE\"}"

static void assert_503(uint64_t conn)
{
    assert_http(bench_answer(conn), 503, NO_STORE "Retry-After: 5\r\n", UNAVAILABLE);
}

/* ---- sessions ---- */

static void test_login_gives_a_session_of_django(void **state)
{
    struct bytes secret = bytes_str(bench.conf.secret_key);
    struct django_session session;
    struct credentials cred;
    char headers[256], cookie[96];

    (void)state;
    bench_post(1, "/api/login/", RIGHT);
    const struct down_item *item = bench_answer(1);
    snprintf(headers, sizeof(headers),
             NO_STORE "Set-Cookie: sessionid=%s" ATTRIBUTES "1209600; Secure\r\n",
             fake_store_access.session_key);
    assert_http(item, 200, headers,
                "{\"id\":1,\"username\":\"alice\",\"is_staff\":false,"
                "\"avatar\":\"/media/a.jpg\"}");
    assert_int_equal(strlen(fake_store_access.session_key), SESSION_KEY_BYTES);
    assert_int_equal(fake_store_access.session_age_s, 1209600);
    assert_int_equal(fake_store.last_login, 1);
    assert_int_equal(
        django_session_decode(bytes_str(fake_store_access.session_payload), secret, &session), 0);
    assert_int_equal(session.user_id, 1);
    snprintf(cookie, sizeof(cookie), "sessionid=%s", fake_store_access.session_key);
    cred = with_cookie(cookie);
    bench_open(2, &cred, "general");
    assert_granted(bench_answer(2), 1, "chat:1");
}

static void test_cookie_of_development(void **state)
{
    (void)state;
    bench.conf.session_cookie_secure = false;
    bench.conf.session_cookie_age_s = 60;
    bench_post(1, "/api/login/", RIGHT);
    struct bytes headers = bench_answer(1)->http.headers;
    assert_non_null(memmem(headers.ptr, headers.len, "Max-Age=60\r\n", 12));
}

static void test_wrong_logins_get_no_cookie(void **state)
{
    static const char *const bodies[] = {WRONG, LOGIN_OF("nobody", "x"),
                                         LOGIN_OF("dave", "dave-password")};

    (void)state;
    bench.conf.login_failures_per_minute = 0;
    bench_restart();
    for (size_t i = 0; i < 3; i++) {
        bench_post(i + 1, "/api/login/", bodies[i]);
        assert_http(bench_answer(i + 1), 401, CHALLENGE, NO_ACCOUNT);
    }
    bench_post(10, "/api/login/", "{}");
    assert_int_equal(bench_answer(10)->http.status, 400);
    assert_int_equal(fake_store_access.sessions_put, 0);
}

/* One count for both ways in. */
static void test_guessing_is_slowed_down_together(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(login(i, WRONG), 401);
    }
    bench_post(4, "/api/login/", WRONG);
    assert_int_equal(bench_answer(4)->http.status, 429);
    bench_post(5, "/api/login/", RIGHT);
    assert_int_equal(bench_answer(5)->http.status, 200);
}

/* Whoever knows the old password must not get a session that is good for the new one. */
static void test_password_changed_meanwhile(void **state)
{
    (void)state;
    bench_post(1, "/api/login/", RIGHT);
    while (fake_store_access.sessions_put == 0) {
        assert_true(fake_run_one());
    }
    fake_store_put_user(1, "alice", bench_hash("bob"), true);
    assert_http(bench_answer(1), 401, CHALLENGE, NO_ACCOUNT);
}

static void test_login_with_the_store_away(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 3; nth++) { /* row, session, row again */
        for (int at_submit = 0; at_submit < 2; at_submit++) {
            uint64_t conn = 2 * nth + (unsigned)at_submit;

            fake_clock_forward(10000);
            fake_store.fault =
                (struct fake_fault){.nth = nth, .at_submit = at_submit, .err = ERR_UNAVAILABLE};
            bench_post(conn, "/api/login/", RIGHT);
            assert_503(conn);
        }
    }
}

static void test_login_without_memory(void **state)
{
    uint32_t status = 0;
    uint64_t conn = 1;

    (void)state;
    for (; status != 200; conn++) {
        if (conn % 8 == 0) { /* the fake has room for a few sessions only */
            bench_teardown(NULL);
            assert_int_equal(bench_setup(NULL), 0);
        }
        mem_fail_after(conn);
        bench_post(conn, "/api/login/", RIGHT);
        status = bench_answer(conn)->http.status;
        mem_fail_after(0);
        assert_true(status == 503 || status == 500 || status == 400 || status == 200);
        assert_true(conn < 200);
    }
    assert_true(conn > 5);
}

static void test_logout(void **state)
{
    const char *cookie = bench_session(1, bench_hash("alice"), NULL, false);

    (void)state;
    bench_post_with_cookie(1, "/api/logout/", cookie);
    assert_http(bench_answer(1), 200, GONE_COOKIE, "{}");
    assert_int_equal(fake_store_access.sessions_deleted, 1);
    assert_string_equal(fake_store_access.session_key, strstr(cookie, "sessionid=") + 10);
    bench_post_with_cookie(2, "/api/logout/", "");
    assert_http(bench_answer(2), 200, GONE_COOKIE, "{}");
    bench_post_with_cookie(3, "/api/logout/", "sessionid=../../x");
    assert_http(bench_answer(3), 200, GONE_COOKIE, "{}");
    assert_int_equal(fake_store_access.sessions_deleted, 1);
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        fake_store.fault =
            (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = at_submit, .err = ERR_BUSY};
        bench_post_with_cookie(4, "/api/logout/", cookie);
        assert_503(4);
    }
}

/* ---- families of tokens ---- */

struct pair {
    char access[CREDENTIAL_MAX_BYTES], refresh[CREDENTIAL_MAX_BYTES];
};

static void take_tokens(const struct down_item *item, struct pair *out)
{
    json_t *body = json_loadb(item->http.body.ptr, item->http.body.len, 0, NULL);
    const char *refresh = json_string_value(json_object_get(body, "refresh"));

    assert_int_equal(item->http.status, 200);
    snprintf(out->access, sizeof(out->access), "%s",
             json_string_value(json_object_get(body, "access")));
    if (refresh) {
        snprintf(out->refresh, sizeof(out->refresh), "%s", refresh);
    }
    json_decref(body);
}

static struct token_claims claims_of(const char *token)
{
    struct token_claims claims;

    assert_int_equal(
        token_verify(bench.keys, bytes_str(token), TOKEN_ANY, FAKE_WALL_START_MS, &claims), 0);
    return claims;
}

static uint32_t post(uint64_t conn, const char *route, const char *field, const char *token)
{
    static char path[64], body[CREDENTIAL_MAX_BYTES + 64];

    snprintf(path, sizeof(path), "/api/token/%s/", route);
    snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", field, token);
    bench_post(conn, path, body);
    return bench_answer(conn)->http.status;
}

static void test_tokens_of_a_login_are_a_family(void **state)
{
    struct pair first, second;

    (void)state;
    bench_post(1, "/api/token/", RIGHT);
    take_tokens(bench_answer(1), &first);
    struct token_claims refresh = claims_of(first.refresh), access = claims_of(first.access);
    assert_string_equal(refresh.sid, refresh.jti);
    assert_string_equal(access.sid, refresh.jti);
    assert_string_not_equal(access.jti, refresh.jti);
    assert_int_equal(post(2, "refresh", "refresh", first.refresh), 200);
    take_tokens(&fake_answer(1)->item, &second);
    assert_string_equal(claims_of(second.access).sid, refresh.sid);
    /* of SimpleJWT's own: the family begins here */
    assert_int_equal(post(3, "refresh", "refresh", bench_token(1, TOKEN_REFRESH)), 200);
    take_tokens(&fake_answer(2)->item, &second);
    assert_string_equal(claims_of(second.access).sid, "0123456789abcdef0123456789abcdef");
}

static void test_blacklist(void **state)
{
    struct pair tokens;
    struct credentials cred;

    (void)state;
    bench_post(1, "/api/token/", RIGHT);
    take_tokens(bench_answer(1), &tokens);
    bench_post(2, "/api/token/blacklist/", "{}");
    assert_int_equal(bench_answer(2)->http.status, 400);
    assert_int_equal(post(3, "blacklist", "refresh", tokens.access), 401);
    assert_int_equal(post(4, "blacklist", "refresh", "x.y.z"), 401);
    assert_int_equal(post(5, "verify", "token", tokens.refresh), 200);
    assert_int_equal(post(6, "verify", "token", tokens.access), 200);
    assert_int_equal(fake_store_access.revoked, 0);

    assert_int_equal(post(7, "blacklist", "refresh", tokens.refresh), 200);
    assert_true(fake_store_has_revoked(claims_of(tokens.refresh).jti));
    assert_int_equal(fake_store_access.revoked_until_s, FAKE_WALL_START_MS / 1000 + REFRESH_S);
    assert_int_equal(post(8, "blacklist", "refresh", tokens.refresh), 401);
    assert_int_equal(post(9, "refresh", "refresh", tokens.refresh), 401);
    assert_int_equal(post(10, "verify", "token", tokens.refresh), 401);
    assert_int_equal(post(11, "verify", "token", tokens.access), 401);
    cred = (struct credentials){.authorization = bytes_str(bench_bearer(tokens.access))};
    bench_open(12, &cred, "general");
    assert_refused(bench_answer(12), CODE_AUTHENTICATION_FAILED, 4401);
}

/* An older token of a family names all of it, and those live as long as one that was made now. */
static void test_blacklist_ends_the_whole_family(void **state)
{
    struct token_claims old = {.type = TOKEN_REFRESH,
                               .user_id = 1,
                               .expires_at_s = FAKE_WALL_START_MS / 1000 + 5,
                               .jti = "older",
                               .sid = "family"};
    struct token_claims newer = old;

    (void)state;
    strcpy(newer.jti, "newer");
    newer.expires_at_s += 1000;
    assert_int_equal(post(1, "blacklist", "refresh", bench_token_with(bench.keys, &old)), 200);
    assert_true(fake_store_has_revoked("family"));
    assert_true(fake_store_has_revoked("older"));
    assert_int_equal(fake_store_access.revoked_until_s, FAKE_WALL_START_MS / 1000 + REFRESH_S);
    assert_int_equal(post(2, "refresh", "refresh", bench_token_with(bench.keys, &newer)), 401);
}

static void test_tokens_with_the_store_away(void **state)
{
    static const char *const routes[] = {"blacklist", "refresh", "verify"};
    uint64_t conn = 1;

    (void)state;
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        for (size_t i = 0; i < 3; i++, conn++) {
            fake_store.fault =
                (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = at_submit, .err = ERR_BUSY};
            assert_int_equal(
                post(conn, routes[i], i == 2 ? "token" : "refresh", bench_token(1, TOKEN_REFRESH)),
                503);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_login_gives_a_session_of_django),
        TEST(test_cookie_of_development),
        TEST(test_wrong_logins_get_no_cookie),
        TEST(test_guessing_is_slowed_down_together),
        TEST(test_password_changed_meanwhile),
        TEST(test_login_with_the_store_away),
        TEST(test_login_without_memory),
        TEST(test_logout),
        TEST(test_tokens_of_a_login_are_a_family),
        TEST(test_blacklist),
        TEST(test_blacklist_ends_the_whole_family),
        TEST(test_tokens_with_the_store_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
