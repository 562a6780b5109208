/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/http_auth.h"

#define KEY "0123456789abcdefghijklmnopqrstuv"
#define NONE HTTP_CREDENTIAL_NONE
#define TOKEN HTTP_CREDENTIAL_TOKEN
#define SESSION HTTP_CREDENTIAL_SESSION

struct row {
    const char *authorization, *query, *subprotocol, *cookie; /* NULL: not given */
    int want_err;
    enum http_credential_kind want_kind;
    const char *want;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *r = &rows[i];
        struct credentials given = {.authorization = bytes_str(r->authorization),
                                    .query_token = bytes_str(r->query),
                                    .has_query_token = r->query != NULL,
                                    .subprotocol = bytes_str(r->subprotocol),
                                    .cookie = bytes_str(r->cookie)};
        struct http_credential found = {.kind = SESSION, .len = 3};
        int err = http_auth_find(&given, &found);

        if (err != r->want_err) {
            fail_msg("row %zu gave %s", i, err_name(err));
        }
        if (err != 0) {
            assert_int_equal(found.len, 3);
            continue;
        }
        assert_int_equal(found.kind, r->want_kind);
        if (!bytes_eq_str(http_credential_value(&found), r->want)) {
            fail_msg("row %zu gave \"%.*s\"", i, (int)found.len, found.value);
        }
    }
}
#define CHECK(rows) check((rows), sizeof(rows) / sizeof((rows)[0]))

static void test_authorization(void **state)
{
    static const struct row rows[] = {
        {NULL, NULL, NULL, NULL, 0, NONE, ""},
        {"Bearer a.b.c", NULL, NULL, NULL, 0, TOKEN, "a.b.c"},
        {"bearer a.b.c", NULL, NULL, NULL, 0, TOKEN, "a.b.c"},
        {"  BEARER \t a.b.c \t", NULL, NULL, NULL, 0, TOKEN, "a.b.c"},
        {"Bearer", NULL, NULL, NULL, 0, TOKEN, ""},
        {"Bearer ", NULL, NULL, NULL, 0, TOKEN, ""},
        {"Bearer a b", NULL, NULL, NULL, ERR_SYNTAX, NONE, ""},
        {"Bearera.b.c", NULL, NULL, NULL, 0, NONE, ""},
        {"Beare a.b.c", NULL, NULL, NULL, 0, NONE, ""},
        {"Basic YTpi", NULL, NULL, NULL, 0, NONE, ""},
        {"Api-Key k", NULL, NULL, NULL, 0, NONE, ""},
        {"", NULL, NULL, NULL, 0, NONE, ""},
        {" ", NULL, NULL, NULL, 0, NONE, ""},
        {"Bearer %41", NULL, NULL, NULL, 0, TOKEN, "%41"},
    };

    (void)state;
    CHECK(rows);
}

static void test_query(void **state)
{
    static const struct row rows[] = {
        {NULL, "a.b.c", NULL, NULL, 0, TOKEN, "a.b.c"},
        {NULL, "", NULL, NULL, 0, TOKEN, ""},
        {NULL, "a%2Eb%2ec", NULL, NULL, 0, TOKEN, "a.b.c"},
        {NULL, "%61", NULL, NULL, 0, TOKEN, "a"},
        {NULL, "a+b", NULL, NULL, 0, TOKEN, "a+b"},
        {NULL, "%25%32%35", NULL, NULL, 0, TOKEN, "%25"}, /* decoded once */
        {NULL, "%", NULL, NULL, ERR_SYNTAX, NONE, ""},
        {NULL, "a%2", NULL, NULL, ERR_SYNTAX, NONE, ""},
        {NULL, "%2g", NULL, NULL, ERR_SYNTAX, NONE, ""},
        {NULL, "%g2", NULL, NULL, ERR_SYNTAX, NONE, ""},
        {NULL, "%%41", NULL, NULL, ERR_SYNTAX, NONE, ""},
    };

    (void)state;
    CHECK(rows);
}

static void test_query_may_hold_any_byte(void **state)
{
    struct credentials given = {.query_token = BYTES_LIT("%00%Ff"), .has_query_token = true};
    struct http_credential found;

    (void)state;
    assert_int_equal(http_auth_find(&given, &found), 0);
    assert_int_equal(found.len, 2);
    assert_memory_equal(found.value, "\0\xFF", 2);
}

static void test_subprotocol(void **state)
{
    static const struct row rows[] = {
        {NULL, NULL, "bearer, a.b.c", NULL, 0, TOKEN, "a.b.c"},
        {NULL, NULL, "bearer,a.b.c", NULL, 0, TOKEN, "a.b.c"},
        {NULL, NULL, " chat ,\tbearer , a.b.c , more", NULL, 0, TOKEN, "a.b.c"},
        {NULL, NULL, "bearer", NULL, 0, TOKEN, ""},
        {NULL, NULL, "bearer,", NULL, 0, TOKEN, ""},
        {NULL, NULL, "bearer,,a", NULL, 0, TOKEN, ""},
        {NULL, NULL, "bearer, bearer", NULL, 0, TOKEN, "bearer"},
        {NULL, NULL, "chat", NULL, 0, NONE, ""},
        {NULL, NULL, "Bearer, a.b.c", NULL, 0, NONE, ""},
        {NULL, NULL, "a.b.c, bearers", NULL, 0, NONE, ""},
        {NULL, NULL, ",,", NULL, 0, NONE, ""},
    };

    (void)state;
    CHECK(rows);
}

static void test_cookie(void **state)
{
    static const struct row rows[] = {
        {NULL, NULL, NULL, "sessionid=" KEY, 0, SESSION, KEY},
        {NULL, NULL, NULL, "csrftoken=x; sessionid=" KEY "; a=b", 0, SESSION, KEY},
        {NULL, NULL, NULL, "csrftoken=x;sessionid = " KEY " ;a=b", 0, SESSION, KEY},
        {NULL, NULL, NULL, "sessionid=\"" KEY "\"", 0, SESSION, KEY},
        {NULL, NULL, NULL, "sessionid=aaaaaaaa; sessionid=bbbbbbbb", 0, SESSION, "bbbbbbbb"},
        {NULL, NULL, NULL, "sessionid=aaaaaaaa; sessionid=", 0, NONE, ""},
        {NULL, NULL, NULL, "sessionid=aaaaaaa", 0, NONE, ""},
        {NULL, NULL, NULL, "sessionid=" KEY "aaaaaaaa", 0, SESSION, KEY "aaaaaaaa"},
        {NULL, NULL, NULL, "sessionid=" KEY "aaaaaaaaa", 0, NONE, ""},
        {NULL, NULL, NULL, "sessionid=aaaa-aaaa", 0, NONE, ""},
        {NULL, NULL, NULL, "sessionid=aaaa=aaaa", 0, NONE, ""},
        {NULL, NULL, NULL, "sessionid='aaaaaaaa'", 0, NONE, ""},
        {NULL, NULL, NULL, "sessionid=\"", 0, NONE, ""},
        {NULL, NULL, NULL, "SessionID=" KEY, 0, NONE, ""},
        {NULL, NULL, NULL, "xsessionid=" KEY, 0, NONE, ""},
        {NULL, NULL, NULL, "a=sessionid=" KEY, 0, NONE, ""},
        {NULL, NULL, NULL, "sessionid", 0, NONE, ""},
        {NULL, NULL, NULL, ";=;;", 0, NONE, ""},
    };

    (void)state;
    CHECK(rows);
}

static void test_a_given_token_alone_decides(void **state)
{
    static const struct row rows[] = {
        {"Bearer t", NULL, NULL, "sessionid=" KEY, 0, TOKEN, "t"},
        {NULL, "t", NULL, "sessionid=" KEY, 0, TOKEN, "t"},
        {NULL, "", NULL, "sessionid=" KEY, 0, TOKEN, ""},
        {NULL, NULL, "bearer, t", "sessionid=" KEY, 0, TOKEN, "t"},
        {NULL, NULL, "bearer", "sessionid=" KEY, 0, TOKEN, ""},
        {"Bearer", NULL, NULL, "sessionid=" KEY, 0, TOKEN, ""},
        {"Basic YTpi", NULL, "chat", "sessionid=" KEY, 0, SESSION, KEY},
        {"Bearer t", "%74", "bearer, t", NULL, 0, TOKEN, "t"},
        {"Bearer t", "u", NULL, NULL, ERR_CONFLICT, NONE, ""},
        {"Bearer t", NULL, "bearer, u", NULL, ERR_CONFLICT, NONE, ""},
        {NULL, "t", "bearer, u", NULL, ERR_CONFLICT, NONE, ""},
        {"Bearer t", "", NULL, NULL, ERR_CONFLICT, NONE, ""},
        {NULL, "", "bearer, t", NULL, ERR_CONFLICT, NONE, ""},
    };

    (void)state;
    CHECK(rows);
}

static void test_length_is_bounded(void **state)
{
    static char text[8 + CREDENTIAL_MAX_BYTES + 1] = "bearer, ";
    struct http_credential found;

    (void)state;
    memset(text + 8, 'a', CREDENTIAL_MAX_BYTES + 1);
    for (size_t extra = 0; extra < 2; extra++) {
        int want = extra == 0 ? 0 : ERR_LIMIT;
        struct bytes token = bytes_of(text + 8, CREDENTIAL_MAX_BYTES + extra);
        struct credentials query = {.query_token = token, .has_query_token = true};
        struct credentials protocol = {.subprotocol = bytes_of(text, 8 + token.len)};
        assert_int_equal(http_auth_find(&query, &found), want);
        assert_int_equal(http_auth_find(&protocol, &found), want);
        text[6] = ' ';
        struct credentials header = {.authorization = bytes_of(text, 8 + token.len)};
        assert_int_equal(http_auth_find(&header, &found), want);
        text[6] = ',';
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authorization),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_query_may_hold_any_byte),
        cmocka_unit_test(test_subprotocol),
        cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_a_given_token_alone_decides),
        cmocka_unit_test(test_length_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
