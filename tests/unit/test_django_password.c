/* SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <string.h>

#include "broker/django_password.h"

static void test_vectors(void **state)
{
    json_t *vectors = vectors_load("django_password.json");
    size_t i;
    json_t *vector;

    (void)state;
    json_array_foreach(json_object_get(vectors, "cases"), i, vector)
    {
        vector_assert_err(vector, django_password_check(vector_bytes(vector, "password"),
                                                        vector_bytes(vector, "hash")));
    }
    assert_true(i > 30);
    json_decref(vectors);
}

static void test_lengths_are_bounded(void **state)
{
    static char password[PASSWORD_MAX_BYTES + 1];
    char hash[PASSWORD_HASH_MAX_BYTES + 1] = "pbkdf2_sha256$1$";
    struct buf out;
    const unsigned char random[PASSWORD_RANDOM_BYTES] = {0};

    (void)state;
    memset(password, 'p', sizeof(password));
    memset(hash + strlen(hash), 's', sizeof(hash) - strlen(hash));
    buf_init(&out, PASSWORD_HASH_MAX_BYTES);
    assert_int_equal(django_password_make(bytes_of(password, PASSWORD_MAX_BYTES), 1, random, &out),
                     0);
    assert_int_equal(django_password_check(bytes_of(password, PASSWORD_MAX_BYTES), buf_bytes(&out)),
                     0);
    assert_int_equal(
        django_password_check(bytes_of(password, PASSWORD_MAX_BYTES + 1), buf_bytes(&out)),
        ERR_LIMIT);
    assert_int_equal(
        django_password_make(bytes_of(password, PASSWORD_MAX_BYTES + 1), 1, random, &out),
        ERR_LIMIT);
    assert_int_equal(django_password_check(BYTES_LIT("x"), bytes_of(hash, PASSWORD_HASH_MAX_BYTES)),
                     ERR_SYNTAX);
    assert_int_equal(
        django_password_check(BYTES_LIT("x"), bytes_of(hash, PASSWORD_HASH_MAX_BYTES + 1)),
        ERR_LIMIT);
    buf_done(&out);
}

static void test_made_hash_has_djangos_form(void **state)
{
    unsigned char random[PASSWORD_RANDOM_BYTES];
    struct buf zero, ones;

    (void)state;
    buf_init(&zero, PASSWORD_HASH_MAX_BYTES);
    buf_init(&ones, PASSWORD_HASH_MAX_BYTES);
    memset(random, 0, sizeof(random));
    assert_int_equal(django_password_make(BYTES_LIT("secret"), 1000, random, &zero), 0);
    memset(random, 0xFF, sizeof(random));
    assert_int_equal(django_password_make(BYTES_LIT("secret"), 1000, random, &ones), 0);
    assert_true(bytes_has_prefix(buf_bytes(&zero),
                                 BYTES_LIT("pbkdf2_sha256$1000$aaaaaaaaaaaaaaaaaaaaaa$")));
    /* 2^128 - 1 in base 62 */
    assert_true(bytes_has_prefix(buf_bytes(&ones), BYTES_LIT("pbkdf2_sha256$1000$h")));
    assert_int_equal(zero.len, strlen("pbkdf2_sha256$1000$") + 22 + 1 + 44);
    assert_int_equal(ones.len, zero.len);
    assert_int_equal(django_password_check(BYTES_LIT("secret"), buf_bytes(&zero)), 0);
    assert_int_equal(django_password_check(BYTES_LIT("secret"), buf_bytes(&ones)), 0);
    assert_int_equal(django_password_check(BYTES_LIT("Secret"), buf_bytes(&ones)), ERR_DENIED);
    buf_done(&zero);
    buf_done(&ones);
}

static void test_make_bounds_the_iterations(void **state)
{
    const unsigned char random[PASSWORD_RANDOM_BYTES] = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 20);
    assert_int_equal(django_password_make(BYTES_LIT("x"), 0, random, &out), ERR_RANGE);
    assert_int_equal(
        django_password_make(BYTES_LIT("x"), PASSWORD_ITERATIONS_MAX + 1, random, &out), ERR_RANGE);
    assert_int_equal(django_password_make(BYTES_LIT("x"), 1, random, &out), ERR_FULL);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void test_nobody_takes_any_password(void **state)
{
    static const char password[PASSWORD_MAX_BYTES + 1];

    (void)state; /* it has no result: it must only not fail, whatever it is given */
    django_password_check_nobody(BYTES_NONE, 1);
    django_password_check_nobody(BYTES_LIT("x"), 0);
    django_password_check_nobody(BYTES_LIT("x"), UINT32_MAX);
    django_password_check_nobody(bytes_of(password, sizeof(password)), 1);
    assert_int_equal(django_password_check(BYTES_NONE, BYTES_NONE), ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_lengths_are_bounded),
        cmocka_unit_test(test_made_hash_has_djangos_form),
        cmocka_unit_test(test_make_bounds_the_iterations),
        cmocka_unit_test(test_nobody_takes_any_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
