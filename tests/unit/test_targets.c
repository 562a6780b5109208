/* SPDX-License-Identifier: MIT */
/* What is known of recent messages: found, known better, forgotten, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/targets.h"
#include "common/mem.h"

static void put(struct targets *t, uint32_t partition, int64_t channel, int64_t message,
                int64_t author)
{
    const struct target_state state = {.author_id = author};

    targets_put(t, partition, channel, message, &state);
}

static void known_by_channel_and_message(void **state)
{
    struct targets *t = targets_new();
    struct target_state s = {0};

    (void)state;
    put(t, 1, 7, 100, 10);
    put(t, 1, 8, 100, 11);
    assert_true(targets_find(t, 7, 100, &s));
    assert_int_equal(s.author_id, 10);
    assert_false(s.is_deleted);
    assert_true(targets_find(t, 8, 100, &s));
    assert_int_equal(s.author_id, 11);
    assert_false(targets_find(t, 7, 101, &s));
    s.is_deleted = true;
    targets_put(t, 1, 8, 100, &s);
    assert_true(targets_find(t, 8, 100, &s));
    assert_true(s.is_deleted);
    targets_free(t);
}

static void forgotten_with_its_partition(void **state)
{
    struct targets *t = targets_new();
    struct target_state s;

    (void)state;
    put(t, 1, 7, 100, 10);
    put(t, 2, 8, 100, 10);
    targets_forget(t, 1);
    assert_false(targets_find(t, 7, 100, &s));
    assert_true(targets_find(t, 8, 100, &s));
    targets_clear(t);
    assert_false(targets_find(t, 8, 100, &s));
    targets_free(t);
}

static void the_oldest_goes_first(void **state)
{
    struct targets *t = targets_new();
    struct target_state s;

    (void)state;
    for (int64_t i = 1; i <= TARGETS_MAX + 1; i++) {
        put(t, 1, 7, i, 10);
    }
    assert_false(targets_find(t, 7, 1, &s));
    assert_true(targets_find(t, 7, 2, &s));
    assert_true(targets_find(t, 7, TARGETS_MAX + 1, &s));
    targets_free(t);
}

static void without_memory_it_stays_unknown(void **state)
{
    struct targets *t = targets_new();
    struct target_state s;

    (void)state;
    mem_fail_after(1);
    put(t, 1, 7, 100, 10);
    mem_fail_after(0);
    assert_false(targets_find(t, 7, 100, &s));
    targets_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_by_channel_and_message),
        cmocka_unit_test(forgotten_with_its_partition),
        cmocka_unit_test(the_oldest_goes_first),
        cmocka_unit_test(without_memory_it_stays_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
