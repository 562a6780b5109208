/* SPDX-License-Identifier: MIT */
/* What an opening says about the right it was granted by, how that right ends with a login, direct
 * channels, and newer tokens for open sockets. */
#include <stdio.h>

#include "broker/login_id.h"
#include "requests_answers.h"

#define SID "feedfacefeedfacefeedfacefeedface"
#define NOW_S (FAKE_WALL_START_MS / 1000)

static const char *token_of_family(int64_t user_id, enum token_type type, const char *sid)
{
    struct token_claims claims = {.type = type,
                                  .user_id = user_id,
                                  .issued_at_s = NOW_S - 1,
                                  .expires_at_s = NOW_S + 100,
                                  .jti = "0123456789abcdef0123456789abcdef"};

    strcpy(claims.sid, sid);
    return bench_token_with(bench.keys, &claims);
}

static struct credentials family(int64_t user_id)
{
    return (struct credentials){
        .authorization = bytes_str(bench_bearer(token_of_family(user_id, TOKEN_ACCESS, SID)))};
}

/* ---- what GRANTED says ---- */

static void test_granted_names_the_login(void **state)
{
    struct credentials cred = family(1);
    const struct down_item *item;

    (void)state;
    bench_open(1, &cred, "general");
    item = bench_answer(1);
    assert_granted(item, 1, "chat:1");
    assert_true(item->granted.login == login_id_of_family(BYTES_LIT(SID)));
    assert_int_equal(item->granted.expires_s, NOW_S + 100);

    open_as(2, 1, "general"); /* a token that SimpleJWT made by itself */
    item = bench_answer(2);
    assert_true(item->granted.login == 0);
    assert_int_equal(item->granted.expires_s, NOW_S + ACCESS_S);
    assert_int_equal(fake_store_access.asked, 1); /* it has nothing that could be revoked */

    const char *cookie = bench_session(1, bench_hash("alice"), NULL, false);
    cred = with_cookie(cookie);
    bench_open(3, &cred, "general");
    item = bench_answer(3);
    assert_granted(item, 1, "chat:1");
    assert_true(item->granted.login ==
                login_id_of_session(bytes_str(strstr(cookie, "sessionid=") + 10)));
    assert_int_equal(item->granted.expires_s, 0);
}

/* Redis' time before the oldest read, be it of another opening. */
static void test_granted_says_how_old_its_reads_are(void **state)
{
    (void)state;
    bench.clock.offset_ms = 5000;
    open_as(1, 1, "general");
    fake_clock_forward(40);
    assert_int_equal(bench_answer(1)->granted.as_of_ms, FAKE_WALL_START_MS + 5000);
    fake_clock_forward(100);
    open_as(2, 1, "general"); /* by the row of the first one */
    assert_int_equal(bench_answer(2)->granted.as_of_ms, FAKE_WALL_START_MS + 5000);
    fake_clock_forward(110);
    open_as(3, 1, "general");
    assert_int_equal(bench_answer(3)->granted.as_of_ms, FAKE_WALL_START_MS + 5000 + 250);
}

/* What was read too long ago might have been revoked twice by now: nothing is granted by it. */
static void test_old_reads_grant_nothing(void **state)
{
    (void)state;
    open_as(1, 1, "general");
    while (fake_waiting() > 0 && fake_redis_hlen(ALICE_PLACES) == 0) {
        fake_run_one();
    }
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 1);
    fake_clock_forward(2501);
    assert_unavailable(bench_answer(1));
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 0);
    open_as(1, 1, "general");
    assert_granted(bench_answer(1), 1, "chat:1");
}

/* ---- revoked logins ---- */

static void test_revoked_family_opens_nothing(void **state)
{
    struct credentials cred = family(1);

    (void)state;
    fake_store_revoke(SID);
    bench_open(1, &cred, "general");
    assert_refused(bench_answer(1), CODE_AUTHENTICATION_FAILED, 4401);
    open_as(2, 1, "general"); /* of another login */
    assert_granted(bench_answer(2), 1, "chat:1");
    fake_store.fault = (struct fake_fault){.nth = FAKE_ALWAYS, .err = ERR_UNAVAILABLE};
    bench_open(3, &cred, "general");
    assert_unavailable(bench_answer(3));
    fake_store.fault.at_submit = true;
    bench_open(4, &cred, "general");
    assert_unavailable(bench_answer(4));
}

/* The row in memory still has the old password: it must not refuse the new session. */
static void test_cached_row_never_refuses(void **state)
{
    struct credentials cred;

    (void)state;
    open_as(1, 1, "general");
    assert_granted(bench_answer(1), 1, "chat:1");
    fake_store_put_user(1, "alice", bench_hash("bob"), true);
    cred = with_cookie(bench_session(1, bench_hash("bob"), NULL, false));
    bench_open(2, &cred, "general");
    assert_granted(bench_answer(2), 1, "chat:1");
    assert_int_equal(fake_store.by_id, 2);
}

static void test_forgotten_users_are_read_anew(void **state)
{
    (void)state;
    open_as(1, 1, "general");
    assert_granted(bench_answer(1), 1, "chat:1");
    fake_store_put_user(1, "alice", bench_hash("alice"), false);
    requests_forget_user(bench.requests, 1);
    requests_forget_user(bench.requests, 77);
    open_as(2, 1, "general");
    assert_refused(bench_answer(2), CODE_AUTHENTICATION_FAILED, 4401);
}

/* ---- direct channels ---- */

static void test_direct_rooms(void **state)
{
    static const struct {
        int64_t user_id;
        const char *room, *topic; /* NULL: no such channel */
    } cases[] = {
        {1, "direct/2", "chat:1002"}, {2, "direct/1", "chat:1002"}, {1, "direct/4", "chat:1004"},
        {1, "direct/1", NULL},        {1, "direct/3", NULL}, /* not active */
        {1, "direct/99", NULL},       {1, "direct/", NULL},         {1, "direct/x", NULL},
        {1, "direct/02", NULL},       {1, "direct/2/", NULL},       {1, "direct/-2", NULL},
        {1, "direct", NULL},          {1, "direct:1:2", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_as(i + 1, cases[i].user_id, cases[i].room);
        if (cases[i].topic) {
            assert_granted(bench_answer(i + 1), cases[i].user_id, cases[i].topic);
        } else {
            assert_refused(bench_answer(i + 1), CODE_CHANNEL_NOT_FOUND, 4404);
        }
    }
    open_as(100, 4, "1002"); /* not theirs */
    assert_refused(bench_answer(100), CODE_PERMISSION_DENIED, 4403);
}

/* ---- newer tokens for open sockets ---- */

static void newer_token(uint64_t frame_no, const char *token)
{
    struct up_envelope env = {.kind = UP_REFRESH, .conn = 9};

    env.refresh.frame_no = frame_no;
    env.refresh.received_us = 1000 + frame_no;
    env.refresh.user_id = 1;
    env.refresh.token = bytes_str(token);
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
}

static void assert_error_reply(const struct down_item *item, uint64_t frame_no, const char *code)
{
    char wanted[64];

    assert_int_equal(item->kind, DOWN_REPLY);
    assert_int_equal(item->reply.frame_no, frame_no);
    assert_int_equal(item->reply.received_us, 1000 + frame_no);
    assert_true(bytes_has_prefix(item->reply.json, BYTES_LIT("{\"type\":\"error\",")));
    snprintf(wanted, sizeof(wanted), "\"code\":\"%s\"}", code);
    assert_non_null(memmem(item->reply.json.ptr, item->reply.json.len, wanted, strlen(wanted)));
}

static void test_newer_token(void **state)
{
    const struct down_item *item;

    (void)state;
    newer_token(4, token_of_family(1, TOKEN_ACCESS, SID));
    newer_token(4, token_of_family(1, TOKEN_ACCESS, SID)); /* sent again: one answer */
    item = bench_answer(9);
    assert_int_equal(item->kind, DOWN_REFRESHED);
    assert_int_equal(item->refreshed.frame_no, 4);
    assert_int_equal(item->refreshed.received_us, 1004);
    assert_int_equal(item->refreshed.expires_s, NOW_S + 100);
}

static void test_newer_tokens_that_are_no_good(void **state)
{
    uint64_t frame = 1;

    (void)state;
    fake_store_revoke("revoked");
    const char *const tokens[] = {
        "x",
        "",
        token_of_family(2, TOKEN_ACCESS, SID), /* somebody else's */
        token_of_family(1, TOKEN_REFRESH, SID),
        token_of_family(1, TOKEN_ACCESS, "revoked"),
        token_of_family(3, TOKEN_ACCESS, SID), /* not active */
        bench_token_of(bench.keys, 1, TOKEN_ACCESS, 0),
    };
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++, frame++) {
        newer_token(frame, tokens[i]);
        assert_error_reply(bench_answer(9), frame, "AUTHENTICATION_FAILED");
    }
    fake_store.fault = (struct fake_fault){.nth = FAKE_ALWAYS, .err = ERR_UNAVAILABLE};
    newer_token(frame, token_of_family(1, TOKEN_ACCESS, SID));
    assert_error_reply(bench_answer(9), frame, "SERVICE_UNAVAILABLE");
}

static void test_each_frame_has_its_answer(void **state)
{
    (void)state;
    newer_token(1, token_of_family(1, TOKEN_ACCESS, SID));
    newer_token(2, token_of_family(1, TOKEN_ACCESS, SID));
    fake_run_all();
    assert_int_equal(fake_answers(), 2);
    assert_int_equal(fake_answer(0)->item.refreshed.frame_no, 1);
    assert_int_equal(fake_answer(1)->item.refreshed.frame_no, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_granted_names_the_login),
        TEST(test_granted_says_how_old_its_reads_are),
        TEST(test_old_reads_grant_nothing),
        TEST(test_revoked_family_opens_nothing),
        TEST(test_cached_row_never_refuses),
        TEST(test_forgotten_users_are_read_anew),
        TEST(test_direct_rooms),
        TEST(test_newer_token),
        TEST(test_newer_tokens_that_are_no_good),
        TEST(test_each_frame_has_its_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
