/* SPDX-License-Identifier: MIT */
/* Where a socket types: noted, renewed, over, and more channels than it remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/typing_places.h"
#include "gateway/typing_watch.h"

static struct typing_places *places;
static int64_t channels[TYPING_PLACES_MAX];

static int tear_down(void **state)
{
    (void)state;
    typing_places_free(places);
    places = NULL;
    return 0;
}

static void test_on_and_off(void **state)
{
    (void)state;
    typing_places_note(&places, 7, false, 0);
    assert_null(places); /* nothing is made for nothing */
    assert_int_equal(typing_places_list(places, 0, channels), 0);
    typing_places_note(&places, 7, true, 100);
    typing_places_note(&places, 8, true, 100);
    assert_int_equal(typing_places_list(places, 100, channels), 2);
    typing_places_note(&places, 8, false, 200);
    assert_int_equal(typing_places_list(places, 200, channels), 1);
    assert_int_equal(channels[0], 7);
    assert_true(typing_places_has(places, 7, 200));
    assert_false(typing_places_has(places, 8, 200));
    typing_places_note(&places, 9, false, 200); /* was not on: takes nobody's place */
    assert_int_equal(typing_places_list(places, 200, channels), 1);
}

static void test_it_ends_by_time(void **state)
{
    (void)state;
    typing_places_note(&places, 7, true, 0);
    typing_places_note(&places, 7, true, 1000);
    assert_int_equal(typing_places_list(places, 1000 + TYPING_OFF_MS - 1, channels), 1);
    assert_int_equal(typing_places_list(places, 1000 + TYPING_OFF_MS, channels), 0);
    assert_false(typing_places_has(places, 7, 1000 + TYPING_OFF_MS));
}

static void test_the_oldest_is_forgotten(void **state)
{
    (void)state;
    for (int64_t id = 1; id <= (int64_t)TYPING_PLACES_MAX + 1; id++) {
        typing_places_note(&places, id, true, (uint64_t)id);
    }
    assert_int_equal(typing_places_list(places, 100, channels), TYPING_PLACES_MAX);
    assert_false(typing_places_has(places, 1, 100));
    assert_true(typing_places_has(places, 2, 100));
    assert_true(typing_places_has(places, TYPING_PLACES_MAX + 1, 100));
}

static void test_without_memory_nothing_is_noted(void **state)
{
    (void)state;
    mem_fail_after(1);
    typing_places_note(&places, 7, true, 0);
    mem_fail_after(0);
    assert_int_equal(typing_places_list(places, 0, channels), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_on_and_off, tear_down),
        cmocka_unit_test_teardown(test_it_ends_by_time, tear_down),
        cmocka_unit_test_teardown(test_the_oldest_is_forgotten, tear_down),
        cmocka_unit_test_teardown(test_without_memory_nothing_is_noted, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
