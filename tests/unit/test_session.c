/* SPDX-License-Identifier: MIT */
/* The session machine: every state with every event, against a list written by hand from
 * PROTOCOL.md §2 and not from the table under test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/err.h"
#include "gateway/session.h"

struct legal {
    enum session_state from;
    enum session_event event;
    enum session_state to;
    unsigned actions;
};

/* All that is legal; what is not listed must be refused. */
static const struct legal LEGAL[] = {
    {SESSION_CONNECTING, SESSION_ON_ACCEPTED, SESSION_OPENING, DO_SEND_OPEN},
    {SESSION_CONNECTING, SESSION_ON_LOCAL, SESSION_LOCAL, DO_READ},
    {SESSION_LOCAL, SESSION_ON_CUT, SESSION_CLOSING, DO_CLOSE},
    {SESSION_LOCAL, SESSION_ON_PEER_GONE, SESSION_GONE, DO_FREE},
    {SESSION_CONNECTING, SESSION_ON_CUT, SESSION_CLOSING, DO_CLOSE},
    {SESSION_CONNECTING, SESSION_ON_PEER_GONE, SESSION_GONE, DO_FREE},
    {SESSION_OPENING, SESSION_ON_GRANTED, SESSION_JOINING, DO_ENTER_USER | DO_SEND_JOIN},
    {SESSION_OPENING, SESSION_ON_REFUSED, SESSION_CLOSING, DO_TELL | DO_CLOSE},
    {SESSION_OPENING, SESSION_ON_WAIT_OVER, SESSION_CLOSING, DO_TELL | DO_CLOSE},
    {SESSION_OPENING, SESSION_ON_CUT, SESSION_CLOSING, DO_CLOSE},
    {SESSION_OPENING, SESSION_ON_PEER_GONE, SESSION_GONE, DO_FREE},
    {SESSION_JOINING, SESSION_ON_JOINED, SESSION_OPEN, DO_ATTACH | DO_READ},
    {SESSION_JOINING, SESSION_ON_REFUSED, SESSION_LEAVING, DO_TELL | DO_CLOSE},
    {SESSION_JOINING, SESSION_ON_WAIT_OVER, SESSION_LEAVING, DO_TELL | DO_CLOSE},
    {SESSION_JOINING, SESSION_ON_CUT, SESSION_LEAVING, DO_CLOSE},
    {SESSION_JOINING, SESSION_ON_PEER_GONE, SESSION_GONE, DO_LEAVE | DO_FREE},
    {SESSION_OPEN, SESSION_ON_CUT, SESSION_LEAVING, DO_DETACH | DO_CLOSE},
    {SESSION_OPEN, SESSION_ON_PEER_GONE, SESSION_GONE, DO_DETACH | DO_LEAVE | DO_FREE},
    {SESSION_CLOSING, SESSION_ON_GRANTED, SESSION_CLOSING, DO_GIVE_BACK},
    {SESSION_CLOSING, SESSION_ON_PEER_GONE, SESSION_GONE, DO_FREE},
    {SESSION_LEAVING, SESSION_ON_PEER_GONE, SESSION_GONE, DO_LEAVE | DO_FREE},
    {SESSION_GONE, SESSION_ON_GRANTED, SESSION_GONE, DO_GIVE_BACK},
};

static const struct legal *find(enum session_state from, enum session_event event)
{
    for (size_t i = 0; i < sizeof(LEGAL) / sizeof(LEGAL[0]); i++) {
        if (LEGAL[i].from == from && LEGAL[i].event == event) {
            return &LEGAL[i];
        }
    }
    return NULL;
}

static void test_every_state_with_every_event(void **state)
{
    (void)state;
    for (int from = 0; from < SESSION_STATE_COUNT; from++) {
        for (int event = 0; event < SESSION_EVENT_COUNT; event++) {
            const struct legal *legal = find((enum session_state)from, (enum session_event)event);
            struct session_plan plan = {SESSION_STATE_COUNT, 0xdeadu};
            int err = session_step((enum session_state)from, (enum session_event)event, &plan);

            if (!legal) {
                assert_int_equal(err, ERR_STATE);
                assert_int_equal(plan.actions, 0xdeadu);
                continue;
            }
            assert_int_equal(err, 0);
            assert_int_equal(plan.next, legal->to);
            assert_int_equal(plan.actions, legal->actions);
        }
    }
}

static void test_numbers_outside_are_refused(void **state)
{
    struct session_plan plan;

    (void)state;
    assert_int_equal(session_step(SESSION_STATE_COUNT, SESSION_ON_CUT, &plan), ERR_STATE);
    assert_int_equal(session_step(SESSION_OPEN, SESSION_EVENT_COUNT, &plan), ERR_STATE);
}

/* Whatever was granted is given back exactly once on every way to GONE. */
static void test_every_way_out_gives_the_place_back(void **state)
{
    static const enum session_event ways[][5] = {
        {SESSION_ON_ACCEPTED, SESSION_ON_GRANTED, SESSION_ON_PEER_GONE},
        {SESSION_ON_ACCEPTED, SESSION_ON_GRANTED, SESSION_ON_JOINED, SESSION_ON_PEER_GONE},
        {SESSION_ON_ACCEPTED, SESSION_ON_GRANTED, SESSION_ON_JOINED, SESSION_ON_CUT,
         SESSION_ON_PEER_GONE},
        {SESSION_ON_ACCEPTED, SESSION_ON_GRANTED, SESSION_ON_WAIT_OVER, SESSION_ON_PEER_GONE},
        {SESSION_ON_ACCEPTED, SESSION_ON_GRANTED, SESSION_ON_REFUSED, SESSION_ON_PEER_GONE},
        {SESSION_ON_ACCEPTED, SESSION_ON_WAIT_OVER, SESSION_ON_GRANTED, SESSION_ON_PEER_GONE},
        {SESSION_ON_ACCEPTED, SESSION_ON_PEER_GONE, SESSION_ON_GRANTED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct session_plan plan = {SESSION_CONNECTING, 0};
        int given_back = 0;
        for (size_t k = 0; k < 5 && (k == 0 || ways[i][k] != SESSION_ON_ACCEPTED); k++) {
            assert_int_equal(session_step(plan.next, ways[i][k], &plan), 0);
            given_back += (plan.actions & (DO_LEAVE | DO_GIVE_BACK)) != 0;
        }
        assert_int_equal(plan.next, SESSION_GONE);
        assert_int_equal(given_back, 1);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(session_state_name(SESSION_JOINING), "JOINING");
    assert_string_equal(session_event_name(SESSION_ON_WAIT_OVER), "WAIT_OVER");
    assert_string_equal(session_state_name(SESSION_STATE_COUNT), "?");
}

static void test_sessions_are_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct session) <= 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_with_every_event),
        cmocka_unit_test(test_numbers_outside_are_refused),
        cmocka_unit_test(test_every_way_out_gives_the_place_back),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sessions_are_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
