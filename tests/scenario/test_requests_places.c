/* SPDX-License-Identifier: MIT */
/* The limit of sockets per user: exact, over all gateways, without the places of dead gateways,
 * and honest when Redis fails in the middle of counting. */
#include "requests_bench.h"

#include <stdio.h>
#include <string.h>

#define LIMIT 3u
#define OTHER "gw2.00000000000000bb"
#define DEAD "gw3.00000000000000cc"

static int setup(void **state)
{
    int err = bench_setup(state);

    bench.conf.connections_per_user = LIMIT;
    bench_restart();
    fake_redis_set("kb:gw:{" OTHER "}");
    return err;
}

static const struct down_item *open_one(uint64_t conn)
{
    struct credentials cred = {.authorization =
                                   bytes_str(bench_bearer(bench_token(1, TOKEN_ACCESS)))};

    bench_open(conn, &cred, "general");
    return bench_answer(conn);
}

static void assert_too_many(const struct down_item *item)
{
    assert_int_equal(item->kind, DOWN_REFUSED);
    assert_int_equal(item->refused.code, CODE_RATE_LIMIT_EXCEEDED);
    assert_int_equal(item->refused.close, 4429);
}

static void test_limit_is_exact(void **state)
{
    (void)state;
    for (uint64_t conn = 1; conn <= LIMIT; conn++) {
        assert_int_equal(open_one(conn)->kind, DOWN_GRANTED);
    }
    assert_too_many(open_one(LIMIT + 1));
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), LIMIT);
    assert_false(fake_redis_has_field(ALICE_PLACES, GATEWAY "/4"));
    requests_connection_gone(bench.requests, BYTES_LIT(GATEWAY), 2, 1);
    assert_int_equal(open_one(LIMIT + 2)->kind, DOWN_GRANTED);
    assert_too_many(open_one(LIMIT + 3));
}

static void test_many_at_once(void **state)
{
    struct credentials cred = {.authorization =
                                   bytes_str(bench_bearer(bench_token(1, TOKEN_ACCESS)))};
    size_t granted = 0;

    (void)state;
    for (uint64_t conn = 1; conn <= 20; conn++) {
        bench_open(conn, &cred, "general");
    }
    fake_run_all();
    assert_int_equal(fake_answers(), 20);
    for (size_t i = 0; i < 20; i++) {
        granted += fake_answer(i)->item.kind == DOWN_GRANTED;
    }
    assert_int_equal(granted, LIMIT);
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), LIMIT);
}

static void test_repeat_at_the_limit(void **state)
{
    (void)state;
    for (uint64_t conn = 1; conn <= LIMIT; conn++) {
        assert_int_equal(open_one(conn)->kind, DOWN_GRANTED);
    }
    /* Somebody else's place, still being counted. */
    fake_redis_hset(ALICE_PLACES, OTHER "/1");
    assert_int_equal(open_one(LIMIT)->kind, DOWN_GRANTED);
}

static void test_no_limit(void **state)
{
    (void)state;
    bench.conf.connections_per_user = 0;
    bench_restart();
    for (uint64_t conn = 1; conn <= 60; conn++) {
        assert_int_equal(open_one(conn)->kind, DOWN_GRANTED);
    }
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 60);
}

static void test_other_gateways_count_while_alive(void **state)
{
    (void)state;
    fake_redis_hset(ALICE_PLACES, OTHER "/1");
    fake_redis_hset(ALICE_PLACES, OTHER "/2");
    assert_int_equal(open_one(1)->kind, DOWN_GRANTED);
    assert_too_many(open_one(2));
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), LIMIT);
}

static void test_places_of_the_dead_are_freed(void **state)
{
    (void)state;
    fake_redis_hset(ALICE_PLACES, OTHER "/1");
    fake_redis_hset(ALICE_PLACES, DEAD "/1");
    fake_redis_hset(ALICE_PLACES, DEAD "/2");
    assert_int_equal(open_one(1)->kind, DOWN_GRANTED);
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 2);
    assert_true(fake_redis_has_field(ALICE_PLACES, OTHER "/1"));
    assert_true(fake_redis_has_field(ALICE_PLACES, GATEWAY "/1"));
}

/* Nothing in Redis is trusted: odd fields count, but do no harm. */
static void test_odd_fields(void **state)
{
    char field[320];

    (void)state;
    memset(field, 'x', sizeof(field));
    snprintf(field + 200, sizeof(field) - 200, "/1");
    fake_redis_hset(ALICE_PLACES, field);
    fake_redis_hset(ALICE_PLACES, "no slash");
    fake_redis_hset(ALICE_PLACES, "/");
    assert_too_many(open_one(1));
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 3);
}

/* More gateways than one sweep looks at: the next sweep finds the rest. */
static void test_many_dead_gateways(void **state)
{
    char field[64];

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(field, sizeof(field), "dead%u.ff/1", i);
        fake_redis_hset(ALICE_PLACES, field);
    }
    assert_too_many(open_one(1));
    assert_int_equal(open_one(2)->kind, DOWN_GRANTED);
    assert_int_equal(fake_redis_hlen(ALICE_PLACES), 1);
}

static void test_untouched_hash_lives_a_day(void **state)
{
    (void)state;
    assert_int_equal(open_one(1)->kind, DOWN_GRANTED);
    assert_int_equal(fake_redis_ttl_ms(ALICE_PLACES), 86400000);
    fake_clock_forward(1800000);
    assert_int_equal(fake_redis_ttl_ms(ALICE_PLACES), 86400000 - 1800000);
    assert_int_equal(open_one(2)->kind, DOWN_GRANTED);
    assert_int_equal(fake_redis_ttl_ms(ALICE_PLACES), 86400000);
}

static void fill(void)
{
    fake_redis_reset();
    fake_redis_set("kb:gw:{" OTHER "}");
    fake_redis_hset(ALICE_PLACES, OTHER "/1");
    fake_redis_hset(ALICE_PLACES, DEAD "/1");
    fake_redis_hset(ALICE_PLACES, DEAD "/2");
}

/* EVAL, HKEYS, EXISTS twice, HDEL, HLEN: whichever fails, the answer says so and the place of
 * who was not let in is given up as soon as Redis allows. */
static void test_redis_fails_while_counting(void **state)
{
    static const int failures[] = {ERR_UNAVAILABLE, ERR_REMOTE};
    uint64_t conn = 1;

    (void)state;
    for (unsigned nth = 1; nth <= 6; nth++) {
        for (unsigned variant = 0; variant < 4; variant++, conn++) {
            const struct down_item *item;

            fill();
            fake_redis_fault = (struct fake_fault){
                .nth = nth, .at_submit = variant & 1, .err = failures[variant / 2]};
            item = open_one(conn);
            if (nth == 5 && !(variant & 1)) {
                /* Nobody waits for the answer to HDEL; the count after it decides. */
                assert_too_many(item);
            } else {
                assert_int_equal(item->kind, DOWN_REFUSED);
                assert_int_equal(item->refused.code, CODE_SERVICE_UNAVAILABLE);
            }
            assert_true(fake_redis_hlen(ALICE_PLACES) <= 3);
            assert_true(fake_redis_has_field(ALICE_PLACES, OTHER "/1"));
        }
    }
}

static void test_gone_while_counting(void **state)
{
    struct credentials cred = {.authorization =
                                   bytes_str(bench_bearer(bench_token(1, TOKEN_ACCESS)))};

    (void)state;
    for (uint64_t steps = 0; steps < 12; steps++) {
        fill();
        fake_clock_forward(10000);
        bench_open(steps + 1, &cred, "general");
        for (uint64_t i = 0; i < steps && fake_waiting() > 0; i++) {
            fake_run_one();
        }
        requests_connection_gone(bench.requests, BYTES_LIT(GATEWAY), steps + 1, 1);
        fake_run_all();
        assert_true(fake_redis_has_field(ALICE_PLACES, OTHER "/1"));
        for (uint64_t conn = 1; conn <= steps + 1; conn++) {
            char field[64];

            snprintf(field, sizeof(field), GATEWAY "/%x", (unsigned)conn);
            assert_false(fake_redis_has_field(ALICE_PLACES, field));
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_limit_is_exact),
        TEST(test_many_at_once),
        TEST(test_repeat_at_the_limit),
        TEST(test_no_limit),
        TEST(test_other_gateways_count_while_alive),
        TEST(test_places_of_the_dead_are_freed),
        TEST(test_odd_fields),
        TEST(test_many_dead_gateways),
        TEST(test_untouched_hash_lives_a_day),
        TEST(test_redis_fails_while_counting),
        TEST(test_gone_while_counting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
