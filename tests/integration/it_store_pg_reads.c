/* SPDX-License-Identifier: MIT */
/* Tests of the store's reading side against a real PostgreSQL: messages, ids, users, sessions,
 * channels, and that text from peers is only ever data. */
#include "tests/integration/store_probe.h"

#include "common/mem.h"

/* Messages of partitions 3 and 4 in channels 1 and 2; ids are not in the order of seq. */
static void seed_messages(void)
{
    fixture_sql("INSERT INTO chat_message (channel_id, id, seq, author_id, created_at, entry_ms,"
                " entry_seq, entry_partition, entry_index, content, client_id, deleted_at) VALUES"
                " (2, 10, 1, 1, now(), 100, 0, 3, 0, 'b1', 'x', NULL),"
                " (1, 12, 2, 999, now(), 100, 1, 3, 1, 'a2', NULL, NULL),"
                " (1, 11, 1, 1, now(), 100, 1, 3, 0, 'a1', 'y''z', NULL),"
                " (1, 13, 3, 1, now(), 100, 2, 4, 0, 'other partition', NULL, NULL),"
                " (1, 14, 4, 1, now(), 101, 0, 3, 0, 'a4', NULL, now())");
}

static void messages_after_an_entry(void **state)
{
    static const struct {
        uint32_t partition, limit;
        uint64_t ms, seq;
        int64_t from_id;
        const char *contents; /* of the rows, by channel and seq */
    } cases[] = {
        {3, 10, 0, 0, 0, "a1 a2 a4 b1 "},
        {3, 10, 100, 0, 0, "a1 a2 a4 "},
        {3, 10, 100, 1, 0, "a4 "},
        {3, 10, 101, 0, 0, ""},
        {3, 10, 0, 0, 12, "a2 a4 "},
        {3, 10, 0, 0, 15, ""},
        {3, 2, 0, 0, 0, "a1 b1 "}, /* the lowest ids */
        {3, 0, 0, 0, 0, ""},
        {4, 10, 0, 0, 0, "other partition "},
        {5, 10, 0, 0, 0, ""},
    };

    (void)state;
    seed_messages();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct entry_id after = {cases[i].ms, cases[i].seq};
        char contents[128] = "";

        assert_int_equal(store_undelivered(got.store, cases[i].partition, after, cases[i].from_id,
                                           cases[i].limit, on_messages, NULL),
                         0);
        next();
        assert_int_equal(got.err, 0);
        for (size_t k = 0; k < got.row_count; k++) {
            (void)snprintf(contents + strlen(contents), sizeof(contents) - strlen(contents), "%s ",
                           got.contents[k]);
        }
        assert_string_equal(contents, cases[i].contents);
    }
    assert_int_equal(
        store_undelivered(got.store, 3, (struct entry_id){UINT64_MAX, 0}, 0, 1, on_messages, NULL),
        ERR_RANGE);
}

static void an_author_who_is_gone_has_no_name(void **state)
{
    (void)state;
    seed_messages();
    assert_int_equal(
        store_undelivered(got.store, 3, (struct entry_id){0, 0}, 12, 1, on_messages, NULL), 0);
    next();
    assert_int_equal(got.rows[0].author_id, 999);
    assert_string_equal(got.text[0], "");
    assert_string_equal(got.text[1], "");
}

static void client_ids_that_are_stored_are_found(void **state)
{
    const struct client_key keys[] = {
        {2, 1, BYTES_LIT("x")},
        {1, 1, BYTES_LIT("y'z")},
        {1, 1, BYTES_LIT("x")},
        {2, 999, BYTES_LIT("x")},
        {1, 1, BYTES_LIT("' OR true --")},
        {1, 999, BYTES_LIT("")},
        {1, 1, BYTES_LIT("{\"x\",NULL}")},
    };

    (void)state;
    seed_messages();
    assert_int_equal(
        store_find_clients(got.store, keys, sizeof(keys) / sizeof(keys[0]), on_messages, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(got.row_count, 2);
    assert_int_equal(got.rows[0].id, 11);
    assert_int_equal(got.rows[1].id, 10);
    assert_int_equal(store_find_clients(got.store, NULL, 0, on_messages, NULL), 0);
    next();
    assert_int_equal(got.row_count, 0);
    assert_int_equal(
        store_find_clients(got.store, keys, STORE_BATCH_ROWS_MAX + 1, on_messages, NULL),
        ERR_LIMIT);
}

static void ids_are_fresh_and_ascending(void **state)
{
    int64_t last = 0;

    (void)state;
    for (int block = 0; block < 2; block++) {
        assert_int_equal(store_take_ids(got.store, 20, on_ids, NULL), 0);
        next();
        assert_int_equal(got.id_count, 20);
        for (size_t i = 0; i < 20; i++) {
            assert_true(got.ids[i] > last);
            last = got.ids[i];
        }
    }
    assert_int_equal(store_take_ids(got.store, 65536, on_ids, NULL), 0);
    assert_int_equal(store_take_ids(got.store, 65537, on_ids, NULL), ERR_LIMIT);
    next();
    assert_int_equal(got.id_count, 65536);
}

static void a_target_says_whose_it_is_and_whether_it_is_deleted(void **state)
{
    static const struct {
        int64_t channel, id;
        bool is_there, is_deleted;
    } cases[] = {{1, 11, true, false},
                 {1, 14, true, true},
                 {2, 11, false, false},
                 {1, 15, false, false},
                 {2, 10, true, false}};

    (void)state;
    seed_messages();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            store_target(got.store, cases[i].channel, cases[i].id, alice, on_target, NULL), 0);
        next();
        assert_int_equal(got.is_there, cases[i].is_there);
        assert_int_equal(got.target.is_deleted, cases[i].is_deleted);
        assert_int_equal(got.target.read_id, 0);
        assert_true(!got.is_there || got.target.author_id > 0);
    }
}

static void users_by_id(void **state)
{
    (void)state;
    assert_int_equal(store_user_by_id(got.store, alice, on_user, NULL), 0);
    next();
    assert_true(got.is_row);
    assert_int_equal(got.user.id, alice);
    assert_string_equal(got.text[0], "alice");
    assert_string_equal(got.text[1], "pw-alice");
    assert_string_equal(got.text[2], "/media/a.png");
    assert_true(got.user.is_active);
    assert_true(got.user.is_staff);
    assert_int_equal(store_user_by_id(got.store, bob, on_user, NULL), 0);
    next();
    assert_string_equal(got.text[2], "");
    assert_false(got.user.is_active);
    assert_false(got.user.is_staff);
    assert_int_equal(store_user_by_id(got.store, INT64_MAX, on_user, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_false(got.is_row);
}

static void users_by_name(void **state)
{
    static const struct {
        struct bytes name;
        bool is_there;
    } cases[] = {
        {{"alice", 5}, true},
        {{"o'dd \"name\"; --", 15}, true},
        {{"Alice", 5}, false},
        {{"", 0}, false},
        {{"' OR '1'='1", 11}, false},
        {{"alice'; DROP TABLE auth_user; --", 32}, false},
        {{"alice\0x", 7}, false},
        {{"\xff\xfe", 2}, false},
        {{"%", 1}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(store_user_by_name(got.store, cases[i].name, on_user, NULL), 0);
        next();
        assert_int_equal(got.err, 0);
        assert_int_equal(got.is_row, cases[i].is_there);
        if (got.is_row) {
            assert_memory_equal(got.text[0], cases[i].name.ptr, cases[i].name.len);
        }
    }
    assert_int_equal(fixture_number("SELECT count(*) FROM auth_user"), 3);
    assert_int_equal(got.downs, 0);
}

static void sessions(void **state)
{
    (void)state;
    fixture_sql("INSERT INTO django_session VALUES"
                " ('fresh', 'payload:sig', now() + interval '1 hour'),"
                " ('stale', 'old', now() - interval '1 second')");
    assert_int_equal(store_session(got.store, BYTES_LIT("fresh"), on_session, NULL), 0);
    next();
    assert_true(got.is_row);
    assert_false(got.is_expired);
    assert_string_equal(got.text[0], "payload:sig");
    assert_int_equal(store_session(got.store, BYTES_LIT("stale"), on_session, NULL), 0);
    next();
    assert_true(got.is_row);
    assert_true(got.is_expired);
    assert_int_equal(store_session(got.store, bytes_of("fre\0sh", 6), on_session, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_false(got.is_row);
}

static void ask_for_django_columns(void)
{
    assert_int_equal(store_user_by_id(got.store, alice, on_user, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(got.user.id, alice);
    assert_string_equal(got.text[0], "alice");
    assert_string_equal(got.text[1], "pw-alice");
    assert_int_equal(store_session(got.store, BYTES_LIT("key"), on_session, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_string_equal(got.text[0], "payload:sig");
    assert_int_equal(
        store_undelivered(got.store, 3, (struct entry_id){0, 0}, 10, 1, on_messages, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(got.row_count, 1);
}

/* As Django's migrations alter them, under statements that were prepared before. */
static void altered_columns_change_no_answer(void **state)
{
    (void)state;
    seed_messages();
    fixture_sql("INSERT INTO django_session VALUES"
                " ('key', 'payload:sig', now() + interval '1 hour')");
    ask_for_django_columns();
    fixture_sql("ALTER TABLE auth_user ALTER username TYPE varchar(30),"
                " ALTER password TYPE varchar(100), ALTER id TYPE bigint;"
                "ALTER TABLE django_session ALTER session_data TYPE varchar");
    ask_for_django_columns();
    fixture_sql("ALTER TABLE auth_user ALTER username TYPE text");
    ask_for_django_columns();
}

static void channels_by_room(void **state)
{
    static const struct {
        const char *room;
        int64_t id; /* 0: none */
        bool is_private, alice_is_member;
    } cases[] = {
        {"general", 1, false, false},
        {"leads", 2, true, true},
        {"2", 2, true, true},
        {"77", 78, false, false}, /* the name wins over the number */
        {"78", 78, false, false},
        {"3", 0, false, false},
        {"General", 0, false, false},
        {"", 0, false, false},
        {"99999999999999999999999", 0, false, false},
        {"general' OR '1'='1", 0, false, false},
        {"1; DROP TABLE chat_channel", 0, false, false},
    };

    (void)state;
    fixture_sql("UPDATE chat_channel SET last_seq = id + 5");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            store_channel(got.store, bytes_str(cases[i].room), alice, false, on_channel, NULL), 0);
        next();
        assert_int_equal(got.err, 0);
        assert_int_equal(got.is_row, cases[i].id != 0);
        if (!got.is_row) {
            continue;
        }
        assert_int_equal(got.channel.id, cases[i].id);
        assert_int_equal(got.channel.is_private, cases[i].is_private);
        assert_int_equal(got.channel.is_member, cases[i].alice_is_member);
        assert_int_equal(got.channel.last_seq, cases[i].id + 5);
    }
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_channel"), 4);
}

static void channels_by_id(void **state)
{
    (void)state;
    assert_int_equal(store_channel_by_id(got.store, 2, bob, on_channel, NULL), 0);
    next();
    assert_true(got.is_row);
    assert_string_equal(got.text[0], "leads");
    assert_false(got.channel.is_member);
    assert_int_equal(store_channel_by_id(got.store, 3, bob, on_channel, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_false(got.is_row);
}

static void missing_channels_are_made_when_asked(void **state)
{
    static const char *const unfit[] = {"123", "a b", "x'y", ""};
    int64_t id;

    (void)state;
    assert_int_equal(store_channel(got.store, BYTES_LIT("new-one"), alice, true, on_channel, NULL),
                     0);
    next();
    assert_true(got.is_row);
    assert_string_equal(got.text[0], "new-one");
    assert_false(got.channel.is_private);
    assert_int_equal(got.channel.last_seq, 0);
    id = got.channel.id;
    assert_int_equal(store_channel(got.store, BYTES_LIT("new-one"), bob, true, on_channel, NULL),
                     0);
    next();
    assert_int_equal(got.channel.id, id);
    assert_int_equal(fixture_number("SELECT created_by FROM chat_channel WHERE name = 'new-one'"),
                     alice);
    assert_int_equal(store_channel(got.store, BYTES_LIT("nobodys"), 0, true, on_channel, NULL), 0);
    next();
    assert_true(got.is_row);
    for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
        assert_int_equal(
            store_channel(got.store, bytes_str(unfit[i]), alice, true, on_channel, NULL), 0);
        next();
        assert_int_equal(got.err, 0);
        assert_false(got.is_row);
    }
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_channel"), 6);
}

static void two_who_make_a_channel_get_the_same(void **state)
{
    int64_t id;

    (void)state;
    /* Another process has made it but not committed: ours waits, and gets that row. */
    fixture_sql("BEGIN; INSERT INTO chat_channel (id, name) VALUES (555, 'race')");
    assert_int_equal(store_channel(got.store, BYTES_LIT("race"), alice, true, on_channel, NULL), 0);
    id = fixture_number("SELECT 555");
    fixture_sql("COMMIT");
    next();
    assert_int_equal(got.err, 0);
    assert_true(got.is_row);
    assert_int_equal(got.channel.id, id);
}

static void logins_are_noted(void **state)
{
    (void)state;
    store_note_login(got.store, alice);
    assert_int_equal(store_user_by_id(got.store, alice, on_user, NULL), 0); /* comes behind it */
    next();
    assert_int_equal(fixture_number("SELECT count(*) FROM auth_user WHERE last_login"
                                    " > now() - interval '1 minute'"),
                     1);
}

static void without_memory_requests_are_refused_or_fail(void **state)
{
    int refused = 0, failed = 0;

    (void)state;
    seed_messages();
    for (size_t nth = 1; nth <= 6; nth++) {
        int err, before = got.done;

        (void)mem_fail_after(nth);
        err = store_undelivered(got.store, 3, (struct entry_id){0, 0}, 0, 9, on_messages, NULL);
        if (err == 0) {
            next();
            failed += got.err == ERR_NOMEM;
        } else {
            assert_int_equal(err, ERR_NOMEM);
            assert_int_equal(got.done, before);
            refused++;
        }
        (void)mem_fail_after(0);
    }
    assert_in_range(refused, 1, 5);
    assert_in_range(failed, 1, 5);
    assert_int_equal(got.downs, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, store_set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_after_an_entry),
        TEST(an_author_who_is_gone_has_no_name),
        TEST(client_ids_that_are_stored_are_found),
        TEST(ids_are_fresh_and_ascending),
        TEST(a_target_says_whose_it_is_and_whether_it_is_deleted),
        TEST(users_by_id),
        TEST(users_by_name),
        TEST(sessions),
        TEST(altered_columns_change_no_answer),
        TEST(channels_by_room),
        TEST(channels_by_id),
        TEST(missing_channels_are_made_when_asked),
        TEST(two_who_make_a_channel_get_the_same),
        TEST(logins_are_noted),
        TEST(without_memory_requests_are_refused_or_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
