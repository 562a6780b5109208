/* SPDX-License-Identifier: MIT */
/* First copies of messages: found by their whole key, bounded, forgotten by partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "broker/recent.h"
#include "common/mem.h"
#include "proto/limits.h"

static struct rcbuf *frame_of(const char *text)
{
    struct rcbuf *f = rcbuf_new(bytes_str(text));
    assert_non_null(f);
    return f;
}

static void test_key_is_channel_author_and_id(void **state)
{
    struct recent *r = recent_new();
    struct rcbuf *one = frame_of("one"), *two = frame_of("two");
    struct client_key key = {1, 2, BYTES_LIT("x")};
    struct client_key others[] = {{2, 2, BYTES_LIT("x")},
                                  {1, 3, BYTES_LIT("x")},
                                  {1, 2, BYTES_LIT("y")},
                                  {1, 2, BYTES_LIT("xx")},
                                  {1, 2, BYTES_NONE}};
    (void)state;

    recent_put(r, 0, &key, one);
    recent_put(r, 0, &key, two);
    assert_ptr_equal(recent_find(r, &key), one);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_null(recent_find(r, &others[i]));
    }
    rcbuf_unref(one);
    rcbuf_unref(two);
    recent_free(r);
}

static void test_a_deleted_message_is_emptied(void **state)
{
#define FRAME(id, text)                                                                            \
    "{\"type\":\"chat_message\",\"message\":{\"id\":" id ",\"content\":\"" text                    \
    "\",\"attachments\":[]},\"seq\":1}"
    struct recent *r = recent_new();
    struct rcbuf *frames[] = {frame_of(FRAME("5", "secret")), frame_of(FRAME("6", "other"))};
    struct client_key keys[] = {{1, 2, BYTES_LIT("x")}, {1, 2, BYTES_LIT("y")}};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        recent_put(r, 0, &keys[i], frames[i]);
        rcbuf_unref(frames[i]);
    }
    recent_empty(r, 7); /* unknown */
    recent_empty(r, 0);
    recent_empty(r, 5);
    assert_true(bytes_eq_str(rcbuf_bytes(recent_find(r, &keys[0])), FRAME("5", "")));
    assert_true(bytes_eq_str(rcbuf_bytes(recent_find(r, &keys[1])), FRAME("6", "other")));
    recent_forget(r, 0);
    recent_empty(r, 5);
    assert_null(recent_find(r, &keys[0]));
    recent_put(r, 0, &keys[1], frames[1] = frame_of(FRAME("6", "other")));
    rcbuf_unref(frames[1]);
    mem_fail_after(1);
    recent_empty(r, 6); /* rather unknown than shown */
    mem_fail_after(0);
    assert_null(recent_find(r, &keys[1]));
    recent_free(r);
}

static void test_client_id_lengths(void **state)
{
    struct recent *r = recent_new();
    struct rcbuf *f = frame_of("f");
    char id[CLIENT_ID_MAX_BYTES + 1] = {0};
    struct client_key key = {1, 2, {id, CLIENT_ID_MAX_BYTES}};
    (void)state;

    recent_put(r, 0, &key, f);
    assert_ptr_equal(recent_find(r, &key), f);
    key.client_id.len++;
    recent_put(r, 0, &key, f);
    assert_null(recent_find(r, &key));
    rcbuf_unref(f);
    recent_free(r);
}

static void test_oldest_goes_first(void **state)
{
    struct recent *r = recent_new();
    struct rcbuf *f = frame_of("f");
    char id[16];
    (void)state;

    for (unsigned i = 0; i <= RECENT_MAX; i++) {
        int len = snprintf(id, sizeof(id), "%u", i);
        struct client_key key = {1, 2, {id, (size_t)len}};
        recent_put(r, 0, &key, f);
    }
    assert_null(recent_find(r, &(struct client_key){1, 2, BYTES_LIT("0")}));
    assert_non_null(recent_find(r, &(struct client_key){1, 2, BYTES_LIT("1")}));
    assert_non_null(recent_find(r, &(struct client_key){1, 2, BYTES_LIT("32768")}));
    assert_int_equal(f->refs, RECENT_MAX + 1);
    recent_free(r);
    assert_int_equal(f->refs, 1);
    rcbuf_unref(f);
}

static void test_committed_outlives_a_failure(void **state)
{
    struct recent *r = recent_new();
    struct rcbuf *f = frame_of("f");
    struct client_key a = {1, 2, BYTES_LIT("a")}, b = {1, 2, BYTES_LIT("b")};
    (void)state;

    recent_put(r, 3, &a, f);
    recent_put(r, 3, &b, f);
    recent_commit(r, &a);
    recent_commit(r, &a);
    recent_commit(r, &(struct client_key){1, 2, BYTES_LIT("unknown")});
    recent_forget_pending(r, 4);
    assert_non_null(recent_find(r, &b));
    recent_forget_pending(r, 3);
    assert_non_null(recent_find(r, &a));
    assert_null(recent_find(r, &b));
    recent_forget(r, 3);
    assert_null(recent_find(r, &a));
    recent_put(r, 3, &a, f);
    recent_put(r, 4, &b, f);
    recent_commit(r, &b);
    recent_clear(r);
    assert_null(recent_find(r, &a));
    assert_null(recent_find(r, &b));
    assert_int_equal(f->refs, 1);
    rcbuf_unref(f);
    recent_free(r);
}

static void test_long_frames_are_bounded(void **state)
{
    enum { LEN = 1024 * 1024, COUNT = RECENT_BYTES_MAX / LEN };
    struct recent *r = recent_new();
    struct rcbuf *f = rcbuf_new_room(LEN);
    char id[16];
    (void)state;

    assert_non_null(f);
    for (unsigned i = 0; i <= COUNT; i++) {
        int len = snprintf(id, sizeof(id), "%u", i);
        struct client_key key = {1, 2, {id, (size_t)len}};
        recent_put(r, 0, &key, f);
        if (i != 1) {
            recent_commit(r, &key);
        }
    }
    assert_int_equal(f->refs, COUNT + 1);
    assert_null(recent_find(r, &(struct client_key){1, 2, BYTES_LIT("0")}));
    assert_non_null(recent_find(r, &(struct client_key){1, 2, BYTES_LIT("1")}));
    assert_non_null(recent_find(r, &(struct client_key){1, 2, BYTES_LIT("2")}));
    recent_free(r);
    rcbuf_unref(f);
}

static void test_forget_partition(void **state)
{
    struct recent *r = recent_new();
    struct rcbuf *f = frame_of("f");
    struct client_key a = {1, 2, BYTES_LIT("a")}, b = {1, 2, BYTES_LIT("b")};
    (void)state;

    recent_put(r, 3, &a, f);
    recent_put(r, 4, &b, f);
    recent_forget(r, 3);
    assert_null(recent_find(r, &a));
    assert_non_null(recent_find(r, &b));
    rcbuf_unref(f);
    recent_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_is_channel_author_and_id),
        cmocka_unit_test(test_client_id_lengths),
        cmocka_unit_test(test_a_deleted_message_is_emptied),
        cmocka_unit_test(test_oldest_goes_first),
        cmocka_unit_test(test_committed_outlives_a_failure),
        cmocka_unit_test(test_long_frames_are_bounded),
        cmocka_unit_test(test_forget_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
