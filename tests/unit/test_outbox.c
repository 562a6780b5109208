/* SPDX-License-Identifier: MIT */
/* The private queue: order, both bounds, no memory when empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/outbox.h"

static void push(struct outbox **q, const char *text, int expected)
{
    struct rcbuf *frame = rcbuf_new(bytes_str(text));

    assert_int_equal(outbox_push(q, frame), expected);
    rcbuf_unref(frame);
}

static void assert_drained(struct outbox **q, size_t max_bytes, const char *expected)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(outbox_drain(q, max_bytes, &out), 0);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data ? out.data : "", expected, out.len);
    buf_done(&out);
}

static void assert_drained_bytes(struct outbox **q, size_t expected)
{
    struct buf out;

    buf_init(&out, 2 * OUTBOX_BYTES_MAX);
    assert_int_equal(outbox_drain(q, 1, &out), 0);
    assert_int_equal(out.len, expected);
    buf_done(&out);
}

static void test_order_and_pieces(void **state)
{
    struct outbox *q = NULL;

    (void)state;
    assert_true(outbox_is_empty(q));
    push(&q, "aaa", 0);
    push(&q, "bb", 0);
    push(&q, "cccc", 0);
    assert_int_equal(outbox_count(q), 3);
    assert_drained(&q, 5, "aaabb");
    push(&q, "d", 0);
    assert_drained(&q, 1, "cccc"); /* at least one */
    assert_drained(&q, 100, "d");
    assert_null(q);
    assert_drained(&q, 100, "");
}

static void test_frame_limit(void **state)
{
    struct outbox *q = NULL;

    (void)state;
    for (uint32_t i = 0; i < OUTBOX_FRAMES_MAX; i++) {
        push(&q, "x", 0);
    }
    push(&q, "x", ERR_FULL);
    assert_int_equal(outbox_count(q), OUTBOX_FRAMES_MAX);
    assert_drained(&q, 1, "x");
    push(&q, "y", 0);
    outbox_free(q);
}

static void test_byte_limit(void **state)
{
    struct outbox *q = NULL;
    struct rcbuf *half = rcbuf_new_room(OUTBOX_BYTES_MAX / 2);
    struct rcbuf *huge = rcbuf_new_room(OUTBOX_BYTES_MAX + 1);

    (void)state;
    assert_int_equal(outbox_push(&q, half), 0);
    assert_int_equal(outbox_push(&q, half), 0);
    push(&q, "x", ERR_FULL);
    outbox_free(q);
    q = NULL;
    assert_int_equal(outbox_push(&q, half), 0);
    assert_int_equal(outbox_push(&q, huge), 0); /* one may be larger, and crowds nobody out */
    push(&q, "x", 0);
    assert_int_equal(outbox_push(&q, huge), ERR_FULL);
    assert_drained_bytes(&q, OUTBOX_BYTES_MAX / 2);
    assert_drained_bytes(&q, OUTBOX_BYTES_MAX + 1);
    assert_int_equal(outbox_push(&q, huge), 0);
    outbox_free(q);
    assert_int_equal(half->refs, 1);
    assert_int_equal(huge->refs, 1);
    rcbuf_unref(half);
    rcbuf_unref(huge);
}

static void test_no_room_to_drain_into(void **state)
{
    struct outbox *q = NULL;
    struct buf out;

    (void)state;
    buf_init(&out, 4);
    push(&q, "abc", 0);
    push(&q, "def", 0);
    assert_int_equal(outbox_drain(&q, 100, &out), ERR_FULL);
    assert_int_equal(out.len, 3);
    assert_int_equal(outbox_count(q), 1);
    buf_done(&out);
    outbox_free(q);
}

static void test_no_memory(void **state)
{
    struct outbox *q = NULL;
    struct rcbuf *frame = rcbuf_new(bytes_str("x"));

    (void)state;
    mem_fail_after(1);
    assert_int_equal(outbox_push(&q, frame), ERR_NOMEM);
    mem_fail_after(0);
    assert_null(q);
    assert_int_equal(frame->refs, 1);
    rcbuf_unref(frame);
    outbox_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_pieces), cmocka_unit_test(test_frame_limit),
        cmocka_unit_test(test_byte_limit),       cmocka_unit_test(test_no_room_to_drain_into),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
