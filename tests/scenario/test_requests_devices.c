/* SPDX-License-Identifier: MIT */
/* The routes under /api/notifications/: who may ask, what is asked of the store, what becomes of
 * its answers; every part away at every step. */
#include <stdio.h>

#include "common/mem.h"
#include "common/metrics.h"
#include "requests_answers.h"

#define JSON "application/json"
#define NOON 1704110400000u /* 2024-01-01T12:00:00.000Z */
#define SIGN_IN                                                                                    \
    "{\"detail\":\"Authentication failed. Please sign in again.\",\"code\":\"AUTHENTICATION_"      \
    "FAILED\"}"
#define UNAVAILABLE "\"code\":\"SERVICE_UNAVAILABLE\""
#define LIST "/api/notifications/"
#define PREFERENCES LIST "preferences/"
#define DEVICES LIST "devices/"
#define SUBSCRIPTION                                                                               \
    "{\\\"endpoint\\\":\\\"https://push.example/x\\\",\\\"keys\\\":{\\\"p256dh\\\":"               \
    "\\\"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"  \
    "\\\",\\\"auth\\\":\\\"BTBZMqHH6r4Tts7J_aSIgg\\\"}}"

enum { NOBODY = 0, ALICE = 1, DAVE = 3 };

struct ask {
    const char *method, *path, *query, *body;
};

static const struct {
    struct ask ask;
    uint32_t good;
} ROUTES[] = {
    {{"GET", LIST, "", ""}, 200},
    {{"GET", PREFERENCES, "", ""}, 200},
    {{"PATCH", PREFERENCES, "", "{\"push_enabled\":false}"}, 200},
    {{"GET", DEVICES, "", ""}, 200},
    {{"POST", DEVICES, "", "{\"token\":\"t\",\"device_type\":\"ios\"}"}, 200},
    {{"DELETE", DEVICES, "", "{\"token\":\"t\"}"}, 204},
    {{"POST", DEVICES "test_notification/", "", ""}, 202},
};
#define ROUTE_ROWS (sizeof(ROUTES) / sizeof(ROUTES[0]))

static uint64_t last_conn;
static const struct device_row DEVICE = {.id = 3,
                                         .device_type = {"ios", 3},
                                         .token = {"a-long-device-token", 19},
                                         .created_at_ms = NOON};

static void start(int64_t user_id, const struct ask *a)
{
    const char *bearer = user_id ? bench_bearer(bench_token(user_id, TOKEN_ACCESS)) : NULL;

    bench_ask(++last_conn,
              &(struct bench_http){a->method, a->path, a->body[0] ? JSON : "", a->body}, a->query,
              bearer);
}

static const struct down_item *ask(int64_t user_id, const struct ask *a)
{
    start(user_id, a);
    return bench_answer(last_conn);
}

static const struct down_item *say(const char *method, const char *path, const char *body)
{
    return ask(ALICE, &(struct ask){method, path, "", body});
}

static void assert_body(const struct down_item *item, uint32_t status, const char *body)
{
    if (item->http.status != status || !bytes_eq_str(item->http.body, body)) {
        fail_msg("%u %.*s, wanted %u %s", item->http.status, BYTES_FMT(item->http.body), status,
                 body);
    }
}

static void put_good_answers(void)
{
    fake_store_devices.devices = &DEVICE;
    fake_store_devices.device_count = 1;
}

/* ---- who ---- */

static void test_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_ROWS; i++) {
        assert_http(ask(NOBODY, &ROUTES[i].ask), 401, CHALLENGE, SIGN_IN);
        assert_http(ask(DAVE, &ROUTES[i].ask), 401, CHALLENGE, SIGN_IN);
    }
    assert_int_equal(fake_store_devices.calls, 0);
}

static void test_methods(void **state)
{
    (void)state;
    assert_true(bytes_eq_str(say("PUT", PREFERENCES, "")->http.headers,
                             NO_STORE "Allow: GET, HEAD, PATCH\r\n"));
    assert_true(bytes_eq_str(say("PUT", DEVICES, "")->http.headers,
                             NO_STORE "Allow: GET, HEAD, POST, DELETE\r\n"));
    assert_true(bytes_eq_str(say("GET", DEVICES "test_notification/", "")->http.headers,
                             NO_STORE "Allow: POST\r\n"));
    assert_int_equal(say("GET", LIST "x/", "")->http.status, 404);
}

/* ---- notifications ---- */

static void test_notifications(void **state)
{
    const struct listed_notification rows[] = {
        {.id = 9,
         .title = BYTES_LIT("New Message"),
         .message = BYTES_LIT("a \"b\""),
         .category = BYTES_LIT("chat"),
         .url = BYTES_LIT("/chat/7"),
         .status = BYTES_LIT("unread"),
         .created_at_ms = NOON},
        {.id = 5, .status = BYTES_LIT("read"), .created_at_ms = NOON},
        {.id = 2, .status = BYTES_LIT("read"), .created_at_ms = NOON}};

    (void)state;
    assert_body(say("GET", LIST, ""), 200, "{\"results\":[],\"next\":null}");
    assert_int_equal(fake_store_devices.request.user_id, ALICE);
    assert_int_equal(fake_store_devices.request.before, INT64_MAX);
    assert_int_equal(fake_store_devices.request.limit, 51);
    assert_false(fake_store_devices.request.is_unread);
    fake_store_devices.notifications = rows;
    fake_store_devices.notification_count = 3;
    assert_body(ask(ALICE, &(struct ask){"GET", LIST, "unread=1&before=20&limit=2", ""}), 200,
                "{\"results\":[{\"id\":9,\"title\":\"New Message\",\"message\":\"a \\\"b\\\"\","
                "\"category\":\"chat\",\"url\":\"/chat/7\",\"created_at\":"
                "\"2024-01-01T12:00:00.000Z\",\"status\":\"unread\"},{\"id\":5,\"title\":\"\","
                "\"message\":\"\",\"category\":\"\",\"url\":\"\",\"created_at\":"
                "\"2024-01-01T12:00:00.000Z\",\"status\":\"read\"}],"
                "\"next\":\"/api/notifications/?unread=1&before=5&limit=2\"}");
    assert_true(fake_store_devices.request.is_unread);
    assert_int_equal(fake_store_devices.request.before, 20);
    assert_int_equal(fake_store_devices.request.limit, 3);
    assert_body(ask(ALICE, &(struct ask){"GET", LIST, "unread=yes&before=0&limit=201", ""}), 400,
                COMPLAINTS
                "\"before\":[\"This value is out of range.\"],\"limit\":[\"This value is out of "
                "range.\"],\"unread\":[\"A valid integer is required.\"]}");
}

/* Each of them is 100 KiB when it is written: eleven do not fit into one answer. */
static void test_notifications_that_do_not_fit(void **state)
{
    static char text[51200];
    struct listed_notification rows[11];
    const struct down_item *item;

    (void)state;
    memset(text, '"', sizeof(text));
    for (int64_t i = 0; i < 11; i++) {
        rows[i] = (struct listed_notification){
            .id = 100 - i, .message = bytes_of(text, sizeof(text)), .created_at_ms = NOON};
    }
    fake_store_devices.notifications = rows;
    fake_store_devices.notification_count = 11;
    item = say("GET", LIST, "");
    assert_int_equal(item->http.status, 200);
    assert_true(item->http.body.len < HTTP_REPLY_MAX_BYTES);
    assert_non_null(memmem(item->http.body.ptr, item->http.body.len, "before=91&limit=50", 18));
}

/* ---- preferences ---- */

static void test_preferences(void **state)
{
    (void)state;
    assert_body(say("GET", PREFERENCES, ""), 200,
                "{\"push_enabled\":true,\"categories\":{},\"quiet_start\":null,"
                "\"quiet_end\":null,\"time_zone\":\"UTC\"}");
    fake_store_devices.preferences = (struct preferences){.categories = BYTES_LIT("{\"a\":false}"),
                                                          .quiet_start = BYTES_LIT("22:00"),
                                                          .quiet_end = BYTES_LIT("07:00"),
                                                          .time_zone = BYTES_LIT("Asia/Kolkata")};
    assert_body(say("PATCH", PREFERENCES,
                    "{\"push_enabled\":false,\"categories\":{\"chat\":false,\"x.y-z_0\":true},"
                    "\"quiet_start\":\"22:00\",\"quiet_end\":\"23:59\",\"time_zone\":"
                    "\"Asia/Kolkata\"}"),
                200,
                "{\"push_enabled\":false,\"categories\":{\"a\":false},\"quiet_start\":\"22:00\","
                "\"quiet_end\":\"07:00\",\"time_zone\":\"Asia/Kolkata\"}");
    assert_true(fake_store_devices.change.has_push && !fake_store_devices.change.push_enabled);
    assert_string_equal(fake_store_devices.categories, "{\"chat\":false,\"x.y-z_0\":true}");
    assert_string_equal(fake_store_devices.quiet_start, "22:00");
    assert_string_equal(fake_store_devices.quiet_end, "23:59");
    assert_string_equal(fake_store_devices.time_zone, "Asia/Kolkata");
}

static void test_preferences_in_part(void **state)
{
    (void)state;
    assert_int_equal(say("PATCH", PREFERENCES, "{\"quiet_start\":null}")->http.status, 200);
    assert_true(fake_store_devices.change.has_quiet_start);
    assert_string_equal(fake_store_devices.quiet_start, "");
    assert_false(fake_store_devices.change.has_quiet_end);
    assert_false(fake_store_devices.change.has_push);
    assert_string_equal(fake_store_devices.categories, "");
    assert_int_equal(say("PATCH", PREFERENCES, "{\"categories\":{}}")->http.status, 200);
    assert_string_equal(fake_store_devices.categories, "{}");
    assert_int_equal(say("PATCH", PREFERENCES, "")->http.status, 200);
    assert_int_equal(say("PATCH", PREFERENCES, "{\"unknown\":1}")->http.status, 200);
}

static void test_preferences_refused(void **state)
{
    static const struct {
        const char *body, *answer;
    } cases[] = {
        {"{\"push_enabled\":1}", COMPLAINTS "\"push_enabled\":[\"Must be a valid boolean.\"]}"},
        {"{\"push_enabled\":null}",
         COMPLAINTS "\"push_enabled\":[\"This field may not be null.\"]}"},
        {"{\"categories\":null}", COMPLAINTS "\"categories\":[\"This field may not be null.\"]}"},
        {"{\"time_zone\":null}", COMPLAINTS "\"time_zone\":[\"This field may not be null.\"]}"},
        {"{\"categories\":[]}", COMPLAINTS "\"categories\":[\"Expected an object of booleans.\"]}"},
        {"{\"categories\":{\"a\":1}}",
         COMPLAINTS "\"categories\":[\"Expected an object of booleans.\"]}"},
        {"{\"categories\":{\"a b\":true}}",
         COMPLAINTS "\"categories\":[\"This value does not match the required pattern.\"]}"},
        {"{\"categories\":{\"\":true}}",
         COMPLAINTS "\"categories\":[\"This value does not match the required pattern.\"]}"},
        {"{\"quiet_start\":\"24:00\"}",
         COMPLAINTS "\"quiet_start\":[\"Time has wrong format. Use HH:MM.\"]}"},
        {"{\"quiet_start\":\"7:00\",\"quiet_end\":\"07:60\"}",
         COMPLAINTS "\"quiet_start\":[\"Time has wrong format. Use HH:MM.\"],"
                    "\"quiet_end\":[\"Time has wrong format. Use HH:MM.\"]}"},
        {"{\"quiet_end\":700}",
         COMPLAINTS "\"quiet_end\":[\"Time has wrong format. Use HH:MM.\"]}"},
        {"{\"quiet_end\":\"07:00:00\"}",
         COMPLAINTS "\"quiet_end\":[\"Time has wrong format. Use HH:MM.\"]}"},
        {"{\"time_zone\":\"\"}", COMPLAINTS "\"time_zone\":[\"This field may not be blank.\"]}"},
        {"{\"time_zone\":5}", COMPLAINTS "\"time_zone\":[\"Not a valid string.\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_body(say("PATCH", PREFERENCES, cases[i].body), 400, cases[i].answer);
    }
    assert_int_equal(fake_store_devices.calls, 0);
    fake_store_devices.verdict = PREFERENCE_NO_ZONE;
    assert_body(say("PATCH", PREFERENCES, "{\"time_zone\":\"Mars/Olympus\"}"), 400,
                COMPLAINTS "\"time_zone\":[\"This time zone does not exist.\"]}");
    fake_store_devices.verdict = PREFERENCE_TOO_MANY;
    assert_body(say("PATCH", PREFERENCES, "{\"categories\":{\"a\":true}}"), 400,
                COMPLAINTS "\"categories\":[\"This value is too long.\"]}");
}

/* ---- devices ---- */

static void test_devices(void **state)
{
    struct device_row added = DEVICE;

    (void)state;
    assert_body(say("GET", DEVICES, ""), 200, "[]");
    put_good_answers();
    assert_body(say("GET", DEVICES, ""), 200,
                "[{\"id\":3,\"device_type\":\"ios\",\"created_at\":\"2024-01-01T12:00:00.000Z\","
                "\"token\":\"ce-token\"}]");
    added.is_new = true;
    fake_store_devices.devices = &added;
    assert_body(say("POST", DEVICES, "{\"token\":\" abcdefghij \",\"device_type\":\"android\"}"),
                201,
                "{\"id\":3,\"device_type\":\"android\",\"created_at\":"
                "\"2024-01-01T12:00:00.000Z\",\"token\":\"cdefghij\"}");
    assert_string_equal(fake_store_devices.token, "abcdefghij");
    assert_string_equal(fake_store_devices.device_type, "android");
    added.is_new = false;
    assert_int_equal(say("POST", DEVICES, "{\"token\":\"t\",\"device_type\":\"web\"}")->http.status,
                     200);
    assert_int_equal(
        say("POST", DEVICES, "{\"token\":\"" SUBSCRIPTION "\",\"device_type\":\"web\"}")
            ->http.status,
        200);
    assert_body(say("DELETE", DEVICES, "{\"token\":\"t\"}"), 204, "");
    assert_string_equal(fake_store_devices.token, "t");
    fake_store_devices.count = 2;
    assert_body(say("POST", DEVICES "test_notification/", ""), 202, "{\"devices\":2}");
    assert_int_equal(fake_store_devices.user_id, ALICE);
}

static void test_devices_refused(void **state)
{
    static char body[6000];

    (void)state;
    assert_body(say("POST", DEVICES, "{}"), 400,
                COMPLAINTS
                "\"token\":[\"This field is required.\"],\"device_type\":[\"This field is "
                "required.\"]}");
    assert_body(say("POST", DEVICES, "{\"token\":\" \",\"device_type\":\"ios\"}"), 400,
                COMPLAINTS "\"token\":[\"This field may not be blank.\"]}");
    assert_body(say("POST", DEVICES, "{\"token\":\"t\",\"device_type\":\"IOS\"}"), 400,
                COMPLAINTS "\"device_type\":[\"This is not a valid choice.\"]}");
    assert_body(say("POST", DEVICES,
                    "{\"token\":\"{\\\"endpoint\\\":\\\"http://127.0.0.1/\\\"}\","
                    "\"device_type\":\"web\"}"),
                400, COMPLAINTS "\"token\":[\"This is not a valid push subscription.\"]}");
    assert_body(say("DELETE", DEVICES, "{}"), 400,
                COMPLAINTS "\"token\":[\"This field is required.\"]}");
    (void)snprintf(body, sizeof(body), "{\"token\":\"%0*d\",\"device_type\":\"ios\"}",
                   (int)DEVICE_TOKEN_MAX_BYTES + 1, 0);
    assert_body(say("POST", DEVICES, body), 400,
                COMPLAINTS "\"token\":[\"This value is too long.\"]}");
    assert_int_equal(fake_store_devices.calls, 0);
}

/* ---- every part away ---- */

static void test_store_away(void **state)
{
    (void)state;
    put_good_answers();
    for (size_t route = 0; route < ROUTE_ROWS; route++) {
        for (unsigned nth = 2; nth <= 2; nth++) { /* the first one finds the user */
            for (int at_submit = 0; at_submit < 2; at_submit++) {
                const struct down_item *item;

                fake_clock_forward(10000); /* nobody is in the cache */
                fake_store.fault =
                    (struct fake_fault){.nth = nth, .at_submit = at_submit, .err = ERR_UNAVAILABLE};
                item = ask(ALICE, &ROUTES[route].ask);
                assert_int_equal(item->http.status, 503);
                assert_non_null(memmem(item->http.body.ptr, item->http.body.len, UNAVAILABLE,
                                       strlen(UNAVAILABLE)));
            }
        }
    }
    fake_store.fault = (struct fake_fault){.nth = 0};
}

static void test_without_memory(void **state)
{
    (void)state;
    put_good_answers();
    for (size_t route = 0; route < ROUTE_ROWS; route++) {
        const char *bearer = bench_bearer(bench_token(ALICE, TOKEN_ACCESS));
        const struct ask *a = &ROUTES[route].ask;
        uint32_t status = 0;
        size_t nth = 1;

        for (; status != ROUTES[route].good; nth++) {
            fake_clock_forward(10000);
            mem_fail_after(nth);
            bench_ask(++last_conn, &(struct bench_http){a->method, a->path, JSON, a->body},
                      a->query, bearer);
            status = bench_answer(last_conn)->http.status;
            mem_fail_after(0);
            assert_true(status == 503 || status == ROUTES[route].good);
            assert_true(nth < 60);
        }
        assert_true(nth > 4);
    }
}

static void test_freed_under_way(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 2; steps++) {
        for (size_t route = 0; route < ROUTE_ROWS; route++) {
            start(ALICE, &ROUTES[route].ask);
        }
        for (size_t i = 0; i < steps * ROUTE_ROWS; i++) {
            fake_run_one();
        }
        assert_int_equal(fake_answers(), 0);
        bench_restart();
        fake_run_all();
        assert_int_equal(fake_answers(), 0);
    }
}

/* ---- the key of services ---- */

static double key_attempts(const char *result)
{
    return metric_value(metric_counter("auth_attempts_total", "", "result"), result);
}

static uint32_t post_with(const char *authorization)
{
    bench_ask(++last_conn, &(struct bench_http){"POST", LIST, JSON, "{}"}, "", authorization);
    return bench_answer(last_conn)->http.status;
}

static void test_service_key(void **state)
{
    static const char *const WRONG_KEYS[] = {NULL,          "",
                                             "Api-Key ",    "Api-Key the-kex",
                                             "Api-Key the", "Api-Key the-key-and-more",
                                             "the-key",     "Bearer the-key"};
    static char key[] = "the-key";
    double wrong = key_attempts("service_key_wrong"), right = key_attempts("service_key_ok");
    size_t tries = sizeof(WRONG_KEYS) / sizeof(WRONG_KEYS[0]);

    (void)state;
    bench.conf.service_key = key;
    for (size_t i = 0; i < 20 * tries; i++) {
        assert_int_equal(post_with(WRONG_KEYS[i % tries]), 401);
    }
    assert_true(key_attempts("service_key_wrong") == wrong + 20 * (double)tries);
    assert_true(bench_logged("service_key_refused"));
    assert_true(bench_logged("192.0.2.1"));
    assert_false(bench_logged("the-kex"));
    assert_int_equal(post_with("api-key the-key"), 400);
    assert_int_equal(post_with("Api-Key the-key"), 400); /* it has no fields; but is let in */
    assert_true(key_attempts("service_key_ok") == right + 2);
    bench.conf.service_key = NULL;
    assert_int_equal(post_with("Api-Key "), 401);
    bench_restart();
}

/* ---- web push ---- */

static void test_vapid_key(void **state)
{
    const struct ask for_key = {"GET", LIST "vapid-key/", "", ""};

    (void)state;
    assert_http(ask(NOBODY, &for_key), 401, CHALLENGE, SIGN_IN);
    assert_body(ask(ALICE, &for_key), 404,
                "{\"detail\":\"Web push is not set up.\",\"code\":\"not_configured\"}");
    bench.vapid_public = "BCVxsr7N_eNgVRqv";
    bench_restart();
    assert_body(ask(ALICE, &for_key), 200, "{\"public_key\":\"BCVxsr7N_eNgVRqv\"}");
    assert_http(ask(DAVE, &for_key), 401, CHALLENGE, SIGN_IN);
    assert_int_equal(fake_store_devices.calls, 0);
    bench.vapid_public = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody),
        TEST(test_methods),
        TEST(test_service_key),
        TEST(test_vapid_key),
        TEST(test_notifications),
        TEST(test_notifications_that_do_not_fit),
        TEST(test_preferences),
        TEST(test_preferences_in_part),
        TEST(test_preferences_refused),
        TEST(test_devices),
        TEST(test_devices_refused),
        TEST(test_store_away),
        TEST(test_without_memory),
        TEST(test_freed_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
