/* SPDX-License-Identifier: MIT */
/* Tests of uploads against a real PostgreSQL: every function of sql/0010 and every verdict, from
 * the first frame to the whole file, and what brokers leave. */
#include "tests/integration/files_probe.h"

#define LEADS 2 /* private; alice is in it */

/* ---- start ---- */

static void a_start_and_the_same_again(void **state)
{
    struct new_upload again = upload_of("u1", alice, 1, 99);

    (void)state;
    assert_int_equal(start("u1", alice, 1, 10), UPLOAD_OK);
    again.storage_name = BYTES_LIT("another");
    assert_int_equal(start_upload(&again), UPLOAD_OK);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE file_size = 10"
                                    " AND storage_name = '" STORAGE_NAME "' AND gateway = 'gw1.aa'"
                                    " AND conn = 5 AND is_posted AND NOT is_complete"
                                    " AND file_name = 'a b.txt' AND file_type = 'text/plain'"),
                     1);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 1);
}

static void who_may_start(void **state)
{
    (void)state;
    assert_int_equal(start("u1", alice, 4711, 10), UPLOAD_NO_CHANNEL);
    assert_int_equal(start("u2", bob, LEADS, 10), UPLOAD_NO_ACCESS);
    assert_int_equal(start("u3", alice, LEADS, 10), UPLOAD_OK);
    assert_int_equal(start("u4", bob, 1, 10), UPLOAD_OK);
    fixture_sql("UPDATE chat_channel SET kind = 'direct' WHERE id = 77");
    assert_int_equal(start("u5", alice, 77, 10), UPLOAD_NO_ACCESS);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 2);
}

static void five_may_be_open(void **state)
{
    char id[16];

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)snprintf(id, sizeof(id), "u%d", i);
        assert_int_equal(start(id, alice, 1, 10), UPLOAD_OK);
    }
    assert_int_equal(start("u5", alice, 1, 10), UPLOAD_TOO_MANY);
    assert_int_equal(start("u4", alice, 1, 10), UPLOAD_OK); /* a repeat is none of them */
    assert_int_equal(start("b0", bob, 1, 10), UPLOAD_OK);   /* others have their own */
    assert_int_equal(cancel("u0", alice), UPLOAD_OK);
    assert_int_equal(start("u5", alice, 1, 10), UPLOAD_OK);
    put_chunk("u1", 0, 10);
    assert_int_equal(start("u6", alice, 1, 10), UPLOAD_TOO_MANY); /* it is not done yet */
    assert_int_equal(finish("u1"), UPLOAD_OK);
    assert_int_equal(start("u6", alice, 1, 10), UPLOAD_OK);
}

/* ---- chunks ---- */

static void chunks_in_any_order(void **state)
{
    int64_t last;

    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    assert_int_equal(reserve("u", alice, 2, 3, DIGEST_A), UPLOAD_OK);
    last = files.part;
    assert_string_equal(files.storage_name, STORAGE_NAME);
    assert_int_equal(files.received, 0);
    assert_int_equal(files.total, 10);
    put_chunk("u", 0, 4);
    assert_int_equal(files.received, 4);
    assert_int_equal(files.total, 10);
    assert_false(files.is_last);
    assert_int_equal(stored("u", 2, last), UPLOAD_OK);
    assert_int_equal(files.received, 7);
    assert_false(files.is_last);
    put_chunk("u", 1, 3);
    assert_int_equal(files.received, 10);
    assert_true(files.is_last);
    assert_int_equal(stored("u", 2, last), UPLOAD_OK); /* it is put together once */
    assert_false(files.is_last);
    assert_int_equal(files.received, 10);
}

static void who_sends_is_told_last(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    put_chunk("u", 3, 1);
    assert_int_equal(fixture_number("SELECT conn FROM upload"), 9);
}

/* Not for each chunk: that would write four indexes. */
static void touched_once_a_minute(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    put_chunk("u", 0, 1);
    fixture_sql("UPDATE upload SET touched_at = now() - interval '50 seconds'");
    assert_int_equal(reserve("u", alice, 0, 1, DIGEST_A), UPLOAD_REPEAT);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE"
                                    " touched_at > now() - interval '40 seconds'"),
                     0);
    fixture_sql("UPDATE upload SET touched_at = now() - interval '61 seconds'");
    assert_int_equal(reserve("u", alice, 0, 1, DIGEST_A), UPLOAD_REPEAT);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE"
                                    " touched_at > now() - interval '40 seconds'"),
                     1);
}

static void a_repeat_is_there(void **state)
{
    int64_t part;

    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    assert_int_equal(reserve("u", alice, 0, 4, DIGEST_A), UPLOAD_OK);
    part = files.part;
    assert_int_equal(reserve("u", alice, 0, 4, DIGEST_A),
                     UPLOAD_OK); /* not stored: the same place */
    assert_int_equal(files.part, part);
    assert_int_equal(stored("u", 0, part), UPLOAD_OK);
    assert_int_equal(reserve("u", alice, 0, 4, DIGEST_A), UPLOAD_REPEAT);
    assert_int_equal(files.received, 4);
    assert_int_equal(files.total, 10);
    assert_int_equal(reserve("u", alice, 0, 4, DIGEST_B), UPLOAD_CONFLICT);
    assert_int_equal(reserve("u", alice, 0, 3, DIGEST_A), UPLOAD_CONFLICT);
}

static void others_in_its_place_before_it_is_stored(void **state)
{
    int64_t first;

    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    assert_int_equal(reserve("u", alice, 0, 4, DIGEST_A), UPLOAD_OK);
    first = files.part;
    assert_int_equal(reserve("u", alice, 0, 6, DIGEST_B), UPLOAD_OK);
    assert_true(files.part != first);
    assert_int_equal(stored("u", 0, first), UPLOAD_CONFLICT);
    assert_int_equal(files.received, 0);
    assert_int_equal(garbage("part/" STORAGE_NAME "/%", 200), 0); /* it may be on its way there */
    assert_int_equal(garbage("part/" STORAGE_NAME "/%", 301), 1);
    assert_int_equal(stored("u", 0, files.part), UPLOAD_OK);
    assert_int_equal(files.received, 6);
}

static void sums(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    assert_int_equal(reserve("u", alice, 0, 11, DIGEST_A), UPLOAD_CONFLICT);
    assert_int_equal(reserve("u", alice, 0, INT32_MAX, DIGEST_A), UPLOAD_CONFLICT);
    put_chunk("u", 1, 6);
    assert_int_equal(reserve("u", alice, 0, 5, DIGEST_A), UPLOAD_CONFLICT);
    put_chunk("u", 2, 4); /* the sum is right, but the first is missing */
    assert_int_equal(files.received, 10);
    assert_false(files.is_last);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE is_complete"), 0);
}

static void whose_chunks(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, LEADS, 10), UPLOAD_OK);
    assert_int_equal(reserve("none", alice, 0, 4, DIGEST_A), UPLOAD_UNKNOWN);
    assert_int_equal(reserve("u", bob, 0, 4, DIGEST_A), UPLOAD_FOREIGN);
    assert_int_equal(stored("none", 0, 1), UPLOAD_UNKNOWN);
    assert_false(files.is_last);
    fixture_sql("DELETE FROM chat_membership WHERE channel_id = 2");
    assert_int_equal(reserve("u", alice, 0, 4, DIGEST_A), UPLOAD_NO_ACCESS);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload_chunk"), 0);
}

static void nothing_more_when_it_is_complete(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    put_chunk("u", 0, 10);
    assert_int_equal(reserve("u", alice, 1, 1, DIGEST_A), UPLOAD_CONFLICT);
    assert_int_equal(reserve("u", alice, 0, 10, DIGEST_A), UPLOAD_REPEAT);
    assert_int_equal(cancel("u", alice), UPLOAD_CONFLICT);
}

/* Two connections at once: the row's lock puts one after the other. */
static void two_at_once(void **state)
{
    struct store *other;
    int64_t parts[2];
    static const struct store_events events = {on_store_up, on_store_down};

    (void)state;
    other = store_pg_new(fx.loop, fx.dsn, &events, NULL);
    assert_non_null(other);
    fixture_wait(&got.ups, 2);
    while (store_garbage_take(other, LEASE_MS, on_keys, NULL) != 0) {
        fixture_wait(&(const int){0}, 0);
    }
    next();
    for (int round = 0; round < 20; round++) {
        char id[16];
        int done;
        (void)snprintf(id, sizeof(id), "u%d", round);
        fixture_sql("DELETE FROM upload");
        assert_int_equal(start(id, alice, 1, 10), UPLOAD_OK);
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(reserve(id, alice, i, 5, DIGEST_A), UPLOAD_OK);
            parts[i] = files.part;
        }
        done = got.done;
        assert_int_equal(
            store_chunk_stored(got.store, bytes_str(id), 0, parts[0], LEASE_MS, on_stored, NULL),
            0);
        assert_int_equal(
            store_chunk_stored(other, bytes_str(id), 1, parts[1], LEASE_MS, on_stored, NULL), 0);
        fixture_wait(&got.done, done + 2);
        assert_int_equal(files.lasts, round + 1);
        assert_int_equal(fixture_number("SELECT count(*) FROM upload WHERE is_complete"), 1);
    }
    store_pg_free(other);
}

/* ---- resume, cancel ---- */

static void resumed(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, LEADS, 10), UPLOAD_OK);
    assert_int_equal(resume("u", alice, LEADS, 10), UPLOAD_OK);
    assert_string_equal(files.chunks, "[]");
    assert_int_equal(files.attachment_id, 0);
    assert_int_equal(fixture_number("SELECT conn FROM upload"), 9);
    put_chunk("u", 3, 2);
    put_chunk("u", 0, 4);
    assert_int_equal(reserve("u", alice, 1, 4, DIGEST_A), UPLOAD_OK); /* not there yet */
    assert_int_equal(resume("u", alice, LEADS, 10), UPLOAD_OK);
    assert_string_equal(files.chunks, "[0, 3]");
    assert_int_equal(resume("none", alice, LEADS, 10), UPLOAD_UNKNOWN);
    assert_int_equal(resume("u", bob, LEADS, 10), UPLOAD_FOREIGN);
    assert_int_equal(resume("u", alice, 1, 10), UPLOAD_CONFLICT);
    assert_int_equal(resume("u", alice, LEADS, 11), UPLOAD_CONFLICT);
    fixture_sql("DELETE FROM chat_membership WHERE channel_id = 2");
    assert_int_equal(resume("u", alice, LEADS, 10), UPLOAD_NO_ACCESS);
}

static void resumed_when_it_is_done(void **state)
{
    int64_t id;

    (void)state;
    id = make_attachment("u", 1);
    assert_int_equal(resume("u", alice, 1, 10), UPLOAD_OK);
    assert_string_equal(files.chunks, "[0]");
    assert_int_equal(files.attachment_id, id);
}

static void cancelled(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    put_chunk("u", 0, 4);
    assert_int_equal(reserve("u", alice, 1, 4, DIGEST_A), UPLOAD_OK);
    assert_int_equal(cancel("none", alice), UPLOAD_UNKNOWN);
    assert_int_equal(cancel("u", bob), UPLOAD_FOREIGN);
    assert_int_equal(cancel("u", alice), UPLOAD_OK);
    assert_int_equal(cancel("u", alice), UPLOAD_UNKNOWN);
    assert_int_equal(garbage("part/%", 0), 1); /* the one that is there */
    assert_int_equal(garbage("part/%", 301), 2);
    assert_int_equal(garbage("file/%", 1000), 0);
    assert_int_equal(stored("u", 1, files.part), UPLOAD_UNKNOWN);
}

/* ---- putting together ---- */

static void parts(void **state)
{
    int64_t first, second;

    (void)state;
    assert_int_equal(start("u", alice, LEADS, 10), UPLOAD_OK);
    second = put_chunk("u", 1, 6);
    assert_int_equal(ask_parts("u"), 0);
    first = put_chunk("u", 0, 4);
    assert_int_equal(ask_parts("u"), 2);
    assert_int_equal(files.parts[0].part, first);
    assert_int_equal(files.parts[1].part, second);
    assert_int_equal(files.parts[0].size, 4);
    assert_int_equal(files.parts[1].size, 6);
    assert_string_equal(files.parts[0].digest, DIGEST_A);
    assert_false(files.parts[0].is_lost);
    assert_int_equal(files.file.user_id, alice);
    assert_int_equal(files.file.channel_id, LEADS);
    assert_int_equal(files.file.file_size, 10);
    assert_string_equal(files.file_name, "a b.txt");
    assert_string_equal(files.file_type, "text/plain");
    assert_string_equal(files.storage_name, STORAGE_NAME);
    assert_int_equal(ask_parts("none"), 0);
    assert_int_equal(finish("u"), UPLOAD_OK);
    assert_int_equal(ask_parts("u"), 0);
}

static void done_once(void **state)
{
    (void)state;
    assert_int_equal(finish("none"), UPLOAD_UNKNOWN);
    make_attachment("u", 1);
    assert_string_equal(files.gateway, "gw1.aa");
    assert_int_equal(files.conn, 6);
    assert_true(files.is_posted);
    assert_true(files.is_staff);
    assert_string_equal(files.username, "alice");
    assert_string_equal(files.avatar, "/media/a.png");
    assert_int_equal(garbage("part/" STORAGE_NAME "/%", 0), 1);
    assert_int_equal(finish("u"), UPLOAD_REPEAT);
    assert_int_equal(files.attachment_id, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment WHERE user_id = 1"
                                    " AND file_size = 10 AND thumbnail_bytes = 77"
                                    " AND thumbnail_type = 'image/png' AND message_id IS NULL"),
                     1);
}

static void no_message_of_those_who_were_put_out(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, LEADS, 10), UPLOAD_OK);
    put_chunk("u", 0, 10);
    fixture_sql("DELETE FROM chat_membership WHERE channel_id = 2");
    assert_int_equal(finish("u"), UPLOAD_OK);
    assert_false(files.is_posted);
    fixture_sql("UPDATE upload SET lease_until = now() - interval '1 second'");
    assert_int_equal(claim_left(200), 0);
}

static void refused(void **state)
{
    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    put_chunk("u", 0, 10);
    asked(store_upload_refuse(got.store, BYTES_LIT("u"), on_finished, NULL));
    assert_string_equal(files.gateway, "gw1.aa");
    assert_int_equal(files.conn, 6);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 0);
    assert_int_equal(garbage("part/%", 0), 1);
    assert_int_equal(garbage("file/" STORAGE_NAME "/data", 301), 1);
    assert_int_equal(garbage("file/" STORAGE_NAME "/thumb", 301), 1);
    asked(store_upload_refuse(got.store, BYTES_LIT("u"), on_finished, NULL)); /* a second broker */
    assert_int_equal(files.conn, 0);
    make_attachment("v", 1);
    asked(store_upload_refuse(got.store, BYTES_LIT("v"), on_finished, NULL)); /* too late */
    assert_int_equal(files.conn, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_attachment"), 1);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload"), 1);
}

static void reopened(void **state)
{
    int64_t lost[2];

    (void)state;
    assert_int_equal(start("u", alice, 1, 10), UPLOAD_OK);
    put_chunk("u", 0, 4);
    lost[0] = put_chunk("u", 1, 6);
    lost[1] = 999999;
    asked(store_upload_reopen(got.store, BYTES_LIT("u"), lost, 2, on_finished, NULL));
    assert_string_equal(files.gateway, "gw1.aa");
    assert_int_equal(files.conn, 7);
    assert_int_equal(resume("u", alice, 1, 10), UPLOAD_OK);
    assert_string_equal(files.chunks, "[0]");
    assert_int_equal(garbage("part/%", 0), 1);
    assert_int_equal(put_chunk("u", 1, 6) == lost[0], 0);
    assert_true(files.is_last);
    /* A second broker comes with what it found before: the file is whole again. */
    asked(store_upload_reopen(got.store, BYTES_LIT("u"), lost, 2, on_finished, NULL));
    assert_int_equal(files.conn, 0);
    assert_int_equal(ask_parts("u"), 2);
    assert_int_equal(finish("u"), UPLOAD_OK);
    lost[0] = files.part;
    asked(store_upload_reopen(got.store, BYTES_LIT("u"), lost, 1, on_finished, NULL));
    assert_int_equal(files.conn, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM upload_chunk"), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, files_set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_start_and_the_same_again),
        TEST(who_may_start),
        TEST(five_may_be_open),
        TEST(chunks_in_any_order),
        TEST(who_sends_is_told_last),
        TEST(touched_once_a_minute),
        TEST(a_repeat_is_there),
        TEST(others_in_its_place_before_it_is_stored),
        TEST(sums),
        TEST(whose_chunks),
        TEST(nothing_more_when_it_is_complete),
        TEST(two_at_once),
        TEST(resumed),
        TEST(resumed_when_it_is_done),
        TEST(cancelled),
        TEST(parts),
        TEST(done_once),
        TEST(no_message_of_those_who_were_put_out),
        TEST(refused),
        TEST(reopened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
