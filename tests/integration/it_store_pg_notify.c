/* SPDX-License-Identifier: MIT */
/* Tests of notifications, presence and whom a chat notifies against a real PostgreSQL. */
#include "broker/store_people.h"
#include "tests/integration/store_probe.h"

#define ROWS_MAX 16u

static struct {
    struct user_op_row rows[ROWS_MAX];
    char status[ROWS_MAX][16];
    size_t count;
    int64_t ids[ROWS_MAX];
    struct presence_row people[ROWS_MAX];
    char shown[ROWS_MAX][16];
} seen;

static void on_ops(void *arg, int err, const struct user_op_row *rows, size_t count)
{
    (void)arg;
    seen.count = count;
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        seen.rows[i] = rows[i];
        (void)snprintf(seen.status[i], sizeof(seen.status[i]), "%.*s", BYTES_FMT(rows[i].status));
    }
    completed(err);
}

static void on_ids_of_people(void *arg, int err, const int64_t *ids, size_t count)
{
    (void)arg;
    seen.count = count;
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        seen.ids[i] = ids[i];
    }
    completed(err);
}

static void on_people(void *arg, int err, const struct presence_row *rows, size_t count)
{
    (void)arg;
    seen.count = count;
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        seen.people[i] = rows[i];
        (void)snprintf(seen.shown[i], sizeof(seen.shown[i]), "%.*s", BYTES_FMT(rows[i].shown));
    }
    completed(err);
}

static void run(const struct user_op *ops, size_t count)
{
    assert_int_equal(store_user_ops(got.store, ops, count, 10, on_ops, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void assert_row(size_t i, enum user_op_code code, uint64_t seq, int64_t unread)
{
    assert_true(i < seen.count);
    assert_int_equal(seen.rows[i].code, code);
    assert_int_equal(seen.rows[i].seq, seq);
    assert_int_equal(seen.rows[i].unread_count, unread);
}

/* Tell alice and bob; only alice has a socket. */
static void notify(const char *source, int64_t channel_id, int64_t message_id)
{
    static const bool is_online[] = {true, false};
    char users[16];
    struct up_notify n = {.source = bytes_str(source),
                          .channel_id = channel_id,
                          .message_id = message_id,
                          .created_ms = 1700000000000u,
                          .title = BYTES_LIT("t"),
                          .message = BYTES_LIT("m"),
                          .category = BYTES_LIT("ops"),
                          .url = BYTES_LIT("/u")};
    const struct user_op op = {.kind = OP_NOTIFY, .notify = &n, .is_online = is_online};

    notify_user_put(users, alice);
    notify_user_put(users + 8, bob);
    n.users = bytes_of(users, sizeof(users));
    run(&op, 1);
}

static void people_are_told_once_a_source(void **state)
{
    const struct user_op open = {.kind = OP_OPEN, .user_id = bob};

    (void)state;
    fixture_sql("UPDATE auth_user SET is_active = true");
    notify("1-1", 0, 0);
    assert_int_equal(seen.count, 1); /* only of those with a socket */
    assert_row(0, OP_DONE, 2, 1);
    assert_int_equal(seen.rows[0].user_id, alice);
    assert_int_equal(seen.rows[0].created_at_ms, 1700000000000u);
    notify("1-1", 0, 0); /* again: told as it was, nothing new */
    assert_int_equal(seen.count, 1);
    assert_row(0, OP_REPEATED, 2, 1);
    notify("1-2", 0, 0);
    assert_row(0, OP_DONE, 4, 2);
    assert_int_equal(fixture_number("SELECT count(*) FROM notification"), 4);
    run(&open, 1);
    assert_row(0, OP_DONE, 4, 2);
}

static void who_is_nobody_or_not_active_is_passed_over(void **state)
{
    (void)state;
    notify("1-1", 0, 0); /* bob is not active */
    assert_int_equal(fixture_number("SELECT count(*) FROM notification"), 1);
}

static void of_a_chat_there_is_one_unread(void **state)
{
    int64_t id;

    (void)state;
    fixture_sql("UPDATE auth_user SET is_active = true");
    notify("", 1, 50);
    id = seen.rows[0].notification_id;
    assert_row(0, OP_DONE, 2, 1);
    notify("", 1, 51);
    assert_row(0, OP_DONE, 4, 1);
    assert_int_equal(seen.rows[0].notification_id, id);
    notify("", 1, 50); /* an old one again */
    assert_int_equal(seen.count, 0);
    notify("", 1, 51);
    assert_row(0, OP_REPEATED, 4, 1);
    notify("", 2, 52);
    assert_row(0, OP_DONE, 6, 2);
    const struct user_op read = {.kind = OP_READ, .user_id = alice, .notification_id = id};
    run(&read, 1);
    assert_row(0, OP_DONE, 8, 1);
    notify("", 1, 53); /* after it was read there is a new one */
    assert_row(0, OP_DONE, 10, 2);
    assert_true(seen.rows[0].notification_id != id);
}

static void marks(void **state)
{
    int64_t id;

    (void)state;
    fixture_sql("UPDATE auth_user SET is_active = true");
    notify("1-1", 0, 0);
    id = seen.rows[0].notification_id;
    notify("1-2", 0, 0);
    const struct user_op ops[] = {
        {.kind = OP_READ, .user_id = alice, .notification_id = id},
        {.kind = OP_READ, .user_id = alice, .notification_id = id},
        {.kind = OP_DISMISS, .user_id = alice, .notification_id = id},
        {.kind = OP_READ, .user_id = alice, .notification_id = id},
        {.kind = OP_READ, .user_id = bob, .notification_id = id},
        {.kind = OP_DISMISS, .user_id = alice, .notification_id = 999999},
        {.kind = OP_READ_ALL, .user_id = alice},
        {.kind = OP_READ_ALL, .user_id = alice},
    };
    run(ops, 8); /* one call, in order */
    assert_int_equal(seen.count, 8);
    assert_row(0, OP_DONE, 6, 1);
    assert_string_equal(seen.status[0], "read");
    assert_row(1, OP_DONE, 8, 1);
    assert_row(2, OP_DONE, 10, 1);
    assert_string_equal(seen.status[2], "dismissed");
    assert_row(3, OP_DONE, 12, 1);
    assert_string_equal(seen.status[3], "dismissed"); /* reading does not undo it */
    assert_int_equal(seen.rows[4].code, OP_FOREIGN);
    assert_int_equal(seen.rows[5].code, OP_UNKNOWN);
    assert_row(6, OP_DONE, 14, 0);
    assert_row(7, OP_DONE, 16, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM notification WHERE status = 'unread'"),
                     2); /* bob's */
}

static void pushes_wait_for_those_without_a_socket(void **state)
{
    char sql[160];

    (void)state;
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE auth_user SET is_active = true;"
                   "INSERT INTO device_token (user_id, device_type, token)"
                   " VALUES (%d, 'ios', 'a'), (%d, 'ios', 'b')",
                   (int)alice, (int)bob);
    fixture_sql(sql);
    notify("1-1", 0, 0);
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM push_job WHERE user_id = %d", (int)bob);
    assert_int_equal(fixture_number(sql), 1);
    assert_int_equal(fixture_number("SELECT count(*) FROM push_job"), 1);
    const struct user_op open = {.kind = OP_OPEN, .user_id = bob};
    run(&open, 1); /* a socket has taken it before it was due */
    assert_int_equal(fixture_number("SELECT count(*) FROM push_job"), 0);
}

/* ---- last sockets that are gone ---- */

static void devices(void)
{
    char sql[192];

    (void)snprintf(sql, sizeof(sql),
                   "UPDATE auth_user SET is_active = true;"
                   "INSERT INTO device_token (user_id, device_type, token)"
                   " VALUES (%d, 'ios', 'a'), (%d, 'ios', 'b')",
                   (int)alice, (int)bob);
    fixture_sql(sql);
}

static void gone(enum user_op_kind kind)
{
    char users[16] = {0};
    const struct up_notify whom = {.users = bytes_of(users, sizeof(users))};
    const struct user_op op = {.kind = kind, .notify = &whom};

    notify_user_put(users, alice);
    notify_user_put(users + 8, bob);
    run(&op, 1);
    assert_int_equal(seen.count, 0);
}

static int64_t jobs_of_alice(const char *condition)
{
    char sql[160];

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM push_job WHERE user_id = %d AND %s",
                   (int)alice, condition);
    return fixture_number(sql);
}

static void what_a_dead_gateway_was_told_is_pushed(void **state)
{
    (void)state;
    devices();
    notify("1-1", 0, 0); /* alice's socket is told, bob's push waits */
    notify("", 1, 50);
    assert_int_equal(jobs_of_alice("true"), 0);
    gone(OP_GONE);
    assert_int_equal(jobs_of_alice("device_id IS NULL AND due_at <= now()"), 2);
    assert_int_equal(fixture_number("SELECT count(*) FROM push_job"), 4);
    gone(OP_GONE);
    assert_int_equal(fixture_number("SELECT count(*) FROM push_job"), 4);
    fixture_sql("DELETE FROM push_job"); /* sent */
    gone(OP_GONE);
    assert_int_equal(fixture_number("SELECT count(*) FROM push_job"), 0);
    notify("", 1, 51); /* the chat's is renewed, and told */
    gone(OP_GONE);
    assert_int_equal(jobs_of_alice("true"), 1);
}

static void what_is_read_old_or_without_a_device_is_not(void **state)
{
    const struct user_op read_all = {.kind = OP_READ_ALL, .user_id = alice};

    (void)state;
    fixture_sql("UPDATE auth_user SET is_active = true");
    notify("1-1", 0, 0);
    gone(OP_GONE);
    assert_int_equal(jobs_of_alice("true"), 0); /* no device */
    devices();
    fixture_sql("UPDATE notification SET told_at = told_at - interval '75 seconds'");
    gone(OP_GONE);
    assert_int_equal(jobs_of_alice("true"), 0); /* 60 s and the delay of 10 s ago */
    notify("1-2", 0, 0);
    run(&read_all, 1);
    gone(OP_GONE);
    assert_int_equal(jobs_of_alice("true"), 0);
}

static void a_socket_that_broke_may_come_back(void **state)
{
    const struct user_op open = {.kind = OP_OPEN, .user_id = alice};

    (void)state;
    devices();
    notify("1-1", 0, 0);
    gone(OP_BROKE);
    assert_int_equal(jobs_of_alice("due_at > now() + interval '8 seconds'"), 1);
    run(&open, 1); /* it has: the push is taken back… */
    assert_int_equal(jobs_of_alice("true"), 0);
    gone(OP_GONE); /* …until that one is gone, too */
    assert_int_equal(jobs_of_alice("due_at <= now()"), 1);
}

/* ---- whom a chat notifies ---- */

static void ask(struct chat_audience *a)
{
    assert_int_equal(store_chat_audience(got.store, a, on_ids_of_people, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void an_audience(void **state)
{
    struct chat_audience a = {.limit = 100};
    char here[8];

    (void)state;
    fixture_sql("UPDATE auth_user SET is_active = true;"
                "INSERT INTO chat_channel (id, name, is_private) VALUES (70, 'p', true);"
                "INSERT INTO chat_membership (channel_id, user_id)"
                " SELECT 70, id FROM auth_user WHERE username = 'alice'");
    a.channel_id = 70;
    a.has_members = true;
    ask(&a);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.ids[0], alice);
    a.names[0] = BYTES_LIT("bob"); /* may not enter */
    a.names[1] = BYTES_LIT("nobody");
    a.name_count = 2;
    ask(&a);
    assert_int_equal(seen.count, 1);
    notify_user_put(here, alice);
    a.here = bytes_of(here, sizeof(here));
    ask(&a);
    assert_int_equal(seen.count, 0);
    a.names[0] = BYTES_LIT("alice"); /* mentioned, wherever she is */
    ask(&a);
    assert_int_equal(seen.count, 1);
    a.author_id = alice;
    ask(&a);
    assert_int_equal(seen.count, 0);
}

/* ---- presence ---- */

static void presence_is_kept(void **state)
{
    const struct presence_row rows[] = {
        {alice, BYTES_NONE, BYTES_LIT("busy"), BYTES_LIT("busy"), 1700000000000u},
        {bob, BYTES_NONE, BYTES_LIT("away"), BYTES_LIT("offline"), 1700000000001u},
        {999999, BYTES_NONE, BYTES_LIT("online"), BYTES_LIT("online"), 1}, /* deleted meanwhile */
    };

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_presence(got.store, rows, 3, on_done, NULL), 0);
        next();
        assert_int_equal(got.err, 0);
    }
    assert_int_equal(store_presence_shown(got.store, 0, 10, on_people, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.people[0].user_id, alice);
    assert_string_equal(seen.shown[0], "busy");
    assert_int_equal(seen.people[0].last_seen_ms, 1700000000000u);
    assert_int_equal(store_presence_shown(got.store, alice + 1, 10, on_people, NULL), 0);
    next();
    assert_int_equal(seen.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(people_are_told_once_a_source),
        TEST(who_is_nobody_or_not_active_is_passed_over),
        TEST(of_a_chat_there_is_one_unread),
        TEST(marks),
        TEST(pushes_wait_for_those_without_a_socket),
        TEST(what_a_dead_gateway_was_told_is_pushed),
        TEST(what_is_read_old_or_without_a_device_is_not),
        TEST(a_socket_that_broke_may_come_back),
        TEST(an_audience),
        TEST(presence_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
