/* SPDX-License-Identifier: MIT */
/* The routes of people who are signed in: who may ask, what is asked of the store, and what becomes
 * of its answers; every part away at every step. */
#include <jansson.h>
#include <stdio.h>

#include "common/mem.h"
#include "requests_answers.h"

#define JSON "application/json"
#define NOON 1704110400000u /* 2024-01-01T12:00:00.000Z */
#define SIGN_IN                                                                                    \
    "{\"detail\":\"Authentication failed. Please sign in again.\",\"code\":\"AUTHENTICATION_"      \
    "FAILED\"}"
#define DENIED "\"code\":\"PERMISSION_DENIED\""
#define NO_CHANNEL "\"code\":\"CHANNEL_NOT_FOUND\""
#define UNAVAILABLE "\"code\":\"SERVICE_UNAVAILABLE\""

enum { NOBODY = 0, ALICE = 1, DAVE = 3, ADMIN = 4 };

struct ask {
    const char *method, *path, *query, *body;
};

static const struct ask ROUTES[] = {
    {"GET", "/api/users/me/", "", ""},
    {"GET", "/api/channels/", "", ""},
    {"POST", "/api/channels/", "", "{\"name\":\"new-one\"}"},
    {"POST", "/api/channels/7/members/", "", "{\"user_id\":2}"},
    {"DELETE", "/api/channels/7/members/", "", "{\"user_id\":2}"},
    {"GET", "/api/channels/7/messages/", "", ""},
    {"GET", "/api/channels/7/search/", "q=x", ""},
};
#define ROUTE_ROWS (sizeof(ROUTES) / sizeof(ROUTES[0]))

static uint64_t last_conn;

/* user_id 0: without a credential. */
static void start(int64_t user_id, const struct ask *a)
{
    const char *bearer = user_id ? bench_bearer(bench_token(user_id, TOKEN_ACCESS)) : NULL;

    bench_ask(++last_conn,
              &(struct bench_http){a->method, a->path, a->body[0] ? JSON : "", a->body}, a->query,
              bearer);
}

static const struct down_item *ask_as(int64_t user_id, const struct ask *a)
{
    start(user_id, a);
    return bench_answer(last_conn);
}

static void assert_has(const struct down_item *item, uint32_t status, const char *text)
{
    if (item->http.status != status ||
        (text[0] && !memmem(item->http.body.ptr, item->http.body.len, text, strlen(text)))) {
        fail_msg("%u %.*s, wanted %u %s", item->http.status, BYTES_FMT(item->http.body), status,
                 text);
    }
}

static void assert_body(const struct down_item *item, uint32_t status, const char *body)
{
    if (item->http.status != status || !bytes_eq_str(item->http.body, body)) {
        fail_msg("%u %.*s, wanted %u %s", item->http.status, BYTES_FMT(item->http.body), status,
                 body);
    }
}

/* ---- who ---- */

static void test_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_ROWS; i++) {
        assert_http(ask_as(NOBODY, &ROUTES[i]), 401, CHALLENGE, SIGN_IN);
        assert_http(ask_as(DAVE, &ROUTES[i]), 401, CHALLENGE, SIGN_IN); /* deactivated */
    }
    bench_ask(++last_conn, &(struct bench_http){"GET", "/api/channels/", "", ""}, "",
              "Bearer x.y.z");
    assert_http(bench_answer(last_conn), 401, CHALLENGE, SIGN_IN);
    /* Who is nobody is told that first, whatever else is wrong. */
    assert_has(ask_as(NOBODY, &(struct ask){"POST", "/api/channels/", "", "{"}), 401, "");
    assert_has(ask_as(NOBODY, &(struct ask){"GET", "/api/channels/7/messages/", "limit=x", ""}),
               401, "");
    assert_int_equal(fake_store_api.calls, 0);
}

static void test_session_cookie(void **state)
{
    struct up_envelope env = {.kind = UP_HTTP, .conn = 1};

    (void)state;
    env.http.method = BYTES_LIT("GET");
    env.http.path = BYTES_LIT("/api/channels/");
    env.http.cred = with_cookie(bench_session(1, bench_hash("alice"), NULL, false));
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    assert_body(bench_answer(1), 200, "[]");
    assert_int_equal(fake_store_api.user_id, 1);
}

static void test_paths_and_methods(void **state)
{
    static const struct {
        const char *method, *path;
        uint32_t status;
        const char *headers;
    } cases[] = {
        {"POST", "/api/users/me/", 405, NO_STORE "Allow: GET, HEAD\r\n"},
        {"PUT", "/api/channels/", 405, NO_STORE "Allow: GET, HEAD, POST\r\n"},
        {"GET", "/api/channels/7/members/", 405, NO_STORE "Allow: POST, DELETE\r\n"},
        {"POST", "/api/channels/7/messages/", 405, NO_STORE "Allow: GET, HEAD\r\n"},
        {"GET", "/api/channels/0/messages/", 404, NO_STORE},
        {"GET", "/api/channels/general/messages/", 404, NO_STORE},
        {"GET", "/api/channels/7/messages", 404, NO_STORE},
        {"GET", "/api/channels/7/", 404, NO_STORE},
        {"GET", "/api/users/1/", 404, NO_STORE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct down_item *item =
            ask_as(ALICE, &(struct ask){cases[i].method, cases[i].path, "", ""});

        assert_has(item, cases[i].status, "");
        assert_true(bytes_eq_str(item->http.headers, cases[i].headers));
    }
}

/* ---- people and channels ---- */

static void test_me(void **state)
{
    (void)state;
    assert_has(ask_as(ALICE, &ROUTES[0]), 401, "AUTHENTICATION_FAILED"); /* deleted meanwhile */
    fake_store_api.has_profile = true;
    fake_store_api.profile = (struct profile_row){.id = 1,
                                                  .username = BYTES_LIT("alice"),
                                                  .first_name = BYTES_LIT("A"),
                                                  .last_name = BYTES_LIT("L\"e"),
                                                  .email = BYTES_LIT("a@b"),
                                                  .avatar = BYTES_LIT("/x"),
                                                  .is_staff = true};
    assert_body(ask_as(ALICE, &ROUTES[0]), 200,
                "{\"id\":1,\"username\":\"alice\",\"first_name\":\"A\",\"last_name\":\"L\\\"e\","
                "\"email\":\"a@b\",\"is_staff\":true,\"avatar\":\"/x\"}");
    assert_int_equal(fake_store_api.user_id, 1);
    assert_has(ask_as(ALICE, &(struct ask){"HEAD", "/api/users/me/", "", ""}), 200, "alice");
}

static void test_channels(void **state)
{
    const struct listed_channel channels[] = {
        {.id = 2,
         .name = BYTES_LIT("leads"),
         .kind = BYTES_LIT("group"),
         .role = BYTES_LIT("member"),
         .members = BYTES_LIT("[1, 2]"),
         .is_private = true,
         .last_seq = 9,
         .unread_count = 3,
         .has_message = true,
         .last_message = {.id = 5, .channel_id = 2, .author_id = 2, .timestamp_ms = NOON}},
        {.id = 1, .name = BYTES_LIT("general"), .kind = BYTES_LIT("group")}};

    (void)state;
    assert_body(ask_as(ALICE, &ROUTES[1]), 200, "[]");
    fake_store_api.channels = channels;
    fake_store_api.channel_count = 2;
    assert_body(ask_as(ALICE, &ROUTES[1]), 200,
                "[{\"id\":2,\"name\":\"leads\",\"kind\":\"group\",\"is_private\":true,"
                "\"is_member\":true,\"role\":\"member\",\"members\":[1, 2],\"last_seq\":9,"
                "\"unread_count\":3,\"last_message\":{\"id\":5,\"content\":\"\",\"author\":"
                "{\"id\":2,\"username\":\"\",\"avatar\":\"\"},\"timestamp\":"
                "\"2024-01-01T12:00:00.000Z\",\"channel_id\":2,\"reply_to\":null,"
                "\"attachments\":[]}},"
                "{\"id\":1,\"name\":\"general\",\"kind\":\"group\",\"is_private\":false,"
                "\"is_member\":false,\"role\":null,\"members\":null,\"last_seq\":0,"
                "\"unread_count\":0,\"last_message\":null}]");
}

static const struct down_item *create_as(int64_t user_id, const char *body)
{
    return ask_as(user_id, &(struct ask){"POST", "/api/channels/", "", body});
}

static void test_create(void **state)
{
    (void)state;
    fake_store_api.made = (struct made_channel){.id = 77, .members = BYTES_LIT("[2,4]")};
    assert_has(create_as(ALICE, "{\"name\":\"x\"}"), 403, DENIED);
    assert_int_equal(fake_store_api.calls, 0);
    assert_body(create_as(ADMIN, "{\"name\":\" new-one \",\"is_private\":true,\"members\":[2]}"),
                201,
                "{\"id\":77,\"name\":\"new-one\",\"kind\":\"group\",\"is_private\":true,"
                "\"is_member\":true,\"role\":\"owner\",\"members\":[2,4],\"last_seq\":0,"
                "\"unread_count\":0,\"last_message\":null}");
    assert_string_equal(fake_store_api.name, "new-one");
    assert_true(fake_store_api.is_private);
    assert_int_equal(fake_store_api.user_id, ADMIN);
    assert_int_equal(fake_store_api.member_count, 1);
    assert_int_equal(fake_store_api.members[0], 2);
    assert_has(create_as(ADMIN, "{\"name\":\"open\",\"is_private\":null,\"members\":null}"), 201,
               "\"is_private\":false,\"is_member\":true,\"role\":\"owner\",\"members\":null");
    assert_int_equal(fake_store_api.member_count, 0);
    fake_store_api.made = (struct made_channel){.id = 0};
    assert_has(create_as(ADMIN, "{\"name\":\"taken\"}"), 409, "\"code\":\"conflict\"");
    fake_store_api.made = (struct made_channel){.unknown_user = 5};
    assert_body(create_as(ADMIN, "{\"name\":\"x\",\"members\":[5]}"), 400,
                COMPLAINTS "\"members\":[\"This user does not exist.\"]}");
}

static void test_create_refused(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{}", COMPLAINTS "\"name\":[\"This field is required.\"]}"},
        {"{\"name\":\"\"}", COMPLAINTS "\"name\":[\"This field may not be blank.\"]}"},
        {"{\"name\":5}", COMPLAINTS "\"name\":[\"Not a valid string.\"]}"},
        {"{\"name\":\"a b\"}",
         COMPLAINTS "\"name\":[\"This value does not match the required pattern.\"]}"},
        {"{\"name\":\"123\"}",
         COMPLAINTS "\"name\":[\"This value does not match the required pattern.\"]}"},
        {"{\"name\":\"x\",\"is_private\":1,\"members\":\"y\"}", COMPLAINTS
         "\"is_private\":[\"Must be a valid boolean.\"],\"members\":[\"Expected a list of "
         "ids.\"]}"},
        {"{\"name\":\"x\",\"members\":[1,\"2\"]}",
         COMPLAINTS "\"members\":[\"A valid integer is required.\"]}"},
        {"{\"name\":\"x\",\"members\":[0]}",
         COMPLAINTS "\"members\":[\"This value is out of range.\"]}"},
    };
    char body[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_body(create_as(ADMIN, cases[i].in), 400, cases[i].out);
    }
    snprintf(body, sizeof(body), "{\"name\":\"%0101d\"}", 1);
    assert_body(create_as(ADMIN, body), 400, COMPLAINTS "\"name\":[\"This value is too long.\"]}");
    assert_has(create_as(ADMIN, "["), 400, "parse_error");
    assert_has(create_as(ADMIN, "[]"), 400, "invalid");
    assert_int_equal(fake_store_api.calls, 0);
}

static void test_members(void **state)
{
    static const struct {
        enum member_verdict verdict;
        uint32_t status;
        const char *text;
    } cases[] = {
        {MEMBER_DONE, 204, ""},
        {MEMBER_NO_CHANNEL, 404, NO_CHANNEL},
        {MEMBER_DENIED, 403, DENIED},
        {MEMBER_NO_USER, 400, COMPLAINTS "\"user_id\":[\"This user does not exist.\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_store_api.verdict = cases[i].verdict;
        assert_has(ask_as(ALICE, &ROUTES[3]), cases[i].status, cases[i].text);
        assert_true(fake_store_api.change.is_in);
        assert_false(fake_store_api.change.actor_is_staff);
        assert_has(ask_as(ADMIN, &ROUTES[4]), cases[i].status, cases[i].text);
        assert_false(fake_store_api.change.is_in);
        assert_true(fake_store_api.change.actor_is_staff);
        assert_int_equal(fake_store_api.change.channel_id, 7);
        assert_int_equal(fake_store_api.change.actor_id, ADMIN);
        assert_int_equal(fake_store_api.change.user_id, 2);
    }
    fake_store_api.verdict = MEMBER_DONE;
    assert_int_equal(ask_as(ALICE, &ROUTES[3])->http.body.len, 0);
    assert_body(ask_as(ALICE, &(struct ask){"DELETE", "/api/channels/7/members/", "", ""}), 400,
                COMPLAINTS "\"user_id\":[\"This field is required.\"]}");
    assert_body(
        ask_as(ALICE, &(struct ask){"POST", "/api/channels/7/members/", "", "{\"user_id\":\"2\"}"}),
        400, COMPLAINTS "\"user_id\":[\"A valid integer is required.\"]}");
}

/* ---- pages ---- */

static void test_pages(void **state)
{
    static const struct {
        const char *query;
        int64_t after, before;
        uint32_t limit;
        bool is_forward;
    } cases[] = {
        {"", 0, INT64_MAX, 51, false},
        {"limit=200", 0, INT64_MAX, 201, false},
        {"before=9&limit=1&before=x&other=%zz", 0, 9, 2, false},
        {"after=0", 0, INT64_MAX, 51, true},
        {"after=%31&before=9007199254740991", 1, 9007199254740991, 51, true},
        {"before=&after=&limit=", 0, INT64_MAX, 51, false},
    };

    (void)state;
    assert_has(ask_as(ALICE, &ROUTES[5]), 404, NO_CHANNEL);
    fake_store_api.has_page = true;
    assert_has(ask_as(ALICE, &ROUTES[5]), 403, DENIED);
    fake_store_api.page = (struct message_page){.may_enter = true, .last_seq = 8};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct page_request *asked = &fake_store_api.page_request;

        assert_body(
            ask_as(ALICE, &(struct ask){"GET", "/api/channels/7/messages/", cases[i].query, ""}),
            200, "{\"results\":[],\"next\":null,\"seq\":8,\"edited\":{},\"deleted\":{}}");
        assert_int_equal(asked->channel_id, 7);
        assert_int_equal(asked->user_id, ALICE);
        assert_int_equal(asked->after, cases[i].after);
        assert_int_equal(asked->before, cases[i].before);
        assert_int_equal(asked->limit, cases[i].limit);
        assert_int_equal(asked->is_forward, cases[i].is_forward);
        assert_false(fake_store_api.is_search);
    }
}

static void test_search(void **state)
{
    const struct listed_message row = {.message = {.id = 5, .channel_id = 7, .author_id = 2}};

    (void)state;
    fake_store_api.has_page = true;
    fake_store_api.page =
        (struct message_page){.may_enter = true, .rows = &row, .count = 1, .scan_end = 3};
    assert_has(ask_as(ALICE, &(struct ask){"GET", "/api/channels/7/search/",
                                           "q=two+words%26%C3%BC&limit=9&before=70&after=x", ""}),
               400, COMPLAINTS "\"after\":[\"A valid integer is required.\"]}");
    assert_has(ask_as(ALICE, &(struct ask){"GET", "/api/channels/7/search/",
                                           "q=two+words%26%C3%BC&limit=9&before=70&after=1", ""}),
               200, "\"next\":\"/api/channels/7/search/?q=two+words%26%C3%BC&before=3&limit=9\"");
    assert_true(fake_store_api.is_search);
    assert_string_equal(fake_store_api.words, "two words&\xC3\xBC");
    assert_int_equal(fake_store_api.page_request.limit, 9);
    assert_int_equal(fake_store_api.page_request.before, 70);
    fake_store_api.page.scan_end = 0;
    assert_has(ask_as(ALICE, &ROUTES[6]), 200, "\"next\":null");
    assert_body(ask_as(ALICE, &(struct ask){"GET", "/api/channels/7/search/", "", ""}), 400,
                COMPLAINTS "\"q\":[\"This field is required.\"]}");
    assert_body(ask_as(ALICE, &(struct ask){"GET", "/api/channels/7/search/", "q=+%09", ""}), 400,
                COMPLAINTS "\"q\":[\"This field may not be blank.\"]}");
}

/* ---- parts that are away ---- */

static void test_store_away(void **state)
{
    static const int failures[] = {ERR_UNAVAILABLE, ERR_BUSY, ERR_REMOTE, ERR_NOMEM};

    (void)state;
    for (size_t route = 0; route < ROUTE_ROWS; route++) {
        for (size_t i = 0; i < 8; i++) {
            fake_clock_forward(10000); /* nobody is in the cache */
            fake_store.fault = (struct fake_fault){
                .nth = i < 4 ? 1 : 2, .at_submit = i % 2, .err = failures[i % 4]};
            assert_has(ask_as(ADMIN, &ROUTES[route]), 503, UNAVAILABLE);
        }
    }
    fake_store.fault = (struct fake_fault){.nth = 0};
}

static void put_good_answers(void)
{
    fake_store_api.has_profile = fake_store_api.has_page = true;
    fake_store_api.page.may_enter = true;
    fake_store_api.made.id = 5;
}

static void test_without_memory(void **state)
{
    static const uint32_t good[ROUTE_ROWS] = {200, 200, 201, 204, 204, 200, 200};

    (void)state;
    for (size_t route = 0; route < ROUTE_ROWS; route++) {
        const char *bearer = bench_bearer(bench_token(ADMIN, TOKEN_ACCESS));
        const struct ask *a = &ROUTES[route];
        uint32_t status = 0;
        size_t nth = 1;

        put_good_answers();
        for (; status != good[route]; nth++) {
            fake_clock_forward(10000); /* nobody is in the cache */
            mem_fail_after(nth);
            bench_ask(++last_conn, &(struct bench_http){a->method, a->path, JSON, a->body},
                      a->query, bearer);
            status = bench_answer(last_conn)->http.status;
            mem_fail_after(0);
            assert_true(status == 503 || status == good[route]);
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
            start(ADMIN, &ROUTES[route]);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody),
        TEST(test_session_cookie),
        TEST(test_paths_and_methods),
        TEST(test_me),
        TEST(test_channels),
        TEST(test_create),
        TEST(test_create_refused),
        TEST(test_members),
        TEST(test_pages),
        TEST(test_search),
        TEST(test_store_away),
        TEST(test_without_memory),
        TEST(test_freed_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
