/* SPDX-License-Identifier: MIT */
/* Windows of senders, and the bytes of all: who must wait, who goes on, in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/upload_budget.h"
#include "proto/limits.h"

struct sender {
    struct upload_window window;
    unsigned went_on, order;
};
static unsigned steps;

static void go_on(void *owner)
{
    struct sender *s = owner;

    s->went_on++;
    s->order = ++steps;
}

static struct sender sender_of(struct sender *s, uint32_t max)
{
    return (struct sender){.window = {.max = max, .go_on = go_on, .owner = s}};
}

static void test_a_window_is_full_and_opens_with_an_answer(void **state)
{
    struct upload_budget b = {0};
    struct sender s = sender_of(&s, 2);

    (void)state;
    upload_budget_count(&b, &s.window, 100, 0);
    assert_false(upload_window_is_full(&s.window));
    upload_budget_count(&b, &s.window, 50, 0);
    assert_true(upload_window_is_full(&s.window));
    assert_int_equal(b.bytes, 150);
    upload_budget_answered(&b, &s.window, 100);
    assert_false(upload_window_is_full(&s.window));
    assert_int_equal(s.went_on, 1);
    assert_int_equal(b.bytes, 50);
}

static void test_the_others_wait_and_go_on_in_their_order(void **state)
{
    struct upload_budget b = {0};
    struct sender big = sender_of(&big, 8), one = sender_of(&one, 8), two = sender_of(&two, 8);

    (void)state;
    assert_false(upload_budget_must_wait(&b, &one.window, 0));
    upload_budget_count(&b, &big.window, UPLOAD_BYTES_MAX, 0);
    assert_true(upload_window_is_full(&big.window)); /* it waits for itself, too */
    assert_true(upload_budget_must_wait(&b, &one.window, 0));
    assert_true(upload_budget_must_wait(&b, &one.window, 0));
    assert_true(upload_budget_must_wait(&b, &two.window, 0));
    steps = 0;
    upload_budget_answered(&b, NULL, UPLOAD_CHUNK_ADVICE); /* room for one */
    assert_int_equal(big.went_on, 1);
    assert_int_equal(one.went_on, 0);
    upload_budget_answered(&b, NULL, 2 * UPLOAD_CHUNK_ADVICE);
    assert_int_equal(one.order, 2);
    assert_int_equal(two.order, 3);
    assert_false(two.window.is_waiting);
    assert_null(b.waiting);
}

static void test_who_leaves_is_not_called(void **state)
{
    struct upload_budget b = {0};
    struct sender big = sender_of(&big, 8), s = sender_of(&s, 8);

    (void)state;
    upload_budget_count(&b, &big.window, UPLOAD_BYTES_MAX, 0);
    assert_true(upload_budget_must_wait(&b, &s.window, 0));
    upload_budget_leave(&b, &s.window);
    upload_budget_leave(&b, &s.window);
    upload_budget_answered(&b, &big.window, UPLOAD_BYTES_MAX);
    assert_int_equal(s.went_on, 0);
    assert_int_equal(b.bytes, 0);
}

static void test_the_last_bound(void **state)
{
    struct upload_budget b = {.bytes = UPLOAD_BYTES_HARD_MAX - 10};

    (void)state;
    assert_false(upload_budget_is_over(&b, 10));
    assert_true(upload_budget_is_over(&b, 11));
}

/* 1 MB in a second: a burst is allowed, then what is too much is waited for. */
static void test_a_rate(void **state)
{
    struct upload_budget b = {.rate = 1000000};
    struct sender s = sender_of(&s, 8), other = sender_of(&other, 8);

    (void)state;
    assert_false(upload_budget_must_wait(&b, &s.window, 5000000));
    upload_budget_count(&b, &s.window, 300000, 5000000); /* of a burst of 50000 */
    upload_budget_answered(&b, &s.window, 300000);
    assert_true(upload_window_is_full(&s.window));
    assert_true(upload_budget_must_wait(&b, &other.window, 5000000));
    upload_budget_look(&b, 5200000); /* 50000 are still to be earned */
    assert_true(upload_window_is_full(&s.window));
    upload_budget_look(&b, 5260000);
    assert_false(upload_window_is_full(&s.window));
    assert_true(upload_window_is_full(&other.window)); /* it would be too much for both */
    upload_budget_count(&b, &s.window, 100000, 5260000);
    upload_budget_leave(&b, &s.window);
    upload_budget_look(&b, 9000000);
    assert_false(upload_window_is_full(&other.window));
    assert_false(upload_budget_must_wait(&b, &other.window, 9000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_window_is_full_and_opens_with_an_answer),
        cmocka_unit_test(test_the_others_wait_and_go_on_in_their_order),
        cmocka_unit_test(test_who_leaves_is_not_called),
        cmocka_unit_test(test_the_last_bound),
        cmocka_unit_test(test_a_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
