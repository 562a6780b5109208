/* SPDX-License-Identifier: MIT */
/* Openings of sockets: every credential and every room, and the answer to each. */
#include <stdio.h>

#include "common/metrics.h"
#include "requests_answers.h"

/* ---- credentials ---- */

enum cred_kind {
    CRED_NONE,
    CRED_GARBAGE,
    CRED_EMPTY_TOKEN,
    CRED_EXPIRED,
    CRED_REFRESH,
    CRED_FOREIGN_KEY,
    CRED_TWO_TOKENS,
    CRED_UNKNOWN_USER,
    CRED_INACTIVE,
    CRED_SESSION_UNKNOWN,
    CRED_SESSION_EXPIRED,
    CRED_SESSION_FOREIGN_KEY,
    CRED_SESSION_OLD_PASSWORD,
    CRED_SESSION_INACTIVE,
    CRED_SESSION_UNKNOWN_USER,
    CRED_BAD_TOKEN_GOOD_SESSION,
    CRED_FIRST_GOOD,
    CRED_HEADER = CRED_FIRST_GOOD,
    CRED_QUERY,
    CRED_SUBPROTOCOL,
    CRED_SESSION,
    CRED_TOKEN_AND_BAD_SESSION,
    CRED_COUNT
};

static const char *foreign_token(void)
{
    struct token_settings settings = {
        .algorithm = TOKEN_HS256, .secret = BYTES_LIT("another key, also long enough for HS256")};
    struct token_keys *keys;
    const char *token;

    assert_int_equal(token_keys_new(&settings, &keys), 0);
    token = bench_token_of(keys, 1, TOKEN_ACCESS, 60);
    token_keys_free(keys);
    return token;
}

static struct credentials with_header(const char *token)
{
    return (struct credentials){.authorization = bytes_str(bench_bearer(token))};
}

static struct credentials with_query(const char *token)
{
    return (struct credentials){.query_token = bytes_str(token), .has_query_token = true};
}

static struct credentials bad_credentials(enum cred_kind kind)
{
    struct credentials cred = {.cookie = BYTES_NONE};

    if (kind == CRED_GARBAGE) {
        cred = with_header("garbage");
    } else if (kind == CRED_EMPTY_TOKEN) {
        cred = with_query("");
    } else if (kind == CRED_EXPIRED) {
        cred = with_header(bench_token_of(bench.keys, 1, TOKEN_ACCESS, 0));
    } else if (kind == CRED_REFRESH) {
        cred = with_header(bench_token(1, TOKEN_REFRESH));
    } else if (kind == CRED_FOREIGN_KEY) {
        cred = with_header(foreign_token());
    } else if (kind == CRED_TWO_TOKENS) {
        cred = with_header(bench_token(1, TOKEN_ACCESS));
        cred.query_token = bytes_str(bench_token(2, TOKEN_ACCESS));
        cred.has_query_token = true;
    } else if (kind == CRED_UNKNOWN_USER) {
        cred = with_header(bench_token(99, TOKEN_ACCESS));
    } else if (kind == CRED_INACTIVE) {
        cred = with_header(bench_token(3, TOKEN_ACCESS));
    }
    return cred;
}

static struct credentials bad_session(enum cred_kind kind)
{
    struct credentials cred = {.cookie = BYTES_NONE};

    if (kind == CRED_SESSION_UNKNOWN) {
        cred = with_cookie("sessionid=nobodyhasthiskey12345");
    } else if (kind == CRED_SESSION_EXPIRED) {
        cred = with_cookie(bench_session(1, bench_hash("alice"), NULL, true));
    } else if (kind == CRED_SESSION_FOREIGN_KEY) {
        cred = with_cookie(bench_session(1, bench_hash("alice"), "another", false));
    } else if (kind == CRED_SESSION_OLD_PASSWORD) {
        cred = with_cookie(bench_session(1, bench_hash("bob"), NULL, false));
    } else if (kind == CRED_SESSION_INACTIVE) {
        cred = with_cookie(bench_session(3, bench_hash("dave"), NULL, false));
    } else if (kind == CRED_SESSION_UNKNOWN_USER) {
        cred = with_cookie(bench_session(99, bench_hash("alice"), NULL, false));
    } else if (kind == CRED_BAD_TOKEN_GOOD_SESSION) {
        cred = with_cookie(bench_session(1, bench_hash("alice"), NULL, false));
        cred.has_query_token = true;
    }
    return cred;
}

static struct credentials good_credentials(enum cred_kind kind)
{
    const char *token = bench_token(1, TOKEN_ACCESS);
    struct credentials cred = with_header(token);
    static char protocols[CREDENTIAL_MAX_BYTES];

    if (kind == CRED_QUERY) {
        cred = with_query(token);
    } else if (kind == CRED_SUBPROTOCOL) {
        snprintf(protocols, sizeof(protocols), "bearer, %s", token);
        cred = (struct credentials){.subprotocol = bytes_str(protocols)};
    } else if (kind == CRED_SESSION) {
        cred = with_cookie(bench_session(1, bench_hash("alice"), NULL, false));
    } else if (kind == CRED_TOKEN_AND_BAD_SESSION) {
        cred.cookie = BYTES_LIT("sessionid=nobodyhasthiskey12345");
    }
    return cred;
}

static void test_credentials(void **state)
{
    (void)state;
    for (unsigned kind = CRED_NONE; kind < CRED_COUNT; kind++) {
        struct credentials cred = kind >= CRED_FIRST_GOOD ? good_credentials((enum cred_kind)kind)
                                  : kind >= CRED_SESSION_UNKNOWN
                                      ? bad_session((enum cred_kind)kind)
                                      : bad_credentials((enum cred_kind)kind);
        const struct down_item *item;

        bench_open(kind + 1, &cred, "general");
        item = bench_answer(kind + 1);
        if (item->kind != (kind >= CRED_FIRST_GOOD ? DOWN_GRANTED : DOWN_REFUSED)) {
            fail_msg("credential %u: kind %d", kind, (int)item->kind);
        }
        if (kind >= CRED_FIRST_GOOD) {
            assert_granted(item, 1, "chat:1");
        } else {
            assert_refused(item, CODE_AUTHENTICATION_FAILED, 4401);
        }
    }
    /* Nobody who was refused has taken a place. */
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), CRED_COUNT - CRED_FIRST_GOOD);
}

static void test_granted_actor_is_whole(void **state)
{
    const struct down_item *item;

    (void)state;
    open_as(1, 4, "general");
    item = bench_answer(1);
    assert_granted(item, 4, "chat:1");
    assert_true(bytes_eq_str(item->granted.actor.username, "admin"));
    assert_true(bytes_eq_str(item->granted.actor.avatar, "/media/a.jpg"));
    assert_true(item->granted.actor.is_staff);
    assert_true(metric_value(metric_counter("open_requests_total", "", "result"), "GRANTED") == 1);
}

/* ---- rooms ---- */

#define ROOM_100                                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                                           \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_rooms(void **state)
{
    static const struct {
        int64_t user_id;
        const char *room;
        bool auto_create;
        enum client_code code; /* CODE_NONE = granted */
        int close;
        const char *topic;
    } cases[] = {
        {2, "general", false, CODE_NONE, 0, "chat:1"},
        {2, "1", false, CODE_NONE, 0, "chat:1"},
        {1, "leads", false, CODE_NONE, 0, "chat:2"},
        {1, "2", false, CODE_NONE, 0, "chat:2"},
        {2, "leads", false, CODE_PERMISSION_DENIED, 4403, NULL},
        {2, "2", false, CODE_PERMISSION_DENIED, 4403, NULL},
        {4, "leads", false, CODE_PERMISSION_DENIED, 4403, NULL}, /* staff is no member */
        {1, "nowhere", false, CODE_CHANNEL_NOT_FOUND, 4404, NULL},
        {1, "99", false, CODE_CHANNEL_NOT_FOUND, 4404, NULL},
        {1, "", false, CODE_CHANNEL_NOT_FOUND, 4404, NULL},
        {1, "a b", true, CODE_CHANNEL_NOT_FOUND, 4404, NULL},
        {1, "\xff", true, CODE_CHANNEL_NOT_FOUND, 4404, NULL},
        {1, ROOM_100, true, CODE_NONE, 0, "chat:1000"},
        {1, ROOM_100 "a", true, CODE_CHANNEL_NOT_FOUND, 4404, NULL},
        {1, "nowhere", true, CODE_NONE, 0, "chat:1000"},
        {2, "leads", true, CODE_PERMISSION_DENIED, 4403, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct down_item *item;

        bench.conf.channel_auto_create = cases[i].auto_create;
        open_as(i + 1, cases[i].user_id, cases[i].room);
        item = bench_answer(i + 1);
        if (cases[i].code == CODE_NONE) {
            assert_granted(item, cases[i].user_id, cases[i].topic);
        } else {
            assert_refused(item, cases[i].code, cases[i].close);
        }
    }
}

static void test_who_is_nobody_learns_nothing_of_rooms(void **state)
{
    struct credentials none = {.cookie = BYTES_NONE};

    (void)state;
    bench_open(1, &none, "nowhere");
    assert_refused(bench_answer(1), CODE_AUTHENTICATION_FAILED, 4401);
    bench_open(2, &none, "a b");
    assert_refused(bench_answer(2), CODE_AUTHENTICATION_FAILED, 4401);
    assert_int_equal(fake_store.channels, 0);
}

static void test_endpoints_without_rooms(void **state)
{
    struct up_envelope env = {.kind = UP_OPEN, .conn = 1};

    (void)state;
    env.open.endpoint = ENDPOINT_NOTIFICATIONS;
    env.open.cred = bearer_of(1);
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    assert_granted(bench_answer(1), 1, "user:1");
    env.conn = 2;
    env.open.endpoint = ENDPOINT_STATUS;
    env.open.cred = bearer_of(2);
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    assert_granted(bench_answer(2), 2, "status");
}

static void test_echo_is_not_served_here(void **state)
{
    struct up_envelope env = {.kind = UP_OPEN, .conn = 1};

    (void)state;
    env.open.endpoint = ENDPOINT_ECHO;
    env.open.cred = bearer_of(1);
    env.open.room = BYTES_LIT("general");
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    assert_refused(bench_answer(1), CODE_CHANNEL_NOT_FOUND, 4404);
}

static void test_users_are_cached_for_a_moment(void **state)
{
    (void)state;
    open_as(1, 1, "general");
    assert_granted(bench_answer(1), 1, "chat:1");
    fake_store_put_user(1, "alice", bench_hash("alice"), false);
    fake_clock_forward(249);
    open_as(2, 1, "general");
    assert_granted(bench_answer(2), 1, "chat:1");
    assert_int_equal(fake_store.by_id, 1);
    fake_clock_forward(1);
    open_as(3, 1, "general");
    assert_refused(bench_answer(3), CODE_AUTHENTICATION_FAILED, 4401);
}

static void test_unsound_envelopes(void **state)
{
    static char long_name[GATEWAY_NAME_MAX + 1];
    struct up_envelope env = {.kind = UP_OPEN, .conn = 1};

    (void)state;
    memset(long_name, 'g', sizeof(long_name));
    requests_start(bench.requests, bytes_of(long_name, sizeof(long_name)), &env);
    requests_start(bench.requests, BYTES_NONE, &env);
    env.conn = 0;
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    env = (struct up_envelope){.kind = UP_LEAVE, .conn = 1};
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    bench_no_answer();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_credentials),
        TEST(test_granted_actor_is_whole),
        TEST(test_rooms),
        TEST(test_who_is_nobody_learns_nothing_of_rooms),
        TEST(test_endpoints_without_rooms),
        TEST(test_echo_is_not_served_here),
        TEST(test_users_are_cached_for_a_moment),
        TEST(test_unsound_envelopes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
