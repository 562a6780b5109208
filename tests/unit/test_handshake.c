/* SPDX-License-Identifier: MIT */
/* Upgrade policy: Django's host rule, origins, cookies, paths, and what path and query give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/handshake.h"

static void test_hosts(void **state)
{
    static const struct {
        const char *allowed, *host;
        bool is_allowed;
    } rows[] = {
        {"example.com", "example.com", true},
        {"example.com", "EXAMPLE.com", true},
        {"Example.COM", "example.com", true},
        {"example.com", "example.com:8001", true},
        {"example.com", "example.com.", true},
        {"example.com", "example.com.:80", true},
        {"example.com", "www.example.com", false},
        {"example.com", "example.com.evil.org", false},
        {"example.com", "example.comx", false},
        {".example.com", "example.com", true},
        {".example.com", "a.b.example.com:1", true},
        {".example.com", "badexample.com", false},
        {".example.com", "com", false},
        {"*", "anything.at-all", true},
        {"*", "with space", false},
        {"*", "", false},
        {"*", "a/b", false},
        {"*", "a@b", false},
        {"*", "a:b", false},
        {"*", "a:", false},
        {"*", ":80", false},
        {"*", ".", false},
        {"*", "a:80:90", false},
        {"*", "a_b", false},
        {"", "example.com", false},
        {"a.com, b.com", "b.com", true},
        {"[::1]", "[::1]", true},
        {"[::1]", "[::1]:8001", true},
        {"[::1]", "[::2]", false},
        {"*", "[fe80::1.2.3.4]", true},
        {"*", "[::1", false},
        {"*", "[]", false},
        {"*", "[12]", false},
        {"*", "[::g]", false},
        {"*", "::1", false},
        {"127.0.0.1", "127.0.0.1:1", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (handshake_is_host_allowed(rows[i].allowed, bytes_str(rows[i].host)) !=
            rows[i].is_allowed) {
            fail_msg("row %zu: \"%s\" in \"%s\"", i, rows[i].host, rows[i].allowed);
        }
    }
}

static void test_a_host_of_255_bytes_and_one_more(void **state)
{
    char host[257];

    (void)state;
    memset(host, 'a', 256);
    host[256] = '\0';
    assert_false(handshake_is_host_allowed("*", bytes_of(host, 256)));
    assert_true(handshake_is_host_allowed("*", bytes_of(host, 255)));
}

struct row {
    const char *path, *query, *host, *origin, *cookie, *authorization, *protocols;
    int status;
    enum endpoint endpoint;
    const char *room;
};

static struct bytes header(const char *text)
{
    return text ? bytes_str(text) : BYTES_NONE;
}

static struct ws_request request_of(const struct row *row)
{
    return (struct ws_request){.is_upgrade = true,
                               .method = BYTES_LIT("GET"),
                               .path = header(row->path),
                               .query = header(row->query),
                               .host = bytes_str(row->host ? row->host : "example.com"),
                               .origin = header(row->origin),
                               .cookie = header(row->cookie),
                               .authorization = header(row->authorization),
                               .subprotocols = header(row->protocols)};
}

#define CHAT_PATH "/ws/chat/general/"
static const struct row ROWS[] = {
    /* paths */
    {CHAT_PATH, .endpoint = ENDPOINT_CHAT, .room = "general"},
    {"/ws/chat/general", .endpoint = ENDPOINT_CHAT, .room = "general"},
    {"/ws/chat/a-B_9", .endpoint = ENDPOINT_CHAT, .room = "a-B_9"},
    {"/ws/chat/123/", .endpoint = ENDPOINT_CHAT, .room = "123"},
    {"/ws/chat/", .status = 404},
    {"/ws/chat", .status = 404},
    {"/ws/chat//", .status = 404},
    {"/ws/chat/a//", .status = 404},
    {"/ws/chat/a/b/", .status = 404},
    {"/ws/chat/a%20b/", .status = 404},
    {"/ws/chat/a.b/", .status = 404},
    {"/ws/none/", .status = 404},
    {"/", .status = 404},
    {"", .status = 404},
    {"/ws/echo/", .endpoint = ENDPOINT_ECHO, .room = ""},
    /* the host comes first */
    {"/nope", .host = "evil.org", .status = 400},
    {CHAT_PATH, .host = "evil.org", .origin = "http://evil.org", .status = 400},
    /* origins */
    {CHAT_PATH, .origin = "http://example.com", .endpoint = ENDPOINT_CHAT, .room = "general"},
    {CHAT_PATH, .origin = "https://example.com", .endpoint = ENDPOINT_CHAT, .room = "general"},
    {CHAT_PATH, .origin = "https://trusted.org", .endpoint = ENDPOINT_CHAT, .room = "general"},
    {CHAT_PATH, .origin = "http://trusted.org", .status = 403},
    {CHAT_PATH, .origin = "https://trusted.org.evil.org", .status = 403},
    {CHAT_PATH, .origin = "https://example.com:444", .status = 403},
    {CHAT_PATH, .origin = "https://example.com/", .status = 403},
    {CHAT_PATH, .origin = "ws://example.com", .status = 403},
    {CHAT_PATH, .origin = "null", .status = 403},
    {CHAT_PATH, .origin = "", .status = 403},
    {CHAT_PATH, .host = "example.com:1", .origin = "http://example.com", .status = 403},
    {CHAT_PATH, .host = "example.com:1", .origin = "http://example.com:1",
     .endpoint = ENDPOINT_CHAT, .room = "general"},
    /* a cookie alone needs an origin */
    {CHAT_PATH, .cookie = "sessionid=x", .status = 403},
    {CHAT_PATH, .cookie = "a=b; sessionid=x", .status = 403},
    {CHAT_PATH, .cookie = "xsessionid=x", .endpoint = ENDPOINT_CHAT, .room = "general"},
    {CHAT_PATH, .cookie = "sessionid=x", .origin = "http://example.com", .endpoint = ENDPOINT_CHAT,
     .room = "general"},
    {CHAT_PATH, .query = "token=t", .cookie = "sessionid=x", .endpoint = ENDPOINT_CHAT,
     .room = "general"},
    {CHAT_PATH, .query = "token=", .cookie = "sessionid=x", .endpoint = ENDPOINT_CHAT,
     .room = "general"},
    {CHAT_PATH, .query = "xtoken=t", .cookie = "sessionid=x", .status = 403},
    {CHAT_PATH, .cookie = "sessionid=x", .authorization = "bearer t", .endpoint = ENDPOINT_CHAT,
     .room = "general"},
    {CHAT_PATH, .cookie = "sessionid=x", .authorization = "Basic t", .status = 403},
    {CHAT_PATH, .cookie = "sessionid=x", .protocols = "bearer, t", .endpoint = ENDPOINT_CHAT,
     .room = "general"},
    {CHAT_PATH, .cookie = "sessionid=x", .protocols = "chat", .status = 403},
};

static void test_requests(void **state)
{
    static const struct handshake_policy policy = {"example.com", "https://trusted.org,null", true};

    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const struct ws_request req = request_of(&ROWS[i]);
        struct ws_refusal refusal = {.status = -1};
        struct handshake h = {.endpoint = ENDPOINT_COUNT};

        handshake_check(&policy, &req, &h, &refusal);
        if (refusal.status != ROWS[i].status) {
            fail_msg("row %zu (%s): %d", i, ROWS[i].path, refusal.status);
        }
        if (refusal.status != 0) {
            assert_non_null(refusal.code);
            assert_non_null(refusal.detail);
            assert_int_equal(h.endpoint, ENDPOINT_COUNT);
            continue;
        }
        assert_int_equal(h.endpoint, ROWS[i].endpoint);
        assert_true(bytes_eq_str(h.room, ROWS[i].room));
    }
}

static void test_echo_only_when_enabled(void **state)
{
    static const struct handshake_policy policy = {"*", "", false};
    const struct row row = {.path = "/ws/echo/"};
    const struct ws_request req = request_of(&row);
    struct ws_refusal refusal;
    struct handshake h;

    (void)state;
    handshake_check(&policy, &req, &h, &refusal);
    assert_int_equal(refusal.status, 404);
}

static void test_room_length(void **state)
{
    static const struct handshake_policy policy = {"*", "", false};

    (void)state;
    for (size_t len = 99; len <= 101; len++) {
        char path[128] = "/ws/chat/";
        struct row row = {.path = path};
        struct ws_request req;
        struct ws_refusal refusal;
        struct handshake h;

        memset(path + 9, 'r', len);
        req = request_of(&row);
        handshake_check(&policy, &req, &h, &refusal);
        assert_int_equal(refusal.status, len <= 100 ? 0 : 404);
    }
}

static void test_query(void **state)
{
    static const struct {
        const char *query;
        bool has_token;
        const char *token;
        bool has_since;
        uint64_t since;
    } rows[] = {
        {"", false, "", false, 0},
        {"token=a%20b&since=5", true, "a%20b", true, 5},
        {"since=0", false, "", true, 0},
        {"since=", false, "", false, 0},
        {"since=-1", false, "", false, 0},
        {"since=1x", false, "", false, 0},
        {"since=9007199254740991", false, "", true, 9007199254740991ull},
        {"since=9007199254740992", false, "", false, 0},
        {"since=99999999999999999999999", false, "", false, 0},
        {"a=b&&token=x&token=y", true, "x", false, 0},
        {"token", false, "", false, 0},
        {"tokens=x", false, "", false, 0},
        {"token=", true, "", false, 0},
        {"token=a=b", true, "a=b", false, 0},
    };
    static const struct handshake_policy policy = {"*", "", false};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row row = {.path = CHAT_PATH, .query = rows[i].query};
        const struct ws_request req = request_of(&row);
        struct ws_refusal refusal;
        struct handshake h;

        handshake_check(&policy, &req, &h, &refusal);
        assert_int_equal(refusal.status, 0);
        assert_int_equal(h.has_query_token, rows[i].has_token);
        assert_true(bytes_eq_str(h.query_token, rows[i].token));
        assert_int_equal(h.has_since, rows[i].has_since);
        assert_int_equal(h.since, rows[i].since);
    }
}

static void test_long_headers(void **state)
{
    static const struct handshake_policy policy = {"*", "", false};
    static char text[9000];
    struct row row = {.path = CHAT_PATH};
    struct ws_request req = request_of(&row);
    struct ws_refusal refusal;
    struct handshake h;

    (void)state;
    memset(text, 'x', sizeof(text));
    req.authorization = bytes_of(text, 8192);
    handshake_check(&policy, &req, &h, &refusal);
    assert_int_equal(refusal.status, 0);
    req.authorization = bytes_of(text, 8193);
    handshake_check(&policy, &req, &h, &refusal);
    assert_int_equal(refusal.status, 431);
}

static void test_forged_requests(void **state)
{
    static const char cookie[] = "a=b; sessionid=0123456789";
    static const struct {
        const char *method, *path, *origin, *cookie, *authorization;
        bool is_forged;
    } rows[] = {
        {"POST", "/api/x/", "https://evil.example", cookie, NULL, true},
        {"DELETE", "/api/x/", "null", cookie, NULL, true},
        {"PATCH", "/api/x/", "", cookie, NULL, true},
        {"POST", "/api/x/", "https://evil.example", cookie, "Basic x", true},
        {"POST", "/api/x/", "https://evil.example", cookie, "Bearer x", false},
        {"POST", "/api/x/", "https://evil.example", "a=b", NULL, false},
        {"POST", "/api/x/", "https://evil.example", NULL, NULL, false},
        {"POST", "/api/x/", NULL, cookie, NULL, false},
        {"POST", "/api/x/", "https://kibray.example", cookie, NULL, false},
        {"POST", "/api/x/", "http://kibray.example", cookie, NULL, false},
        {"POST", "/api/x/", "https://trusted.example", cookie, NULL, false},
        {"POST", "/api/x/", "https://trusted.example:8443", cookie, NULL, true},
        {"GET", "/api/x/", "https://evil.example", cookie, NULL, false},
        {"HEAD", "/api/x/", "https://evil.example", cookie, NULL, false},
        {"get", "/api/x/", "https://evil.example", cookie, NULL, true},
        {"POST", "/api/login/", "https://evil.example", NULL, NULL, true},
        {"POST", "/api/login/", "https://evil.example", NULL, "Bearer x", true},
        {"POST", "/api/logout/", "https://evil.example", cookie, NULL, true},
        {"POST", "/api/login/", "https://kibray.example", NULL, NULL, false},
        {"POST", "/api/login/", NULL, NULL, NULL, false},
        {"POST", "/api/token/", "https://evil.example", NULL, NULL, false},
    };
    static const struct handshake_policy policy = {"*", "https://trusted.example", false};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct ws_request req = {.method = bytes_str(rows[i].method),
                                       .path = bytes_str(rows[i].path),
                                       .host = BYTES_LIT("kibray.example"),
                                       .origin = bytes_str(rows[i].origin),
                                       .cookie = bytes_str(rows[i].cookie),
                                       .authorization = bytes_str(rows[i].authorization)};

        if (handshake_is_forged(&policy, &req) != rows[i].is_forged) {
            fail_msg("row %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_a_host_of_255_bytes_and_one_more),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_echo_only_when_enabled),
        cmocka_unit_test(test_room_length),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_long_headers),
        cmocka_unit_test(test_forged_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
