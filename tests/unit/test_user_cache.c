/* SPDX-License-Identifier: MIT */
/* Tests of the user cache: what is kept is kept whole, until its time; bounds in users and bytes;
 * what a failure leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/user_cache.h"
#include "common/mem.h"
#include "proto/limits.h"

#define TTL_MS 2000u

static struct user_row row(int64_t id, const char *name)
{
    return (struct user_row){.id = id,
                             .username = bytes_str(name),
                             .password = BYTES_LIT("hash"),
                             .avatar = BYTES_LIT("/a.jpg"),
                             .is_active = true};
}

static int open_cache(void **state)
{
    *state = user_cache_new(64, TTL_MS);
    return *state ? 0 : -1;
}

static int close_cache(void **state)
{
    user_cache_free(*state);
    return 0;
}

static void test_copies_are_whole(void **state)
{
    struct user_cache *c = *state;
    char name[] = "alice";
    struct user_row alice = row(1, name);
    const struct user_row *got;

    alice.is_staff = true;
    assert_int_equal(user_cache_put(c, &alice, 10), 0);
    memset(name, 'x', sizeof(name) - 1);
    got = user_cache_get(c, 1, 10);
    assert_non_null(got);
    assert_int_equal(got->id, 1);
    assert_true(bytes_eq_str(got->username, "alice"));
    assert_true(bytes_eq_str(got->password, "hash"));
    assert_true(bytes_eq_str(got->avatar, "/a.jpg"));
    assert_true(got->is_active);
    assert_true(got->is_staff);
    assert_null(user_cache_get(c, 2, 10));
}

static void test_time_to_live(void **state)
{
    struct user_cache *c = *state;
    struct user_row alice = row(1, "alice");

    assert_int_equal(user_cache_put(c, &alice, 100), 0);
    assert_non_null(user_cache_get(c, 1, 100 + TTL_MS - 1));
    assert_null(user_cache_get(c, 1, 100 + TTL_MS));
    assert_int_equal(user_cache_put(c, &alice, 100 + TTL_MS), 0);
    assert_non_null(user_cache_get(c, 1, 100 + 2 * TTL_MS - 1));
    assert_int_equal(user_cache_read_ms(c, 1), 100 + TTL_MS);
    assert_int_equal(user_cache_read_ms(c, 2), 0);
}

static void test_newer_row_wins(void **state)
{
    struct user_cache *c = *state;
    struct user_row alice = row(1, "alice");
    struct user_row renamed = row(1, "alicia");

    renamed.is_active = false;
    assert_int_equal(user_cache_put(c, &alice, 0), 0);
    assert_int_equal(user_cache_put(c, &renamed, 1), 0);
    assert_true(bytes_eq_str(user_cache_get(c, 1, 1)->username, "alicia"));
    assert_false(user_cache_get(c, 1, 1)->is_active);
}

static void test_a_row_may_be_put_again(void **state)
{
    struct user_cache *c = *state;
    struct user_row alice = row(1, "alice");

    assert_int_equal(user_cache_put(c, &alice, 0), 0);
    assert_int_equal(user_cache_put(c, user_cache_get(c, 1, 1), TTL_MS - 1), 0);
    assert_true(bytes_eq_str(user_cache_get(c, 1, TTL_MS)->username, "alice"));
}

static void test_drop(void **state)
{
    struct user_cache *c = *state;
    struct user_row alice = row(1, "alice");

    assert_int_equal(user_cache_put(c, &alice, 0), 0);
    user_cache_drop(c, 2);
    assert_non_null(user_cache_get(c, 1, 0));
    user_cache_drop(c, 1);
    user_cache_drop(c, 1);
    assert_null(user_cache_get(c, 1, 0));
}

/* However many users come: at most as many as there is room for, and always the newest one. */
static void test_bounded_in_users(void **state)
{
    struct user_cache *c = *state;
    size_t kept = 0;

    for (int64_t id = 1; id <= 1000; id++) {
        struct user_row user = row(id, "somebody");

        assert_int_equal(user_cache_put(c, &user, (uint64_t)id), 0);
        assert_non_null(user_cache_get(c, id, (uint64_t)id));
    }
    for (int64_t id = 1; id <= 1000; id++) {
        kept += user_cache_get(c, id, 1000) != NULL;
    }
    assert_true(kept <= 64);
    assert_true(kept >= 32);
}

static void test_oldest_of_a_full_set_goes(void **state)
{
    struct user_cache *c = user_cache_new(1, 100000); /* one set of four */

    (void)state;
    for (int64_t id = 1; id <= 4; id++) {
        struct user_row user = row(id, "somebody");

        assert_int_equal(user_cache_put(c, &user, (uint64_t)(id == 3 ? 0 : id)), 0);
    }
    struct user_row fifth = row(5, "fifth");
    assert_int_equal(user_cache_put(c, &fifth, 10), 0);
    for (int64_t id = 1; id <= 5; id++) {
        assert_int_equal(user_cache_get(c, id, 10) != NULL, id != 3);
    }
    user_cache_free(c);
}

static void test_bounded_in_bytes(void **state)
{
    static char text[USERNAME_MAX_BYTES + AVATAR_MAX_BYTES];
    const struct {
        size_t username, avatar, password;
        int err;
    } cases[] = {
        {0, 0, 0, 0},
        {USERNAME_MAX_BYTES, AVATAR_MAX_BYTES, PASSWORD_HASH_MAX_BYTES, 0},
        {USERNAME_MAX_BYTES + 1, 0, 0, ERR_LIMIT},
        {0, AVATAR_MAX_BYTES + 1, 0, ERR_LIMIT},
        {0, 0, PASSWORD_HASH_MAX_BYTES + 1, ERR_LIMIT},
    };
    struct user_cache *c = *state;

    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct user_row user = {.id = 1,
                                .username = bytes_of(text, cases[i].username),
                                .avatar = bytes_of(text, cases[i].avatar),
                                .password = bytes_of(text, cases[i].password)};

        assert_int_equal(user_cache_put(c, &user, 0), cases[i].err);
        /* A row that was not kept must not leave the older one behind. */
        assert_int_equal(user_cache_get(c, 1, 0) != NULL, cases[i].err == 0);
    }
}

static void test_without_memory(void **state)
{
    struct user_cache *c = *state;
    struct user_row alice = row(1, "alice");

    assert_int_equal(user_cache_put(c, &alice, 0), 0);
    mem_fail_after(1);
    assert_int_equal(user_cache_put(c, &alice, 1), ERR_NOMEM);
    assert_null(user_cache_new(64, TTL_MS));
    mem_fail_after(0);
    assert_null(user_cache_get(c, 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_copies_are_whole, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_time_to_live, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_newer_row_wins, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_a_row_may_be_put_again, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_drop, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_bounded_in_users, open_cache, close_cache),
        cmocka_unit_test(test_oldest_of_a_full_set_goes),
        cmocka_unit_test_setup_teardown(test_bounded_in_bytes, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_without_memory, open_cache, close_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
