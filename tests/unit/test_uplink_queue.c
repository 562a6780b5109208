/* SPDX-License-Identifier: MIT */
/* Batches for one partition: gathering, limits, what goes again after which outcome, staleness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/uplink_queue.h"
#include "proto/limits.h"

static struct uplink_total total;

static void push(struct uplink_queue *q, enum uplink_policy policy, const char *text, uint64_t now)
{
    assert_int_equal(uplink_queue_push(q, policy, bytes_str(text), now), 0);
}

static void assert_begins(struct uplink_queue *q, uint64_t now_ms, uint32_t count,
                          const char *bytes)
{
    struct uplink_ready ready;

    assert_true(uplink_queue_begin(q, now_ms, &ready));
    assert_int_equal(ready.count, count);
    assert_true(bytes_eq_str(ready.envelopes, bytes));
}

static void assert_nothing(struct uplink_queue *q, uint64_t now_ms)
{
    struct uplink_ready ready;

    assert_false(uplink_queue_begin(q, now_ms, &ready));
}

/* What a batch says of its wait is that of its oldest envelope that can be stale. */
static void test_batches_tell_how_long_they_waited(void **state)
{
    struct uplink_queue *q = *state;
    struct uplink_ready ready;

    push(q, UPLINK_LASTING, "l", 1);
    push(q, UPLINK_ONCE, "a", 100);
    push(q, UPLINK_ONCE, "b", 300);
    assert_true(uplink_queue_begin(q, 400, &ready));
    assert_int_equal(ready.count, 3);
    assert_int_equal(ready.waited_ms, 300);
    uplink_queue_end(q, UPLINK_STORED);
    push(q, UPLINK_LASTING, "l", 1);
    assert_true(uplink_queue_begin(q, 400, &ready));
    assert_int_equal(ready.waited_ms, 0);
    uplink_queue_end(q, UPLINK_STORED);
}

static int set_up(void **state)
{
    static struct uplink_queue q;

    total = (struct uplink_total){0};
    uplink_queue_init(&q, &total);
    *state = &q;
    return 0;
}

static int tear_down(void **state)
{
    uplink_queue_done(*state);
    assert_int_equal(total.envelopes, 0);
    assert_int_equal(total.bytes, 0);
    return 0;
}

static void test_envelopes_gather_while_one_batch_is_under_way(void **state)
{
    struct uplink_queue *q = *state;

    assert_nothing(q, 1);
    push(q, UPLINK_ONCE, "a", 1);
    assert_begins(q, 1, 1, "a");
    push(q, UPLINK_ONCE, "b", 1);
    push(q, UPLINK_ONCE, "c", 1);
    assert_nothing(q, 1); /* one at a time */
    assert_int_equal(uplink_queue_end(q, UPLINK_STORED), 0);
    assert_begins(q, 1, 2, "bc");
    uplink_queue_end(q, UPLINK_STORED);
    assert_true(uplink_queue_is_empty(q));
}

static void test_outcomes(void **state)
{
    struct uplink_queue *q = *state;

    push(q, UPLINK_ONCE, "f1", 1);
    push(q, UPLINK_AGAIN, "open", 1);
    push(q, UPLINK_ONCE, "f2", 1);
    push(q, UPLINK_LASTING, "leave", 1);
    assert_begins(q, 1, 4, "f1openf2leave");
    push(q, UPLINK_ONCE, "later", 1);
    assert_int_equal(uplink_queue_end(q, UPLINK_REFUSED), 0); /* all of it again */
    assert_begins(q, 1, 4, "f1openf2leave");
    assert_int_equal(uplink_queue_end(q, UPLINK_UNKNOWN), 2); /* frames are not repeated */
    assert_begins(q, 1, 2, "openleave");
    uplink_queue_end(q, UPLINK_STORED);
    assert_begins(q, 1, 1, "later");
    assert_int_equal(uplink_queue_end(q, UPLINK_UNKNOWN), 1);
    assert_true(uplink_queue_is_empty(q));
}

static void test_stale_ones_never_leave(void **state)
{
    struct uplink_queue *q = *state;

    push(q, UPLINK_ONCE, "old", 1000);
    push(q, UPLINK_LASTING, "leave", 1000);
    push(q, UPLINK_AGAIN, "open", 1000);
    push(q, UPLINK_ONCE, "new", 1001);
    assert_begins(q, 1000 + FRAME_STALE_MS, 2, "leavenew");
    uplink_queue_end(q, UPLINK_REFUSED);
    assert_int_equal(uplink_queue_drop_stale(q, 1000 + FRAME_STALE_MS), 0);
    assert_int_equal(uplink_queue_drop_stale(q, 1001 + FRAME_STALE_MS), 1);
    assert_begins(q, 99999, 1, "leave");
    uplink_queue_end(q, UPLINK_STORED);
    push(q, UPLINK_ONCE, "x", 100000);
    assert_int_equal(uplink_queue_drop_stale(q, 200000), 1);
    assert_true(uplink_queue_is_empty(q));
}

static void test_a_batch_under_way_is_not_touched(void **state)
{
    struct uplink_queue *q = *state;

    push(q, UPLINK_ONCE, "sent", 1000);
    assert_begins(q, 1000, 1, "sent");
    push(q, UPLINK_ONCE, "waiting", 1000);
    assert_int_equal(uplink_queue_drop_stale(q, 99999), 1);
    uplink_queue_end(q, UPLINK_STORED);
    assert_nothing(q, 99999);
}

static void test_batch_limits(void **state)
{
    static char large[UPLINK_BATCH_BYTES + 10];
    struct uplink_queue *q = *state;
    struct uplink_ready ready;

    for (uint32_t i = 0; i < UPLINK_BATCH_ENVELOPES + 1; i++) {
        push(q, UPLINK_ONCE, "x", 1);
    }
    assert_true(uplink_queue_begin(q, 1, &ready));
    assert_int_equal(ready.count, UPLINK_BATCH_ENVELOPES);
    uplink_queue_end(q, UPLINK_STORED);
    assert_begins(q, 1, 1, "x");
    uplink_queue_end(q, UPLINK_STORED);

    push(q, UPLINK_ONCE, "x", 1);
    assert_int_equal(uplink_queue_push(q, UPLINK_ONCE, bytes_of(large, UPLINK_BATCH_BYTES - 1), 1),
                     0);
    push(q, UPLINK_ONCE, "y", 1); /* one byte too much */
    assert_int_equal(uplink_queue_push(q, UPLINK_ONCE, bytes_of(large, sizeof(large)), 1), 0);
    assert_true(uplink_queue_begin(q, 1, &ready));
    assert_int_equal(ready.count, 2);
    assert_int_equal(ready.envelopes.len, UPLINK_BATCH_BYTES);
    uplink_queue_end(q, UPLINK_STORED);
    assert_begins(q, 1, 1, "y");
    uplink_queue_end(q, UPLINK_STORED);
    assert_true(uplink_queue_begin(q, 1, &ready)); /* a large one goes alone */
    assert_int_equal(ready.envelopes.len, sizeof(large));
    uplink_queue_end(q, UPLINK_STORED);
}

static void test_total_limits(void **state)
{
    struct uplink_queue *q = *state;
    struct uplink_queue other;

    uplink_queue_init(&other, &total);
    for (uint32_t i = 0; i < UPLINK_TOTAL_ENVELOPES; i++) {
        push(i % 2 ? q : &other, UPLINK_ONCE, "x", 1);
    }
    assert_int_equal(uplink_queue_push(q, UPLINK_ONCE, BYTES_LIT("x"), 1), ERR_FULL);
    uplink_queue_done(&other);
    push(q, UPLINK_ONCE, "x", 1);
    total.bytes += UPLINK_TOTAL_BYTES;
    assert_int_equal(uplink_queue_push(q, UPLINK_ONCE, BYTES_LIT("x"), 1), ERR_FULL);
    total.bytes -= UPLINK_TOTAL_BYTES;
}

static void test_no_memory(void **state)
{
    struct uplink_queue *q = *state;

    for (size_t nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth);
        assert_int_equal(uplink_queue_push(q, UPLINK_ONCE, BYTES_LIT("x"), 1), ERR_NOMEM);
        mem_fail_after(0);
        assert_true(uplink_queue_is_empty(q));
    }
    push(q, UPLINK_ONCE, "x", 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_envelopes_gather_while_one_batch_is_under_way),
        TEST(test_outcomes),
        TEST(test_batches_tell_how_long_they_waited),
        TEST(test_stale_ones_never_leave),
        TEST(test_a_batch_under_way_is_not_touched),
        TEST(test_batch_limits),
        TEST(test_total_limits),
        TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
