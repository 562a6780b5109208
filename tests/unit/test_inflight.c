/* SPDX-License-Identifier: MIT */
/* What waits for brokers: answered exactly once, by the answer or by time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/inflight.h"
#include "proto/limits.h"

static int add(struct inflight *f, enum inflight_kind kind, uint64_t conn, uint64_t frame_no,
               const char *client_id, uint64_t now_ms)
{
    const struct inflight_entry e = {.kind = kind,
                                     .conn = conn,
                                     .frame_no = frame_no,
                                     .received_us = now_ms * 1000,
                                     .client_id = bytes_str(client_id)};

    return inflight_add(f, &e, NULL, now_ms);
}

static void test_an_answer_takes_once(void **state)
{
    struct inflight *f = inflight_new();
    struct inflight_entry e;

    (void)state;
    assert_int_equal(add(f, INFLIGHT_FRAME, 7, 1, "one", 5), 0);
    assert_int_equal(add(f, INFLIGHT_FRAME, 7, 2, "two", 5), 0);
    assert_int_equal(add(f, INFLIGHT_FRAME, 7, 2, "two", 5), ERR_CONFLICT);
    assert_true(inflight_has(f, INFLIGHT_FRAME, 7, 2));
    assert_false(inflight_take(f, INFLIGHT_FRAME, 8, 2, &e));
    assert_false(inflight_take(f, INFLIGHT_OPEN, 7, 2, &e));
    assert_true(inflight_take(f, INFLIGHT_FRAME, 7, 2, &e));
    assert_true(bytes_eq_str(e.client_id, "two"));
    assert_int_equal(e.received_us, 5000);
    assert_false(inflight_take(f, INFLIGHT_FRAME, 7, 2, &e));
    assert_false(inflight_has(f, INFLIGHT_FRAME, 7, 2));
    assert_int_equal(inflight_count(f), 1);
    inflight_free(f);
}

static void test_kinds_do_not_meet(void **state)
{
    struct inflight *f = inflight_new();
    struct inflight_entry e;

    (void)state;
    assert_int_equal(add(f, INFLIGHT_OPEN, 7, 0, "", 1), 0);
    assert_int_equal(add(f, INFLIGHT_JOIN, 7, 0, "", 1), 0);
    assert_int_equal(add(f, INFLIGHT_HTTP, 7, 0, "", 1), 0);
    assert_true(inflight_take(f, INFLIGHT_HTTP, 7, 0, &e));
    assert_int_equal(e.kind, INFLIGHT_HTTP);
    assert_int_equal(inflight_count(f), 2);
    inflight_free(f);
}

static void test_time_runs_out_in_order(void **state)
{
    struct inflight *f = inflight_new();
    struct inflight_entry e;

    (void)state;
    assert_int_equal(add(f, INFLIGHT_FRAME, 1, 1, "a", 100), 0);
    assert_int_equal(add(f, INFLIGHT_FRAME, 2, 1, "b", 100), 0);
    assert_int_equal(add(f, INFLIGHT_FRAME, 3, 1, "c", 101), 0);
    assert_false(inflight_expire(f, 100 + FRAME_WAIT_MS - 1, &e));
    assert_true(inflight_take(f, INFLIGHT_FRAME, 2, 1, &e));
    assert_true(inflight_expire(f, 100 + FRAME_WAIT_MS, &e));
    assert_int_equal(e.conn, 1);
    assert_true(bytes_eq_str(e.client_id, "a"));
    assert_false(inflight_expire(f, 100 + FRAME_WAIT_MS, &e));
    assert_false(inflight_take(f, INFLIGHT_FRAME, 1, 1, &e)); /* the answer is too late */
    assert_true(inflight_expire(f, 101 + FRAME_WAIT_MS, &e));
    assert_int_equal(e.conn, 3);
    assert_int_equal(inflight_count(f), 0);
    inflight_free(f);
}

static void test_an_opening_goes_again_once(void **state)
{
    struct inflight *f = inflight_new();
    struct rcbuf *envelope = rcbuf_new(bytes_str("envelope")), *again;
    const struct inflight_entry open = {.kind = INFLIGHT_OPEN, .conn = 9};
    struct inflight_entry e;
    uint64_t conn = 0;

    (void)state;
    assert_int_equal(inflight_add(f, &open, envelope, 50), 0);
    assert_null(inflight_again(f, 50 + INFLIGHT_OPEN_AGAIN_MS - 1, &conn));
    again = inflight_again(f, 50 + INFLIGHT_OPEN_AGAIN_MS, &conn);
    assert_ptr_equal(again, envelope);
    assert_int_equal(conn, 9);
    rcbuf_unref(again);
    assert_null(inflight_again(f, 50 + 2 * INFLIGHT_OPEN_AGAIN_MS, &conn));
    assert_true(inflight_take(f, INFLIGHT_OPEN, 9, 0, &e));
    /* answered before its time: not again */
    assert_int_equal(inflight_add(f, &open, envelope, 60), 0);
    assert_true(inflight_take(f, INFLIGHT_OPEN, 9, 0, &e));
    assert_null(inflight_again(f, 99999, &conn));
    assert_int_equal(envelope->refs, 1);
    rcbuf_unref(envelope);
    inflight_free(f);
}

static void test_limit(void **state)
{
    struct inflight *f = inflight_new();

    (void)state;
    for (uint64_t i = 0; i < INFLIGHT_MAX; i++) {
        assert_int_equal(add(f, INFLIGHT_FRAME, 1, i + 1, "", 1), 0);
    }
    assert_int_equal(add(f, INFLIGHT_FRAME, 2, 1, "", 1), ERR_FULL);
    inflight_free(f);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t nth = 1; nth <= 3; nth++) {
        struct inflight *f = inflight_new();
        int err;

        mem_fail_after(nth);
        err = add(f, INFLIGHT_FRAME, 1, 1, "abc", 1);
        mem_fail_after(0);
        assert_true(err == 0 || err == ERR_NOMEM);
        assert_int_equal(inflight_count(f), err == 0 ? 1 : 0);
        inflight_free(f);
    }
    inflight_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_takes_once),
        cmocka_unit_test(test_kinds_do_not_meet),
        cmocka_unit_test(test_time_runs_out_in_order),
        cmocka_unit_test(test_an_opening_goes_again_once),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
