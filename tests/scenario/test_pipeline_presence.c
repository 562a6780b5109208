/* SPDX-License-Identifier: MIT */
/* What people are shown as is told first and stored then; a death on either side of the telling
 * leaves a repeat, never a change that nobody hears of. */
#include <stdio.h>
#include <string.h>

#include "proto/stream_keys.h"
#include "tests/scenario/pipeline_bench.h"

#define START ((struct entry_id){FAKE_WALL_START_MS, 0})
#define AT(n) ((struct entry_id){FAKE_WALL_START_MS + (n), 0})
#define USER 11 /* of bench_join() */
#define TICK_MS 100u

static uint32_t partition;

static int set_up(void **state)
{
    if (bench_set_up(state) != 0) {
        return -1;
    }
    bench.conf.lease_ms = 60000; /* nobody renews it here */
    partition = partition_of(BYTES_LIT(TOPIC_STATUS), bench.conf.partitions);
    bench_own(partition, START);
    return 0;
}

static void pass(uint32_t ms)
{
    fake_loop_pass(bench.loop, ms);
    fake_loop_pass(bench.loop, 0);
}

/* The room's record and what is stored: of nobody, or of the user. */
static void load(const char *shown)
{
    static const struct redis_value fields[] = {
        {.type = REDIS_STR, .text = {"gw.1/7", 6}},
        {.type = REDIS_STR, .text = {"11 bob", 6}},
    };
    const struct redis_value list = {.type = REDIS_LIST, .items = fields, .count = shown ? 2u : 0u};
    const struct presence_row row = {.user_id = USER,
                                     .username = BYTES_LIT("bob"),
                                     .chosen = bytes_str(shown ? shown : ""),
                                     .shown = bytes_str(shown ? shown : "")};
    struct op *op;
    store_presence_fn *fn;
    void *arg;

    fake_redis_answer(0, fake_redis_find(0, "HGETALL", "status"), 0, &list);
    op = bench_op(OP_SHOWN);
    fn = (store_presence_fn *)op->fn;
    arg = op->arg;
    bench_forget(op);
    fn(arg, 0, &row, shown ? 1 : 0);
    pass(0);
}

static void stored(int err)
{
    struct op *op = bench_op(OP_PRESENCE);
    store_done_fn *fn = (store_done_fn *)op->fn;
    void *arg = op->arg;

    bench_forget(op);
    fn(arg, err);
    pass(0);
}

static void tell(const char *shown)
{
    pass(TICK_MS);
    assert_int_equal(bench.deliveries, 1);
    assert_int_equal(bench_ops(OP_PRESENCE), 0); /* not before they have heard of it */
    bench_deliveries_done(0);
    assert_int_equal(bench_ops(OP_PRESENCE), 1);
    assert_int_equal(bench_op(OP_PRESENCE)->id, USER);
    assert_string_equal(bench_op(OP_PRESENCE)->shown, shown);
}

static bool is_watermark_at(uint64_t n)
{
    char id[ENTRY_ID_TEXT_MAX];

    entry_id_format(AT(n), id);
    return fake_redis_find(0, "EVAL", id) != NULL;
}

/* Online, told and stored; then chosen, acknowledged. */
static void somebody_is_busy(void)
{
    bench_join(partition, 1, TOPIC_STATUS, 7);
    load(NULL);
    bench_deliveries_done(0);
    tell("online");
    stored(0);
    bench_choose(partition, 2, 7, "busy");
    bench_deliveries_done(0);
    assert_true(entry_id_cmp(bench_partition(partition)->delivered, AT(2)) == 0);
    pass(WATERMARK_INTERVAL_MS);
    assert_true(is_watermark_at(1));
    assert_false(is_watermark_at(2));
}

static void it_is_told_then_stored(void **state)
{
    (void)state;
    somebody_is_busy();
    tell("busy");
    pass(WATERMARK_INTERVAL_MS);
    assert_false(is_watermark_at(2)); /* who takes over now must read it */
    stored(0);
    pass(WATERMARK_INTERVAL_MS);
    assert_true(is_watermark_at(2));
    pass(10 * TICK_MS);
    assert_int_equal(bench.deliveries, 0);
    assert_int_equal(bench_ops(OP_PRESENCE), 0);
}

/* A successor reads from the watermark on; stored is what was before. */
static void a_successor(void)
{
    pipeline_drop_all(bench.pl);
    bench_deliveries_done(ERR_UNAVAILABLE);
    while (bench_ops(OP_PRESENCE) > 0) {
        stored(ERR_UNAVAILABLE);
    }
    bench_own(partition, AT(1));
    bench_choose(partition, 2, 7, "busy");
    load("online");
    bench_deliveries_done(0); /* the acknowledgement */
    tell("busy");
    stored(0);
}

static void a_death_before_it_is_told(void **state)
{
    (void)state;
    somebody_is_busy();
    pass(TICK_MS);
    assert_int_equal(bench.deliveries, 1);
    a_successor();
}

static void a_death_before_it_is_stored(void **state)
{
    (void)state;
    somebody_is_busy();
    tell("busy");
    a_successor(); /* tells it again */
}

static void what_cannot_be_stored_is_done_again(void **state)
{
    (void)state;
    somebody_is_busy();
    tell("busy");
    stored(ERR_UNAVAILABLE);
    assert_int_equal(bench_partition(partition)->state, PARTITION_CLAIMING);
}

static void what_the_database_refuses_holds_up_nobody(void **state)
{
    (void)state;
    somebody_is_busy();
    tell("busy");
    stored(ERR_REMOTE);
    assert_int_equal(bench_partition(partition)->state, PARTITION_ACTIVE);
    pass(WATERMARK_INTERVAL_MS);
    assert_true(is_watermark_at(2));
}

static void who_gives_it_up_tells_what_is_left(void **state)
{
    (void)state;
    somebody_is_busy();
    pipeline_drain(bench.pl, bench_partition(partition));
    pass(0);
    tell("busy");
    assert_int_equal(bench_partition(partition)->state, PARTITION_DRAINING);
    stored(0);
    while (fake_redis_find(0, "EVAL", "SETID")) {
        bench_answer_int("EVAL", "SETID", 1);
    }
    assert_int_equal(bench_partition(partition)->state, PARTITION_NONE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_told_then_stored),
        TEST(a_death_before_it_is_told),
        TEST(a_death_before_it_is_stored),
        TEST(what_cannot_be_stored_is_done_again),
        TEST(what_the_database_refuses_holds_up_nobody),
        TEST(who_gives_it_up_tells_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
