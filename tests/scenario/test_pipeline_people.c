/* SPDX-License-Identifier: MIT */
/* What is done for the sockets of people: after what is ahead is committed, before the batch counts
 * as delivered, and again when it failed. */
#include <stdio.h>

#include "proto/stream_keys.h"
#include "tests/scenario/pipeline_bench.h"

#define START ((struct entry_id){FAKE_WALL_START_MS, 0})
#define USER 11 /* of bench_join() */

static uint32_t partition;
static char topic[32];

static int set_up(void **state)
{
    (void)snprintf(topic, sizeof(topic), "user:%d", USER);
    if (bench_set_up(state) != 0) {
        return -1;
    }
    partition = partition_of(bytes_str(topic), bench.conf.partitions);
    bench_own(partition, START);
    return 0;
}

/* The record of the users of the partition: nobody, or one at the bench's gateway. */
static void users_done(void)
{
    const struct redis_value list = {.type = REDIS_LIST};

    fake_redis_answer(0, fake_redis_find(0, "HGETALL", "users"), 0, &list);
    fake_loop_pass(bench.loop, 0);
}

static void people_done(int err)
{
    const struct user_op_row row = {.op = 0, .user_id = USER, .seq = 4, .unread_count = 1};
    size_t rows = err == 0 && bench_op(OP_PEOPLE)->what == OP_OPEN;
    struct op *op = bench_op(OP_PEOPLE);
    store_user_ops_fn *fn = (store_user_ops_fn *)op->fn;
    void *arg = op->arg;

    bench_forget(op);
    fn(arg, err, &row, rows);
    fake_loop_pass(bench.loop, 0);
}

static void a_socket_opens(void **state)
{
    (void)state;
    bench_join(partition, 1, topic, 7);
    assert_int_equal(bench_ops(OP_PEOPLE), 0); /* who else is there is not known yet */
    users_done();
    assert_int_equal(bench_ops(OP_COMMIT), 0);
    assert_int_equal(bench_ops(OP_PEOPLE), 1);
    assert_int_equal(bench_op(OP_PEOPLE)->id, USER);
    assert_int_equal(bench.deliveries, 0);
    people_done(0);
    assert_int_equal(bench.deliveries, 1);
    assert_true(entry_id_cmp(bench_partition(partition)->delivered, START) == 0);
    bench_deliveries_done(0);
    assert_int_equal(bench_partition(partition)->delivered.ms, FAKE_WALL_START_MS + 1);
}

static void the_record_is_read_once(void **state)
{
    (void)state;
    bench_join(partition, 1, topic, 7);
    users_done();
    people_done(0);
    bench_deliveries_done(0);
    bench_join(partition, 2, topic, 8);
    assert_null(fake_redis_find(0, "HGETALL", "users"));
    assert_int_equal(bench_ops(OP_PEOPLE), 1);
}

static void a_failure_runs_it_again(void **state)
{
    (void)state;
    bench_join(partition, 1, topic, 7);
    users_done();
    people_done(ERR_UNAVAILABLE);
    assert_int_equal(bench.deliveries, 0);
    assert_int_equal(bench_partition(partition)->state, PARTITION_CLAIMING);
}

static void of_a_lost_partition_nothing_is_told(void **state)
{
    (void)state;
    bench_join(partition, 1, topic, 7);
    users_done();
    pipeline_drop_all(bench.pl);
    people_done(0);
    assert_int_equal(bench.deliveries, 0);
}

/* ---- last sockets that are gone without a word ---- */

static void a_socket_is_there(void)
{
    bench_join(partition, 1, topic, 7);
    users_done();
    people_done(0);
    bench_deliveries_done(0);
}

static struct fake_command *forgetting(void)
{
    return fake_redis_find(0, "EVAL", "users");
}

static void a_gateway_dies(void **state)
{
    (void)state;
    a_socket_is_there();
    pipeline_gateway_dead(bench.pl, BENCH_GATEWAY);
    fake_loop_pass(bench.loop, 0);
    assert_int_equal(bench_op(OP_PEOPLE)->what, OP_GONE);
    assert_int_equal(bench_op(OP_PEOPLE)->id, USER);
    assert_null(forgetting()); /* whoever takes over now must find them */
    people_done(0);
    assert_non_null(forgetting());
    assert_int_equal(bench.deliveries, 0);
    pipeline_gateway_dead(bench.pl, BENCH_GATEWAY);
    fake_loop_pass(bench.loop, 0);
    assert_int_equal(bench_ops(OP_PEOPLE), 0);
}

static void a_gateway_dies_while_the_database_is_away(void **state)
{
    (void)state;
    a_socket_is_there();
    pipeline_gateway_dead(bench.pl, BENCH_GATEWAY);
    fake_loop_pass(bench.loop, 0);
    people_done(ERR_UNAVAILABLE);
    assert_null(forgetting());
    assert_int_equal(bench_partition(partition)->state, PARTITION_CLAIMING);
}

static void another_gateway_dies(void **state)
{
    (void)state;
    a_socket_is_there();
    pipeline_gateway_dead(bench.pl, BYTES_LIT("gw.2"));
    fake_loop_pass(bench.loop, 0);
    assert_int_equal(bench_ops(OP_PEOPLE), 0);
}

static void a_socket_breaks(void **state)
{
    (void)state;
    a_socket_is_there();
    bench_leave(partition, 2, topic, 7, false);
    assert_int_equal(bench_op(OP_PEOPLE)->what, OP_BROKE);
    assert_int_equal(bench_op(OP_PEOPLE)->id, USER);
    people_done(0);
    assert_int_equal(bench_partition(partition)->delivered.ms, FAKE_WALL_START_MS + 2);
    bench_leave(partition, 3, topic, 7, false); /* again, after a takeover */
    assert_int_equal(bench_ops(OP_PEOPLE), 1);
}

static void not_the_last_one(void **state)
{
    (void)state;
    a_socket_is_there();
    bench_join(partition, 2, topic, 8);
    people_done(0);
    bench_deliveries_done(0);
    bench_leave(partition, 3, topic, 7, false);
    assert_int_equal(bench_ops(OP_PEOPLE), 0);
}

static void a_close_frame_is_a_word(void **state)
{
    (void)state;
    a_socket_is_there();
    bench_leave(partition, 2, topic, 7, true);
    assert_int_equal(bench_ops(OP_PEOPLE), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_socket_opens),          TEST(the_record_is_read_once),
        TEST(a_failure_runs_it_again), TEST(of_a_lost_partition_nothing_is_told),
        TEST(a_gateway_dies),          TEST(a_gateway_dies_while_the_database_is_away),
        TEST(another_gateway_dies),    TEST(a_socket_breaks),
        TEST(not_the_last_one),        TEST(a_close_frame_is_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
