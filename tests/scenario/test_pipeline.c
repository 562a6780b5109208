/* SPDX-License-Identifier: MIT */
/* The order of effects when things fail: two commits in flight, takeovers, leases, Redis that
 * takes deliveries slowly or has forgotten its streams. */
#include "tests/scenario/pipeline_bench.h"

#include <stdio.h>

static const struct entry_id START = {FAKE_WALL_START_MS, 0};
#define AT(ms) ((struct entry_id){FAKE_WALL_START_MS + (ms), 0})

static void assert_at(struct entry_id got, struct entry_id expected)
{
    assert_int_equal(entry_id_cmp(got, expected), 0);
}

/* A room that is known, with all that was said in it delivered. */
static void warm_up(uint32_t partition, unsigned topic, uint64_t entry, uint64_t last_seq)
{
    bench_say(partition, entry, bench_topic(partition, topic), NULL);
    bench_channel_done(last_seq);
    bench_commit_done(0);
    bench_deliveries_done(0);
}

/* ---- two commits in flight ---- */

static void commits_of_a_partition_are_chained(void **state)
{
    (void)state;
    bench_own(0, START);
    warm_up(0, 0, 1, 7);
    bench_say(0, 2, bench_topic(0, 0), NULL);
    bench_say(0, 3, bench_topic(0, 0), NULL);
    bench_say(0, 4, bench_topic(0, 0), NULL);
    assert_int_equal(bench_ops(OP_COMMIT), 2);
    assert_at(bench_op(OP_COMMIT)->position.expected, AT(1));
    assert_at(bench_op(OP_COMMIT)->position.last, AT(2));
    assert_int_equal(bench_op(OP_COMMIT)->first.seq, 9);
    assert_int_equal(bench.deliveries, 0);
    bench_commit_done(0);
    assert_at(bench_op(OP_COMMIT)->position.expected, AT(2));
    assert_int_equal(bench_op(OP_COMMIT)->first.seq, 10);
    assert_int_equal(bench.deliveries, 1);
    bench_commit_done(0);
    assert_at(bench_op(OP_COMMIT)->position.expected, AT(3));
}

static void nothing_is_delivered_before_the_commits_ahead(void **state)
{
    (void)state;
    bench_own(0, START);
    bench_own(1, START);
    warm_up(0, 0, 1, 7);
    warm_up(1, 0, 1, 7);
    bench_say(0, 2, bench_topic(0, 0), NULL);
    bench_join(1, 2, bench_topic(1, 0), 9); /* needs no commit of its own */
    assert_int_equal(bench_ops(OP_COMMIT), 1);
    assert_int_equal(bench.deliveries, 0);
    bench_commit_done(0);
    assert_int_equal(bench.deliveries, 2);
}

static void a_repeat_is_looked_up_once_for_all_that_fail_with_it(void **state)
{
    const struct content_row first = {.id = 5,
                                      .channel_id = 1,
                                      .author_id = 10,
                                      .content = BYTES_LIT("hello"),
                                      .client_id = BYTES_LIT("same"),
                                      .seq = 3,
                                      .origin = {0, {1, 0}, 0}};
    (void)state;
    bench_own(0, START);
    warm_up(0, 0, 1, 7);
    bench_say(0, 2, bench_topic(0, 0), "same");
    bench_say(0, 3, bench_topic(0, 0), "other");
    bench_commit_done(ERR_CONFLICT);
    bench_commit_done(ERR_STATE);
    assert_int_equal(bench_op(OP_CLIENTS)->key_count, 2);
    assert_null(fake_redis_find(0, "GET", NULL)); /* nothing is taken over before the answer */
    bench_clients_done(&first, 1);
    assert_int_equal(bench_partition(0)->state, PARTITION_CLAIMING);
    assert_int_equal(fake_redis_count(0, "GET", NULL), 1);
    assert_int_equal(bench.deliveries, 0);
}

/* The takeover that follows a failure; nothing was delivered meanwhile. */
static void retake(void)
{
    bench_answer("GET", "lease:", 0, "me");
    bench_claim_done(START, 0);
    bench_streams_done("0-0", "1800000000000-0");
    bench_rows_done(NULL, 0);
}

/* Each failure starts all anew: what the one before it has learned must not be forgotten, else
 * they take turns for ever. */
static void repeats_of_several_batches_do_not_take_turns(void **state)
{
    const struct content_row first = {
        .id = 5, .channel_id = 1, .author_id = 10, .client_id = BYTES_LIT("a"), .seq = 3};
    const struct content_row other = {
        .id = 6, .channel_id = 1, .author_id = 10, .client_id = BYTES_LIT("b"), .seq = 4};
    struct content_row rows[] = {first, other};
    int64_t channel;

    (void)state;
    assert_int_equal(topic_channel(bytes_str(bench_topic(0, 0)), &channel), 0);
    rows[0].channel_id = rows[1].channel_id = channel;
    bench_own(0, START);
    bench_say(0, 1, bench_topic(0, 0), "a");
    bench_channel_done(7);
    bench_commit_done(ERR_CONFLICT);
    bench_clients_done(&rows[0], 1);
    retake();
    bench_say(0, 1, bench_topic(0, 0), "a");
    bench_channel_done(7);
    assert_int_equal(bench_ops(OP_COMMIT), 0); /* answered by the first copy */
    bench_say(0, 2, bench_topic(0, 0), "b");
    bench_commit_done(ERR_CONFLICT);
    bench_clients_done(&rows[1], 1);
    retake();
    bench_say(0, 1, bench_topic(0, 0), "a");
    bench_channel_done(7);
    bench_say(0, 2, bench_topic(0, 0), "b");
    assert_int_equal(bench_ops(OP_COMMIT), 0);
}

static void a_refused_batch_is_run_entry_by_entry(void **state)
{
    (void)state;
    bench_own(0, START);
    warm_up(0, 0, 1, 7);
    assert_false(pipeline_wants_single_entries(bench.pl));
    bench_say(0, 2, bench_topic(0, 0), NULL);
    bench_commit_done(ERR_REMOTE);
    assert_true(pipeline_wants_single_entries(bench.pl));
    assert_non_null(fake_redis_find(0, "XADD", "dead:in")); /* it was alone: this is the one */
    assert_int_equal(bench_partition(0)->state, PARTITION_CLAIMING);
}

static void a_batch_dropped_in_flight_outlives_its_completions(void **state)
{
    (void)state;
    bench_own(0, START);
    warm_up(0, 0, 1, 7);
    bench_say(0, 2, bench_topic(0, 0), NULL);
    bench_say(0, 3, bench_topic(0, 0), NULL);
    pipeline_lose(bench.pl, bench_partition(0));
    assert_int_equal(bench_ops(OP_COMMIT), 2);
    bench_commit_done(0);
    bench_commit_done(ERR_STATE);
    assert_int_equal(bench.deliveries, 0);
    assert_true(pipeline_is_idle(bench.pl));
}

/* ---- takeovers ---- */

static void nothing_is_claimed_under_another_ones_lease(void **state)
{
    (void)state;
    pipeline_take(bench.pl, bench_partition(0));
    bench_answer("GET", "lease:", 0, "somebody");
    assert_int_equal(bench_ops(OP_CLAIM), 0);
    fake_loop_pass(bench.loop, 100);
    bench_answer("GET", "lease:", 0, NULL); /* it ran out */
    assert_int_equal(bench_ops(OP_CLAIM), 1);
}

static void a_takeover_under_way_is_not_begun_again(void **state)
{
    uint32_t generation;
    (void)state;
    bench_take(0); /* a slow claim… */
    generation = bench_partition(0)->generation;
    pipeline_take(bench.pl, bench_partition(1));
    bench_answer("GET", "lease:", ERR_REMOTE, "ERR"); /* …while another one fails */
    fake_loop_pass(bench.loop, 200);
    assert_int_equal(bench_partition(0)->generation, generation);
    assert_int_equal(bench_ops(OP_CLAIM), 1);
    bench_claim_done(START, 0);
    bench_streams_done("0-0", "1800000000000-0");
    bench_rows_done(NULL, 0);
    assert_int_equal(bench_partition(0)->state, PARTITION_ACTIVE);
}

static void the_lowest_row_is_delivered_again_even_by_the_next(void **state)
{
    const struct content_row rows[] = {
        /* in the order of channels, not of ids */
        {.id = 90, .channel_id = 1, .seq = 1, .origin = {0, {10, 0}, 0}},
        {.id = 80, .channel_id = 2, .seq = 1, .origin = {0, {9, 0}, 0}},
    };
    (void)state;
    bench_take(0);
    bench_claim_done(START, 77);
    bench_streams_done("5-0", "1800000000000-0");
    assert_int_equal(bench_op(OP_ROWS)->id, 77);
    bench_rows_done(rows, 2);
    assert_int_equal(partition_redeliver_from(bench_partition(0), 1000), 80);
    assert_at(bench_partition(0)->watermark, (struct entry_id){5, 0});
    assert_at(bench_partition(0)->position, START);
}

static void many_rows_come_in_several_batches(void **state)
{
    enum { COUNT = 5000 };
    struct content_row *rows = calloc(COUNT, sizeof(*rows));
    (void)state;
    assert_non_null(rows);
    for (unsigned i = 0; i < COUNT; i++) {
        rows[i] = (struct content_row){.id = 1 + i,
                                       .channel_id = 1,
                                       .seq = 1 + i,
                                       .content = BYTES_LIT("hello"),
                                       .origin = {0, {10 + i, 0}, 0}};
    }
    bench_take(0);
    bench_claim_done(START, 1);
    bench_streams_done("5-0", "1800000000000-0");
    bench_rows_done(rows, COUNT);
    free(rows);
    assert_false(pipeline_has_room(bench.pl)); /* three batches: nothing is read before */
    bench_channel_done(COUNT);
    assert_int_equal(bench.deliveries, 3);
    assert_int_equal(bench.sections, COUNT);
    bench_deliveries_done(0);
    assert_true(pipeline_has_room(bench.pl));
}

static void a_drained_takeover_gives_the_lease_back(void **state)
{
    unsigned calls;
    (void)state;
    bench_take(0);
    calls = bench.room_calls;
    pipeline_drain(bench.pl, bench_partition(0));
    assert_int_equal(bench_partition(0)->state, PARTITION_NONE);
    assert_true(bench.room_calls > calls);
    bench_claim_done(START, 0); /* too late: forgotten */
    assert_int_equal(bench_partition(0)->state, PARTITION_NONE);
}

/* ---- leases ---- */

static void who_slept_past_its_lease_answers_nothing(void **state)
{
    (void)state;
    bench_own(0, START);
    warm_up(0, 0, 1, 7);
    fake_clock_forward(bench.conf.lease_ms);
    bench_join(0, 2, bench_topic(0, 0), 9);
    fake_loop_pass(bench.loop, 200);
    assert_int_equal(bench.deliveries, 0);
    bench_partition(0)->lease_until_ms = UINT64_MAX; /* nobody else had wanted it */
    fake_loop_pass(bench.loop, 200);
    assert_int_equal(bench.deliveries, 1);
}

/* ---- Redis ---- */

static void the_watermark_follows_what_was_delivered(void **state)
{
    (void)state;
    bench_own(0, START);
    bench_say(0, 1, bench_topic(0, 0), NULL);
    bench_channel_done(7);
    bench_commit_done(0);
    fake_loop_pass(bench.loop, 200);
    assert_null(fake_redis_find(0, "EVAL", "SETID")); /* committed, not delivered */
    bench_deliveries_done(0);
    fake_loop_pass(bench.loop, WATERMARK_INTERVAL_MS);
    assert_non_null(fake_redis_find(0, "EVAL", "lease:"));
    bench_answer_int("EVAL", "SETID", 0); /* the lease is somebody else's */
    assert_at(bench_partition(0)->watermark, START);
    fake_loop_pass(bench.loop, WATERMARK_INTERVAL_MS);
    bench_answer_int("EVAL", "SETID", 1);
    assert_at(bench_partition(0)->watermark, AT(1));
}

static void a_stream_that_has_gone_is_made_anew(void **state)
{
    (void)state;
    bench_own(0, START);
    warm_up(0, 0, 1, 7);
    pipeline_drain(bench.pl, bench_partition(0));
    assert_int_equal(bench_partition(0)->state, PARTITION_DRAINING);
    fake_loop_pass(bench.loop, 0);
    bench_answer("EVAL", "SETID", ERR_REMOTE, "ERR The XGROUP subcommand requires the key");
    assert_int_equal(bench_partition(0)->state, PARTITION_CLAIMING);
    fake_loop_pass(bench.loop, 100);
    bench_answer("GET", "lease:", 0, "me");
    assert_int_equal(bench_ops(OP_CLAIM), 1);
}

static void deliveries_wait_for_a_slow_redis(void **state)
{
    (void)state;
    bench_own(0, START);
    warm_up(0, 0, 1, 7);
    bench.is_egress_full = true;
    bench_say(0, 2, bench_topic(0, 0), NULL);
    bench_commit_done(0);
    fake_loop_pass(bench.loop, 200);
    assert_int_equal(bench.deliveries, 0);
    assert_int_equal(bench_partition(0)->state, PARTITION_ACTIVE);
    bench.is_egress_full = false;
    fake_loop_pass(bench.loop, 100);
    assert_int_equal(bench.deliveries, 1);
}

static void a_failed_delivery_is_run_again_after_a_pause(void **state)
{
    (void)state;
    bench_own(0, START);
    bench_say(0, 1, bench_topic(0, 0), NULL);
    bench_channel_done(7);
    bench_commit_done(0);
    bench_deliveries_done(ERR_UNAVAILABLE);
    assert_int_equal(bench_partition(0)->state, PARTITION_CLAIMING);
    assert_null(fake_redis_find(0, "GET", NULL));
    fake_loop_pass(bench.loop, 100);
    assert_non_null(fake_redis_find(0, "GET", NULL));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(commits_of_a_partition_are_chained),
        TEST(nothing_is_delivered_before_the_commits_ahead),
        TEST(a_repeat_is_looked_up_once_for_all_that_fail_with_it),
        TEST(repeats_of_several_batches_do_not_take_turns),
        TEST(a_refused_batch_is_run_entry_by_entry),
        TEST(a_batch_dropped_in_flight_outlives_its_completions),
        TEST(nothing_is_claimed_under_another_ones_lease),
        TEST(a_takeover_under_way_is_not_begun_again),
        TEST(the_lowest_row_is_delivered_again_even_by_the_next),
        TEST(many_rows_come_in_several_batches),
        TEST(a_drained_takeover_gives_the_lease_back),
        TEST(who_slept_past_its_lease_answers_nothing),
        TEST(the_watermark_follows_what_was_delivered),
        TEST(a_stream_that_has_gone_is_made_anew),
        TEST(deliveries_wait_for_a_slow_redis),
        TEST(a_failed_delivery_is_run_again_after_a_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
