/* SPDX-License-Identifier: MIT */
/* Tests of logins, revoked tokens, direct channels and changes of access against a real
 * PostgreSQL: what the triggers write down whoever changes the tables, and what they do not. */
#include "broker/login_id.h"
#include "broker/store_access.h"
#include "tests/integration/store_probe.h"

#define CHANGES_MAX 8u

static struct {
    struct access_change rows[CHANGES_MAX];
    size_t count;
    bool is_revoked;
    int64_t next_channel;
} seen;

static void on_changes(void *arg, int err, const struct access_change *rows, size_t count)
{
    (void)arg;
    seen.count = count;
    for (size_t i = 0; i < count && i < CHANGES_MAX; i++) {
        seen.rows[i] = rows[i];
    }
    completed(err);
}

static void on_revoked(void *arg, int err, bool is_revoked)
{
    (void)arg;
    seen.is_revoked = is_revoked;
    completed(err);
}

static void on_trimmed(void *arg, int err, int64_t next_channel)
{
    (void)arg;
    seen.next_channel = next_channel;
    completed(err);
}

static void read_changes(const int64_t *but, size_t count)
{
    assert_int_equal(store_access_changes(got.store, but, count, on_changes, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

/* The changes made since the last call, which are forgotten. */
static void changes_of(const char *sql)
{
    int64_t ids[CHANGES_MAX];

    fixture_sql(sql);
    read_changes(NULL, 0);
    assert_true(seen.count <= CHANGES_MAX);
    for (size_t i = 0; i < seen.count; i++) {
        ids[i] = seen.rows[i].id;
    }
    assert_int_equal(store_access_forget(got.store, ids, seen.count, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM access_change"), 0);
}

static void assert_change(size_t i, enum access_kind kind, int64_t user_id, int64_t channel_id,
                          uint64_t login)
{
    assert_true(i < seen.count);
    assert_int_equal(seen.rows[i].kind, kind);
    assert_int_equal(seen.rows[i].user_id, user_id);
    assert_int_equal(seen.rows[i].channel_id, channel_id);
    assert_true(seen.rows[i].login == login);
}

/* ---- users ---- */

static void users_who_lose_their_right(void **state)
{
    static const struct {
        const char *sql;
        enum access_kind kind; /* ACCESS_NONE: nothing happens */
    } cases[] = {
        {"UPDATE auth_user SET last_login = now(), first_name = 'A' WHERE username = 'alice'",
         ACCESS_NONE},
        {"UPDATE auth_user SET password = password WHERE username = 'alice'", ACCESS_NONE},
        {"UPDATE auth_user SET is_active = false WHERE username = 'alice'", ACCESS_USER},
        {"UPDATE auth_user SET is_active = false WHERE username = 'alice'", ACCESS_NONE},
        {"UPDATE auth_user SET is_active = true WHERE username = 'alice'", ACCESS_NONE},
        {"UPDATE auth_user SET password = 'new' WHERE username = 'alice'", ACCESS_USER},
        {"UPDATE auth_user SET is_staff = false WHERE username = 'alice'", ACCESS_RIGHTS},
        {"BEGIN; UPDATE auth_user SET password = 'x' WHERE username = 'alice'; ROLLBACK",
         ACCESS_NONE},
        /* a member, with a profile, who made a channel: one row all the same */
        {"UPDATE chat_channel SET created_by = (SELECT id FROM auth_user WHERE username = 'alice');"
         "DELETE FROM auth_user WHERE username = 'alice'",
         ACCESS_USER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        changes_of(cases[i].sql);
        assert_int_equal(seen.count, cases[i].kind != ACCESS_NONE);
        if (seen.count > 0) {
            assert_change(0, cases[i].kind, alice, 0, 0);
        }
    }
}

/* ---- channels and members ---- */

static void members_who_are_put_out(void **state)
{
    (void)state;
    changes_of("INSERT INTO chat_membership (channel_id, user_id)"
               " SELECT 1, id FROM auth_user WHERE username = 'alice'");
    assert_int_equal(seen.count, 0);
    changes_of("DELETE FROM chat_membership WHERE channel_id = 1"); /* public: they may stay */
    assert_int_equal(seen.count, 0);
    changes_of("UPDATE chat_membership SET role = 'owner'");
    assert_int_equal(seen.count, 0);
    changes_of("UPDATE chat_membership SET user_id ="
               " (SELECT id FROM auth_user WHERE username = 'bob') WHERE channel_id = 2");
    assert_int_equal(seen.count, 1);
    assert_change(0, ACCESS_MEMBER, alice, 2, 0);
    changes_of("DELETE FROM chat_membership WHERE channel_id = 2");
    assert_int_equal(seen.count, 1);
    assert_change(0, ACCESS_MEMBER, bob, 2, 0);
}

static void channels_that_close(void **state)
{
    (void)state;
    changes_of("UPDATE chat_channel SET last_seq = last_seq + 1, is_private = is_private");
    assert_int_equal(seen.count, 0);
    changes_of("UPDATE chat_channel SET is_private = true WHERE id = 1");
    assert_int_equal(seen.count, 1);
    assert_change(0, ACCESS_PRIVATE, 0, 1, 0);
    changes_of("UPDATE chat_channel SET is_private = false WHERE id = 1");
    assert_int_equal(seen.count, 0);
    changes_of("DELETE FROM chat_channel WHERE id = 2"); /* and its members */
    assert_int_equal(seen.count, 1);
    assert_change(0, ACCESS_CHANNEL, 0, 2, 0);
}

/* ---- logins ---- */

static void sessions_that_end(void **state)
{
    const struct new_session session = {BYTES_LIT("abcdefgh12345678"), BYTES_LIT("payload"), 3600};

    (void)state;
    assert_int_equal(store_session_put(got.store, &session, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(store_session(got.store, session.key, on_session, NULL), 0);
    next();
    assert_true(got.is_row);
    assert_false(got.is_expired);
    assert_string_equal(got.text[0], "payload");
    assert_in_range(fixture_number("SELECT extract(epoch FROM expire_date - now())::bigint"
                                   " FROM django_session"),
                    3590, 3600);
    assert_int_equal(store_session_delete(got.store, session.key, on_done, NULL), 0);
    next();
    changes_of("SELECT 1");
    assert_int_equal(seen.count, 1);
    assert_change(0, ACCESS_LOGIN, 0, 0, login_id_of_session(session.key));
    assert_int_equal(store_session_delete(got.store, session.key, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    changes_of("INSERT INTO django_session VALUES ('old', '', now() - interval '1 second');"
               "DELETE FROM django_session"); /* what `clearsessions` does */
    assert_int_equal(seen.count, 0);
}

static bool is_revoked(const char *jti, const char *family)
{
    struct token_names names = {bytes_str(jti), bytes_str(family)};

    assert_int_equal(store_is_revoked(got.store, &names, on_revoked, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    return seen.is_revoked;
}

static bool revoke_names(const char *jti, const char *family)
{
    struct token_names names = {bytes_str(jti), bytes_str(family)};

    assert_int_equal(store_revoke(got.store, &names, 4000000000u, on_revoked, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    return !seen.is_revoked;
}

static void tokens_that_are_revoked(void **state)
{
    (void)state;
    assert_false(is_revoked("one", "family"));
    assert_false(is_revoked("", ""));
    assert_true(revoke_names("one", "family"));
    assert_true(is_revoked("one", ""));
    assert_true(is_revoked("", "family"));
    assert_true(is_revoked("other", "family"));
    assert_false(is_revoked("", ""));
    assert_false(is_revoked("' OR true --", "x"));
    assert_false(revoke_names("one", "family"));
    assert_false(revoke_names("two", "family"));
    assert_false(is_revoked("two", ""));
    assert_int_equal(fixture_number("SELECT count(*) FROM token_blacklist"
                                    " WHERE expires_at = to_timestamp(4000000000)"),
                     2);
    assert_true(revoke_names("same", "same"));
    changes_of("SELECT 1");
    assert_int_equal(seen.count, 3);
    assert_change(2, ACCESS_LOGIN, 0, 0, login_id_of_family(BYTES_LIT("same")));
    changes_of("INSERT INTO token_blacklist VALUES ('by-sql', now())");
    assert_change(0, ACCESS_LOGIN, 0, 0, login_id_of_family(BYTES_LIT("by-sql")));
    changes_of("DELETE FROM token_blacklist");
    assert_int_equal(seen.count, 0);
}

/* ---- the table itself ---- */

static void changes_that_are_known_are_left_out(void **state)
{
    int64_t first;

    (void)state;
    fixture_sql("DELETE FROM chat_channel WHERE id = 1; DELETE FROM chat_channel WHERE id = 77;"
                "INSERT INTO access_change (what, user_id) SELECT 'user', n"
                " FROM generate_series(1, 600) n");
    read_changes(NULL, 0);
    assert_int_equal(seen.count, ACCESS_CHANGES_MAX);
    first = seen.rows[0].id;
    assert_change(0, ACCESS_CHANNEL, 0, 1, 0);
    read_changes(&first, 1);
    assert_change(0, ACCESS_CHANNEL, 0, 77, 0);
    fixture_sql("DELETE FROM access_change WHERE user_id > 1");
    read_changes(&first, 1);
    assert_int_equal(seen.count, 2);
}

/* Django may have another search path, and another role with no right to our tables. */
static void djangos_role_needs_nothing_of_ours(void **state)
{
    char sql[512];

    (void)state;
    (void)snprintf(sql, sizeof(sql),
                   "SET search_path = '';"
                   "UPDATE %s.auth_user SET is_active = false WHERE username = 'alice';"
                   "SET search_path = %s",
                   fx.name, fx.name);
    changes_of(sql);
    assert_int_equal(seen.count, 1);
    assert_change(0, ACCESS_USER, alice, 0, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM pg_proc WHERE prosecdef"
                                    " AND pronamespace = current_schema::regnamespace"
                                    " AND proname LIKE 'access_on_%'"),
                     5);
}

static void djangos_columns_can_be_altered(void **state)
{
    (void)state;
    fixture_sql("ALTER TABLE auth_user ALTER COLUMN password TYPE varchar(256);"
                "ALTER TABLE auth_user ALTER COLUMN id TYPE bigint;"
                "ALTER TABLE django_session ALTER COLUMN session_key TYPE varchar(80);"
                "ALTER TABLE auth_user RENAME COLUMN last_name TO surname");
    changes_of("UPDATE auth_user SET password = 'y' WHERE username = 'alice'");
    assert_int_equal(seen.count, 1);
}

/* ---- direct channels ---- */

static int64_t direct(int64_t user_id, int64_t other_id)
{
    assert_int_equal(store_direct_channel(got.store, user_id, other_id, on_channel, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    return got.is_row ? got.channel.id : 0;
}

static void direct_channels(void **state)
{
    int64_t id;
    char name[64];

    (void)state;
    assert_int_equal(direct(alice, bob), 0); /* not active */
    assert_int_equal(direct(alice, alice), 0);
    assert_int_equal(direct(alice, 12345), 0);
    fixture_sql("UPDATE auth_user SET is_active = true");
    id = direct(bob, alice);
    assert_true(id > 0);
    snprintf(name, sizeof(name), "direct:%d:%d", (int)alice, (int)bob);
    assert_string_equal(got.text[0], name);
    assert_true(got.channel.is_private);
    assert_true(got.channel.is_member);
    assert_int_equal(direct(alice, bob), id);
    assert_true(got.channel.is_member);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_membership m JOIN chat_channel c"
                                    " ON c.id = m.channel_id WHERE c.kind = 'direct'"),
                     2);
    fixture_sql("DELETE FROM chat_membership WHERE channel_id > 1000");
    assert_int_equal(direct(alice, bob), id); /* who was put out stays out */
    assert_false(got.channel.is_member);
}

static void two_who_open_a_direct_channel_get_the_same(void **state)
{
    (void)state;
    fixture_sql("UPDATE auth_user SET is_active = true");
    fixture_sql("BEGIN");
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT channel_id FROM chat_direct_channel(%d, %d)", (int)alice,
             (int)bob);
    int64_t id = fixture_number(sql);
    assert_int_equal(store_direct_channel(got.store, bob, alice, on_channel, NULL), 0);
    fixture_number("SELECT 1 FROM pg_sleep(0.2)"); /* ours is not committed yet: they wait */
    fixture_sql("COMMIT");
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(got.channel.id, id);
    assert_true(got.channel.is_member);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_channel WHERE kind = 'direct'"), 1);
}

/* ---- housekeeping ---- */

static void what_nobody_needs_is_removed(void **state)
{
    (void)state;
    fixture_sql("INSERT INTO token_blacklist VALUES ('gone', now() - interval '61 minutes'),"
                " ('late', now() - interval '59 minutes'), ('good', now() + interval '1 day');"
                "UPDATE chat_channel SET last_seq = 20000 WHERE id IN (1, 2);"
                "INSERT INTO chat_event (channel_id, seq, id, user_id, created_at, entry_ms,"
                " entry_seq, entry_partition, entry_index, kind, content, old_content)"
                " SELECT c, s, s, 1, now() - interval '2 hours', 1, 1, 1, 1, 3, '', ''"
                " FROM unnest(ARRAY[1, 2, 77]) c, unnest(ARRAY[1, 9999, 10000, 20000]) s;"
                "UPDATE chat_event SET created_at = now() WHERE channel_id = 2 AND seq = 9999");
    assert_int_equal(store_trim(got.store, 0, on_trimmed, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(seen.next_channel, 78);
    assert_int_equal(fixture_number("SELECT count(*) FROM token_blacklist"), 2);
    assert_int_equal(fixture_number("SELECT sum(seq) FROM chat_event WHERE channel_id = 1"), 30000);
    assert_int_equal(fixture_number("SELECT sum(seq) FROM chat_event WHERE channel_id = 2"), 39999);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_event WHERE channel_id = 77"), 4);
    assert_int_equal(store_trim(got.store, seen.next_channel, on_trimmed, NULL), 0);
    next();
    assert_int_equal(seen.next_channel, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, store_set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(users_who_lose_their_right),
        TEST(members_who_are_put_out),
        TEST(channels_that_close),
        TEST(sessions_that_end),
        TEST(tokens_that_are_revoked),
        TEST(changes_that_are_known_are_left_out),
        TEST(djangos_role_needs_nothing_of_ours),
        TEST(djangos_columns_can_be_altered),
        TEST(direct_channels),
        TEST(two_who_open_a_direct_channel_get_the_same),
        TEST(what_nobody_needs_is_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
