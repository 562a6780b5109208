/* SPDX-License-Identifier: MIT */
/* Tests of what the HTTP API asks against a real PostgreSQL: profiles, listings with unread counts,
 * new channels, members, pages, searching; and that the store is up without their connection. */
#include "tests/integration/store_probe.h"

#include "broker/store_api.h"

#define LISTED_MAX 16

static struct {
    struct profile_row profile;
    struct listed_channel channels[LISTED_MAX];
    char names[LISTED_MAX][32], roles[LISTED_MAX][16], members[LISTED_MAX][64];
    char last[LISTED_MAX][32]; /* content of the last message; "" = none */
    size_t channel_count;
    struct made_channel made;
    char made_members[64];
    enum member_verdict verdict;
    bool has_page;
    struct message_page page;
    char contents[512]; /* of the rows, each followed by a blank */
    struct listed_message first;
    int64_t last_id;
} seen;

static void on_profile(void *arg, int err, const struct profile_row *profile)
{
    (void)arg;
    got.is_row = profile != NULL;
    if (profile) {
        seen.profile = *profile;
        copy_text(0, profile->username);
        copy_text(1, profile->first_name);
        copy_text(2, profile->last_name);
        copy_text(3, profile->email);
        copy_text(4, profile->avatar);
    }
    completed(err);
}

static void keep(char *to, size_t size, struct bytes text)
{
    (void)snprintf(to, size, "%.*s", BYTES_FMT(text));
}

static void on_channels(void *arg, int err, const struct listed_channel *channels, size_t count)
{
    (void)arg;
    seen.channel_count = count;
    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        const struct listed_channel *c = &channels[i];

        seen.channels[i] = *c;
        keep(seen.names[i], sizeof(seen.names[i]), c->name);
        keep(seen.roles[i], sizeof(seen.roles[i]), c->role);
        keep(seen.members[i], sizeof(seen.members[i]), c->members);
        keep(seen.last[i], sizeof(seen.last[i]), c->last_message.content);
    }
    completed(err);
}

static void on_made(void *arg, int err, const struct made_channel *made)
{
    (void)arg;
    if (made) {
        seen.made = *made;
        keep(seen.made_members, sizeof(seen.made_members), made->members);
    }
    completed(err);
}

static void on_member(void *arg, int err, enum member_verdict verdict)
{
    (void)arg;
    seen.verdict = verdict;
    completed(err);
}

static void on_page(void *arg, int err, const struct message_page *page)
{
    (void)arg;
    seen.has_page = page != NULL;
    seen.contents[0] = '\0';
    if (page) {
        seen.page = *page;
        for (size_t i = 0; i < page->count; i++) {
            const struct listed_message *row = &page->rows[i];
            size_t len = strlen(seen.contents);

            seen.last_id = row->message.id;
            (void)snprintf(seen.contents + len, sizeof(seen.contents) - len, "%.*s ",
                           BYTES_FMT(row->message.content));
        }
        if (page->count > 0) {
            seen.first = page->rows[0];
            copy_text(0, page->rows[0].message.author_username);
            copy_text(1, page->rows[0].message.author_avatar);
        }
    }
    completed(err);
}

/* ---- setting up ---- */

/* The connection for the API tells nobody when it is up: ask until it answers. */
static void wait_for_api(void)
{
    uint64_t deadline_ms = clock_mono_ms() + FIXTURE_WAIT_MS;
    int never = 0;

    while (store_profile(got.store, alice, on_profile, NULL) != 0) {
        assert_true(clock_mono_ms() < deadline_ms);
        fx.counter = &never;
        fx.wanted = 1;
        fx.deadline_ms = clock_mono_ms() + 20;
        loop_timer_start(fx.tick, 0, 1);
        loop_run(fx.loop);
        loop_timer_stop(fx.tick);
    }
    next();
}

static int set_up(void **state)
{
    memset(&seen, 0, sizeof(seen));
    if (store_set_up(state) != 0) {
        return -1;
    }
    wait_for_api();
    return 0;
}

/* A message of channel 1 or another one; `more` are columns and values that differ. */
static void put_message(int64_t channel, int64_t id, int64_t author, const char *content)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO chat_message (channel_id, id, seq, author_id, created_at, entry_ms,"
                   " entry_seq, entry_partition, entry_index, content) VALUES"
                   " (%lld, %lld, %lld, %lld, '2024-01-01T12:00:00.007Z', 1, 1, 1, 1, '%s')",
                   (long long)channel, (long long)id, (long long)id, (long long)author, content);
    fixture_sql(sql);
}

static void delete_message(int64_t id)
{
    char sql[160];

    (void)snprintf(sql, sizeof(sql),
                   "UPDATE chat_message SET content = '', deleted_at = '2024-01-01T12:00:02Z'"
                   " WHERE id = %lld",
                   (long long)id);
    fixture_sql(sql);
}

static void add_member(int64_t channel, int64_t user, const char *role)
{
    char sql[160];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO chat_membership (channel_id, user_id, role) VALUES (%lld, %lld,"
                   " '%s')",
                   (long long)channel, (long long)user, role);
    fixture_sql(sql);
}

/* ---- people and channels ---- */

static void ask_for_alice(void)
{
    assert_int_equal(store_profile(got.store, alice, on_profile, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_true(got.is_row);
    assert_int_equal(seen.profile.id, alice);
    assert_true(seen.profile.is_staff);
    assert_string_equal(got.text[0], "alice");
    assert_string_equal(got.text[1], "A");
    assert_string_equal(got.text[2], "L");
    assert_string_equal(got.text[3], "a@b");
    assert_string_equal(got.text[4], "/media/a.png");
}

static void profiles(void **state)
{
    (void)state;
    fixture_sql("UPDATE auth_user SET first_name = 'A', last_name = 'L', email = 'a@b'"
                " WHERE username = 'alice'");
    ask_for_alice();
    /* As Django's migrations alter them, under statements that were prepared before. */
    fixture_sql("ALTER TABLE auth_user ALTER username TYPE varchar(30),"
                " ALTER first_name TYPE varchar(30), ALTER last_name TYPE varchar(30),"
                " ALTER email TYPE varchar(75), ALTER id TYPE bigint");
    ask_for_alice();
    assert_int_equal(store_profile(got.store, INT64_MAX, on_profile, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_false(got.is_row);
}

static void list(int64_t user)
{
    assert_int_equal(store_channels(got.store, user, on_channels, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void channels_by_activity(void **state)
{
    (void)state;
    fixture_sql("INSERT INTO chat_channel (id, name, kind) VALUES (90, 'direct', 'direct')");
    list(alice); /* by age, as nobody has said anything */
    assert_int_equal(seen.channel_count, 4);
    assert_string_equal(seen.names[0], "77");
    assert_string_equal(seen.names[3], "general");
    assert_false(seen.channels[0].has_message);
    put_message(1, 10, bob, "old");
    put_message(77, 11, bob, "newer");
    put_message(2, 12, alice, "newest");
    list(alice);
    assert_string_equal(seen.names[0], "leads");
    assert_string_equal(seen.names[1], "seventy");
    assert_string_equal(seen.names[2], "general");
    assert_string_equal(seen.names[3], "77");
    assert_string_equal(seen.last[0], "newest");
    assert_int_equal(seen.channels[0].last_message.id, 12);
    assert_int_equal(seen.channels[0].last_message.timestamp_ms, 1704110400007);
    delete_message(12);
    list(alice);
    assert_string_equal(seen.names[0], "seventy");
    assert_string_equal(seen.names[3], "leads");
    add_member(90, bob, "member");
    list(bob);
    assert_int_equal(seen.channel_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_not_equal(seen.names[i], "leads");
    }
}

static void roles_and_members(void **state)
{
    char wanted[64];

    (void)state;
    add_member(2, bob, "owner");
    add_member(1, bob, "member");
    put_message(2, 12, alice, "x");
    put_message(1, 11, alice, "x");
    list(bob);
    assert_string_equal(seen.names[0], "leads");
    assert_string_equal(seen.roles[0], "owner");
    (void)snprintf(wanted, sizeof(wanted), "[%d, %d]", (int)alice, (int)bob);
    assert_string_equal(seen.members[0], wanted);
    assert_true(seen.channels[0].is_private);
    assert_string_equal(seen.names[1], "general");
    assert_string_equal(seen.roles[1], "member");
    assert_string_equal(seen.members[1], "");
    assert_string_equal(seen.roles[2], "");
}

static void unread_counts(void **state)
{
    char sql[200];

    (void)state;
    for (int64_t id = 11; id <= 16; id++) {
        put_message(1, id, id == 15 ? alice : bob, "x");
    }
    delete_message(16);
    list(alice);
    assert_string_equal(seen.names[0], "general");
    assert_int_equal(seen.channels[0].unread_count, 4); /* neither 15 nor 16 */
    (void)snprintf(sql, sizeof(sql), "INSERT INTO chat_read VALUES (1, %d, 12, now())", (int)alice);
    fixture_sql(sql);
    list(alice);
    assert_int_equal(seen.channels[0].unread_count, 2);
    list(bob);
    assert_int_equal(seen.channels[0].unread_count, 1);
    fixture_sql("UPDATE chat_read SET message_id = 16");
    list(alice);
    assert_int_equal(seen.channels[0].unread_count, 0);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO chat_message SELECT 77, i, i, %d, now(), 1, 1, 1, 1, NULL, NULL,"
                   " NULL, 'x', NULL FROM generate_series(100, 1500) i",
                   (int)bob);
    fixture_sql(sql);
    list(alice);
    assert_int_equal(seen.channels[0].unread_count, STORE_UNREAD_MAX);
}

static void create(const char *name, bool is_private, const int64_t *members, size_t count)
{
    struct new_channel channel = {.name = bytes_str(name),
                                  .is_private = is_private,
                                  .creator_id = alice,
                                  .members = members,
                                  .member_count = count};

    assert_int_equal(store_create_channel(got.store, &channel, on_made, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void new_channels(void **state)
{
    const int64_t members[] = {bob, alice, bob}, unknown[] = {bob, 5000, 4000};
    char sql[200], wanted[64];
    int64_t id;

    (void)state;
    create("new-one", true, members, 3);
    id = seen.made.id;
    assert_true(id > 0);
    assert_int_equal(seen.made.unknown_user, 0);
    (void)snprintf(wanted, sizeof(wanted), "[%d,%d]", (int)alice, (int)bob);
    assert_string_equal(seen.made_members, wanted);
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM chat_channel c JOIN chat_membership m ON m.channel_id ="
                   " c.id WHERE c.id = %d AND c.created_by = %d AND c.is_private"
                   " AND (m.role = 'owner') = (m.user_id = %d)",
                   (int)id, (int)alice, (int)alice);
    assert_int_equal(fixture_number(sql), 2);
    create("new-one", false, NULL, 0); /* taken */
    assert_int_equal(seen.made.id, 0);
    assert_int_equal(seen.made.unknown_user, 0);
    create("another", false, unknown, 3);
    assert_int_equal(seen.made.id, 0);
    assert_int_equal(seen.made.unknown_user, 4000);
    create("x'); DROP TABLE chat_read; --", false, NULL, 0); /* only ever data */
    assert_true(seen.made.id > 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_channel"), 6);
}

static enum member_verdict set_member(const struct member_change *change)
{
    assert_int_equal(store_set_member(got.store, change, on_member, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    return seen.verdict;
}

static void members_come_and_go(void **state)
{
    struct member_change change = {
        .channel_id = 2, .actor_id = alice, .user_id = bob, .actor_is_staff = true, .is_in = true};

    (void)state;
    assert_int_equal(set_member(&change), MEMBER_DONE);
    assert_int_equal(set_member(&change), MEMBER_DONE);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_membership"), 2);
    change.is_in = false;
    assert_int_equal(set_member(&change), MEMBER_DONE);
    assert_int_equal(set_member(&change), MEMBER_DONE);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_membership"), 1);
    change.actor_is_staff = false;
    assert_int_equal(set_member(&change), MEMBER_DENIED);
    fixture_sql("UPDATE chat_membership SET role = 'owner'");
    assert_int_equal(set_member(&change), MEMBER_DONE);
    change.channel_id = 1; /* of which nobody is the owner */
    assert_int_equal(set_member(&change), MEMBER_DENIED);
    change.channel_id = 5000;
    assert_int_equal(set_member(&change), MEMBER_NO_CHANNEL);
    change.channel_id = 2;
    change.user_id = 5000;
    assert_int_equal(set_member(&change), MEMBER_NO_USER);
    fixture_sql("UPDATE chat_channel SET kind = 'direct' WHERE id = 2");
    change.actor_is_staff = true;
    assert_int_equal(set_member(&change), MEMBER_DENIED);
}

/* ---- pages ---- */

static void read_page(const struct page_request *page)
{
    assert_int_equal(store_messages(got.store, page, on_page, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void pages(void **state)
{
    static const struct {
        int64_t after, before;
        uint32_t limit;
        bool is_forward;
        const char *contents;
    } cases[] = {
        {0, INT64_MAX, 10, false, "e  c b a "},
        {0, INT64_MAX, 2, false, "e  "},
        {0, 13, 2, false, "b a "},
        {0, 11, 2, false, ""},
        {11, INT64_MAX, 2, true, "b c "},
        {11, 13, 9, true, "b "},
        {0, INT64_MAX, 2, true, "a b "},
        {15, INT64_MAX, 2, true, ""},
        {11, 14, 9, false, "c b "},
    };

    (void)state;
    for (int64_t id = 11; id <= 15; id++) {
        char content[2] = {(char)('a' + id - 11), '\0'};

        put_message(1, id, alice, content);
    }
    put_message(2, 16, alice, "elsewhere");
    delete_message(14);
    fixture_sql("UPDATE chat_message SET edited_at = '2024-01-01T12:00:01Z', reply_to = 12"
                " WHERE id = 15; UPDATE chat_channel SET last_seq = 33 WHERE id = 1");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_page(&(struct page_request){1, bob, cases[i].after, cases[i].before, cases[i].limit,
                                         cases[i].is_forward});
        assert_true(seen.has_page);
        assert_true(seen.page.may_enter);
        assert_int_equal(seen.page.last_seq, 33);
        assert_int_equal(seen.page.scan_end, 0);
        assert_string_equal(seen.contents, cases[i].contents);
    }
    read_page(&(struct page_request){1, bob, 0, INT64_MAX, 1, false});
    assert_int_equal(seen.first.message.channel_id, 1);
    assert_int_equal(seen.first.message.author_id, alice);
    assert_int_equal(seen.first.message.timestamp_ms, 1704110400007);
    assert_int_equal(seen.first.message.reply_to, 12);
    assert_int_equal(seen.first.edited_at_ms, 1704110401000);
    assert_int_equal(seen.first.deleted_at_ms, 0);
    assert_string_equal(got.text[0], "alice");
    assert_string_equal(got.text[1], "/media/a.png");
    read_page(&(struct page_request){1, bob, 0, 15, 1, false});
    assert_int_equal(seen.first.deleted_at_ms, 1704110402000);
}

static void who_may_read(void **state)
{
    (void)state;
    put_message(2, 11, alice, "secret");
    read_page(&(struct page_request){2, alice, 0, INT64_MAX, 9, false});
    assert_string_equal(seen.contents, "secret ");
    read_page(&(struct page_request){2, bob, 0, INT64_MAX, 9, false});
    assert_true(seen.has_page);
    assert_false(seen.page.may_enter);
    assert_int_equal(seen.page.count, 0);
    read_page(&(struct page_request){5000, alice, 0, INT64_MAX, 9, false});
    assert_false(seen.has_page);
    fixture_sql("UPDATE chat_channel SET kind = 'direct', is_private = false WHERE id = 2");
    read_page(&(struct page_request){2, bob, 0, INT64_MAX, 9, false});
    assert_false(seen.page.may_enter);
    assert_int_equal(store_search(got.store, &(struct page_request){2, bob, 0, INT64_MAX, 9, false},
                                  BYTES_LIT("secret"), on_page, NULL),
                     0);
    next();
    assert_false(seen.page.may_enter);
    assert_int_equal(seen.page.count, 0);
}

static void search(int64_t before, uint32_t limit, const char *words)
{
    const struct page_request page = {1, bob, 0, before, limit, false};

    assert_int_equal(store_search(got.store, &page, bytes_str(words), on_page, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_true(seen.page.may_enter);
}

static void searching(void **state)
{
    static const struct {
        const char *words, *contents;
    } cases[] = {
        {"apple", "Apple-pie,apple apple,pear "},
        {"APPLE pear", "apple,pear "},
        {"apple OR plum", "Apple-pie,apple plum apple,pear "},
        {"apple -pear", "Apple-pie,apple "},
        {"\"apple pear\"", "apple,pear "},
        {"app", ""},
        {"!!!", ""},
        {"' OR true --", ""},
        {"deleted", ""},
    };

    (void)state;
    put_message(1, 11, alice, "apple,pear");
    put_message(1, 12, alice, "plum");
    put_message(1, 13, alice, "deleted");
    put_message(1, 14, alice, "Apple-pie,apple");
    put_message(2, 15, alice, "apple");
    fixture_sql("UPDATE chat_message SET deleted_at = now() WHERE id = 13");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        search(INT64_MAX, 9, cases[i].words);
        assert_string_equal(seen.contents, cases[i].contents);
        assert_int_equal(seen.page.scan_end, 0);
    }
    search(INT64_MAX, 1, "apple");
    assert_string_equal(seen.contents, "Apple-pie,apple ");
    assert_int_equal(seen.page.scan_end, 14);
    search(14, 1, "apple");
    assert_string_equal(seen.contents, "apple,pear ");
    assert_int_equal(seen.page.scan_end, 0); /* it was the channel's first */
}

static void a_long_search_ends_and_goes_on(void **state)
{
    (void)state;
    fixture_sql("INSERT INTO chat_message SELECT 1, i, i, 1, now(), 1, 1, 1, 1, NULL, NULL, NULL,"
                " CASE i WHEN 1 THEN 'needle' ELSE 'hay' END, NULL"
                " FROM generate_series(1, 10005) i");
    search(INT64_MAX, 9, "needle");
    assert_int_equal(seen.page.count, 0);
    assert_int_equal(seen.page.scan_end, 10006 - STORE_SEARCH_ROWS_MAX);
    search(seen.page.scan_end, 9, "needle");
    assert_string_equal(seen.contents, "needle ");
    assert_int_equal(seen.page.scan_end, 0);
    fixture_sql("UPDATE chat_message SET content = repeat('straw ', 200000) WHERE id > 9990");
    search(INT64_MAX, 9, "needle"); /* by bytes, and texts of over 1 MB do no harm */
    assert_int_equal(seen.page.scan_end, 10006 - 7);
}

/* ---- the connection ---- */

static void only_so_many_wait(void **state)
{
    int refused = 0, accepted = 0, before = got.done;

    (void)state;
    for (unsigned i = 0; i < STORE_API_PENDING_MAX + 10; i++) {
        int err = store_profile(got.store, alice, on_profile, NULL);

        refused += err == ERR_BUSY;
        accepted += err == 0;
    }
    assert_int_equal(accepted, STORE_API_PENDING_MAX);
    assert_int_equal(refused, 10);
    fixture_wait(&got.done, before + accepted);
    assert_int_equal(got.err, 0);
}

/* A listing that the server gives up keeps the connection, and the others on it. */
static void a_slow_listing_fails_alone(void **state)
{
    int before = got.done;

    (void)state;
    fixture_sql("BEGIN; LOCK chat_membership");
    assert_int_equal(store_channels(got.store, alice, on_channels, NULL), 0);
    assert_int_equal(store_profile(got.store, alice, on_profile, NULL), 0);
    assert_int_equal(store_user_by_id(got.store, bob, on_user, NULL), 0);
    fixture_wait(&got.done, before + 3);
    assert_int_equal(got.user.id, bob);
    assert_int_equal(got.errs[before], 0); /* the look-up did not stand behind the listings */
    assert_int_equal(got.errs[before + 1], ERR_UNAVAILABLE);
    assert_int_equal(got.errs[before + 2], 0);
    fixture_sql("ROLLBACK");
    assert_int_equal(got.downs, 0);
    assert_true(store_pg_is_up(got.store));
}

static void the_store_is_up_without_it(void **state)
{
    (void)state;
    fixture_sql("BEGIN; LOCK chat_membership");
    assert_int_equal(store_channels(got.store, alice, on_channels, NULL), 0);
    while (fixture_number("SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a"
                          " WHERE a.query LIKE 'WITH seen AS%' AND a.wait_event_type = 'Lock'") ==
           0) {
        fixture_sql("SELECT pg_stat_clear_snapshot()"); /* a transaction sees one state only */
    }
    next();
    assert_int_equal(got.err, ERR_UNAVAILABLE);
    assert_true(store_pg_is_up(got.store));
    assert_int_equal(store_profile(got.store, alice, on_profile, NULL), ERR_UNAVAILABLE);
    assert_int_equal(store_user_by_id(got.store, alice, on_user, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    fixture_sql("ROLLBACK");
    wait_for_api();
    assert_int_equal(got.err, 0);
    assert_int_equal(got.downs, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(profiles),
        TEST(channels_by_activity),
        TEST(roles_and_members),
        TEST(unread_counts),
        TEST(new_channels),
        TEST(members_come_and_go),
        TEST(pages),
        TEST(who_may_read),
        TEST(searching),
        TEST(a_long_search_ends_and_goes_on),
        TEST(only_so_many_wait),
        TEST(a_slow_listing_fails_alone),
        TEST(the_store_is_up_without_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
