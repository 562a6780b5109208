/* SPDX-License-Identifier: MIT */
/* Openings of sockets: who comes in and who does not, with which answer; what is left behind in
 * Redis; every part away at every step; repeats and people who have gone. */
#include "requests_bench.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/metrics.h"

static void assert_refused(const struct down_item *item, enum client_code code, int close)
{
    assert_int_equal(item->kind, DOWN_REFUSED);
    assert_int_equal(item->refused.code, code);
    assert_int_equal(item->refused.close, close);
}

static void assert_unavailable(const struct down_item *item)
{
    assert_refused(item, CODE_SERVICE_UNAVAILABLE, 1013);
}

static void assert_granted(const struct down_item *item, int64_t user_id, const char *topic)
{
    assert_int_equal(item->kind, DOWN_GRANTED);
    assert_int_equal(item->granted.actor.user_id, user_id);
    assert_true(bytes_eq_str(item->granted.topic, topic));
}

static struct credentials bearer_of(int64_t user_id)
{
    const char *token = bench_token(user_id, TOKEN_ACCESS);

    return (struct credentials){.authorization = bytes_str(bench_bearer(token))};
}

static void open_as(uint64_t conn, int64_t user_id, const char *room)
{
    struct credentials cred = bearer_of(user_id);

    bench_open(conn, &cred, room);
}

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

static struct credentials with_cookie(const char *cookie)
{
    return (struct credentials){.cookie = bytes_str(cookie)};
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

static void test_only_chat_is_served(void **state)
{
    struct up_envelope env = {.kind = UP_OPEN, .conn = 1};

    (void)state;
    env.open.endpoint = ENDPOINT_ECHO;
    env.open.cred = bearer_of(1);
    env.open.room = BYTES_LIT("general");
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    assert_refused(bench_answer(1), CODE_CHANNEL_NOT_FOUND, 4404);
}

/* ---- parts that are away ---- */

static const int FAILURES[] = {ERR_UNAVAILABLE, ERR_BUSY, ERR_NOMEM, ERR_REMOTE, ERR_TIMEOUT};
#define FAILURE_COUNT (sizeof(FAILURES) / sizeof(FAILURES[0]))

/* A session needs all three queries: session, user, channel. */
static void open_by_session(uint64_t conn)
{
    struct credentials cred = with_cookie(bench_session(1, bench_hash("alice"), NULL, false));

    bench_open(conn, &cred, "general");
}

static void test_store_away(void **state)
{
    uint64_t conn = 1;

    (void)state;
    for (unsigned nth = 1; nth <= 3; nth++) {
        for (int at_submit = 0; at_submit < 2; at_submit++) {
            for (size_t i = 0; i < FAILURE_COUNT; i++, conn++) {
                if (conn % 8 == 1) { /* the fake has room for a few sessions only */
                    bench_teardown(NULL);
                    assert_int_equal(bench_setup(NULL), 0);
                }
                fake_clock_forward(10000); /* nothing is in the cache */
                fake_store.fault =
                    (struct fake_fault){.nth = nth, .at_submit = at_submit, .err = FAILURES[i]};
                open_by_session(conn);
                assert_unavailable(bench_answer(conn));
            }
        }
    }
    fake_store.fault = (struct fake_fault){.nth = 0};
    open_by_session(conn);
    assert_granted(bench_answer(conn), 1, "chat:1");
}

static void test_redis_away(void **state)
{
    uint64_t conn = 1;

    (void)state;
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        for (size_t i = 0; i < FAILURE_COUNT; i++, conn++) {
            fake_redis_fault =
                (struct fake_fault){.nth = 1, .at_submit = at_submit, .err = FAILURES[i]};
            open_as(conn, 1, "general");
            assert_unavailable(bench_answer(conn));
        }
    }
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 0);
}

static void test_without_memory(void **state)
{
    size_t refused = 0;
    const struct down_item *item;

    (void)state;
    for (size_t nth = 1;; nth++) {
        struct credentials cred = bearer_of(1);

        fake_clock_forward(10000);
        mem_fail_after(nth);
        bench_open(nth, &cred, "general");
        item = bench_answer(nth);
        mem_fail_after(0);
        if (item->kind == DOWN_GRANTED) {
            break;
        }
        assert_unavailable(item);
        refused++;
        assert_true(nth < 100);
    }
    assert_true(refused >= 3);
}

static void test_lost_answer(void **state)
{
    (void)state;
    fake_egress_fault = (struct fake_fault){.nth = 1, .err = ERR_UNAVAILABLE};
    open_as(1, 1, "general");
    bench_no_answer();
    assert_true(bench_logged("request_answer_lost"));
    open_as(1, 1, "general"); /* the gateway asks again */
    assert_granted(bench_answer(1), 1, "chat:1");
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 1);
}

/* ---- repeats, and people who have gone ---- */

static void test_repeated(void **state)
{
    (void)state;
    open_as(0xab, 1, "general");
    open_as(0xab, 1, "general"); /* while the first is under way: one answer */
    assert_granted(bench_answer(0xab), 1, "chat:1");
    open_as(0xab, 1, "general"); /* and after it: the same answer, the same place */
    assert_granted(bench_answer(0xab), 1, "chat:1");
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 1);
    assert_true(fake_redis_has_field(ALICE_PLACES, GATEWAY "/ab"));
}

static void test_same_conn_of_two_gateways(void **state)
{
    struct up_envelope env = {.kind = UP_OPEN, .conn = 1};

    (void)state;
    open_as(1, 1, "general");
    env.open.endpoint = ENDPOINT_CHAT;
    env.open.cred = bearer_of(1);
    env.open.room = BYTES_LIT("general");
    requests_start(bench.requests, BYTES_LIT("gw2.bb"), &env);
    fake_run_all();
    assert_int_equal(fake_answers(), 2);
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 2);
}

/* Gone after any number of steps: no answer, no place; the request's place is free again. */
static void test_gone_at_every_step(void **state)
{
    const struct metric *running = metric_gauge("requests_running", "", NULL);

    (void)state;
    for (uint64_t steps = 0;; steps++) {
        fake_clock_forward(10000);
        open_as(steps + 1, 1, "general");
        for (uint64_t i = 0; i < steps; i++) {
            assert_true(fake_run_one());
        }
        if (fake_waiting() == 0) {
            assert_granted(bench_answer(steps + 1), 1, "chat:1");
            assert_true(steps >= 3);
            break;
        }
        requests_connection_gone(bench.requests, BYTES_LIT(GATEWAY), steps + 1, 0);
        bench_no_answer();
        assert_int_equal(fake_redis_hlen(ALICE_PLACES), 0);
        assert_true(metric_value(running, NULL) == 0);
    }
}

static void test_gone_gives_the_place_back(void **state)
{
    (void)state;
    open_as(7, 1, "general");
    assert_granted(bench_answer(7), 1, "chat:1");
    requests_connection_gone(bench.requests, BYTES_LIT(GATEWAY), 8, 1);
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 1);
    requests_connection_gone(bench.requests, BYTES_LIT(GATEWAY), 7, 1);
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 0);
    fake_redis_fault =
        (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = true, .err = ERR_UNAVAILABLE};
    requests_connection_gone(bench.requests, BYTES_LIT(GATEWAY), 7, 1);
    assert_true(bench_logged("user_slot_kept"));
}

static void test_freed_under_way(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 4; steps++) {
        open_as(steps + 1, 1, "general");
        bench_post(100 + steps, "/api/token/",
                   "{\"username\":\"alice\",\"password\":\"alice-password\"}");
        for (unsigned i = 0; i < steps; i++) {
            fake_run_one();
        }
        size_t answered = fake_answers();
        bench_restart();
        fake_run_all();
        assert_int_equal(fake_answers(), answered);
    }
}

static void test_table_full(void **state)
{
    struct credentials cred = bearer_of(1);
    size_t answers;

    (void)state;
    bench.conf.connections_per_user = 0;
    bench_restart();
    for (uint64_t conn = 1; conn <= REQUESTS_MAX; conn++) {
        bench_open(conn, &cred, "nowhere");
    }
    assert_int_equal(fake_answers(), 0);
    bench_open(REQUESTS_MAX + 1, &cred, "nowhere");
    assert_int_equal(fake_answers(), 1);
    assert_unavailable(&fake_answer(0)->item);
    bench_post(REQUESTS_MAX + 2, "/api/token/verify/", "{\"token\":\"x\"}");
    assert_int_equal(fake_answers(), 2);
    assert_int_equal(fake_answer(1)->item.http.status, 503);
    bench_open(1, &cred, "nowhere"); /* a repeat is no further one */
    fake_run_all();
    answers = fake_answers();
    assert_int_equal(answers, REQUESTS_MAX + 2);
    bench_open(REQUESTS_MAX + 3, &cred, "nowhere");
    fake_run_all();
    assert_int_equal(fake_answers(), answers + 1);
    assert_int_equal(fake_answer(answers)->item.refused.code, CODE_CHANNEL_NOT_FOUND);
}

static void test_users_are_cached_for_two_seconds(void **state)
{
    (void)state;
    open_as(1, 1, "general");
    assert_granted(bench_answer(1), 1, "chat:1");
    fake_store_put_user(1, "alice", bench_hash("alice"), false);
    fake_clock_forward(1999);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_credentials),
        TEST(test_granted_actor_is_whole),
        TEST(test_rooms),
        TEST(test_who_is_nobody_learns_nothing_of_rooms),
        TEST(test_only_chat_is_served),
        TEST(test_store_away),
        TEST(test_redis_away),
        TEST(test_without_memory),
        TEST(test_lost_answer),
        TEST(test_repeated),
        TEST(test_same_conn_of_two_gateways),
        TEST(test_gone_at_every_step),
        TEST(test_gone_gives_the_place_back),
        TEST(test_freed_under_way),
        TEST(test_table_full),
        TEST(test_users_are_cached_for_two_seconds),
        TEST(test_unsound_envelopes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
