/* SPDX-License-Identifier: MIT */
/* Who is online, step by step, with the time given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker/presence.h"

#define GRACE_MS 5000u
#define NAME BYTES_LIT("ann")

static struct presence *presence;

static int set_up(void **state)
{
    (void)state;
    presence = presence_new(GRACE_MS);
    return presence ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    presence_free(presence);
    return 0;
}

/* What the tick at `now` tells of, as "<id>:<status> …". */
static const char *tick(uint64_t now)
{
    static char told[256];
    struct presence_row row;
    size_t len = 0;

    told[0] = '\0';
    while (presence_next(presence, now, &row)) {
        len += (size_t)snprintf(told + len, sizeof(told) - len, "%s%d:%.*s", len ? " " : "",
                                (int)row.user_id, BYTES_FMT(row.shown));
    }
    assert_false(presence_is_due(presence, now));
    return told;
}

static void sockets(int64_t user, uint32_t count, bool is_clean, uint64_t now)
{
    presence_sockets(presence, user, NAME, count, is_clean, now);
}

static size_t listed(void)
{
    static struct presence_row rows[PRESENCE_LIST_MAX];

    return presence_list(presence, rows);
}

static void coming_and_going_is_told_once(void **state)
{
    (void)state;
    assert_string_equal(tick(0), "");
    sockets(1, 1, false, 10);
    assert_true(presence_is_due(presence, 10));
    assert_int_equal(listed(), 0); /* in the list from when the others hear of it */
    assert_string_equal(tick(10), "1:online");
    assert_int_equal(listed(), 1);
    sockets(1, 2, false, 20);
    sockets(1, 1, false, 30);
    assert_string_equal(tick(30), "");
    sockets(1, 0, true, 40);
    assert_string_equal(tick(40), "1:offline");
    assert_int_equal(listed(), 0);
    assert_string_equal(tick(GRACE_MS + 40), "");
}

static void a_broken_connection_has_its_grace(void **state)
{
    (void)state;
    sockets(1, 1, false, 0);
    tick(0);
    sockets(1, 0, false, 100);
    assert_string_equal(tick(100), "");
    assert_string_equal(tick(100 + GRACE_MS - 1), "");
    assert_int_equal(listed(), 1);
    assert_true(presence_is_due(presence, 100 + GRACE_MS));
    assert_string_equal(tick(100 + GRACE_MS), "1:offline");
}

static void back_within_the_grace_nobody_hears_of_it(void **state)
{
    (void)state;
    sockets(1, 1, false, 0);
    presence_choose(presence, 1, BYTES_LIT("busy"), 0);
    assert_string_equal(tick(0), "1:busy");
    sockets(1, 0, false, 100);
    tick(100);
    sockets(1, 1, false, 100 + GRACE_MS - 1);
    assert_string_equal(tick(100 + 2 * GRACE_MS), "");
    sockets(1, 0, false, 20000); /* and away again: the grace begins anew */
    assert_string_equal(tick(20000 + GRACE_MS - 1), "");
    assert_string_equal(tick(20000 + GRACE_MS), "1:offline");
}

static void gone_and_back_within_a_tick_is_nothing(void **state)
{
    (void)state;
    sockets(1, 1, false, 0);
    tick(0);
    sockets(1, 0, true, 50);
    sockets(1, 1, false, 60);
    assert_string_equal(tick(100), "");
    sockets(2, 1, false, 110); /* came and went before anybody heard of it */
    sockets(2, 0, true, 120);
    assert_string_equal(tick(200), "");
    assert_int_equal(listed(), 1);
}

static void what_is_said_is_told_even_if_it_was_so(void **state)
{
    (void)state;
    sockets(1, 1, false, 0);
    tick(0);
    presence_choose(presence, 1, BYTES_LIT("away"), 10);
    presence_choose(presence, 1, BYTES_LIT("busy"), 20);
    assert_string_equal(tick(100), "1:busy"); /* the last word */
    presence_choose(presence, 1, BYTES_LIT("busy"), 110);
    assert_string_equal(tick(200), "1:busy");
    presence_choose(presence, 1, BYTES_LIT("offline"), 210);
    assert_string_equal(tick(300), "1:offline");
    assert_int_equal(listed(), 0);
    presence_choose(presence, 1, BYTES_LIT("online"), 310);
    assert_string_equal(tick(400), "1:online");
    presence_choose(presence, 2, BYTES_LIT("busy"), 410); /* is not here */
    assert_string_equal(tick(500), "");
}

static void a_choice_ends_with_the_last_socket(void **state)
{
    (void)state;
    sockets(1, 1, false, 0);
    presence_choose(presence, 1, BYTES_LIT("busy"), 0);
    tick(0);
    sockets(1, 0, true, 10);
    assert_string_equal(tick(10), "1:offline");
    sockets(1, 1, false, 20);
    assert_string_equal(tick(20), "1:online");
}

static void a_successor_waits_for_the_sockets(void **state)
{
    const struct presence_row here = {.user_id = 1,
                                      .username = NAME,
                                      .chosen = BYTES_LIT("away"),
                                      .shown = BYTES_LIT("away"),
                                      .last_seen_ms = 5};
    const struct presence_row gone = {.user_id = 2,
                                      .username = NAME,
                                      .chosen = BYTES_LIT("online"),
                                      .shown = BYTES_LIT("online")};

    (void)state;
    assert_int_equal(presence_load(presence, &here, 0), 0);
    assert_int_equal(presence_load(presence, &gone, 0), 0);
    assert_int_equal(listed(), 2);
    sockets(1, 1, false, 100);
    assert_string_equal(tick(100), "");
    assert_string_equal(tick(GRACE_MS), "2:offline");
    presence_clear(presence);
    assert_int_equal(listed(), 0);
    assert_string_equal(tick(3 * GRACE_MS), "");
}

static void the_list_is_bounded(void **state)
{
    (void)state;
    for (int64_t user = 1; user <= (int64_t)PRESENCE_LIST_MAX + 10; user++) {
        sockets(user, 1, false, 0);
    }
    struct presence_row row;
    while (presence_next(presence, 0, &row)) {
        assert_true(bytes_eq_str(row.username, "ann"));
    }
    assert_int_equal(listed(), PRESENCE_LIST_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(coming_and_going_is_told_once),
        TEST(a_broken_connection_has_its_grace),
        TEST(back_within_the_grace_nobody_hears_of_it),
        TEST(gone_and_back_within_a_tick_is_nothing),
        TEST(what_is_said_is_told_even_if_it_was_so),
        TEST(a_choice_ends_with_the_last_socket),
        TEST(a_successor_waits_for_the_sockets),
        TEST(the_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
