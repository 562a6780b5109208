/* SPDX-License-Identifier: MIT */
/* Keys of the storage, as sql/0010 writes them, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/storage_key.h"

#define NAME "abcdefghijklmnopqrstuvwxyz"
#define X20 "xxxxxxxxxxxxxxxxxxxx"

static void test_parts(void **state)
{
    char key[STORAGE_KEY_MAX];

    (void)state;
    storage_key_of_part(NAME, 7, key);
    assert_string_equal(key, "part/" NAME "/7");
    storage_key_of_part(NAME, INT64_MAX, key);
    assert_string_equal(key, "part/" NAME "/9223372036854775807");
    storage_key_of_part(X20 X20 X20 X20 X20 X20 X20, INT64_MIN, key); /* bounded, whatever comes */
    assert_string_equal(key, "part/" X20 X20 "/-9223372036854775808");
}

static void test_files(void **state)
{
    char key[STORAGE_KEY_MAX];

    (void)state;
    storage_key_of_file(NAME, "data", key);
    assert_string_equal(key, "file/" NAME "/data");
    storage_key_of_file(NAME, "thumb", key);
    assert_string_equal(key, "file/" NAME "/thumb");
}

static void test_which_are_files(void **state)
{
    char key[STORAGE_KEY_MAX + 1];

    (void)state;
    assert_true(storage_key_is_file(BYTES_LIT("file/" NAME "/data")));
    assert_false(storage_key_is_file(BYTES_LIT("part/" NAME "/1")));
    assert_false(storage_key_is_file(BYTES_LIT("check/x")));
    assert_false(storage_key_is_file(BYTES_LIT("file")));
    assert_false(storage_key_is_file(BYTES_LIT("FILE/x/data")));
    assert_false(storage_key_is_file(BYTES_LIT("/file/x/data")));
    assert_false(storage_key_is_file(BYTES_NONE));
    memset(key, 'x', sizeof(key));
    memcpy(key, "file/", 5);
    assert_true(storage_key_is_file(bytes_of(key, STORAGE_KEY_MAX - 1)));
    assert_false(storage_key_is_file(bytes_of(key, STORAGE_KEY_MAX)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_which_are_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
