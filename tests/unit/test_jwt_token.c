/* SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <stdio.h>
#include <string.h>

#include "proto/encoding.h"
#include "broker/jwt_keys.h"
#include "broker/jwt_token.h"
#include "common/mem.h"

static json_t *vectors;
static struct token_keys *hs256;
static struct token_keys *rs256;

static uint64_t now_ms(void)
{
    return (uint64_t)json_integer_value(json_object_get(vectors, "wall_ms"));
}

static int set_up(void **state)
{
    (void)state;
    vectors = vectors_load("jwt.json");
    struct token_settings h = {.algorithm = TOKEN_HS256, .secret = vector_bytes(vectors, "secret")};
    struct token_settings r = {.algorithm = TOKEN_RS256,
                               .public_pem = vector_bytes(vectors, "public_pem"),
                               .private_pem = vector_bytes(vectors, "private_pem")};
    return token_keys_new(&h, &hs256) != 0 || token_keys_new(&r, &rs256) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    token_keys_free(hs256);
    token_keys_free(rs256);
    token_keys_free(NULL);
    json_decref(vectors);
    return 0;
}

static const struct token_keys *keys_of(const json_t *vector)
{
    return bytes_eq_str(vector_bytes(vector, "alg"), "HS256") ? hs256 : rs256;
}

static enum token_type type_named(struct bytes name)
{
    if (bytes_eq_str(name, "any")) {
        return TOKEN_ANY;
    }
    return bytes_eq_str(name, "refresh") ? TOKEN_REFRESH : TOKEN_ACCESS;
}

static void test_vectors(void **state)
{
    size_t i;
    json_t *vector;

    (void)state;
    json_array_foreach(json_object_get(vectors, "cases"), i, vector)
    {
        struct token_claims claims;
        memset(&claims, 0x5A, sizeof(claims));
        struct token_claims untouched = claims;
        int err = token_verify(keys_of(vector), vector_bytes(vector, "token"),
                               type_named(vector_bytes(vector, "type")), now_ms(), &claims);

        vector_assert_err(vector, err);
        if (err != 0) {
            assert_memory_equal(&claims, &untouched, sizeof(claims));
            continue;
        }
        assert_int_equal(claims.user_id, json_integer_value(json_object_get(vector, "user_id")));
        assert_true(bytes_eq(bytes_str(claims.jti), vector_bytes(vector, "jti")));
    }
    assert_true(i > 60);
}

static struct bytes token_of(const char *name)
{
    size_t i;
    json_t *vector;

    json_array_foreach(json_object_get(vectors, "cases"), i, vector)
    {
        if (bytes_eq_str(vector_bytes(vector, "name"), name)) {
            return vector_bytes(vector, "token");
        }
    }
    fail_msg("no vector \"%s\"", name);
    return BYTES_NONE;
}

static void check_each_change_is_refused(const struct token_keys *keys, struct bytes token)
{
    static const char others[] = "AQgwz09-_.";
    char text[TOKEN_MAX_BYTES];
    struct token_claims claims;
    size_t last = token.len - 1; /* in RS256 its low bits are not part of the signature */

    memcpy(text, token.ptr, token.len);
    for (size_t i = 0; i < last; i++) {
        char right = text[i];
        char other = others[i % (sizeof(others) - 1)];
        text[i] = other != right ? other : 'B';
        int err = token_verify(keys, bytes_of(text, token.len), TOKEN_ANY, now_ms(), &claims);
        assert_true(err == ERR_DENIED || err == ERR_SYNTAX);
        text[i] = right;
    }
    for (size_t len = 0; len < token.len; len++) {
        int err = token_verify(keys, bytes_of(text, len), TOKEN_ANY, now_ms(), &claims);
        assert_true(err == ERR_DENIED || err == ERR_SYNTAX);
    }
    assert_int_equal(token_verify(keys, token, TOKEN_ANY, now_ms(), &claims), 0);
}

static void test_each_tampered_or_truncated_byte_is_refused(void **state)
{
    (void)state;
    check_each_change_is_refused(hs256, token_of("SimpleJWT access, user_id as string"));
    check_each_change_is_refused(rs256, token_of("RS256"));
}

static void test_bytes_that_are_not_base64url_are_refused(void **state)
{
    struct bytes token = token_of("SimpleJWT access, user_id as string");
    struct token_claims claims;
    char text[TOKEN_MAX_BYTES];

    (void)state;
    memcpy(text, token.ptr, token.len);
    for (int byte = 0; byte < 256; byte++) {
        text[10] = (char)byte;
        int err = token_verify(hs256, bytes_of(text, token.len), TOKEN_ANY, now_ms(), &claims);
        assert_true(err == ERR_SYNTAX || err == ERR_DENIED || text[10] == token.ptr[10]);
    }
}

static void issue(const struct token_keys *keys, struct token_claims *claims, struct buf *out)
{
    static const unsigned char random[TOKEN_RANDOM_BYTES] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
                                                             0xcd, 0xef, 0x01, 0x23, 0x45, 0x67,
                                                             0x89, 0xab, 0xcd, 0xef};

    token_set_jti(claims, random);
    buf_init(out, TOKEN_MAX_BYTES);
    assert_int_equal(token_issue(keys, claims, out), 0);
}

static void test_issued_tokens_are_verified(void **state)
{
    const struct token_keys *all[] = {hs256, rs256};
    const enum token_type types[] = {TOKEN_ACCESS, TOKEN_REFRESH};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct token_claims claims = {.type = types[i % 2],
                                      .user_id = i == 3 ? ID_MAX : 1,
                                      .issued_at_s = now_ms() / 1000,
                                      .expires_at_s = now_ms() / 1000 + 60};
        struct token_claims read;
        struct buf token;
        issue(all[i / 2], &claims, &token);
        assert_int_equal(token_verify(all[i / 2], buf_bytes(&token), types[i % 2], now_ms(), &read),
                         0);
        assert_int_equal(read.user_id, claims.user_id);
        assert_int_equal(read.type, claims.type);
        assert_int_equal(read.expires_at_s, claims.expires_at_s);
        assert_int_equal(read.issued_at_s, claims.issued_at_s);
        assert_string_equal(read.jti, "0123456789abcdef0123456789abcdef");
        assert_int_equal(token_verify(all[i / 2], buf_bytes(&token), TOKEN_ANY,
                                      claims.expires_at_s * 1000 - 1, &read),
                         0);
        assert_int_equal(token_verify(all[i / 2], buf_bytes(&token), TOKEN_ANY,
                                      claims.expires_at_s * 1000, &read),
                         ERR_TIMEOUT);
        buf_done(&token);
    }
}

static void test_family_of_a_login(void **state)
{
    static const struct {
        enum token_type type;
        const char *sid, *family;
    } cases[] = {
        {TOKEN_ACCESS, "first", "first"},
        {TOKEN_REFRESH, "first", "first"},
        {TOKEN_REFRESH, "", "0123456789abcdef0123456789abcdef"},
        {TOKEN_ACCESS, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct token_claims claims = {
            .type = cases[i].type, .user_id = 1, .expires_at_s = now_ms() / 1000 + 60};
        struct token_claims read;
        struct buf token;

        strcpy(claims.sid, cases[i].sid);
        issue(hs256, &claims, &token);
        assert_int_equal(token_verify(hs256, buf_bytes(&token), TOKEN_ANY, now_ms(), &read), 0);
        assert_string_equal(read.sid, cases[i].sid);
        assert_true(bytes_eq_str(token_family(&read), cases[i].family));
        buf_done(&token);
    }
}

/* Claims that somebody else wrote beside those of SimpleJWT. */
static void test_a_sid_that_is_no_name_is_refused(void **state)
{
    static const struct {
        const char *sid;
        int err;
    } cases[] = {
        {"\"a\"", 0},        {"\"\"", ERR_RANGE}, {"1", ERR_RANGE},
        {"null", ERR_RANGE}, {"[]", ERR_RANGE},   {"\"a b\"", ERR_RANGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char payload[256];
        struct token_claims claims;
        struct buf token, mac;

        buf_init(&token, TOKEN_MAX_BYTES);
        buf_init(&mac, TOKEN_MAX_BYTES);
        snprintf(payload, sizeof(payload),
                 "{\"token_type\":\"access\",\"exp\":9999999999,\"jti\":\"a\",\"user_id\":1,"
                 "\"sid\":%s}",
                 cases[i].sid);
        assert_int_equal(
            base64_encode(BASE64_URL, BYTES_LIT("{\"typ\":\"JWT\",\"alg\":\"HS256\"}"), &token), 0);
        assert_int_equal(buf_append_char(&token, '.'), 0);
        assert_int_equal(base64_encode(BASE64_URL, bytes_str(payload), &token), 0);
        assert_int_equal(token_sign(hs256, buf_bytes(&token), &mac), 0);
        assert_int_equal(buf_append_char(&token, '.'), 0);
        assert_int_equal(buf_append(&token, buf_bytes(&mac)), 0);
        assert_int_equal(token_verify(hs256, buf_bytes(&token), TOKEN_ANY, now_ms(), &claims),
                         cases[i].err);
        buf_done(&token);
        buf_done(&mac);
    }
}

static void test_issued_header_and_claims_have_the_documented_order(void **state)
{
    /* {"typ":"JWT","alg":"HS256"} and {"token_type":"access","exp":… in base64url */
    static const char begin[] = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
                                "eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjo";
    struct token_claims claims = {.type = TOKEN_ACCESS, .user_id = 7, .expires_at_s = 1};
    struct buf token;

    (void)state;
    issue(hs256, &claims, &token);
    assert_true(bytes_has_prefix(buf_bytes(&token), bytes_str(begin)));
    buf_done(&token);
}

static void test_issue_refuses_what_verify_would_refuse(void **state)
{
    const struct token_claims good = {
        .type = TOKEN_ACCESS, .user_id = 1, .expires_at_s = 2, .issued_at_s = 1, .jti = "a"};
    struct token_claims bad[10];
    struct buf out;

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        bad[i] = good;
    }
    bad[0].type = TOKEN_ANY;
    bad[1].user_id = 0;
    bad[2].user_id = ID_MAX + 1;
    bad[3].jti[0] = '\0';
    bad[4].jti[0] = '"';
    memset(bad[5].jti, 'a', sizeof(bad[5].jti));
    bad[6].expires_at_s = UINT64_MAX;
    bad[7].issued_at_s = UINT64_MAX;
    bad[8].sid[0] = '"';
    memset(bad[9].sid, 'a', sizeof(bad[9].sid));
    buf_init(&out, TOKEN_MAX_BYTES);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(token_issue(hs256, &bad[i], &out), ERR_RANGE);
    }
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void test_issue_leaves_the_buffer_alone_on_failure(void **state)
{
    struct token_settings verify_only = {.algorithm = TOKEN_RS256,
                                         .public_pem = vector_bytes(vectors, "public_pem")};
    struct token_claims claims = {.type = TOKEN_ACCESS, .user_id = 1, .jti = "a"};
    struct token_keys *keys;
    struct buf out;

    (void)state;
    assert_int_equal(token_keys_new(&verify_only, &keys), 0);
    buf_init(&out, 150);
    assert_int_equal(buf_append(&out, BYTES_LIT("before")), 0);
    assert_int_equal(token_issue(keys, &claims, &out), ERR_STATE);
    assert_int_equal(token_issue(hs256, &claims, &out), ERR_FULL);
    assert_true(bytes_eq_str(buf_bytes(&out), "before"));
    buf_done(&out);
    token_keys_free(keys);
}

static void test_bad_keys_are_refused(void **state)
{
    struct bytes public_pem = vector_bytes(vectors, "public_pem");
    struct bytes private_pem = vector_bytes(vectors, "private_pem");
    static char large[65537];
    const struct {
        struct token_settings settings;
        int want;
    } rows[] = {
        {{.algorithm = TOKEN_HS256}, ERR_MISSING},
        {{.algorithm = TOKEN_HS256, .secret = bytes_of(large, sizeof(large))}, ERR_RANGE},
        {{.algorithm = TOKEN_RS256, .private_pem = private_pem}, ERR_MISSING},
        {{.algorithm = TOKEN_RS256, .public_pem = BYTES_LIT("no PEM")}, ERR_SYNTAX},
        {{.algorithm = TOKEN_RS256, .public_pem = private_pem}, ERR_SYNTAX},
        {{.algorithm = TOKEN_RS256, .public_pem = bytes_of(public_pem.ptr, 200)}, ERR_SYNTAX},
        {{.algorithm = TOKEN_RS256, .public_pem = vector_bytes(vectors, "ec_public_pem")},
         ERR_TYPE},
        {{.algorithm = TOKEN_RS256, .public_pem = vector_bytes(vectors, "short_public_pem")},
         ERR_RANGE},
        {{.algorithm = TOKEN_RS256, .public_pem = public_pem, .private_pem = public_pem},
         ERR_SYNTAX},
        {{.algorithm = TOKEN_RS256,
          .public_pem = public_pem,
          .private_pem = vector_bytes(vectors, "encrypted_private_pem")},
         ERR_SYNTAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct token_keys *keys = NULL;
        assert_int_equal(token_keys_new(&rows[i].settings, &keys), rows[i].want);
        assert_null(keys);
    }
}

static void test_failing_allocations_are_reported(void **state)
{
    struct token_settings settings = {.algorithm = TOKEN_RS256,
                                      .public_pem = vector_bytes(vectors, "public_pem")};
    struct token_claims claims = {.type = TOKEN_ACCESS, .user_id = 1, .jti = "a"};

    (void)state;
    for (size_t nth = 1; nth <= 2; nth++) {
        struct token_keys *keys = NULL;
        mem_fail_after(nth);
        assert_int_equal(token_keys_new(&settings, &keys), ERR_NOMEM);
        mem_fail_after(0);
        assert_null(keys);
    }
    for (size_t nth = 1;; nth++) {
        struct buf out;
        buf_init(&out, TOKEN_MAX_BYTES);
        mem_fail_after(nth);
        int err = token_issue(hs256, &claims, &out);
        mem_fail_after(0);
        buf_done(&out);
        if (err == 0) {
            assert_true(nth > 2);
            break;
        }
        assert_int_equal(err, ERR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_each_tampered_or_truncated_byte_is_refused),
        cmocka_unit_test(test_bytes_that_are_not_base64url_are_refused),
        cmocka_unit_test(test_issued_tokens_are_verified),
        cmocka_unit_test(test_family_of_a_login),
        cmocka_unit_test(test_a_sid_that_is_no_name_is_refused),
        cmocka_unit_test(test_issued_header_and_claims_have_the_documented_order),
        cmocka_unit_test(test_issue_refuses_what_verify_would_refuse),
        cmocka_unit_test(test_issue_leaves_the_buffer_alone_on_failure),
        cmocka_unit_test(test_bad_keys_are_refused),
        cmocka_unit_test(test_failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
