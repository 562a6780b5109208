/* SPDX-License-Identifier: MIT */
/* Openings when something is in the way: every part away at every step, no memory, a full table,
 * repeats, and people who have gone. */
#include "common/mem.h"
#include "common/metrics.h"
#include "requests_answers.h"

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
    const struct up_envelope history = {
        .kind = UP_HISTORY,
        .conn = REQUESTS_MAX + 4,
        .history = {.topic = BYTES_LIT("chat:1"), .after = 3, .until = 9}};
    const struct down_history *page;
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
    requests_start(bench.requests, bytes_str(GATEWAY), &history);
    assert_int_equal(fake_answers(), 3);
    page = &fake_answer(2)->item.history;
    assert_true(bytes_eq_str(page->topic, "chat:1")); /* it names what was asked for */
    assert_int_equal(page->after, 3);
    assert_int_equal(page->until, 3);
    bench_open(1, &cred, "nowhere"); /* a repeat is no further one */
    fake_run_all();
    answers = fake_answers();
    assert_int_equal(answers, REQUESTS_MAX + 3);
    bench_open(REQUESTS_MAX + 3, &cred, "nowhere");
    fake_run_all();
    assert_int_equal(fake_answers(), answers + 1);
    assert_int_equal(fake_answer(answers)->item.refused.code, CODE_CHANNEL_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_store_away),         TEST(test_redis_away),
        TEST(test_without_memory),     TEST(test_lost_answer),
        TEST(test_repeated),           TEST(test_same_conn_of_two_gateways),
        TEST(test_gone_at_every_step), TEST(test_gone_gives_the_place_back),
        TEST(test_freed_under_way),    TEST(test_table_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
