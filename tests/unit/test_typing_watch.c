/* SPDX-License-Identifier: MIT */
/* Who types: renewed, stopped, due, and gone with the topic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/typing_watch.h"

struct fixture {
    struct typing_watch *w;
    struct topic *a, *b;
};

static int set_up(void **state)
{
    static struct fixture f;

    f.w = typing_watch_new();
    f.a = topic_new(BYTES_LIT("chat:1"), 0, 1000);
    f.b = topic_new(BYTES_LIT("chat:2"), 0, 1000);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    typing_watch_free(f->w);
    topic_free(f->a);
    topic_free(f->b);
    return 0;
}

static void on(struct fixture *f, struct topic *t, int64_t user, uint64_t now_ms)
{
    const struct down_typing typing = {
        .channel_id = 7, .user_id = user, .username = BYTES_LIT("ann"), .change = TYPING_ON};

    typing_watch_on(f->w, t, &typing, now_ms);
}

static void due_after_the_last_one(void **state)
{
    struct fixture *f = *state;
    struct down_typing was;
    struct topic *t;

    on(f, f->a, 1, 1000);
    on(f, f->a, 1, 4000);
    on(f, f->b, 1, 5000);
    assert_false(typing_watch_due(f->w, 4000 + TYPING_OFF_MS - 1, &t, &was));
    assert_true(typing_watch_due(f->w, 4000 + TYPING_OFF_MS, &t, &was));
    assert_ptr_equal(t, f->a);
    assert_int_equal(was.user_id, 1);
    assert_int_equal(was.channel_id, 7);
    assert_true(bytes_eq_str(was.username, "ann"));
    assert_false(typing_watch_is_on(f->w, f->a, 1));
    assert_true(typing_watch_is_on(f->w, f->b, 1));
    assert_false(typing_watch_due(f->w, 4000 + TYPING_OFF_MS, &t, &was));
}

static void stopped_once(void **state)
{
    struct fixture *f = *state;
    struct down_typing was;
    struct topic *t;

    assert_false(typing_watch_off(f->w, f->a, 1, &was));
    on(f, f->a, 1, 1000);
    assert_false(typing_watch_off(f->w, f->b, 1, &was));
    assert_false(typing_watch_off(f->w, f->a, 2, &was));
    assert_true(typing_watch_off(f->w, f->a, 1, &was));
    assert_int_equal(was.user_id, 1);
    assert_false(typing_watch_off(f->w, f->a, 1, &was));
    assert_false(typing_watch_due(f->w, 1000000, &t, &was));
}

static void gone_with_its_topic(void **state)
{
    struct fixture *f = *state;
    struct down_typing was;
    struct topic *t;

    on(f, f->a, 1, 1000);
    on(f, f->a, 2, 1000);
    on(f, f->b, 3, 1000);
    typing_watch_forget(f->w, f->a);
    assert_true(typing_watch_due(f->w, 1000000, &t, &was));
    assert_int_equal(was.user_id, 3);
    assert_false(typing_watch_due(f->w, 1000000, &t, &was));
}

static void bounded(void **state)
{
    struct fixture *f = *state;

    for (int64_t i = 1; i <= TYPISTS_MAX + 1; i++) {
        on(f, f->a, i, 1000);
    }
    assert_true(typing_watch_is_on(f->w, f->a, TYPISTS_MAX));
    assert_false(typing_watch_is_on(f->w, f->a, TYPISTS_MAX + 1));
}

static void without_memory_nobody_is_watched(void **state)
{
    struct fixture *f = *state;

    for (unsigned n = 1; n < 5; n++) {
        mem_fail_after(n);
        on(f, f->a, 1, 1000);
        mem_fail_after(0);
        if (typing_watch_is_on(f->w, f->a, 1)) {
            return;
        }
    }
    fail_msg("never watched");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(due_after_the_last_one),
        TEST(stopped_once),
        TEST(gone_with_its_topic),
        TEST(bounded),
        TEST(without_memory_nobody_is_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
