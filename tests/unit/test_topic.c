/* SPDX-License-Identifier: MIT */
/* A topic's one log and its subscribers: what each gets next, steps over, lags behind, and that a
 * slow one costs the others nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "common/mem.h"
#include "gateway/topic.h"

#define LOG_MAX (1u << 20)

static struct buf scratch;

static int set_up(void **state)
{
    buf_init(&scratch, LOG_MAX);
    *state = topic_new(BYTES_LIT("chat:7"), 10, LOG_MAX);
    return 0;
}

static int tear_down(void **state)
{
    topic_free(*state);
    buf_done(&scratch);
    return 0;
}

static int append_to(struct topic *t, const char *plain, const char *deflated, int64_t exclude)
{
    const struct topic_frame frame = {
        .bytes = {[TOPIC_PLAIN] = bytes_str(plain), [TOPIC_DEFLATED] = bytes_str(deflated)},
        .exclude_user = exclude};

    return topic_append(t, &frame);
}

static void append(struct topic *t, const char *plain, int64_t exclude)
{
    assert_int_equal(append_to(t, plain, "", exclude), 0);
}

/* Take what is next, at most max bytes, and compare. */
static void assert_takes(struct topic_sub *sub, size_t max, const char *expected)
{
    struct bytes span;
    uint64_t next;

    assert_int_equal(topic_sub_span(sub, max, &scratch, &span, &next), 0);
    assert_int_equal(span.len, strlen(expected));
    assert_true(bytes_eq_str(span, expected));
    topic_sub_advance(sub, next, 0);
}

static void test_a_subscriber_starts_at_the_end(void **state)
{
    struct topic *t = *state;
    struct topic_sub early, late;

    topic_attach(t, &early, 1, 0, TOPIC_PLAIN);
    append(t, "one", 0);
    topic_attach(t, &late, 2, 0, TOPIC_PLAIN);
    assert_true(topic_sub_is_behind(&early));
    assert_false(topic_sub_is_behind(&late));
    append(t, "two", 0);
    assert_takes(&early, 100, "onetwo");
    assert_takes(&late, 100, "two");
    assert_takes(&late, 100, "");
    topic_detach(&early);
    topic_detach(&late);
    topic_detach(&late);
    assert_int_equal(topic_subscribers(t), 0);
}

static void test_spans_point_into_the_log(void **state)
{
    struct topic *t = *state;
    struct topic_sub a, b;
    struct bytes span_a, span_b;
    uint64_t next;

    topic_attach(t, &a, 1, 0, TOPIC_PLAIN);
    topic_attach(t, &b, 2, 0, TOPIC_PLAIN);
    append(t, "shared", 0);
    append(t, "not for 3", 3);
    assert_int_equal(topic_sub_span(&a, 100, &scratch, &span_a, &next), 0);
    /* 3 is excluded somewhere, so pieces are gathered or not, but the bytes are the same */
    assert_true(bytes_eq_str(span_a, "sharednot for 3"));
    topic_sub_advance(&a, next, 0);
    topic_sub_advance(&b, next, 0);
    append(t, "both", 0);
    assert_int_equal(topic_sub_span(&a, 100, &scratch, &span_a, &next), 0);
    assert_int_equal(topic_sub_span(&b, 100, &scratch, &span_b, &next), 0);
    assert_ptr_equal(span_a.ptr, span_b.ptr); /* one copy for all */
    topic_detach(&a);
    topic_detach(&b);
}

static void test_max_bytes_gives_whole_frames(void **state)
{
    struct topic *t = *state;
    struct topic_sub sub;

    topic_attach(t, &sub, 1, 0, TOPIC_PLAIN);
    append(t, "aaaa", 0);
    append(t, "bbbb", 0);
    append(t, "cccc", 0);
    assert_takes(&sub, 8, "aaaabbbb");
    assert_takes(&sub, 1, "cccc"); /* at least one */
    append(t, "d", 0);
    append(t, "e", 0);
    assert_takes(&sub, 1, "d");
    assert_takes(&sub, 3, "e");
    topic_detach(&sub);
}

static void test_excluded_frames_are_stepped_over(void **state)
{
    struct topic *t = *state;
    struct topic_sub one, two;

    topic_attach(t, &one, 1, 0, TOPIC_PLAIN);
    topic_attach(t, &two, 2, 0, TOPIC_PLAIN);
    append(t, "A", 1);
    append(t, "B", 0);
    append(t, "C", 2);
    append(t, "D", 1);
    append(t, "E", 0);
    append(t, "F", 1);
    assert_takes(&one, 100, "BCE");
    assert_takes(&two, 100, "ABDEF");
    append(t, "only two", 1);
    assert_takes(&one, 100, ""); /* it moves on all the same */
    assert_false(topic_sub_is_behind(&one));
    assert_takes(&two, 100, "only two");
    topic_detach(&one);
    topic_detach(&two);
}

static void test_classes(void **state)
{
    struct topic *t = *state;
    struct topic_sub plain, deflated;

    topic_attach(t, &plain, 1, 0, TOPIC_PLAIN);
    assert_true(topic_wants(t, TOPIC_PLAIN));
    assert_false(topic_wants(t, TOPIC_DEFLATED));
    append(t, "early", 0);
    topic_attach(t, &deflated, 2, 0, TOPIC_DEFLATED);
    assert_true(topic_wants(t, TOPIC_DEFLATED));
    assert_int_equal(append_to(t, "large", "L", 0), 0);
    assert_takes(&plain, 100, "earlylarge");
    assert_takes(&deflated, 100, "L");
    topic_detach(&deflated);
    assert_false(topic_wants(t, TOPIC_DEFLATED));
    append(t, "x", 0);
    assert_takes(&plain, 100, "x");
    topic_detach(&plain);
}

static void test_seq(void **state)
{
    struct topic *t = *state;

    assert_int_equal(topic_check_seq(t, 9), SEQ_REPEAT);
    assert_int_equal(topic_check_seq(t, 10), SEQ_REPEAT);
    assert_int_equal(topic_check_seq(t, 11), SEQ_NEXT);
    assert_int_equal(topic_check_seq(t, 12), SEQ_HOLE);
    topic_set_seq(t, 11);
    assert_int_equal(topic_check_seq(t, 11), SEQ_REPEAT);
    assert_int_equal(topic_seq(t), 11);
}

/* Fast readers go on at full pace while one takes nothing; then it takes little; nobody misses or
 * repeats a byte, and the log keeps only what the slow one lacks. */
static void test_a_slow_reader_never_breaks_the_others(void **state)
{
    struct topic *t = *state;
    struct topic_sub fast[3], slow;
    char expected_slow[8000] = "";
    char got_slow[8000] = "";

    for (int i = 0; i < 3; i++) {
        topic_attach(t, &fast[i], i + 1, 0, TOPIC_PLAIN);
    }
    topic_attach(t, &slow, 9, 0, TOPIC_PLAIN);
    topic_set_stuck(&slow, true, 0);
    for (int n = 0; n < 1000; n++) {
        char text[16];
        snprintf(text, sizeof(text), "<%d>", n);
        append(t, text, 0);
        strcat(expected_slow, text);
        for (struct topic_sub *sub = topic_first_ready(t); sub; sub = sub->next) {
            assert_ptr_not_equal(sub, &slow); /* a flush does not touch it */
            assert_takes(sub, 100, text);
        }
        topic_trim(t);
    }
    while (topic_sub_is_behind(&slow)) {
        struct bytes span;
        uint64_t next;
        assert_int_equal(topic_sub_span(&slow, 50, &scratch, &span, &next), 0);
        assert_true(span.len <= 50);
        strncat(got_slow, span.ptr, span.len);
        topic_sub_advance(&slow, next, 0);
        topic_trim(t);
    }
    assert_string_equal(got_slow, expected_slow);
    topic_set_stuck(&slow, false, 0);
    append(t, "end", 0);
    for (struct topic_sub *sub = topic_first_ready(t); sub; sub = sub->next) {
        assert_takes(sub, 100, "end");
    }
    for (int i = 0; i < 3; i++) {
        topic_detach(&fast[i]);
    }
    topic_detach(&slow);
}

static void test_lag_limits(void **state)
{
    static const struct topic_limits limits = {.frames = 3, .expiry_s = 10, .bytes = 20};
    struct topic *t = *state;
    struct topic_sub sub;

    topic_attach(t, &sub, 1, 0, TOPIC_PLAIN);
    append(t, "1", 0);
    append(t, "2", 0);
    append(t, "3", 0);
    append(t, "4", 0);
    assert_int_equal(topic_sub_lag(&sub, &limits, 0), LAG_NONE); /* ready is never late */
    topic_set_stuck(&sub, true, 5000);
    assert_true(topic_may_lag(t, &limits));
    assert_int_equal(topic_sub_lag(&sub, &limits, 5000), LAG_FRAMES);
    assert_takes(&sub, 1, "1");
    assert_int_equal(topic_sub_lag(&sub, &limits, 0), LAG_NONE); /* 3 waiting: just not over */
    assert_takes(&sub, 100, "234");
    topic_trim(t);
    assert_false(topic_may_lag(t, &limits));
    append(t, "12345678901234567890", 0);
    assert_false(topic_may_lag(t, &limits));
    assert_int_equal(topic_sub_lag(&sub, &limits, 0), LAG_NONE);
    append(t, "x", 0);
    assert_true(topic_may_lag(t, &limits));
    assert_int_equal(topic_sub_lag(&sub, &limits, 0), LAG_BYTES);
    topic_detach(&sub);
}

static void test_lag_by_time(void **state)
{
    static const struct topic_limits limits = {.frames = 100, .expiry_s = 10, .bytes = 1000};
    struct topic *t = *state;
    struct topic_sub sub;

    topic_attach(t, &sub, 1, 0, TOPIC_PLAIN);
    append(t, "x", 0);
    topic_set_stuck(&sub, true, 5000);
    assert_int_equal(topic_sub_lag(&sub, &limits, 15999), LAG_NONE);
    assert_int_equal(topic_sub_lag(&sub, &limits, 16000), LAG_TIME);
    topic_sub_advance(&sub, sub.next_no, 15000); /* it took something */
    assert_int_equal(topic_sub_lag(&sub, &limits, 25999), LAG_NONE);
    topic_set_stuck(&sub, false, 30000);
    assert_int_equal(topic_sub_lag(&sub, &limits, 99000), LAG_NONE);
    topic_detach(&sub);
}

static void test_a_full_log_refuses_whole_frames(void **state)
{
    struct topic *t = topic_new(BYTES_LIT("t"), 0, 10);
    struct topic_sub plain, deflated;

    (void)state;
    topic_attach(t, &plain, 1, 0, TOPIC_PLAIN);
    topic_attach(t, &deflated, 2, 0, TOPIC_DEFLATED);
    assert_int_equal(append_to(t, "12345", "1234", 0), 0);
    assert_int_equal(append_to(t, "12", "1234567", 0), ERR_FULL);
    assert_int_equal(append_to(t, "abcde", "abcdef", 0), 0);
    assert_takes(&plain, 100, "12345abcde");
    assert_takes(&deflated, 100, "1234abcdef");
    topic_trim(t);
    assert_int_equal(append_to(t, "1234567890", "x", 0), 0); /* the room is there again */
    assert_takes(&plain, 100, "1234567890");
    topic_detach(&plain);
    topic_detach(&deflated);
    topic_free(t);
}

static void test_no_memory(void **state)
{
    struct topic *t = *state;
    struct topic_sub sub;

    topic_attach(t, &sub, 1, 0, TOPIC_PLAIN);
    append(t, "a", 0);
    for (size_t nth = 1; nth <= 2; nth++) {
        topic_rest(t);
        mem_fail_after(nth);
        for (int i = 0; i < 20; i++) {
            int err = append_to(t, "0123456789012345678901234567890123456789", "", 0);
            assert_true(err == 0 || err == ERR_NOMEM);
        }
        mem_fail_after(0);
    }
    append(t, "z", 0);
    while (topic_sub_is_behind(&sub)) {
        struct bytes span;
        uint64_t next;
        assert_int_equal(topic_sub_span(&sub, 40, &scratch, &span, &next), 0);
        assert_true(span.len == 1 || span.len == 40);
        topic_sub_advance(&sub, next, 0);
    }
    topic_detach(&sub);
}

static void test_rest_gives_memory_back_and_the_log_goes_on(void **state)
{
    struct topic *t = *state;
    struct topic_sub sub;

    topic_attach(t, &sub, 1, 0, TOPIC_PLAIN);
    append(t, "a", 0);
    assert_takes(&sub, 10, "a");
    topic_rest(t); /* used since the last call */
    topic_rest(t);
    append(t, "b", 0);
    assert_takes(&sub, 10, "b");
    topic_detach(&sub);
}

static void test_table_and_news(void **state)
{
    struct topic_table table = {NULL};
    struct topic_news news = {NULL};
    struct topic *a, *b;
    bool is_new;

    (void)state;
    assert_null(topic_find(&table, BYTES_LIT("a")));
    a = topic_get(&table, BYTES_LIT("a"), LOG_MAX, &is_new);
    assert_true(is_new);
    b = topic_get(&table, BYTES_LIT("b"), LOG_MAX, &is_new);
    assert_ptr_equal(topic_get(&table, BYTES_LIT("a"), LOG_MAX, &is_new), a);
    assert_false(is_new);
    assert_true(bytes_eq_str(topic_name(b), "b"));
    topic_news_add(&news, a);
    topic_news_add(&news, b);
    topic_news_add(&news, a);
    assert_true(topic_has_news(a));
    topic_news_remove(&news, b);
    topic_drop(&table, b);
    assert_null(topic_find(&table, BYTES_LIT("b")));
    assert_ptr_equal(topic_news_take(&news), a);
    assert_null(topic_news_take(&news));
    assert_ptr_equal(topic_first(&table), a);
    assert_null(topic_after(a));
    topic_table_done(&table);
    for (size_t nth = 1; nth <= 3; nth++) {
        mem_fail_after(nth);
        a = topic_get(&table, BYTES_LIT("a"), LOG_MAX, &is_new);
        mem_fail_after(0);
        assert_ptr_equal(topic_find(&table, BYTES_LIT("a")), a);
        topic_table_done(&table);
    }
}

/* --- passing states, single connections, held subscribers --------------------------------- */

static void append_passing(struct topic *t, const char *plain, int64_t passing)
{
    const struct topic_frame frame = {.bytes = {[TOPIC_PLAIN] = bytes_str(plain)},
                                      .passing = passing};

    assert_int_equal(topic_append(t, &frame), 0);
}

static void test_a_laggard_skips_what_is_out_of_date(void **state)
{
    struct topic *t = *state;
    struct topic_sub fast, slow;

    topic_attach(t, &fast, 1, 11, TOPIC_PLAIN);
    topic_attach(t, &slow, 2, 12, TOPIC_PLAIN);
    topic_set_stuck(&slow, true, 0);
    append_passing(t, "on5 ", PASSING_TYPING(5));
    append_passing(t, "on6 ", PASSING_TYPING(6));
    append(t, "text ", 0);
    append_passing(t, "off5 ", PASSING_TYPING(5));
    append_passing(t, "joined5 ", PASSING_PRESENCE(5));
    assert_takes(&fast, 100, "on5 on6 text off5 joined5 ");
    assert_takes(&slow, 100, "on6 text off5 joined5 ");
    /* Also when nothing in between is for it. */
    append_passing(t, "on5 ", PASSING_TYPING(5));
    append_passing(t, "off5 ", PASSING_TYPING(5));
    assert_takes(&slow, 4, "");
    assert_takes(&slow, 100, "off5 ");
    topic_detach(&fast);
    topic_detach(&slow);
}

static void test_passing_states_do_not_count_as_frames(void **state)
{
    const struct topic_limits limits = {.frames = 2, .bytes = LOG_MAX, .expiry_s = 10};
    struct topic *t = *state;
    struct topic_sub slow;

    topic_attach(t, &slow, 2, 12, TOPIC_PLAIN);
    topic_set_stuck(&slow, true, 0);
    for (int i = 0; i < 1000; i++) {
        append_passing(t, "x", PASSING_TYPING(i % 300 + 1));
    }
    append(t, "one", 0);
    append(t, "two", 0);
    assert_int_equal(topic_sub_lag(&slow, &limits, 0), LAG_NONE);
    append(t, "three", 0);
    assert_int_equal(topic_sub_lag(&slow, &limits, 0), LAG_FRAMES);
    topic_detach(&slow);
}

static void test_a_frame_may_exclude_one_connection(void **state)
{
    const struct topic_frame frame = {.bytes = {[TOPIC_PLAIN] = BYTES_LIT("mine")},
                                      .exclude_conn = 11};
    struct topic *t = *state;
    struct topic_sub sender, other;

    topic_attach(t, &sender, 1, 11, TOPIC_PLAIN);
    topic_attach(t, &other, 1, 12, TOPIC_PLAIN);
    append(t, "a", 0);
    assert_int_equal(topic_append(t, &frame), 0);
    append(t, "b", 0);
    assert_takes(&sender, 100, "ab");
    assert_takes(&other, 100, "amineb");
    topic_detach(&sender);
    topic_detach(&other);
}

static void test_a_held_subscriber_stays_stuck(void **state)
{
    struct topic *t = *state;
    struct topic_sub sub;

    topic_attach(t, &sub, 1, 11, TOPIC_PLAIN);
    sub.is_held = true;
    topic_set_stuck(&sub, false, 0);
    assert_ptr_equal(topic_first_stuck(t), &sub);
    sub.is_held = false;
    topic_set_stuck(&sub, false, 0);
    assert_ptr_equal(topic_first_ready(t), &sub);
    topic_detach(&sub);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_subscriber_starts_at_the_end),
        TEST(test_spans_point_into_the_log),
        TEST(test_max_bytes_gives_whole_frames),
        TEST(test_excluded_frames_are_stepped_over),
        TEST(test_classes),
        TEST(test_seq),
        TEST(test_a_slow_reader_never_breaks_the_others),
        TEST(test_lag_limits),
        TEST(test_lag_by_time),
        TEST(test_a_full_log_refuses_whole_frames),
        TEST(test_no_memory),
        TEST(test_rest_gives_memory_back_and_the_log_goes_on),
        TEST(test_a_laggard_skips_what_is_out_of_date),
        TEST(test_passing_states_do_not_count_as_frames),
        TEST(test_a_frame_may_exclude_one_connection),
        TEST(test_a_held_subscriber_stays_stuck),
        TEST(test_table_and_news),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
