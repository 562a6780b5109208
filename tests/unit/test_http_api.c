/* SPDX-License-Identifier: MIT */
/* Tests of the HTTP API's texts: routes, bodies in (every problem of every field), answers out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/http_api.h"
#include "common/mem.h"
#include "proto/limits.h"

static void test_routes(void **state)
{
    static const struct {
        const char *method, *path;
        enum http_route route;
        const char *allow; /* "" = no such path */
        int64_t id;
    } cases[] = {
        {"POST", "/api/token/", ROUTE_TOKEN, "POST", 0},
        {"POST", "/api/token/refresh/", ROUTE_TOKEN_REFRESH, "POST", 0},
        {"POST", "/api/token/verify/", ROUTE_TOKEN_VERIFY, "POST", 0},
        {"GET", "/api/users/me/", ROUTE_USER_ME, "GET, HEAD", 0},
        {"HEAD", "/api/users/me/", ROUTE_USER_ME, "GET, HEAD", 0},
        {"GET", "/api/channels/", ROUTE_CHANNELS, "GET, HEAD, POST", 0},
        {"POST", "/api/channels/", ROUTE_CHANNEL_CREATE, "GET, HEAD, POST", 0},
        {"DELETE", "/api/channels/", ROUTE_NONE, "GET, HEAD, POST", 0},
        {"POST", "/api/channels/1/members/", ROUTE_MEMBER_ADD, "POST, DELETE", 1},
        {"DELETE", "/api/channels/9007199254740991/members/", ROUTE_MEMBER_REMOVE, "POST, DELETE",
         9007199254740991},
        {"GET", "/api/channels/12/members/", ROUTE_NONE, "POST, DELETE", 12},
        {"GET", "/api/channels/12/messages/", ROUTE_MESSAGES, "GET, HEAD", 12},
        {"GET", "/api/channels/12/search/", ROUTE_SEARCH, "GET, HEAD", 12},
        {"GET", "/api/channels/9007199254740992/messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/99999999999999999999999/messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/0/messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/-1/messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/01/messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/1x/messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/<id>/messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels//messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/1/messages", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/1/messages/x", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/1/2/messages/", ROUTE_NONE, "", 0},
        {"GET", "/api/channels/1", ROUTE_NONE, "", 0},
        {"GET", "/api/channels", ROUTE_NONE, "", 0},
        {"POST", "/api/token/blacklist/", ROUTE_TOKEN_BLACKLIST, "POST", 0},
        {"POST", "/api/login/", ROUTE_LOGIN, "POST", 0},
        {"POST", "/api/logout/", ROUTE_LOGOUT, "POST", 0},
        {"GET", "/api/logout/", ROUTE_NONE, "POST", 0},
        {"GET", "/api/token/", ROUTE_NONE, "POST", 0},
        {"HEAD", "/api/token/", ROUTE_NONE, "POST", 0},
        {"post", "/api/token/", ROUTE_NONE, "POST", 0},
        {"", "/api/token/", ROUTE_NONE, "POST", 0},
        {"POST", "/api/token", ROUTE_NONE, "", 0},
        {"POST", "/api/token/refresh", ROUTE_NONE, "", 0},
        {"POST", "/api/token//", ROUTE_NONE, "", 0},
        {"POST", "/api/token/x/", ROUTE_NONE, "", 0},
        {"POST", "/API/token/", ROUTE_NONE, "", 0},
        {"POST", "/api/%74oken/", ROUTE_NONE, "", 0},
        {"POST", "/api/", ROUTE_NONE, "", 0},
        {"POST", "/", ROUTE_NONE, "", 0},
        {"POST", "", ROUTE_NONE, "", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_match match =
            http_route_find(bytes_str(cases[i].method), bytes_str(cases[i].path));

        if (match.route != cases[i].route || match.id != cases[i].id ||
            strcmp(match.allow, cases[i].allow) != 0) {
            fail_msg("%s %s: route %d, allow %s", cases[i].method, cases[i].path, match.route,
                     match.allow);
        }
    }
    assert_int_equal(http_route_find(BYTES_LIT("POST"), bytes_of("/api/token/\0", 12)).route,
                     ROUTE_NONE);
    assert_int_equal(http_route_find(BYTES_NONE, BYTES_NONE).route, ROUTE_NONE);
}

static void test_route_labels(void **state)
{
    (void)state;
    for (int route = ROUTE_NONE + 1; route < ROUTE_COUNT; route++) {
        assert_string_not_equal(http_route_label((enum http_route)route), "none");
    }
    assert_string_equal(http_route_label(ROUTE_NONE), "none");
    assert_string_equal(http_route_label(ROUTE_COUNT), "none");
}

static void test_content_types(void **state)
{
    static const struct {
        const char *type;
        bool is_json;
    } cases[] = {
        {"application/json", true},
        {"Application/JSON", true},
        {"application/json; charset=utf-8", true},
        {" application/json ;x", true},
        {"application/jsonp", false},
        {"application/jso", false},
        {"text/json", false},
        {"application/x-www-form-urlencoded", false},
        {";application/json", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(http_type_is_json(bytes_str(cases[i].type)), cases[i].is_json);
    }
    assert_false(http_type_is_json(BYTES_NONE));
}

/* One trimmed field "a", one that is taken as it is, "b". */
struct body_case {
    const char *body;
    int err;
    const char *a, *b;        /* values, NULL = none */
    enum http_problem pa, pb; /* problems */
};

static const struct body_case BODY_CASES[] = {
    {"{\"a\":\"x\",\"b\":\"y\"}", 0, "x", "y", HTTP_FINE, HTTP_FINE},
    {" {\"b\":\"y\",\"z\":[{}],\"a\":\"x\"} ", 0, "x", "y", HTTP_FINE, HTTP_FINE},
    {"{\"a\":\" x \\n\",\"b\":\" y \"}", 0, "x", " y ", HTTP_FINE, HTTP_FINE},
    {"{\"a\":\"x\",\"a\":\"w\",\"b\":\"y\"}", 0, "w", "y", HTTP_FINE, HTTP_FINE},
    {"{\"a\":\"\\u00e4\",\"b\":\"\xf0\x9f\x98\x80\"}", 0, "\xc3\xa4", "\xf0\x9f\x98\x80", HTTP_FINE,
     HTTP_FINE},
    {"", ERR_MISSING, NULL, NULL, HTTP_MISSING, HTTP_MISSING},
    {" \r\n", ERR_MISSING, NULL, NULL, HTTP_MISSING, HTTP_MISSING},
    {"{}", ERR_MISSING, NULL, NULL, HTTP_MISSING, HTTP_MISSING},
    {"{\"a\":\"x\"}", ERR_MISSING, "x", NULL, HTTP_FINE, HTTP_MISSING},
    {"{\"A\":\"x\",\"b\":\"y\"}", ERR_MISSING, NULL, "y", HTTP_MISSING, HTTP_FINE},
    {"{\"a\":null,\"b\":\"\"}", ERR_MISSING, NULL, NULL, HTTP_NULL, HTTP_BLANK},
    {"{\"a\":\" \\t\",\"b\":\" \"}", ERR_MISSING, NULL, " ", HTTP_BLANK, HTTP_FINE},
    {"{\"a\":1,\"b\":true}", ERR_MISSING, NULL, NULL, HTTP_TYPE, HTTP_TYPE},
    {"{\"a\":[],\"b\":{}}", ERR_MISSING, NULL, NULL, HTTP_TYPE, HTTP_TYPE},
    {"{\"a\":1.5,\"b\":\"y\"}", ERR_MISSING, NULL, "y", HTTP_TYPE, HTTP_FINE},
    {"{\"a\":\"x\\u0000\",\"b\":\"\\u0000\"}", ERR_MISSING, NULL, NULL, HTTP_NUL_CHARACTER,
     HTTP_NUL_CHARACTER},
    {"[]", ERR_TYPE, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"\"x\"", ERR_TYPE, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"null", ERR_TYPE, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"1", ERR_TYPE, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"{", ERR_SYNTAX, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"{\"a\":\"x\",\"b\":\"y\"", ERR_SYNTAX, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"{\"a\":\"x\",\"b\":\"y\"}}", ERR_SYNTAX, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"{\"a\":\"x\",\"b\":\"y\",}", ERR_SYNTAX, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"a=x&b=y", ERR_SYNTAX, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"{\"a\":\"\\ud800\",\"b\":\"y\"}", ERR_SYNTAX, NULL, NULL, HTTP_FINE, HTTP_FINE},
    {"{\"a\":\"\xff\",\"b\":\"y\"}", ERR_UTF8, NULL, NULL, HTTP_FINE, HTTP_FINE},
};

static void check_field(const char *body, const struct http_field *f, const char *value,
                        enum http_problem problem)
{
    if (f->problem != problem || (f->value != NULL) != (value != NULL) ||
        (value && (strcmp(f->value, value) != 0 || f->len != strlen(value)))) {
        fail_msg("%s: field %s", body, f->name);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(BODY_CASES) / sizeof(BODY_CASES[0]); i++) {
        const struct body_case *k = &BODY_CASES[i];
        struct http_field fields[] = {{.name = "a", .is_trimmed = true}, {.name = "b"}};
        int err = http_fields_read(bytes_str(k->body), fields, 2);

        if (err != k->err) {
            fail_msg("%s: %s", k->body, err_name(err));
        }
        check_field(k->body, &fields[0], k->a, k->pa);
        check_field(k->body, &fields[1], k->b, k->pb);
        http_fields_done(fields, 2);
        assert_null(fields[0].value);
        assert_null(fields[1].value);
    }
}

/* A flag "f" and a list "l", both optional, and an id "i". */
static void test_typed_fields(void **state)
{
    static const struct {
        const char *body;
        int err;
        enum http_problem f, l, i;
        bool flag;
        int64_t id;
        size_t ids;
    } cases[] = {
        {"{\"i\":1}", 0, HTTP_FINE, HTTP_FINE, HTTP_FINE, false, 1, 0},
        {"{\"f\":null,\"l\":null,\"i\":9007199254740991}", 0, HTTP_FINE, HTTP_FINE, HTTP_FINE,
         false, 9007199254740991, 0},
        {"{\"f\":true,\"l\":[],\"i\":7}", 0, HTTP_FINE, HTTP_FINE, HTTP_FINE, true, 7, 0},
        {"{\"f\":false,\"l\":[1,2,2],\"i\":7}", 0, HTTP_FINE, HTTP_FINE, HTTP_FINE, false, 7, 3},
        {"{}", ERR_MISSING, HTTP_FINE, HTTP_FINE, HTTP_MISSING, false, 0, 0},
        {"{\"i\":null}", ERR_MISSING, HTTP_FINE, HTTP_FINE, HTTP_NULL, false, 0, 0},
        {"{\"f\":1,\"l\":{},\"i\":\"1\"}", ERR_MISSING, HTTP_BOOLEAN, HTTP_ID_LIST, HTTP_INTEGER,
         false, 0, 0},
        {"{\"f\":\"true\",\"l\":[1.0],\"i\":1.0}", ERR_MISSING, HTTP_BOOLEAN, HTTP_INTEGER,
         HTTP_INTEGER, false, 0, 0},
        {"{\"l\":[1,null],\"i\":0}", ERR_MISSING, HTTP_FINE, HTTP_INTEGER, HTTP_RANGE, false, 0, 0},
        {"{\"l\":[-1],\"i\":9007199254740992}", ERR_MISSING, HTTP_FINE, HTTP_RANGE, HTTP_RANGE,
         false, 0, 0},
    };

    (void)state;
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct http_field fields[] = {{.name = "f", .type = HTTP_FLAG, .is_optional = true},
                                      {.name = "l", .type = HTTP_IDS, .is_optional = true},
                                      {.name = "i", .type = HTTP_ID}};
        int err = http_fields_read(bytes_str(cases[n].body), fields, 3);

        if (err != cases[n].err || fields[0].problem != cases[n].f ||
            fields[1].problem != cases[n].l || fields[2].problem != cases[n].i) {
            fail_msg("%s: %s", cases[n].body, err_name(err));
        }
        if (err == 0) {
            assert_int_equal(fields[0].flag, cases[n].flag);
            assert_int_equal(fields[1].id_count, cases[n].ids);
            assert_int_equal(fields[2].id, cases[n].id);
        }
        http_fields_done(fields, 3);
        assert_null(fields[1].ids);
    }
}

static int read_list_of(size_t count)
{
    struct http_field field = {.name = "l", .type = HTTP_IDS};
    struct buf body;
    int err;

    buf_init(&body, 65536);
    assert_int_equal(buf_append(&body, BYTES_LIT("{\"l\":[1")), 0);
    for (size_t i = 1; i < count; i++) {
        assert_int_equal(buf_append(&body, BYTES_LIT(",2")), 0);
    }
    assert_int_equal(buf_append(&body, BYTES_LIT("]}")), 0);
    err = http_fields_read(buf_bytes(&body), &field, 1);
    assert_true(err == 0 || field.problem == HTTP_TOO_LONG);
    http_fields_done(&field, 1);
    buf_done(&body);
    return err;
}

static void test_long_lists(void **state)
{
    (void)state;
    assert_int_equal(read_list_of(HTTP_IDS_MAX), 0);
    assert_int_equal(read_list_of(HTTP_IDS_MAX + 1), ERR_MISSING);
}

static void test_body_with_nul_byte(void **state)
{
    struct http_field field = {.name = "a"};

    (void)state;
    assert_int_equal(http_fields_read(bytes_of("{\"a\":\"x\"}\0", 10), &field, 1), ERR_SYNTAX);
    assert_int_equal(http_fields_read(bytes_of("{\"a\":\"x\0\"}", 10), &field, 1), ERR_SYNTAX);
    assert_null(field.value);
}

/* {"a":"x","z":[[…]]} of so many levels */
static int read_nested(size_t levels)
{
    struct http_field field = {.name = "a"};
    struct buf body;
    int err;

    buf_init(&body, 1024);
    assert_int_equal(buf_append(&body, BYTES_LIT("{\"a\":\"x\",\"z\":")), 0);
    for (size_t i = 1; i < levels; i++) {
        assert_int_equal(buf_append_char(&body, '['), 0);
    }
    for (size_t i = 1; i < levels; i++) {
        assert_int_equal(buf_append_char(&body, ']'), 0);
    }
    assert_int_equal(buf_append_char(&body, '}'), 0);
    err = http_fields_read(buf_bytes(&body), &field, 1);
    http_fields_done(&field, 1);
    buf_done(&body);
    return err;
}

static void test_depth(void **state)
{
    (void)state;
    assert_int_equal(read_nested(JSON_DEPTH_MAX), 0);
    assert_int_equal(read_nested(JSON_DEPTH_MAX + 1), ERR_DEPTH);
}

static void test_without_memory(void **state)
{
    const struct bytes body = BYTES_LIT("{\"a\":\"x\",\"b\":\"y\"}");

    (void)state;
    for (size_t nth = 1; nth <= 2; nth++) {
        struct http_field fields[] = {{.name = "a"}, {.name = "b"}};

        mem_fail_after(nth);
        assert_int_equal(http_fields_read(body, fields, 2), ERR_NOMEM);
        mem_fail_after(0);
        assert_null(fields[0].value);
        assert_null(fields[1].value);
    }
}

static void assert_text(const struct buf *b, const char *text)
{
    if (!bytes_eq_str(buf_bytes(b), text)) {
        fail_msg("%.*s", BYTES_FMT(buf_bytes(b)));
    }
}

static void test_answers(void **state)
{
    struct http_field fields[] = {
        {.name = "a", .problem = HTTP_MISSING}, {.name = "b"},
        {.name = "c", .problem = HTTP_NULL},    {.name = "d", .problem = HTTP_BLANK},
        {.name = "e", .problem = HTTP_TYPE},    {.name = "f", .problem = HTTP_NUL_CHARACTER}};
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    assert_int_equal(http_detail("No \"x\"", "not_found", &b), 0);
    assert_text(&b, "{\"detail\":\"No \\\"x\\\"\",\"code\":\"not_found\"}");
    buf_reset(&b);
    assert_int_equal(http_field_problems(HTTP_PROBLEMS_WITH_DETAIL, fields, 1, &b), 0);
    assert_text(&b,
                "{\"detail\":\"Some values of the request are not valid.\",\"code\":\"invalid\","
                "\"a\":[\"This field is required.\"]}");
    buf_reset(&b);
    assert_int_equal(http_field_problems(HTTP_PROBLEMS_ALONE, fields, 6, &b), 0);
    assert_text(&b, "{\"a\":[\"This field is required.\"],\"c\":[\"This field may not be null.\"],"
                    "\"d\":[\"This field may not be blank.\"],\"e\":[\"Not a valid string.\"],"
                    "\"f\":[\"Null characters are not allowed.\"]}");
    buf_reset(&b);
    assert_int_equal(http_tokens(BYTES_LIT("x"), BYTES_LIT("y"), &b), 0);
    assert_text(&b, "{\"access\":\"x\",\"refresh\":\"y\"}");
    buf_reset(&b);
    assert_int_equal(http_tokens(BYTES_LIT("x"), BYTES_NONE, &b), 0);
    assert_text(&b, "{\"access\":\"x\"}");
    buf_reset(&b);
    const struct user_row user = {
        .id = 7, .username = BYTES_LIT("a\"b"), .avatar = BYTES_LIT("/x"), .is_staff = true};
    assert_int_equal(http_user(&user, &b), 0);
    assert_text(&b, "{\"id\":7,\"username\":\"a\\\"b\",\"is_staff\":true,\"avatar\":\"/x\"}");
    buf_done(&b);
}

static void test_answers_are_whole_or_not_there(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 16);
    assert_int_equal(buf_append_char(&b, '!'), 0);
    assert_int_equal(http_detail("a long detail", "code", &b), ERR_FULL);
    assert_int_equal(http_tokens(BYTES_LIT("x"), BYTES_LIT("y"), &b), ERR_FULL);
    assert_text(&b, "!");
    buf_done(&b);
}

static void test_headers(void **state)
{
    static const struct {
        struct http_answer answer;
        const char *text;
    } cases[] = {
        {{.status = 200}, "Cache-Control: no-store\r\n"},
        {{.status = 405, .allow = "POST"}, "Cache-Control: no-store\r\nAllow: POST\r\n"},
        {{.status = 429, .retry_after_s = 42}, "Cache-Control: no-store\r\nRetry-After: 42\r\n"},
        {{.status = 200, .set_cookie = {"a=b; Path=/", 11}},
         "Cache-Control: no-store\r\nSet-Cookie: a=b; Path=/\r\n"},
        {{.status = 401}, "Cache-Control: no-store\r\nWWW-Authenticate: Bearer realm=\"api\"\r\n"},
    };
    struct buf b;

    (void)state;
    buf_init(&b, HTTP_HEADERS_MAX_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_reset(&b);
        assert_int_equal(http_answer_headers(&cases[i].answer, &b), 0);
        assert_text(&b, cases[i].text);
    }
    buf_done(&b);
    buf_init(&b, 30);
    assert_int_equal(http_answer_headers(&cases[1].answer, &b), ERR_FULL);
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_route_labels),
        cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_typed_fields),
        cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_body_with_nul_byte),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answers_are_whole_or_not_there),
        cmocka_unit_test(test_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
