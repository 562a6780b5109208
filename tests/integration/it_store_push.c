/* SPDX-License-Identifier: MIT */
/* Tests of push jobs against a real PostgreSQL: what is claimed, for how long, by how many at a
 * time, what is dropped and why, and how claims end; quiet hours; devices and preferences. */
#include "tests/integration/store_probe.h"

#include "broker/store_devices.h"
#include "broker/store_push.h"

#define LEASE_MS 60000u
#define JOBS_MAX 64

static struct {
    struct push_job jobs[JOBS_MAX];
    char tokens[JOBS_MAX][32], titles[JOBS_MAX][32];
    size_t count;
    uint64_t dropped;
    struct device_row devices[DEVICES_PER_USER];
    size_t device_count;
    enum preference_verdict verdict;
    int64_t number;
} seen;

static struct store *second; /* another broker's */
static int second_ups;

static void on_jobs(void *arg, int err, const struct push_job *jobs, size_t count, uint64_t dropped)
{
    (void)arg;
    seen.count = count;
    seen.dropped = dropped;
    for (size_t i = 0; i < count && i < JOBS_MAX; i++) {
        seen.jobs[i] = jobs[i];
        (void)snprintf(seen.tokens[i], 32, "%.*s", BYTES_FMT(jobs[i].token));
        (void)snprintf(seen.titles[i], 32, "%.*s", BYTES_FMT(jobs[i].title));
    }
    completed(err);
}

static void on_number(void *arg, int err, int64_t number)
{
    (void)arg;
    seen.number = number;
    completed(err);
}

static void on_device(void *arg, int err, const struct device_row *rows, size_t count)
{
    (void)arg;
    seen.device_count = count;
    for (size_t i = 0; i < count; i++) {
        seen.devices[i] = rows[i];
        copy_text(i % 8, rows[i].token);
    }
    completed(err);
}

static void on_verdict(void *arg, int err, enum preference_verdict verdict)
{
    (void)arg;
    seen.verdict = verdict;
    completed(err);
}

static void on_preferences(void *arg, int err, const struct preferences *p)
{
    (void)arg;
    if (p) {
        got.is_there = p->push_enabled;
        copy_text(0, p->categories);
        copy_text(1, p->quiet_start);
        copy_text(2, p->quiet_end);
        copy_text(3, p->time_zone);
    }
    completed(err);
}

/* The connection for the API tells nobody when it is up: ask until it answers. */
static void wait_for_api(struct store *s)
{
    uint64_t deadline_ms = clock_mono_ms() + FIXTURE_WAIT_MS;
    int never = 0;

    while (store_devices(s, alice, on_device, NULL) != 0) {
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
    fixture_sql("UPDATE auth_user SET is_active = true");
    wait_for_api(got.store);
    return 0;
}

static void on_second_up(void *arg)
{
    (void)arg;
    second_ups++;
}

static int tear_down(void **state)
{
    store_pg_free(second);
    second = NULL;
    return store_tear_down(state);
}

/* ---- helpers ---- */

static void sql(const char *format, long long a, long long b, const char *text)
{
    char statement[1024];

    (void)snprintf(statement, sizeof(statement), format, a, b, text);
    fixture_sql(statement);
}

static void add_device(int64_t id, int64_t user, const char *token)
{
    sql("INSERT INTO device_token (id, user_id, device_type, token)"
        " VALUES (%lld, %lld, 'android', '%s')",
        id, user, token);
}

/* An unread notification of the category with a job for all devices that is due. */
static void notify(int64_t id, int64_t user, const char *category)
{
    sql("INSERT INTO notification (id, user_id, seq, created_at, category, title, message, url)"
        " VALUES (%1$lld, %2$lld, 2, now(), '%3$s', 'title %1$lld', 'm', '/');"
        "INSERT INTO push_job (notification_id, user_id, due_at)"
        " VALUES (%1$lld, %2$lld, now())",
        id, user, category);
}

static void claim_by(struct store *s, uint32_t at_most)
{
    assert_int_equal(store_push_claim(s, at_most, LEASE_MS, on_jobs, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void claim(uint32_t at_most)
{
    claim_by(got.store, at_most);
}

static void settle(size_t job, enum push_action action, uint32_t delay_ms)
{
    const struct push_job *j = &seen.jobs[job];
    const struct push_settlement row = {.job_id = j->id,
                                        .claim = j->claim,
                                        .device_id = j->device_id,
                                        .action = action,
                                        .delay_ms = delay_ms};

    assert_int_equal(store_push_settle(got.store, &row, 1, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static int64_t jobs(void)
{
    return fixture_number("SELECT count(*) FROM push_job");
}

/* The leases of all jobs end. */
static void pass_leases(void)
{
    fixture_sql("UPDATE push_job SET due_at = due_at - interval '61 seconds'");
}

/* ---- jobs ---- */

static void one_job_for_each_device(void **state)
{
    (void)state;
    add_device(11, alice, "first");
    add_device(12, alice, "second");
    add_device(13, bob, "bobs");
    fixture_sql("UPDATE device_token SET device_type = 'ios' WHERE id = 12");
    notify(1, alice, "news");
    claim(10);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.dropped, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(seen.jobs[i].attempts, 1);
        assert_int_equal(seen.jobs[i].notification_id, 1);
        assert_int_equal(seen.jobs[i].user_id, alice);
        assert_int_equal(seen.jobs[i].channel_id, 0);
        assert_string_equal(seen.titles[i], "title 1");
    }
    assert_string_not_equal(seen.tokens[0], seen.tokens[1]);
    assert_int_equal(jobs(), 2);
    claim(10); /* they are taken */
    assert_int_equal(seen.count, 0);
}

static void not_before_they_are_due(void **state)
{
    (void)state;
    add_device(11, alice, "first");
    notify(1, alice, "news");
    fixture_sql("UPDATE push_job SET due_at = now() + interval '10 seconds'");
    claim(10);
    assert_int_equal(seen.count, 0);
    assert_int_equal(jobs(), 1);
}

static void a_dead_brokers_jobs_come_back(void **state)
{
    int64_t old_claim;

    (void)state;
    add_device(11, alice, "first");
    notify(1, alice, "news");
    claim(10);
    old_claim = seen.jobs[0].claim;
    pass_leases();
    claim(10);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.jobs[0].attempts, 2);
    assert_true(seen.jobs[0].claim != old_claim);
    /* The dead one was only asleep: what it settles now is another's. */
    int64_t new_claim = seen.jobs[0].claim;
    seen.jobs[0].claim = old_claim;
    settle(0, PUSH_JOB_DONE, 0);
    settle(0, PUSH_JOB_AGAIN, 0);
    assert_int_equal(jobs(), 1);
    seen.jobs[0].claim = new_claim;
    settle(0, PUSH_JOB_DONE, 0);
    assert_int_equal(jobs(), 0);
}

static void ends(void **state)
{
    (void)state;
    add_device(11, alice, "first");
    add_device(12, alice, "second");
    notify(1, alice, "news");
    notify(2, alice, "news");
    claim(10);
    assert_int_equal(seen.count, 4);
    settle(0, PUSH_JOB_AGAIN, 5000);
    assert_int_equal(
        fixture_number("SELECT count(*) FROM push_job WHERE due_at BETWEEN now() + interval"
                       " '4 seconds' AND now() + interval '6 seconds' AND attempts = 1"),
        1);
    settle(1, PUSH_JOB_DEVICE_GONE, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM device_token"), 1);
    assert_int_equal(jobs(), 2); /* of the other device */
}

static void many_at_a_time(void **state)
{
    struct push_settlement rows[PUSH_SETTLE_MAX + 1];

    (void)state;
    memset(rows, 0, sizeof(rows));
    add_device(11, alice, "first");
    for (int64_t id = 1; id <= 20; id++) {
        notify(id, alice, "news");
    }
    claim(8);
    assert_int_equal(seen.count, 8);
    claim(64);
    assert_int_equal(seen.count, 12);
    for (size_t i = 0; i < 12; i++) {
        rows[i] = (struct push_settlement){.job_id = seen.jobs[i].id, .claim = seen.jobs[i].claim};
    }
    assert_int_equal(store_push_settle(got.store, rows, PUSH_SETTLE_MAX, on_done, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(jobs(), 8);
    assert_int_equal(store_push_settle(got.store, rows, PUSH_SETTLE_MAX + 1, on_done, NULL),
                     ERR_LIMIT);
}

/* What another one has locked is passed over, not waited for. */
static void two_brokers(void **state)
{
    static const struct store_events events = {on_second_up, on_second_up};

    (void)state;
    second_ups = 0;
    second = store_pg_new(fx.loop, fx.dsn, &events, NULL);
    fixture_wait(&second_ups, 1);
    wait_for_api(second);
    add_device(11, alice, "first");
    notify(1, alice, "news");
    notify(2, alice, "news");
    fixture_sql("BEGIN; SELECT FROM push_job WHERE notification_id = 1 FOR UPDATE");
    claim(10);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.jobs[0].notification_id, 2);
    fixture_sql("COMMIT; BEGIN; SELECT FROM notification WHERE id = 1 FOR UPDATE");
    claim_by(second, 10);
    assert_int_equal(seen.count, 0);
    fixture_sql("COMMIT; BEGIN; DELETE FROM device_token WHERE id = 11");
    claim_by(second, 10); /* no device for it any more */
    assert_int_equal(seen.count, 0);
    fixture_sql("COMMIT");
    assert_int_equal(jobs(), 0);
}

static void renewed_while_it_waits(void **state)
{
    (void)state;
    add_device(11, alice, "first");
    notify(1, alice, "news");
    claim(10);
    struct push_job first = seen.jobs[0];
    sql("UPDATE notification SET title = 'newer' WHERE id = %lld;"
        "INSERT INTO push_job (notification_id, user_id, due_at) VALUES (1, %lld, now())",
        1, alice, "");
    claim(10); /* though the first is under way */
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.titles[0], "newer");
    assert_int_equal(seen.jobs[0].id, first.id);
    assert_int_equal(seen.jobs[0].attempts, 1);
    struct push_job newer = seen.jobs[0];
    seen.jobs[0] = first;
    settle(0, PUSH_JOB_DONE, 0); /* the old text was sent: the new one still has to be */
    assert_int_equal(jobs(), 1);
    seen.jobs[0] = newer;
    settle(0, PUSH_JOB_DONE, 0);
    assert_int_equal(jobs(), 0);
}

/* Claims once; gives how many were to be sent, and that the others are deleted. */
static size_t wanted(void)
{
    claim(10);
    assert_int_equal(jobs(), (int64_t)seen.count);
    fixture_sql("DELETE FROM push_job; DELETE FROM notification");
    return seen.count;
}

static void what_nobody_wants(void **state)
{
    (void)state;
    add_device(11, alice, "first");
    notify(1, alice, "news");
    fixture_sql("UPDATE notification SET status = 'read'");
    assert_int_equal(wanted(), 0);
    assert_int_equal(seen.dropped, 1);
    notify(1, alice, "news");
    fixture_sql("UPDATE notification SET status = 'dismissed'");
    assert_int_equal(wanted(), 0);
    notify(1, alice, "test"); /* no real test: others' preferences count */
    sql("INSERT INTO notification_preference (user_id, push_enabled) VALUES (%lld, false)", alice,
        0, "");
    assert_int_equal(wanted(), 0);
    fixture_sql("UPDATE notification_preference SET push_enabled = true, categories ="
                " '{\"chat\": false, \"news\": true}'");
    notify(1, alice, "chat");
    assert_int_equal(wanted(), 0);
    notify(1, alice, "news");
    assert_int_equal(wanted(), 1);
    notify(1, alice, "other");
    assert_int_equal(wanted(), 1);
    fixture_sql("UPDATE auth_user SET is_active = false");
    notify(1, alice, "news");
    assert_int_equal(wanted(), 0);
}

static void quiet_hours(void **state)
{
    static const struct {
        const char *start, *end, *zone, *at;
        int is_quiet;
    } cases[] = {
        {"13:00", "15:00", "UTC", "2024-01-01T12:59:59Z", 0},
        {"13:00", "15:00", "UTC", "2024-01-01T13:00:00Z", 1},
        {"13:00", "15:00", "UTC", "2024-01-01T14:59:59Z", 1},
        {"13:00", "15:00", "UTC", "2024-01-01T15:00:00Z", 0},
        {"22:00", "07:00", "UTC", "2024-01-01T21:59:59Z", 0},
        {"22:00", "07:00", "UTC", "2024-01-01T22:00:00Z", 1},
        {"22:00", "07:00", "UTC", "2024-01-01T00:00:00Z", 1},
        {"22:00", "07:00", "UTC", "2024-01-01T06:59:59Z", 1},
        {"22:00", "07:00", "UTC", "2024-01-01T07:00:00Z", 0},
        {"22:00", "22:00", "UTC", "2024-01-01T22:00:00Z", 0},
        {"22:00", "07:00", "Asia/Kolkata", "2024-01-01T16:29:00Z", 0}, /* 21:59 there */
        {"22:00", "07:00", "Asia/Kolkata", "2024-01-01T16:30:00Z", 1},
        {"22:00", "07:00", "Europe/Berlin", "2024-07-01T20:00:00Z", 1}, /* summer: +2 */
        {"22:00", "07:00", "Europe/Berlin", "2024-01-01T20:30:00Z", 0}, /* winter: +1 */
        {"22:00", "07:00", "No/Where", "2024-01-01T22:30:00Z", 1},      /* as UTC */
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(text, sizeof(text), "SELECT push_is_quiet('%s', '%s', '%s', '%s')::integer",
                       cases[i].start, cases[i].end, cases[i].zone, cases[i].at);
        if (fixture_number(text) != cases[i].is_quiet) {
            fail_msg("%s", text);
        }
    }
    assert_int_equal(fixture_number("SELECT push_is_quiet(NULL, '07:00', 'UTC', now())::integer"),
                     0);
    add_device(11, alice, "first");
    sql("INSERT INTO notification_preference (user_id, quiet_start, quiet_end) VALUES (%lld,"
        " (now() AT TIME ZONE 'UTC' - interval '1 minute')::time,"
        " (now() AT TIME ZONE 'UTC' + interval '1 hour')::time)",
        alice, 0, "");
    notify(1, alice, "news");
    assert_int_equal(wanted(), 0);
}

static void tests_ask_for_no_preferences(void **state)
{
    (void)state;
    sql("INSERT INTO notification_preference (user_id, push_enabled) VALUES (%lld, false)", alice,
        0, "");
    for (int i = 0; i < 2; i++) {
        if (i == 1) {
            add_device(11, alice, "first");
        }
        assert_int_equal(
            store_push_test(got.store, alice, BYTES_LIT("T"), BYTES_LIT("M"), on_number, NULL), 0);
        next();
        assert_int_equal(seen.number, i);
        claim(10);
        assert_int_equal(seen.count, (size_t)i);
    }
    assert_int_equal(fixture_number("SELECT count(*) FROM notification"), 1);
    assert_int_equal(fixture_number("SELECT count(*) FROM notification_state"), 0);
}

/* ---- devices and preferences ---- */

static void add(int64_t user, const char *token)
{
    assert_int_equal(
        store_add_device(got.store, user, BYTES_LIT("ios"), bytes_str(token), on_device, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void devices(void **state)
{
    char token[32];
    int64_t id;

    (void)state;
    add(alice, "token");
    assert_true(seen.devices[0].is_new);
    id = seen.devices[0].id;
    notify(1, alice, "news");
    claim(10);
    add(alice, "token");
    assert_false(seen.devices[0].is_new);
    assert_int_equal(seen.devices[0].id, id);
    assert_int_equal(jobs(), 1);
    add(bob, "token"); /* it is another's now, who is told nothing of the first one's */
    assert_false(seen.devices[0].is_new);
    assert_int_equal(jobs(), 0);
    for (int i = 1; i <= 22; i++) {
        (void)snprintf(token, sizeof(token), "many-%02d", i);
        add(alice, token);
    }
    assert_int_equal(store_devices(got.store, alice, on_device, NULL), 0);
    next();
    assert_int_equal(seen.device_count, DEVICES_PER_USER);
    assert_string_equal(got.text[0], "many-06"); /* the 17th, kept in the place of the first */
    assert_string_equal(got.text[3], "many-03");
    assert_int_equal(store_remove_device(got.store, bob, BYTES_LIT("many-22"), on_done, NULL), 0);
    next();
    assert_int_equal(store_remove_device(got.store, alice, BYTES_LIT("many-21"), on_done, NULL), 0);
    next();
    assert_int_equal(fixture_number("SELECT count(*) FROM device_token"), 20); /* bob's, too */
}

static void set(const struct preference_change *change, enum preference_verdict verdict)
{
    assert_int_equal(store_set_preferences(got.store, change, on_verdict, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(seen.verdict, verdict);
    assert_int_equal(store_preferences(got.store, alice, on_preferences, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
}

static void preferences(void **state)
{
    struct preference_change none = {.user_id = alice}, c = none;

    (void)state;
    set(&none, PREFERENCE_SET);
    assert_true(got.is_there);
    assert_string_equal(got.text[0], "{}");
    assert_string_equal(got.text[1], "");
    assert_string_equal(got.text[3], "UTC");
    c.has_push = true;
    c.categories = BYTES_LIT("{\"a\":true}");
    c.has_quiet_start = c.has_quiet_end = true;
    c.quiet_start = BYTES_LIT("22:00");
    c.quiet_end = BYTES_LIT("07:05");
    c.time_zone = BYTES_LIT("Asia/Kolkata");
    set(&c, PREFERENCE_SET);
    set(&none, PREFERENCE_SET);
    assert_false(got.is_there);
    assert_string_equal(got.text[0], "{\"a\": true}");
    assert_string_equal(got.text[1], "22:00");
    assert_string_equal(got.text[2], "07:05");
    assert_string_equal(got.text[3], "Asia/Kolkata");
    c = (struct preference_change){
        .user_id = alice, .has_quiet_end = true, .categories = BYTES_LIT("{\"b\":false}")};
    set(&c, PREFERENCE_SET);
    assert_string_equal(got.text[0], "{\"a\": true, \"b\": false}");
    assert_string_equal(got.text[1], "22:00");
    assert_string_equal(got.text[2], "");
    c = (struct preference_change){.user_id = alice, .time_zone = BYTES_LIT("Foo/Bar5")};
    set(&c, PREFERENCE_NO_ZONE);
    assert_string_equal(got.text[3], "Asia/Kolkata");
    fixture_sql("UPDATE notification_preference SET categories = (SELECT jsonb_object_agg(i, true)"
                " FROM generate_series(1, 100) i)");
    c = (struct preference_change){.user_id = alice, .categories = BYTES_LIT("{\"1\":false}")};
    set(&c, PREFERENCE_SET);
    c.categories = BYTES_LIT("{\"101\":false}");
    set(&c, PREFERENCE_TOO_MANY);
}

static void without_a_connection(void **state)
{
    (void)state;
    add_device(11, alice, "first");
    notify(1, alice, "news");
    assert_int_equal(store_push_claim(got.store, 10, LEASE_MS, on_jobs, NULL), 0);
    fixture_end_sessions();
    next();
    assert_true(got.err == ERR_UNAVAILABLE || got.err == 0);
    wait_for_api(got.store);
    pass_leases();
    claim(10);
    assert_int_equal(seen.count, 1);
}

/* ---- what is old ---- */

static int64_t next_id;

static void on_page(void *arg, int err, int64_t next, int64_t removed)
{
    next_id = next;
    on_number(arg, err, removed);
}

static void trim(int64_t after_id, uint32_t limit, int64_t want_removed)
{
    assert_int_equal(store_trim_notifications(got.store, after_id, 90, limit, on_page, NULL), 0);
    next();
    assert_int_equal(got.err, 0);
    assert_int_equal(seen.number, want_removed);
}

/* Ten of alice's, oldest first, of `days` ago each. */
static void ten_old(const char *status, int days)
{
    char sql[320];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO notification (user_id, seq, created_at, status, category, title,"
                   " message, url) SELECT %d, 2, now() - interval '%d days', '%s', 'c', 't', 'm',"
                   " '' FROM generate_series(1, 10)",
                   (int)alice, days, status);
    fixture_sql(sql);
}

static void what_is_settled_and_old_is_removed(void **state)
{
    (void)state;
    ten_old("read", 91);
    ten_old("unread", 91);
    ten_old("dismissed", 91);
    ten_old("read", 89);
    fixture_sql("INSERT INTO push_job (notification_id, user_id, due_at)"
                " SELECT id, user_id, now() FROM notification ORDER BY id LIMIT 1");
    trim(0, 15, 10); /* a page: no more is looked at */
    assert_true(next_id > 0);
    trim(next_id, 15, 10);
    assert_true(next_id > 0);
    trim(next_id, 15, 0); /* not a full one: the last */
    assert_int_equal(next_id, 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM notification"), 20);
    assert_int_equal(fixture_number("SELECT count(*) FROM notification WHERE status = 'unread'"),
                     10);
    assert_int_equal(fixture_number("SELECT count(*) FROM push_job"), 0);
    trim(0, 15, 0);
    trim(next_id, 5, 0); /* unread ones from there on, then young ones alone: */
    assert_int_equal(next_id, 0);
}

static void a_row_that_is_in_use_is_left(void **state)
{
    (void)state;
    ten_old("read", 91);
    fixture_sql("BEGIN; SELECT FROM notification ORDER BY id LIMIT 4 FOR UPDATE");
    trim(0, 100, 6); /* nobody waits */
    fixture_sql("COMMIT");
    trim(0, 100, 4);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(one_job_for_each_device),
        CASE(not_before_they_are_due),
        CASE(a_dead_brokers_jobs_come_back),
        CASE(ends),
        CASE(many_at_a_time),
        CASE(two_brokers),
        CASE(renewed_while_it_waits),
        CASE(what_nobody_wants),
        CASE(quiet_hours),
        CASE(tests_ask_for_no_preferences),
        CASE(devices),
        CASE(preferences),
        CASE(without_a_connection),
        CASE(what_is_settled_and_old_is_removed),
        CASE(a_row_that_is_in_use_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
