/* SPDX-License-Identifier: MIT */
/* Tests of content that is no new message against a real PostgreSQL: edits, deletions, relayed
 * batches and receipts as a commit writes them, and as they are read back for a takeover and for
 * those who come back. */
#include "tests/integration/commit_probe.h"

#include <stdlib.h>

#include "proto/limits.h"

static struct content_row event(enum content_kind kind, uint64_t seq, int64_t message_id,
                                const char *content)
{
    struct content_row row = message(1, seq, NULL);

    row.kind = kind;
    row.id = 5000 + (int64_t)seq;
    row.message_id = message_id;
    row.content = bytes_str(content);
    return row;
}

static void done(int err)
{
    next();
    assert_int_equal(got.err, err);
}

/* Message 1001, edited twice in one batch, a relay, a deletion of message 1002. */
static void seed_events(void)
{
    const struct content_row messages[] = {message(1, 1, "c1"), message(1, 2, NULL)};
    const struct content_row edits[] = {
        event(CONTENT_EDIT, 3, 1001, "second"), event(CONTENT_EDIT, 4, 1001, "third"),
        event(CONTENT_BATCH, 5, 0, "[{\"a\":\"it's\"}]"), event(CONTENT_EDIT, 6, 1002, "secret")};
    const struct content_row deletion = event(CONTENT_DELETION, 7, 1002, "");

    assert_int_equal(commit(fence, 0, messages, 2), 0);
    done(0);
    assert_int_equal(commit(fence, 2, edits, 4), 0);
    done(0);
    assert_int_equal(commit(fence, 6, &deletion, 1), 0);
    done(0);
}

static void edits_and_deletions_change_their_messages(void **state)
{
    (void)state;
    seed_events();
    assert_stored(2, 7, 1007);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_event"), 5);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE id = 1001"
                                    " AND content = 'third' AND deleted_at IS NULL"
                                    " AND edited_at = '2023-11-14 22:13:20.127+00'"),
                     1);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE id = 1002"
                                    " AND content = ''"
                                    " AND deleted_at = '2023-11-14 22:13:20.13+00'"),
                     1);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_event WHERE message_id = 1002"
                                    " AND (content <> '' OR old_content <> '')"),
                     0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_event WHERE message_id = 1001"
                                    " AND old_content = 'hello'"),
                     2);
}

static void in_one_batch_with_the_message_itself(void **state)
{
    const struct content_row rows[] = {message(1, 1, NULL), event(CONTENT_EDIT, 2, 1001, "new"),
                                       message(1, 3, NULL), event(CONTENT_EDIT, 4, 1003, "new"),
                                       event(CONTENT_DELETION, 5, 1003, "")};

    (void)state;
    assert_int_equal(commit(fence, 0, rows, 5), 0);
    done(0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE id = 1001"
                                    " AND content = 'new'"),
                     1);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE id = 1003"
                                    " AND content = '' AND deleted_at IS NOT NULL"),
                     1);
}

static void a_wrong_fence_changes_no_message(void **state)
{
    const struct content_row first = message(1, 1, NULL);
    const struct content_row edit = event(CONTENT_EDIT, 2, 1001, "stolen");

    (void)state;
    assert_int_equal(commit(fence, 0, &first, 1), 0);
    done(0);
    assert_int_equal(commit(fence - 1, 1, &edit, 1), 0);
    done(ERR_STATE);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_event"), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE content = 'hello'"),
                     1);
}

static void assert_row(size_t i, enum content_kind kind, uint64_t seq, int64_t message_id,
                       const char *content)
{
    assert_int_equal(got.rows[i].kind, kind);
    assert_int_equal(got.rows[i].seq, seq);
    assert_int_equal(got.rows[i].message_id, message_id);
    assert_string_equal(got.contents[i], content);
}

/* As it happened: a message with the text that it had at first; but no text that was deleted. */
static void content_is_read_back_in_its_order(void **state)
{
    (void)state;
    seed_events();
    assert_int_equal(store_content(got.store, 1, 0, 7, 100, on_messages, NULL), 0);
    done(0);
    assert_int_equal(got.row_count, 7);
    assert_row(0, CONTENT_MESSAGE, 1, 0, "hello");
    assert_row(1, CONTENT_MESSAGE, 2, 0, "");
    assert_row(2, CONTENT_EDIT, 3, 1001, "second");
    assert_row(3, CONTENT_EDIT, 4, 1001, "third");
    assert_row(4, CONTENT_BATCH, 5, 0, "[{\"a\":\"it's\"}]");
    assert_row(5, CONTENT_EDIT, 6, 1002, "");
    assert_row(6, CONTENT_DELETION, 7, 1002, "");
    assert_int_equal(got.rows[6].author_id, alice);
    assert_int_equal(store_content(got.store, 1, 2, 6, 3, on_messages, NULL), 0);
    done(0);
    assert_int_equal(got.row_count, 3);
    assert_row(0, CONTENT_EDIT, 3, 1001, "second");
    assert_int_equal(store_content(got.store, 2, 0, 100, 3, on_messages, NULL), 0);
    done(0);
    assert_int_equal(got.row_count, 0);
}

/* However many rows are wanted: not much more than a page of text is read at a time. */
static void long_content_is_read_a_page_at_a_time(void **state)
{
    char *text = calloc(1, HISTORY_PAGE_BYTES);
    const struct content_row first = message(1, 1, NULL);
    struct content_row batches[4];

    (void)state;
    assert_non_null(text);
    memset(text, '1', HISTORY_PAGE_BYTES - 1);
    for (size_t i = 0; i < 4; i++) {
        batches[i] = event(CONTENT_BATCH, 2 + i, 0, text);
    }
    assert_int_equal(commit(fence, 0, &first, 1), 0);
    done(0);
    assert_int_equal(commit(fence, 1, batches, 4), 0);
    done(0);
    assert_int_equal(store_content(got.store, 1, 0, 5, 100, on_messages, NULL), 0);
    done(0);
    assert_int_equal(got.row_count, 2);
    assert_int_equal(store_content(got.store, 1, 1, 5, 100, on_messages, NULL), 0);
    done(0);
    assert_int_equal(got.row_count, 2);
    assert_int_equal(got.rows[1].seq, 3);
    free(text);
}

static void all_of_it_is_found_to_be_delivered_again(void **state)
{
    const struct entry_id all = {0, 0}, later = {1004, 5};

    (void)state;
    seed_events();
    assert_int_equal(store_undelivered(got.store, 3, all, 0, 100, on_messages, NULL), 0);
    done(0);
    assert_int_equal(got.row_count, 7);
    assert_row(6, CONTENT_DELETION, 7, 1002, "");
    assert_int_equal(got.rows[6].origin.partition, 3);
    assert_int_equal(got.rows[6].origin.entry.ms, 1007);
    assert_int_equal(got.rows[6].origin.index, 2);
    assert_int_equal(store_undelivered(got.store, 3, later, 0, 100, on_messages, NULL), 0);
    done(0);
    assert_int_equal(got.row_count, 3);
    assert_row(0, CONTENT_BATCH, 5, 0, "[{\"a\":\"it's\"}]");
    assert_int_equal(store_undelivered(got.store, 3, all, 0, 3, on_messages, NULL), 0);
    done(0); /* those with the lowest ids */
    assert_int_equal(got.row_count, 3);
    assert_row(2, CONTENT_EDIT, 3, 1001, "second");
}

static void a_repeat_is_answered_with_the_first_copy(void **state)
{
    const struct client_key key = {1, alice, BYTES_LIT("c1")};

    (void)state;
    seed_events();
    assert_int_equal(store_find_clients(got.store, &key, 1, on_messages, NULL), 0);
    done(0);
    assert_row(0, CONTENT_MESSAGE, 1, 0, "hello");
}

/* ---- receipts ---- */

static void read_up_to(const struct read_row *rows, size_t count, uint64_t entry)
{
    const struct position_move position = {.partition = 3,
                                           .fence = fence,
                                           .expected = position_at(entry - 1),
                                           .last = position_at(entry)};
    const struct store_batch batch = {
        .positions = &position, .position_count = 1, .reads = rows, .read_count = count};

    assert_int_equal(store_commit(got.store, &batch, on_done, NULL), 0);
    done(0);
}

static void receipts_move_forward_only(void **state)
{
    const struct read_row first[] = {{1, alice, 20, 1700000000000u},
                                     {1, alice, 10, 1700000000001u},
                                     {2, alice, 5, 1700000000000u},
                                     {1, alice + 1, 7, 1700000000000u}};
    const struct read_row later[] = {{1, alice, 15, 1700000000002u}, {2, alice, 6, 1700000000002u}};

    (void)state;
    read_up_to(first, 4, 1);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_read"), 3);
    read_up_to(later, 2, 2);
    assert_int_equal(fixture_number("SELECT max(message_id) FROM chat_read WHERE channel_id = 1"),
                     20);
    assert_int_equal(fixture_number("SELECT message_id FROM chat_read WHERE channel_id = 2"), 6);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_read WHERE read_at ="
                                    " '2023-11-14 22:13:20+00'"),
                     2);
    assert_int_equal(
        fixture_number("SELECT last_entry_ms FROM broker_partition WHERE partition = 3"), 1002);
}

static void a_target_says_how_far_one_has_read(void **state)
{
    const struct read_row row = {1, alice, 1001, 1700000000000u};
    const struct content_row first = message(1, 1, NULL);

    (void)state;
    assert_int_equal(commit(fence, 0, &first, 1), 0);
    done(0);
    read_up_to(&row, 1, 2);
    assert_int_equal(store_target(got.store, 1, 1001, alice, on_target, NULL), 0);
    done(0);
    assert_int_equal(got.target.author_id, alice);
    assert_int_equal(got.target.read_id, 1001);
    assert_int_equal(store_target(got.store, 1, 1001, alice + 1, on_target, NULL), 0);
    done(0);
    assert_int_equal(got.target.read_id, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(edits_and_deletions_change_their_messages),
        TEST(in_one_batch_with_the_message_itself),
        TEST(a_wrong_fence_changes_no_message),
        TEST(content_is_read_back_in_its_order),
        TEST(long_content_is_read_a_page_at_a_time),
        TEST(all_of_it_is_found_to_be_delivered_again),
        TEST(a_repeat_is_answered_with_the_first_copy),
        TEST(receipts_move_forward_only),
        TEST(a_target_says_how_far_one_has_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
