/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of openings and token routes share: the answers, word for word, and what is
 * checked of them. */
#include <string.h>

#include "requests_bench.h"

#define NO_ACCOUNT                                                                                 \
    "{\"detail\":\"No active account found with the given credentials\","                          \
    "\"code\":\"AUTHENTICATION_FAILED\"}"
#define BAD_TOKEN "{\"detail\":\"Token is invalid or expired\",\"code\":\"token_not_valid\"}"
/* Goes before complaints about fields. */
#define COMPLAINTS "{\"detail\":\"Some values of the request are not valid.\",\"code\":\"invalid\","
#define NO_STORE "Cache-Control: no-store\r\n"
#define CHALLENGE NO_STORE "WWW-Authenticate: Bearer realm=\"api\"\r\n"

#define LOGIN_OF(name, password) "{\"username\":\"" name "\",\"password\":\"" password "\"}"
#define RIGHT LOGIN_OF("alice", "alice-password")
#define WRONG LOGIN_OF("alice", "wrong-password")

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

static inline void assert_refused(const struct down_item *item, enum client_code code, int close)
{
    assert_int_equal(item->kind, DOWN_REFUSED);
    assert_int_equal(item->refused.code, code);
    assert_int_equal(item->refused.close, close);
}

static inline void assert_unavailable(const struct down_item *item)
{
    assert_refused(item, CODE_SERVICE_UNAVAILABLE, 1013);
}

static inline void assert_granted(const struct down_item *item, int64_t user_id, const char *topic)
{
    assert_int_equal(item->kind, DOWN_GRANTED);
    assert_int_equal(item->granted.actor.user_id, user_id);
    assert_true(bytes_eq_str(item->granted.topic, topic));
}

static inline struct credentials bearer_of(int64_t user_id)
{
    const char *token = bench_token(user_id, TOKEN_ACCESS);

    return (struct credentials){.authorization = bytes_str(bench_bearer(token))};
}

static inline void open_as(uint64_t conn, int64_t user_id, const char *room)
{
    struct credentials cred = bearer_of(user_id);

    bench_open(conn, &cred, room);
}

static inline void assert_http(const struct down_item *item, uint32_t status, const char *headers,
                               const char *body)
{
    assert_int_equal(item->kind, DOWN_HTTP);
    if (item->http.status != status || !bytes_eq_str(item->http.body, body) ||
        !bytes_eq_str(item->http.headers, headers)) {
        fail_msg("%u %.*s %.*s", item->http.status, BYTES_FMT(item->http.headers),
                 BYTES_FMT(item->http.body));
    }
    assert_true(bytes_eq_str(item->http.content_type, "application/json"));
}

static inline uint32_t login(uint64_t conn, const char *body)
{
    bench_post(conn, "/api/token/", body);
    return bench_answer(conn)->http.status;
}

static inline struct credentials with_cookie(const char *cookie)
{
    return (struct credentials){.cookie = bytes_str(cookie)};
}
