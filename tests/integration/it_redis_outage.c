/* SPDX-License-Identifier: MIT */
/* Tests of the Redis link when connections end: the server is killed, hangs up or is silent, or the
 * owner frees the link, inside its callbacks too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tests/integration/link_probe.h"

static void a_killed_server_is_noticed_and_its_successor_known(void **state)
{
    struct redis_link *l;
    char first_id[65];

    (void)state;
    redis_child_start(&server, "--appendonly", "no");
    l = open_link(url, 0);
    wait_for(&seen.ups, 1);
    memcpy(first_id, seen.run_id, sizeof(first_id));
    assert_int_equal(command(l, "BLPOP", "nothing", "0"), 0);
    assert_int_equal(command(l, "PING", NULL, NULL), 0);
    redis_child_kill(&server);
    wait_for(&seen.downs, 1);
    assert_int_equal(seen.replies, 2);
    assert_int_equal(seen.last_err, ERR_UNAVAILABLE);
    assert_int_equal(seen.pending_at_down, 0);
    assert_false(redis_link_is_up(l));
    assert_int_equal(command(l, "PING", NULL, NULL), ERR_UNAVAILABLE);
    redis_child_start(&server, "--appendonly", "no");
    wait_for(&seen.ups, 2);
    assert_true(seen.is_new_server);
    assert_string_not_equal(seen.run_id, first_id);
    assert_int_equal(command(l, "PING", NULL, NULL), 0);
    wait_for(&seen.replies, 3);
    assert_int_equal(seen.last_err, 0);
}

static void a_cut_connection_is_not_a_new_server(void **state)
{
    struct redis_link *l;

    (void)state;
    redis_child_start(&server, "--appendonly", "no");
    l = open_link(url, 1000);
    wait_for(&seen.ups, 1);
    assert_int_equal(command(l, "QUIT", NULL, NULL), 0);
    wait_for(&seen.ups, 2);
    assert_int_equal(seen.downs, 1);
    assert_false(seen.is_new_server);
}

static void a_command_without_answer_breaks_the_connection(void **state)
{
    struct redis_link *l;
    uint64_t start_ms;

    (void)state;
    redis_child_start(&server, "--appendonly", "no");
    l = open_link(url, 150);
    wait_for(&seen.ups, 1);
    start_ms = clock_mono_ms();
    assert_int_equal(command(l, "BLPOP", "nothing", "0"), 0);
    wait_for(&seen.downs, 1);
    assert_true(clock_mono_ms() - start_ms >= 150);
    assert_int_equal(seen.replies, 1);
    assert_int_equal(seen.last_err, ERR_TIMEOUT);
    wait_for(&seen.ups, 2);
}

static void freed_in_its_callbacks(void **state)
{
    (void)state;
    redis_child_start(&server, "--appendonly", "no");
    seen.free_on_up = &seen.link;
    (void)open_link(url, 1000);
    wait_for(&seen.ups, 1);
    assert_null(seen.link);
    seen.free_on_up = NULL;

    (void)open_link(url, 1000);
    wait_for(&seen.ups, 2);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(command(seen.link, "PING", NULL, NULL), 0);
    }
    seen.free_on_reply = &seen.link;
    wait_for(&seen.replies, 5); /* the first frees; the others complete at once */
    assert_null(seen.link);
    assert_int_equal(seen.last_err, ERR_UNAVAILABLE);
    assert_int_equal(seen.downs, 0);
    seen.free_on_reply = NULL;

    (void)open_link(url, 1000);
    wait_for(&seen.ups, 3);
    seen.free_on_down = &seen.link;
    redis_child_kill(&server);
    wait_for(&seen.downs, 1);
    assert_null(seen.link);
}

static void freeing_completes_what_is_pending(void **state)
{
    (void)state;
    redis_child_start(&server, "--appendonly", "no");
    (void)open_link(url, 1000);
    wait_for(&seen.ups, 1);
    assert_int_equal(command(seen.link, "PING", NULL, NULL), 0);
    assert_int_equal(command(seen.link, "PING", NULL, NULL), 0);
    drop(&seen.link);
    assert_int_equal(seen.replies, 2);
    assert_int_equal(seen.last_err, ERR_UNAVAILABLE);
    redis_link_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_killed_server_is_noticed_and_its_successor_known),
        LINK_TEST(a_cut_connection_is_not_a_new_server),
        LINK_TEST(a_command_without_answer_breaks_the_connection),
        LINK_TEST(freed_in_its_callbacks),
        LINK_TEST(freeing_completes_what_is_pending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
