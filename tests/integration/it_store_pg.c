/* SPDX-License-Identifier: MIT */
/* Tests of the store's writing side against a real PostgreSQL: batches with their positions,
 * fences, sequence numbers, repeats, two batches in flight, and claims. */
#include "tests/integration/commit_probe.h"

static void a_batch_is_stored_whole(void **state)
{
    struct content_row rows[] = {message(1, 1, "c1"), message(1, 2, NULL), message(2, 9, "c1")};
    const struct position_move positions[] = {{3, fence, {0, 0}, {2000, 7}, 1001}};
    const struct seq_move seqs[] = {{2, 0, 9}, {1, 0, 2}};
    const struct store_batch batch = {.positions = positions,
                                      .position_count = 1,
                                      .seqs = seqs,
                                      .seq_count = 2,
                                      .rows = rows,
                                      .row_count = 3};

    (void)state;
    rows[1].content =
        BYTES_LIT("it's \"quoted\"'); DROP TABLE chat_message; -- \xc3\xa9 \\ {,NULL}");
    rows[1].reply_to = 1001;
    assert_int_equal(store_commit(got.store, &batch, on_done, NULL), 0);
    assert_int_equal(got.done, 1); /* the claim: nothing completes inside the call */
    next();
    assert_int_equal(got.err, 0);
    assert_stored(3, 2, 2000);
    assert_int_equal(fixture_number("SELECT last_entry_seq FROM broker_partition"), 7);
    assert_int_equal(fixture_number("SELECT redeliver_from FROM broker_partition"), 1001);
    assert_int_equal(fixture_number("SELECT last_seq FROM chat_channel WHERE id = 2"), 9);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE client_id IS NULL"
                                    " AND reply_to = 1001 AND id = 1002"),
                     1);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE reply_to IS NULL"), 2);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE id = 1001 AND"
                                    " created_at = '2023-11-14 22:13:20.124+00'"),
                     1);

    assert_int_equal(
        store_undelivered(got.store, 3, (struct entry_id){1001, 5}, 0, 10, on_messages, NULL), 0);
    next();
    assert_int_equal(got.row_count, 2);
    assert_string_equal(got.text[2],
                        "it's \"quoted\"'); DROP TABLE chat_message; -- \xc3\xa9 \\ {,NULL}");
    assert_string_equal(got.text[0], "alice");
    assert_string_equal(got.text[1], "/media/a.png");
    assert_string_equal(got.text[3], "");
    assert_int_equal(got.rows[0].id, 1002);
    assert_int_equal(got.rows[0].reply_to, 1001);
    assert_int_equal(got.rows[0].timestamp_ms, 1700000000125u);
    assert_int_equal(got.rows[0].origin.partition, 3);
    assert_int_equal(got.rows[0].origin.entry.ms, 1002);
    assert_int_equal(got.rows[0].origin.entry.seq, 5);
    assert_int_equal(got.rows[0].origin.index, 2);
    assert_int_equal(got.rows[1].channel_id, 2);
    assert_int_equal(got.rows[1].seq, 9);
}

static void a_batch_may_only_move_positions(void **state)
{
    const struct position_move position = {3, fence, {0, 0}, {5, 0}, 0};
    const struct store_batch batch = {.positions = &position, .position_count = 1};

    (void)state;
    assert_int_equal(store_commit(got.store, &batch, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_stored(0, 0, 5);
}

static void a_wrong_fence_writes_nothing(void **state)
{
    const struct content_row row = message(1, 1, NULL);
    const struct position_move positions[] = {{3, fence, {0, 0}, {2000, 0}, 0},
                                              {4, 1, {0, 0}, {2000, 0}, 0}};
    const struct seq_move seq = {1, 0, 1};
    const struct store_batch batch = {.positions = positions,
                                      .position_count = 2,
                                      .seqs = &seq,
                                      .seq_count = 1,
                                      .rows = &row,
                                      .row_count = 1};

    (void)state;
    assert_int_equal(commit(fence - 1, 0, &row, 1), 0);
    next();
    assert_int_equal(got.err, ERR_STATE);
    /* One of two is enough: partition 4 was never claimed. */
    assert_int_equal(store_commit(got.store, &batch, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, ERR_STATE);
    assert_stored(0, 0, 0);
    assert_int_equal(got.downs, 0);
}

static void a_wrong_last_seq_writes_nothing(void **state)
{
    const struct content_row row = message(1, 8, NULL);
    const struct position_move position = {.partition = 3, .fence = fence, .last = {2000, 0}};
    const struct seq_move seqs[] = {{2, 0, 1}, {1, 7, 8}};
    const struct store_batch batch = {.positions = &position,
                                      .position_count = 1,
                                      .seqs = seqs,
                                      .seq_count = 2,
                                      .rows = &row,
                                      .row_count = 1};

    (void)state;
    assert_int_equal(store_commit(got.store, &batch, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, ERR_STATE);
    assert_stored(0, 0, 0);
    assert_int_equal(fixture_number("SELECT last_seq FROM chat_channel WHERE id = 2"), 0);
}

static void a_wrong_position_writes_nothing(void **state)
{
    static const struct entry_id wrong[] = {{0, 0}, {1001, 4}, {1001, 6}, {1000, 5}, {1002, 5}};
    const struct content_row first = message(1, 1, NULL), row = message(1, 2, NULL);
    const struct seq_move seq = {1, 1, 2};

    (void)state;
    assert_int_equal(commit(fence, 0, &first, 1), 0);
    next();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct position_move position = {
            .partition = 3, .fence = fence, .expected = wrong[i], .last = {2000, 0}};
        const struct store_batch batch = {.positions = &position,
                                          .position_count = 1,
                                          .seqs = &seq,
                                          .seq_count = 1,
                                          .rows = &row,
                                          .row_count = 1};

        assert_int_equal(store_commit(got.store, &batch, on_done, NULL), 0);
        next();
        assert_int_equal(got.err, ERR_STATE);
    }
    assert_stored(1, 1, 1001);
    assert_int_equal(commit(fence, 1, &row, 1), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void a_repeated_client_id_writes_nothing(void **state)
{
    const struct content_row first = message(1, 1, "same"), again = message(1, 2, "same");
    const struct content_row twice[] = {message(1, 2, "new"), message(1, 3, "new")};

    (void)state;
    assert_int_equal(commit(fence, 0, &first, 1), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(commit(fence, 1, &again, 1), 0);
    next();
    assert_int_equal(got.err, ERR_CONFLICT);
    assert_int_equal(commit(fence, 1, twice, 2), 0);
    next();
    assert_int_equal(got.err, ERR_CONFLICT);
    assert_stored(1, 1, 1001);
}

static void other_repeats_are_refused(void **state)
{
    struct content_row rows[] = {message(1, 1, NULL), message(1, 2, NULL)};

    (void)state;
    rows[1].id = rows[0].id;
    assert_int_equal(commit(fence, 0, rows, 2), 0);
    next();
    assert_int_equal(got.err, ERR_REMOTE);
    rows[1].id++;
    rows[1].content = bytes_of("a\0b", 3);
    assert_int_equal(commit(fence, 0, rows, 2), 0);
    next();
    assert_int_equal(got.err, ERR_REMOTE);
    assert_stored(0, 0, 0);
    assert_int_equal(got.downs, 0);
}

static void the_same_client_id_of_another_author_or_channel_is_new(void **state)
{
    struct content_row rows[] = {message(1, 1, "same"), message(1, 2, "same"),
                                 message(2, 1, "same")};
    const struct position_move position = {3, fence, {0, 0}, {2000, 0}, 0};
    const struct seq_move seqs[] = {{1, 0, 2}, {2, 0, 1}};
    const struct store_batch batch = {.positions = &position,
                                      .position_count = 1,
                                      .seqs = seqs,
                                      .seq_count = 2,
                                      .rows = rows,
                                      .row_count = 3};

    (void)state;
    rows[1].author_id = bob;
    assert_int_equal(store_commit(got.store, &batch, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_stored(3, 2, 2000);
}

static void two_batches_in_flight_see_each_other(void **state)
{
    const struct content_row first = message(1, 1, NULL), second = message(1, 2, NULL);

    (void)state;
    assert_int_equal(commit(fence, 0, &first, 1), 0);
    assert_int_equal(commit(fence, 1, &second, 1), 0);
    assert_int_equal(commit(fence, 2, &second, 0), ERR_BUSY);
    fixture_wait(&got.done, 3);
    assert_int_equal(got.errs[1], 0);
    assert_int_equal(got.errs[2], 0);
    assert_stored(2, 2, 1002);
}

static void the_second_in_flight_fails_with_the_first(void **state)
{
    const struct content_row stored = message(1, 1, "same"), first = message(1, 2, "same"),
                             second = message(1, 3, NULL);

    (void)state;
    assert_int_equal(commit(fence, 0, &stored, 1), 0);
    next();
    assert_int_equal(commit(fence, 1, &first, 1), 0);
    assert_int_equal(commit(fence, 2, &second, 1), 0);
    fixture_wait(&got.done, 4);
    assert_int_equal(got.errs[2], ERR_CONFLICT);
    assert_int_equal(got.errs[3], ERR_STATE);
    assert_stored(1, 1, 1001);
}

/* They share a partition but no channel: only the position can tell. */
static void nothing_passes_a_failed_batch_of_its_partition(void **state)
{
    const struct content_row stored = message(1, 1, "same"), first = message(1, 2, "same"),
                             other = message(2, 1, NULL);
    const struct position_move position = {3, fence, position_at(2), {2000, 0}, 0};
    const struct seq_move move = {2, 0, 1};
    const struct store_batch batch = {.positions = &position,
                                      .position_count = 1,
                                      .seqs = &move,
                                      .seq_count = 1,
                                      .rows = &other,
                                      .row_count = 1};

    (void)state;
    assert_int_equal(commit(fence, 0, &stored, 1), 0);
    next();
    assert_int_equal(commit(fence, 1, &first, 1), 0);
    assert_int_equal(store_commit(got.store, &batch, on_done, NULL), 0);
    fixture_wait(&got.done, 4);
    assert_int_equal(got.errs[2], ERR_CONFLICT);
    assert_int_equal(got.errs[3], ERR_STATE);
    assert_stored(1, 1, 1001);
}

static void a_full_batch_passes_and_one_more_is_refused(void **state)
{
    struct content_row *rows = calloc(STORE_BATCH_ROWS_MAX + 1, sizeof(*rows));

    (void)state;
    assert_non_null(rows);
    for (size_t i = 0; i <= STORE_BATCH_ROWS_MAX; i++) {
        rows[i] = message(1, i + 1, NULL);
        rows[i].id = (int64_t)i + 100000;
    }
    assert_int_equal(commit(fence, 0, rows, STORE_BATCH_ROWS_MAX + 1), ERR_LIMIT);
    assert_int_equal(commit(fence, 0, rows, STORE_BATCH_ROWS_MAX), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_stored(STORE_BATCH_ROWS_MAX, STORE_BATCH_ROWS_MAX, 1000 + STORE_BATCH_ROWS_MAX);
    free(rows);
}

static void numbers_that_no_column_holds_are_refused(void **state)
{
    struct content_row row = message(1, 1, NULL);

    (void)state;
    row.origin.entry.ms = (uint64_t)INT64_MAX + 1;
    assert_int_equal(commit(fence, 0, &row, 1), ERR_RANGE);
    row = message(1, 1, NULL);
    row.timestamp_ms = UINT64_MAX;
    assert_int_equal(commit(fence, 0, &row, 1), ERR_RANGE);
    row = message(1, 1, NULL);
    row.origin.index = UINT32_MAX;
    assert_int_equal(commit(fence, 0, &row, 1), ERR_RANGE);
    row = message(1, 1, NULL);
    assert_int_equal(commit(fence, 0, &row, 1), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void a_claim_raises_the_fence_and_gives_the_position(void **state)
{
    const struct content_row row = message(1, 1, NULL), late = message(1, 2, NULL);

    (void)state;
    assert_int_equal(fence, 1);
    assert_int_equal(got.claim.last.ms, 0);
    assert_int_equal(got.claim.redeliver_from, 0);
    assert_int_equal(commit(fence, 0, &row, 1), 0);
    assert_int_equal(store_claim(got.store, 3, BYTES_LIT("o'ther"), on_claim, NULL), 0);
    assert_int_equal(commit(fence, 1, &late, 1), 0); /* the old owner, asleep */
    fixture_wait(&got.done, 4);
    assert_int_equal(got.errs[1], 0);
    assert_int_equal(got.errs[2], 0);
    assert_int_equal(got.errs[3], ERR_STATE);
    assert_int_equal(got.claim.fence, 2);
    assert_int_equal(got.claim.last.ms, 1001);
    assert_int_equal(got.claim.last.seq, 5);
    assert_int_equal(got.claim.redeliver_from, 900);
    assert_int_equal(
        fixture_number("SELECT count(*) FROM broker_partition WHERE owner = 'o''ther'"), 1);
}

static void a_claim_waits_for_a_commit_under_way(void **state)
{
    (void)state;
    /* Another broker's commit holds the row; its outcome counts. */
    fixture_sql("BEGIN; UPDATE broker_partition SET last_entry_ms = 4711 WHERE partition = 3");
    assert_int_equal(store_claim(got.store, 3, BYTES_LIT("b"), on_claim, NULL), 0);
    assert_int_equal(store_user_by_id(got.store, alice, on_user, NULL), 0);
    next();
    assert_true(got.is_row); /* reads go on meanwhile */
    assert_int_equal(got.done, 2);
    fixture_sql("COMMIT");
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(got.claim.last.ms, 4711);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_stored_whole),
        TEST(a_batch_may_only_move_positions),
        TEST(a_wrong_fence_writes_nothing),
        TEST(a_wrong_last_seq_writes_nothing),
        TEST(a_wrong_position_writes_nothing),
        TEST(a_repeated_client_id_writes_nothing),
        TEST(other_repeats_are_refused),
        TEST(the_same_client_id_of_another_author_or_channel_is_new),
        TEST(two_batches_in_flight_see_each_other),
        TEST(the_second_in_flight_fails_with_the_first),
        TEST(nothing_passes_a_failed_batch_of_its_partition),
        TEST(a_full_batch_passes_and_one_more_is_refused),
        TEST(numbers_that_no_column_holds_are_refused),
        TEST(a_claim_raises_the_fence_and_gives_the_position),
        TEST(a_claim_waits_for_a_commit_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
