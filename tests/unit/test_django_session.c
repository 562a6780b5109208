/* SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <string.h>

#include "broker/django_session.h"
#include "common/mem.h"

static json_t *vectors;
static struct bytes secret;

static int set_up(void **state)
{
    (void)state;
    vectors = vectors_load("django_session.json");
    secret = vector_bytes(vectors, "secret");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static uint64_t wall_ms(void)
{
    return (uint64_t)json_integer_value(json_object_get(vectors, "wall_ms"));
}

static struct django_session login(void)
{
    struct django_session s = {.user_id = 7};

    memcpy(s.auth_hash, vector_bytes(vectors, "auth_hash").ptr, SESSION_AUTH_HASH_BYTES);
    return s;
}

static void test_vectors(void **state)
{
    size_t i;
    json_t *vector;

    (void)state;
    json_array_foreach(json_object_get(vectors, "cases"), i, vector)
    {
        struct django_session session;
        memset(&session, 0x5A, sizeof(session));
        struct django_session untouched = session;
        int err = django_session_decode(vector_bytes(vector, "data"), secret, &session);

        vector_assert_err(vector, err);
        if (err != 0) {
            assert_memory_equal(&session, &untouched, sizeof(session));
            continue;
        }
        assert_int_equal(session.user_id, json_integer_value(json_object_get(vector, "user_id")));
        assert_true(
            django_session_is_for(&session, vector_bytes(vectors, "password_hash"), secret));
    }
    assert_true(i > 40);
}

static void test_each_tampered_or_truncated_byte_is_refused(void **state)
{
    struct bytes data = vector_bytes(vectors, "encoded");
    struct django_session session;
    char text[1024];

    (void)state;
    assert_true(data.len < sizeof(text));
    memcpy(text, data.ptr, data.len);
    for (size_t i = 0; i < data.len; i++) {
        text[i] = (char)(text[i] ^ 1);
        int err = django_session_decode(bytes_of(text, data.len), secret, &session);
        assert_true(err == ERR_DENIED || err == ERR_SYNTAX);
        text[i] = data.ptr[i];
    }
    for (size_t len = 0; len < data.len; len++) {
        int err = django_session_decode(bytes_of(text, len), secret, &session);
        assert_true(err == ERR_DENIED || err == ERR_SYNTAX);
    }
}

static void test_data_over_the_limit_is_not_looked_at(void **state)
{
    struct django_session session;
    char *data = calloc(1, SESSION_DATA_MAX_BYTES + 1);

    (void)state;
    assert_non_null(data);
    assert_int_equal(
        django_session_decode(bytes_of(data, SESSION_DATA_MAX_BYTES), secret, &session),
        ERR_SYNTAX);
    assert_int_equal(
        django_session_decode(bytes_of(data, SESSION_DATA_MAX_BYTES + 1), secret, &session),
        ERR_LIMIT);
    free(data);
}

static void test_hash_follows_the_password(void **state)
{
    char hash[SESSION_AUTH_HASH_BYTES + 1];
    struct django_session session = login();
    struct bytes password_hash = vector_bytes(vectors, "password_hash");

    (void)state;
    assert_int_equal(django_session_auth_hash(password_hash, secret, hash), 0);
    assert_string_equal(hash, vector_bytes(vectors, "auth_hash").ptr);
    assert_true(django_session_is_for(&session, password_hash, secret));
    assert_false(django_session_is_for(&session, BYTES_LIT("another"), secret));
    assert_false(django_session_is_for(&session, password_hash, BYTES_LIT("another")));
    session.auth_hash[63] = session.auth_hash[63] == '0' ? '1' : '0';
    assert_false(django_session_is_for(&session, password_hash, secret));
}

static void test_encoded_as_django_does(void **state)
{
    struct django_session session = login();
    struct django_session read;
    struct buf out;

    (void)state;
    buf_init(&out, 1024);
    assert_int_equal(django_session_encode(&session, secret, wall_ms(), &out), 0);
    assert_int_equal(django_session_decode(buf_bytes(&out), secret, &read), 0);
    assert_int_equal(read.user_id, 7);
    assert_string_equal(read.auth_hash, session.auth_hash);
    assert_true(bytes_eq(buf_bytes(&out), vector_bytes(vectors, "encoded")));
    buf_done(&out);
}

static void test_encode_refuses_what_decode_would_refuse(void **state)
{
    struct django_session bad[5];
    struct buf out;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        bad[i] = login();
    }
    bad[0].user_id = 0;
    bad[1].user_id = INT64_C(9007199254740992);
    bad[2].auth_hash[63] = '\0';
    bad[3].auth_hash[0] = '"';
    bad[4].auth_hash[0] = '\0';
    buf_init(&out, 1024);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(django_session_encode(&bad[i], secret, wall_ms(), &out), ERR_RANGE);
    }
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void test_encode_leaves_a_full_buffer_alone(void **state)
{
    struct django_session session = login();

    (void)state;
    for (size_t room = 0; room < vector_bytes(vectors, "encoded").len; room++) {
        struct buf out;
        buf_init(&out, room + 1);
        assert_int_equal(buf_append_char(&out, 'x'), 0);
        assert_int_equal(django_session_encode(&session, secret, wall_ms(), &out), ERR_FULL);
        assert_int_equal(out.len, 1);
        buf_done(&out);
    }
}

static void test_failing_allocations_are_reported(void **state)
{
    struct django_session session;
    struct bytes data = vector_bytes(vectors, "encoded");

    (void)state;
    for (size_t nth = 1;; nth++) {
        mem_fail_after(nth);
        int err = django_session_decode(data, secret, &session);
        mem_fail_after(0);
        if (err == 0) {
            assert_true(nth > 2);
            return;
        }
        assert_int_equal(err, ERR_NOMEM);
    }
}

static void test_key_has_djangos_form(void **state)
{
    unsigned char random[SESSION_KEY_RANDOM_BYTES];
    char key[SESSION_KEY_BYTES + 1];

    (void)state;
    memset(random, 0, sizeof(random));
    django_session_key(random, key);
    assert_string_equal(key, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    random[SESSION_KEY_RANDOM_BYTES - 1] = 71;
    django_session_key(random, key);
    assert_string_equal(key, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab9");
    memset(random, 0xA7, sizeof(random));
    django_session_key(random, key);
    assert_int_equal(strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789"), SESSION_KEY_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_each_tampered_or_truncated_byte_is_refused),
        cmocka_unit_test(test_data_over_the_limit_is_not_looked_at),
        cmocka_unit_test(test_hash_follows_the_password),
        cmocka_unit_test(test_encoded_as_django_does),
        cmocka_unit_test(test_encode_refuses_what_decode_would_refuse),
        cmocka_unit_test(test_encode_leaves_a_full_buffer_alone),
        cmocka_unit_test(test_failing_allocations_are_reported),
        cmocka_unit_test(test_key_has_djangos_form),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
