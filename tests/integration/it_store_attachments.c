/* SPDX-License-Identifier: MIT */
/* Tests of attachments against a real PostgreSQL: what brokers have left, what expires, what of
 * the storage becomes garbage, who sees what, and messages that have some. */
#include "tests/integration/files_probe.h"

#define LEADS 2 /* private; alice is in it */
#define NO_ONE 999999
#define LIST "[{\"id\":1}]"

static int64_t odd; /* is in no channel */

static int begin(void **state)
{
    int err = files_set_up(state);

    odd = err == 0 ? fixture_number("SELECT max(id) FROM auth_user") : 0;
    return err;
}

static void lease_ends(void)
{
    fixture_sql("UPDATE upload SET lease_until = now() - interval '1 second'");
}

static void expire(uint32_t idle_s, uint32_t unused_s)
{
    asked(store_upload_expire(got.store, idle_s, unused_s, on_done, NULL));
}

/* ---- what brokers have left ---- */

static void a_file_that_is_not_put_together(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, LEADS, 10), UPLOAD_OK);
    lease_ends();
    assert_int_equal(claim_left(200), 0); /* not complete */
    put_chunk("u", 0, 10);
    assert_int_equal(claim_left(200), 0); /* somebody is at it */
    lease_ends();
    assert_int_equal(claim_left(200), 1);
    assert_string_equal(files.left_id[0], "u");
    assert_false(files.left[0].is_done);
    assert_int_equal(files.left[0].channel_id, LEADS);
    assert_int_equal(files.left[0].user_id, alice);
    assert_int_equal(files.left[0].attachment_id, 0);
    assert_int_equal(claim_left(200), 0); /* it is ours for a while */
    lease_ends();
    assert_int_equal(claim_left(2), 0); /* that was the last try */
    assert_int_equal(claim_left(3), 1);
    fixture_sql("UPDATE upload SET lease_until = now() - interval '61 minutes'");
    assert_int_equal(claim_left(200), 0);
}

static void a_message_that_has_not_come(void **state)
{
    int64_t id;

    (void)state;
    id = make_attachment("u", LEADS);
    assert_int_equal(claim_left(200), 0);
    lease_ends();
    assert_int_equal(claim_left(200), 1);
    assert_true(files.left[0].is_done);
    assert_true(files.left[0].is_staff);
    assert_int_equal(files.left[0].attachment_id, id);
    assert_int_equal(files.left[0].channel_id, LEADS);
    assert_string_equal(files.username, "alice");
    assert_string_equal(files.avatar, "/media/a.png");
    fixture_sql("UPDATE chat_attachment SET message_id = 5");
    lease_ends();
    assert_int_equal(claim_left(200), 0); /* it has come */
    assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE lease_until = '-infinity'"),
                     1);
    fixture_sql("UPDATE chat_attachment SET message_id = NULL; DELETE FROM chat_attachment");
    lease_ends();
    assert_int_equal(claim_left(200), 0); /* and was deleted */
}

static void a_file_that_becomes_no_message(void **state)
{
    struct new_upload u = upload_of("u", alice, 1, 10);

    (void)state;
    u.is_posted = false;
    assert_int_equal(start_upload(&u), UPLOAD_OK);
    put_chunk("u", 0, 10);
    assert_int_equal(finish("u"), UPLOAD_OK);
    assert_false(files.is_posted);
    lease_ends();
    assert_int_equal(claim_left(200), 0);
}

static void so_many_at_a_time(void **state)
{
    (void)state;
    fixture_sql("INSERT INTO upload (id, user_id, channel_id, file_size, conn, lease_until,"
                " is_complete, is_posted, gateway, file_name, file_type, storage_name)"
                " SELECT 'u' || n, 1, 1, 1, 1, now() - n * interval '1 second', true, true, 'g',"
                " 'a', 'b', 's' || n FROM generate_series(1, 12) n");
    assert_int_equal(claim_left(200), UPLOAD_CLAIM_MAX);
    assert_int_equal(claim_left(200), 12 - UPLOAD_CLAIM_MAX);
}

/* ---- what expires ---- */

static void what_nobody_has_touched(void **state)
{
    (void)state;
    assert_int_equal(start("old", alice, 1, 10), UPLOAD_OK);
    put_chunk("old", 0, 4);
    fixture_sql("UPDATE upload SET touched_at = now() - interval '3601 seconds'");
    assert_int_equal(start("new", alice, 1, 10), UPLOAD_OK);
    assert_int_equal(start("busy", alice, 1, 10), UPLOAD_OK);
    put_chunk("busy", 0, 10);
    fixture_sql("UPDATE upload SET touched_at = '-infinity' WHERE id = 'busy'");
    expire(3600, 86400);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE id = 'old'"), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 2);
    assert_int_equal(garbage("part/%", 0), 1);
    assert_int_equal(garbage("file/%", 1000), 0);
    lease_ends();
    expire(3600, 86400); /* nobody could put it together: what was put there goes, too */
    assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE id = 'busy'"), 0);
    assert_int_equal(garbage("file/%", 0), 0);
    assert_int_equal(garbage("file/%", 301), 2);
}

/* However many there are: others wait meanwhile. */
static void so_many_rows_at_a_time(void **state)
{
    (void)state;
    fixture_sql(
        "INSERT INTO upload (id, user_id, channel_id, file_size, conn, touched_at,"
        " is_posted, gateway, file_name, file_type, storage_name)"
        " SELECT 'u' || n, 1, 1, 4096, 1, now() - n * interval '1 hour', true, 'g', 'a',"
        " 'b', 's' || n FROM generate_series(2, 6) n;"
        "INSERT INTO upload_chunk (upload_id, chunk_index, size, part, storage_name, digest)"
        " SELECT 'u' || n, k, 1, n * 10000 + k, 's' || n, 'd'"
        " FROM generate_series(2, 6) n, generate_series(0, 4095) k");
    expire(3600, 100);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 3);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE id IN ('u5', 'u6')"), 0);
    expire(3600, 100);
    expire(3600, 100);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 0);
}

static void attachments_that_came_into_no_message(void **state)
{
    int64_t used;

    (void)state;
    used = make_attachment("u1", 1);
    fixture_sql("UPDATE chat_attachment SET message_id = 5");
    make_attachment("u2", 1);
    fixture_sql("UPDATE chat_attachment SET created_at = now() - interval '101 seconds'");
    make_attachment("u3", 1);
    expire(3600, 102);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment"), 3);
    expire(3600, 100);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment"), 2);
    assert_int_equal(fixture_number("SELECT min(id) FROM chat_attachment"), used);
    assert_int_equal(garbage("file/" STORAGE_NAME "/%", 0), 2);
}

/* ---- garbage ---- */

static void garbage_is_taken_by_one(void **state)
{
    struct bytes keys[2];

    (void)state;
    fixture_sql("INSERT INTO storage_garbage SELECT 'part/x/' || n, now() - n * interval '1 second'"
                " FROM generate_series(1, 70) n;"
                "INSERT INTO storage_garbage VALUES ('part/later/1', now() + interval '1 hour')");
    asked(store_garbage_take(got.store, 60000, on_keys, NULL));
    assert_int_equal(files.count, GARBAGE_MAX);
    keys[0] = bytes_str(files.keys[0]);
    keys[1] = bytes_str(files.keys[63]);
    asked(store_garbage_done(got.store, keys, 2, on_done, NULL));
    assert_int_equal(fixture_number("SELECT count(*) FROM storage_garbage"), 69);
    asked(store_garbage_take(got.store, 60000, on_keys, NULL));
    assert_int_equal(files.count, 6);
    asked(store_garbage_take(got.store, 60000, on_keys, NULL));
    assert_int_equal(files.count, 0);
    assert_int_equal(garbage("part/x/%", 61), 68); /* again, if it was not done */
    asked(store_garbage_done(got.store, keys, 0, on_done, NULL));
    assert_int_equal(fixture_number("SELECT count(*) FROM storage_garbage"), 69);
}

static void with_a_user(void **state)
{
    (void)state;
    make_attachment("u1", 1);
    assert_int_equal(start("u2", alice, 1, 10), UPLOAD_OK);
    put_chunk("u2", 0, 4);
    fixture_sql("DELETE FROM storage_garbage; DELETE FROM user_profile;"
                "DELETE FROM auth_user WHERE username = 'alice'");
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 0);
    assert_int_equal(garbage("part/%", 0), 1);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment"), 1); /* in a channel */
}

static void with_a_channel(void **state)
{
    (void)state;
    make_attachment("u1", 77);
    assert_int_equal(start("u2", alice, 77, 10), UPLOAD_OK);
    put_chunk("u2", 0, 10); /* and is being put together */
    fixture_sql("DELETE FROM storage_garbage; DELETE FROM chat_channel WHERE id = 77");
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment"), 0);
    assert_int_equal(garbage("part/%", 0), 1);
    assert_int_equal(garbage("file/%", 0), 2);
    assert_int_equal(finish("u2"), UPLOAD_UNKNOWN);
    assert_int_equal(reserve("u2", alice, 0, 4, DIGEST_A), UPLOAD_UNKNOWN);
}

/* ---- who sees what ---- */

static bool sees(int64_t id, int64_t user_id)
{
    asked(store_attachment(got.store, id, user_id, on_attachment, NULL));
    return files.is_there;
}

static void seen_by(void **state)
{
    int64_t open, leads;

    (void)state;
    open = make_attachment("u1", 1);
    assert_true(sees(open, alice));
    assert_string_equal(files.file_name, "a b.txt");
    assert_string_equal(files.file_type, "text/plain");
    assert_string_equal(files.sha256, SHA);
    assert_string_equal(files.storage_name, STORAGE_NAME);
    assert_int_equal(files.attachments[0].file_size, 10);
    assert_int_equal(files.attachments[0].thumbnail_bytes, 77);
    assert_false(sees(open, bob)); /* in no message yet */
    assert_false(sees(open, NO_ONE));
    assert_false(sees(open + 100, alice));
    fixture_sql("UPDATE chat_attachment SET message_id = 5");
    assert_true(sees(open, bob));
    leads = make_attachment("u2", LEADS);
    fixture_sql("UPDATE chat_attachment SET message_id = 6");
    assert_true(sees(leads, alice));
    assert_false(sees(leads, bob));
    fixture_sql("DELETE FROM chat_membership");
    assert_false(sees(leads, alice)); /* her own, but she was put out */
    fixture_sql("UPDATE chat_channel SET is_private = false, kind = 'direct' WHERE id = 2");
    assert_false(sees(leads, odd)); /* of a direct channel only its two */
    fixture_sql("UPDATE chat_channel SET kind = 'group' WHERE id = 2");
    assert_true(sees(leads, odd));
}

static size_t find(const int64_t *ids, size_t count, int64_t channel_id, int64_t user_id)
{
    asked(store_attachments_find(got.store, ids, count, channel_id, user_id, on_attachments, NULL));
    return files.count;
}

static void found_for_a_message(void **state)
{
    int64_t ids[ATTACHMENTS_MAX + 1] = {0};

    (void)state;
    ids[0] = make_attachment("u1", 1);
    ids[1] = make_attachment("u2", 1);
    ids[2] = make_attachment("u3", LEADS);
    assert_int_equal(find(ids, 3, 1, alice), 2);
    assert_int_equal(files.attachments[0].file_size, 10);
    assert_int_equal(find(ids, 3, LEADS, alice), 1);
    assert_int_equal(find(ids, 3, 1, bob), 0); /* not hers */
    assert_int_equal(find(ids, 0, 1, alice), 0);
    ids[3] = ids[0];
    assert_int_equal(find(ids, 4, 1, alice), 2);
    fixture_sql("UPDATE chat_attachment SET message_id = 5");
    assert_int_equal(find(ids, 3, 1, alice), 0); /* in use */
    assert_int_equal(find(ids, ATTACHMENTS_MAX, 1, alice), 0);
    assert_int_equal(
        store_attachments_find(got.store, ids, ATTACHMENTS_MAX + 1, 1, alice, on_attachments, NULL),
        ERR_LIMIT);
}

/* ---- messages ---- */

static struct content_row message_with(uint64_t seq, const int64_t *ids, uint32_t count)
{
    struct content_row row = message(1, seq, NULL);

    row.attachments = BYTES_LIT(LIST);
    row.attachment_ids = ids;
    row.attachment_count = count;
    return row;
}

static struct content_row deletion_of(int64_t message_id, uint64_t seq)
{
    struct content_row row = message(1, seq, NULL);

    row.kind = CONTENT_DELETION;
    row.id = 5000 + (int64_t)seq;
    row.message_id = message_id;
    row.content = BYTES_NONE;
    return row;
}

static void committed(uint64_t last_seq, const struct content_row *rows, size_t count, int err)
{
    assert_int_equal(commit(fence, last_seq, rows, count), 0);
    next();
    assert_int_equal(got.err, err);
}

static void committed_and_read_back(void **state)
{
    int64_t ids[3];
    struct content_row rows[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        char id[4] = {'u', (char)('0' + i), 0};
        ids[i] = make_attachment(id, 1);
    }
    rows[0] = message_with(1, ids, 2);
    rows[1] = message(1, 2, NULL);
    rows[2] = message_with(3, ids + 2, 1);
    committed(0, rows, 3, 0);
    assert_stored(3, 3, 1003);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment WHERE message_id = 1001"),
                     2);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment WHERE message_id = 1003"),
                     1);
    for (int round = 0; round < 2; round++) {
        asked(round == 0 ? store_content(got.store, 1, 0, 9, 10, on_messages, NULL)
                         : store_undelivered(got.store, 3, (struct entry_id){0, 0}, 0, 10,
                                             on_messages, NULL));
        assert_int_equal(got.row_count, 3);
        assert_int_equal(got.rows[0].attachments.len, strlen(LIST));
        assert_int_equal(got.rows[1].attachments.len, 0);
        assert_int_equal(got.rows[2].attachments.len, strlen(LIST));
    }
}

static void one_that_is_in_use(void **state)
{
    int64_t ids[2];
    struct content_row rows[2];

    (void)state;
    ids[0] = make_attachment("u1", 1);
    ids[1] = make_attachment("u2", 1);
    rows[0] = message_with(1, ids, 1);
    committed(0, rows, 1, 0);
    rows[0] = message(1, 2, NULL);
    rows[1] = message_with(3, ids, 2);
    committed(1, rows, 2, ERR_STATE);
    assert_stored(1, 1, 1001); /* nothing of it was written */
    assert_int_equal(
        fixture_number("SELECT count(*) FROM chat_attachment WHERE message_id IS NULL"), 1);
    ids[1] = NO_ONE; /* has expired */
    rows[1] = message_with(3, ids + 1, 1);
    committed(1, rows, 2, ERR_STATE);
    assert_stored(1, 1, 1001);
}

static void a_wrong_fence_takes_none(void **state)
{
    int64_t id;
    struct content_row row;

    (void)state;
    id = make_attachment("u1", 1);
    row = message_with(1, &id, 1);
    assert_int_equal(commit(fence - 1, 0, &row, 1), 0);
    next();
    assert_int_equal(got.err, ERR_STATE);
    assert_int_equal(
        fixture_number("SELECT count(*) FROM chat_attachment WHERE message_id IS NULL"), 1);
}

static void deleted_with_their_message(void **state)
{
    int64_t ids[2];
    struct content_row rows[2];

    (void)state;
    ids[0] = make_attachment("u1", 1);
    ids[1] = make_attachment("u2", 1);
    rows[0] = message_with(1, ids, 1);
    rows[1] = message_with(2, ids + 1, 1);
    committed(0, rows, 2, 0);
    rows[0] = deletion_of(1001, 3);
    committed(2, rows, 1, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE attachments <> ''"),
                     1);
    assert_int_equal(fixture_number("SELECT min(message_id) FROM chat_attachment"), 1002);
    assert_int_equal(garbage("file/%", 0), 2);
    asked(store_content(got.store, 1, 0, 9, 10, on_messages, NULL));
    assert_int_equal(got.rows[0].attachments.len, 0);
    assert_int_equal(got.rows[1].attachments.len, strlen(LIST));
}

static void deleted_in_one_batch_with_it(void **state)
{
    int64_t id;
    struct content_row rows[2];

    (void)state;
    id = make_attachment("u1", 1);
    rows[0] = message_with(1, &id, 1);
    rows[1] = deletion_of(1001, 2);
    committed(0, rows, 2, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message WHERE deleted_at IS NOT NULL"
                                    " AND content = '' AND attachments = ''"),
                     1);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment"), 0);
    assert_int_equal(garbage("file/%", 0), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_is_not_put_together),
        TEST(a_message_that_has_not_come),
        TEST(a_file_that_becomes_no_message),
        TEST(so_many_at_a_time),
        TEST(what_nobody_has_touched),
        TEST(so_many_rows_at_a_time),
        TEST(attachments_that_came_into_no_message),
        TEST(garbage_is_taken_by_one),
        TEST(with_a_user),
        TEST(with_a_channel),
        TEST(seen_by),
        TEST(found_for_a_message),
        TEST(committed_and_read_back),
        TEST(one_that_is_in_use),
        TEST(a_wrong_fence_takes_none),
        TEST(deleted_with_their_message),
        TEST(deleted_in_one_batch_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
