/* SPDX-License-Identifier: MIT */
/* Leased credits: used one by one, lapsing, waiting frames in order, giving back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/user_quota.h"

static void wait_one(struct user_quota *q, uint64_t frame_no, int expected)
{
    struct quota_waiter w = {
        .conn = 1, .frame_no = frame_no, .envelope = rcbuf_new(BYTES_LIT("e"))};

    assert_int_equal(quota_wait(q, &w), expected);
    rcbuf_unref(w.envelope);
}

static void lease(struct user_quota *q, uint64_t now_ms, uint32_t n)
{
    assert_true(quota_begin_lease(q, now_ms));
    assert_false(quota_begin_lease(q, now_ms)); /* one at a time */
    quota_granted(q, n, 1234);
}

static void assert_next(struct quota_waiter *w, uint64_t frame_no)
{
    assert_non_null(w);
    assert_int_equal(w->frame_no, frame_no);
    quota_waiter_free(w);
}

static void test_credits_are_used_one_by_one(void **state)
{
    struct user_quota q = {0};

    (void)state;
    assert_int_equal(quota_take(&q, 1000), ERR_LIMIT);
    assert_false(quota_begin_lease(&q, 1000)); /* nobody waits */
    wait_one(&q, 1, 0);
    lease(&q, 1000, 3);
    assert_next(quota_next(&q, 1000), 1);
    assert_int_equal(quota_take(&q, 1000), 0);
    assert_int_equal(quota_take(&q, 1000), 0);
    assert_int_equal(quota_take(&q, 1000), ERR_LIMIT);
    quota_done(&q);
}

static void test_credits_lapse(void **state)
{
    struct user_quota q = {0};

    (void)state;
    wait_one(&q, 1, 0);
    lease(&q, 1000, 10);
    assert_next(quota_next(&q, 1000), 1);
    assert_int_equal(quota_take(&q, 1000 + QUOTA_WINDOW_MS - 1), 0);
    assert_int_equal(quota_take(&q, 1000 + QUOTA_WINDOW_MS), ERR_LIMIT);
    assert_int_equal(quota_take_unused(&q, 1000 + QUOTA_WINDOW_MS), 0);
    quota_done(&q);
}

static void test_waiting_keeps_the_order(void **state)
{
    struct user_quota q = {0};

    (void)state;
    wait_one(&q, 1, 0);
    wait_one(&q, 2, 0);
    wait_one(&q, 3, 0);
    lease(&q, 1000, 2);
    assert_int_equal(quota_take(&q, 1000), ERR_LIMIT); /* not past those that wait */
    assert_next(quota_next(&q, 1000), 1);
    assert_next(quota_next(&q, 1000), 2);
    assert_null(quota_next(&q, 1000));
    lease(&q, 1001, 0);
    assert_null(quota_next(&q, 1001));
    assert_next(quota_next_refused(&q), 3);
    assert_null(quota_next_refused(&q));
    quota_done(&q);
}

static void test_waiting_is_bounded(void **state)
{
    struct quota_waiter large = {.envelope = rcbuf_new_room(QUOTA_WAITING_BYTES_MAX)};
    struct user_quota q = {0};

    (void)state;
    assert_non_null(large.envelope);
    assert_int_equal(quota_wait(&q, &large), 0);
    wait_one(&q, 1, ERR_FULL); /* too many bytes */
    assert_int_equal(quota_wait(&q, &large), ERR_FULL);
    quota_waiter_free(quota_next_refused(&q));
    wait_one(&q, 1, 0);
    assert_int_equal(quota_wait(&q, &large), ERR_FULL);
    quota_done(&q);
    assert_int_equal(q.waiting_bytes, 0);
    rcbuf_unref(large.envelope);
    for (uint64_t i = 0; i < QUOTA_WAITING_MAX; i++) {
        wait_one(&q, i, 0);
    }
    wait_one(&q, 99, ERR_FULL);
    quota_done(&q);
    assert_null(q.waiting);
}

/* A batch of 50 from each of four sockets: no more than the limits allow. */
static void test_batches_of_several_sockets_wait(void **state)
{
    struct user_quota q = {0};

    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        wait_one(&q, i, 0);
    }
    quota_done(&q);
}

static void test_the_credit_of_what_did_not_go_is_used_by_the_next(void **state)
{
    struct user_quota q = {0};

    (void)state;
    wait_one(&q, 1, 0);
    wait_one(&q, 2, 0);
    lease(&q, 1000, 1);
    assert_next(quota_next(&q, 1000), 1);
    assert_null(quota_next(&q, 1000));
    quota_unuse(&q);
    assert_next(quota_next(&q, 1000), 2);
    quota_unuse(&q);
    assert_int_equal(quota_take_unused(&q, 1000), 1);
    quota_done(&q);
}

static void test_unused_credits_are_given_back_once(void **state)
{
    struct user_quota q = {0};

    (void)state;
    wait_one(&q, 1, 0);
    lease(&q, 1000, 5);
    assert_next(quota_next(&q, 1000), 1);
    assert_int_equal(quota_take_unused(&q, 2000), 4);
    assert_int_equal(quota_take_unused(&q, 2000), 0);
    quota_done(&q);
}

static void test_no_memory(void **state)
{
    struct user_quota q = {0};
    struct quota_waiter w = {.envelope = rcbuf_new(BYTES_LIT("e"))};

    (void)state;
    mem_fail_after(1);
    assert_int_equal(quota_wait(&q, &w), ERR_NOMEM);
    mem_fail_after(0);
    assert_int_equal(w.envelope->refs, 1);
    assert_null(q.waiting);
    rcbuf_unref(w.envelope);
    quota_waiter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credits_are_used_one_by_one),
        cmocka_unit_test(test_credits_lapse),
        cmocka_unit_test(test_waiting_keeps_the_order),
        cmocka_unit_test(test_waiting_is_bounded),
        cmocka_unit_test(test_batches_of_several_sockets_wait),
        cmocka_unit_test(test_the_credit_of_what_did_not_go_is_used_by_the_next),
        cmocka_unit_test(test_unused_credits_are_given_back_once),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
