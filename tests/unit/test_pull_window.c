/* SPDX-License-Identifier: MIT */
/* The pieces of a download: their cut, their order, their second chances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/pull_window.h"
#include "proto/limits.h"

static void arrive(struct pull_piece *p)
{
    p->data = rcbuf_new(BYTES_LIT("x"));
    p->state = PULL_HERE;
}

static void test_pieces_are_cut_and_two_at_a_time(void **state)
{
    struct pull_window w;
    struct pull_piece *a, *b;

    (void)state;
    pull_window_init(&w, 1000, 2 * PULL_MAX_BYTES + 5);
    a = pull_window_next(&w);
    pull_ask(a, 1, 0);
    b = pull_window_next(&w);
    pull_ask(b, 2, 0);
    assert_int_equal(a->offset, 1000);
    assert_int_equal(a->bytes, PULL_MAX_BYTES);
    assert_int_equal(b->offset, 1000 + PULL_MAX_BYTES);
    assert_null(pull_window_next(&w));
    arrive(b);
    assert_null(pull_window_ready(&w)); /* not before the first */
    arrive(a);
    assert_ptr_equal(pull_window_ready(&w), a);
    a->state = PULL_OUT;
    assert_null(pull_window_ready(&w));
    assert_null(pull_window_next(&w));
    pull_window_written(&w);
    assert_ptr_equal(pull_window_ready(&w), b);
    a = pull_window_next(&w);
    assert_int_equal(a->offset, 1000 + 2 * PULL_MAX_BYTES);
    assert_int_equal(a->bytes, 5);
    pull_ask(a, 3, 0);
    b->state = PULL_OUT;
    pull_window_written(&w);
    assert_false(pull_window_is_over(&w));
    a->state = PULL_OUT;
    pull_window_written(&w);
    assert_true(pull_window_is_over(&w));
    assert_null(pull_window_next(&w));
    pull_window_done(&w);
}

static void test_a_piece_has_four_tries(void **state)
{
    struct pull_window w;
    struct pull_piece *p;
    uint64_t now = 1000;

    (void)state;
    pull_window_init(&w, 0, 10);
    p = pull_window_next(&w);
    for (uint64_t blob = 1; blob <= PULL_TRIES_MAX; blob++) {
        pull_ask(p, blob, now);
        assert_ptr_equal(pull_window_find(&w, PULL_ASKED, blob), p);
        assert_null(pull_window_find(&w, PULL_ASKED, blob - 1));
        assert_null(pull_window_find(&w, PULL_TAKING, blob));
        assert_int_equal(pull_is_due(p, now + FRAME_WAIT_MS - 1), PULL_WAIT);
        now += FRAME_WAIT_MS;
        assert_int_equal(pull_is_due(p, now), blob < PULL_TRIES_MAX ? PULL_AGAIN : PULL_GIVE_UP);
    }
    pull_window_done(&w);
}

static void test_what_could_not_be_read_waits_a_moment(void **state)
{
    struct pull_window w;
    struct pull_piece *p;

    (void)state;
    pull_window_init(&w, 0, 10);
    p = pull_window_next(&w);
    pull_ask(p, 1, 0);
    pull_lost(p, 100);
    assert_int_equal(pull_is_due(p, 100 + PULL_AGAIN_MS - 1), PULL_WAIT);
    assert_int_equal(pull_is_due(p, 100 + PULL_AGAIN_MS), PULL_AGAIN);
    arrive(p);
    assert_int_equal(pull_is_due(p, 1u << 30), PULL_WAIT);
    pull_window_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_cut_and_two_at_a_time),
        cmocka_unit_test(test_a_piece_has_four_tries),
        cmocka_unit_test(test_what_could_not_be_read_waits_a_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
