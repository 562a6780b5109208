/* SPDX-License-Identifier: MIT */
/* Tests of looking up hosts: the loop goes on meanwhile. Needs no name server: localhost is known
 * to every system, and .invalid to none (RFC 6761). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <stdio.h>

#include "common/io/name_lookup.h"

#define WAIT_MAX_TURNS 30000 /* of a millisecond: a name server may have to give up first */

static struct loop *loop;
static struct {
    int calls;
    char address[64];
} seen;

static void on_address(void *arg, const char *address)
{
    (void)arg;
    seen.calls++;
    (void)snprintf(seen.address, sizeof(seen.address), "%s", address ? address : "none");
}

static void on_turn(void *arg)
{
    int *turns = arg;

    (*turns)++;
    if (seen.calls > 0 || *turns == WAIT_MAX_TURNS) {
        loop_stop(loop);
    }
}

/* How many milliseconds of the loop went by. */
static int run_until_called(void)
{
    int turns = 0;
    struct loop_timer *timer = loop_timer_new(loop, on_turn, &turns);

    assert_non_null(timer);
    loop_timer_start(timer, 1, 1);
    loop_run(loop);
    loop_timer_free(timer);
    return turns;
}

static int set_up(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    loop = loop_new();
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void addresses(void **state)
{
    (void)state;
    assert_true(name_is_address("127.0.0.1"));
    assert_true(name_is_address("fe80::1"));
    assert_false(name_is_address("localhost"));
    assert_false(name_is_address("127.0.0.1.example"));
    assert_false(name_is_address(""));
}

static void a_name_has_an_address(void **state)
{
    (void)state;
    assert_non_null(name_lookup_start(loop, "localhost", on_address, NULL));
    assert_int_equal(seen.calls, 0);
    (void)run_until_called();
    assert_int_equal(seen.calls, 1);
    assert_string_equal(seen.address, "127.0.0.1");
}

static void another_has_none(void **state)
{
    (void)state;
    assert_non_null(name_lookup_start(loop, "redis.invalid", on_address, NULL));
    assert_true(run_until_called() > 0);
    assert_int_equal(seen.calls, 1);
    assert_string_equal(seen.address, "none");
}

static void who_cancels_is_not_called(void **state)
{
    struct name_lookup *first = name_lookup_start(loop, "localhost", on_address, NULL);

    (void)state;
    assert_non_null(first);
    name_lookup_cancel(first);
    name_lookup_cancel(NULL);
    assert_non_null(name_lookup_start(loop, "localhost", on_address, NULL));
    (void)run_until_called();
    assert_int_equal(seen.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test_setup_teardown(a_name_has_an_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_cancels_is_not_called, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
