/* SPDX-License-Identifier: MIT */
/* Messages with attachments in the pipeline: of sockets' and of files that are complete, whose
 * sender may have been put out of the channel meanwhile. */
#include "tests/scenario/pipeline_bench.h"

static const struct entry_id START = {FAKE_WALL_START_MS, 0};

static struct op take(enum op_kind kind)
{
    struct op op = *bench_op(kind);

    bench_forget(bench_op(kind));
    return op;
}

static int begin(void **state)
{
    int err = bench_set_up(state);

    if (err == 0) {
        bench_own(0, START);
        bench_say(0, 1, bench_topic(0, 0), NULL);
        bench_channel_done(7);
        bench_commit_done(0);
        bench_deliveries_done(0);
    }
    return err;
}

/* NULL: there is no such channel. */
static void channel_done(const struct channel_row *row)
{
    struct op op = take(OP_CHANNEL);

    ((store_channel_fn *)op.fn)(op.arg, 0, row);
    fake_loop_pass(bench.loop, 0);
}

static void attachments_done(int64_t id)
{
    struct op op = take(OP_ATTACHMENTS);
    const struct attachment_row row = {.id = id,
                                       .file_size = 3,
                                       .file_name = BYTES_LIT("a.txt"),
                                       .file_type = BYTES_LIT("text/plain")};

    assert_int_equal(op.row_count, 1);
    ((store_attachments_fn *)op.fn)(op.arg, 0, &row, id ? 1 : 0);
    fake_loop_pass(bench.loop, 0);
}

static void a_file_becomes_a_message(void **state)
{
    const struct channel_row row = {.is_private = true, .is_member = true};

    (void)state;
    bench_post(0, 2, bench_topic(0, 0), 5);
    assert_int_equal(bench_op(OP_ATTACHMENTS)->id, 5);
    attachments_done(5);
    channel_done(&row);
    assert_int_equal(bench_op(OP_COMMIT)->row_count, 1);
    assert_int_equal(bench_op(OP_COMMIT)->first.attachment_count, 1);
    assert_int_equal(bench_op(OP_COMMIT)->first.author_id, 10);
    bench_commit_done(0);
    assert_int_equal(bench.deliveries, 1);
}

/* Nothing is stored, nobody is told: there is no socket that asked. */
static void its_sender_may_not_come_in_any_more(void **state)
{
    const struct channel_row row = {.is_private = true};

    (void)state;
    bench_post(0, 2, bench_topic(0, 0), 5);
    attachments_done(5);
    channel_done(&row);
    assert_int_equal(bench_ops(OP_COMMIT), 0);
    assert_int_equal(bench.deliveries, 0);
}

static void the_channel_is_gone(void **state)
{
    (void)state;
    bench_post(0, 2, bench_topic(0, 0), 5);
    attachments_done(5);
    channel_done(NULL);
    assert_int_equal(bench_ops(OP_COMMIT), 0);
    assert_int_equal(bench.deliveries, 0);
}

/* It was asked for twice: the second one finds the attachment in use. */
static void a_second_time(void **state)
{
    const struct channel_row row = {.is_member = true};

    (void)state;
    bench_post(0, 2, bench_topic(0, 0), 5);
    bench_post(0, 3, bench_topic(0, 0), 5);
    attachments_done(5);
    channel_done(&row);
    assert_int_equal(bench_ops(OP_ATTACHMENTS), 0); /* waits for the commit: only then it is told */
    bench_commit_done(0);
    bench_deliveries_done(0);
    attachments_done(0);
    channel_done(&row);
    assert_int_equal(bench_ops(OP_COMMIT), 0);
    assert_int_equal(bench.deliveries, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_file_becomes_a_message),
        TEST(its_sender_may_not_come_in_any_more),
        TEST(the_channel_is_gone),
        TEST(a_second_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
