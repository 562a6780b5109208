/* SPDX-License-Identifier: MIT */
/* Deadlines of one delay: order, exact time, restarting, moving between lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/due_list.h"

static void test_order_and_time(void **state)
{
    struct due_list l;
    struct due d[3] = {{0}};

    (void)state;
    due_list_init(&l, 100);
    assert_null(due_pop(&l, UINT64_MAX));
    due_start(&l, &d[0], 1000);
    due_start(&l, &d[1], 1000);
    due_start(&l, &d[2], 1001);
    assert_null(due_pop(&l, 1099));
    assert_ptr_equal(due_pop(&l, 1100), &d[0]);
    assert_ptr_equal(due_pop(&l, 1100), &d[1]);
    assert_null(due_pop(&l, 1100));
    assert_ptr_equal(due_pop(&l, 5000), &d[2]);
    assert_null(due_pop(&l, 5000));
}

static void test_restart_and_stop(void **state)
{
    struct due_list l;
    struct due a = {0}, b = {0};

    (void)state;
    due_list_init(&l, 10);
    due_start(&l, &a, 0);
    due_start(&l, &b, 5);
    due_start(&l, &a, 7);
    assert_ptr_equal(due_pop(&l, 15), &b);
    assert_null(due_pop(&l, 16));
    due_stop(&a);
    due_stop(&a);
    assert_null(due_pop(&l, 100));
    due_start(&l, &a, 100);
    assert_ptr_equal(due_pop(&l, 110), &a);
    due_stop(&a);
}

static void test_moving(void **state)
{
    struct due_list slow, fast;
    struct due a = {0};

    (void)state;
    due_list_init(&slow, 1000);
    due_list_init(&fast, 0);
    due_start(&slow, &a, 0);
    due_start(&fast, &a, 1);
    assert_null(due_pop(&slow, 5000));
    assert_null(due_pop(&fast, 0));
    assert_ptr_equal(due_pop(&fast, 1), &a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_time),
        cmocka_unit_test(test_restart_and_stop),
        cmocka_unit_test(test_moving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
