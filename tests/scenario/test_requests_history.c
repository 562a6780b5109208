/* SPDX-License-Identifier: MIT */
/* Pages of history out of the database (the log is empty here): cut by size and number, the end,
 * and what fails. */
#include "requests_bench.h"

#include <stdlib.h>

#include "proto/limits.h"

#define TOPIC "chat:1"
#define ROWS 250u

static struct content_row rows[ROWS];
static char long_text[20000];

static void fill(size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct content_row){.kind = CONTENT_MESSAGE,
                                       .id = (int64_t)i + 1000,
                                       .channel_id = 1,
                                       .author_id = 1,
                                       .content = bytes_str(text),
                                       .seq = i + 1};
    }
    fake_store.content = rows;
    fake_store.content_count = count;
}

static const struct down_history *ask(const char *topic, uint64_t after, uint64_t until)
{
    static uint64_t conn = 500;
    const struct up_envelope env = {
        .kind = UP_HISTORY,
        .conn = ++conn,
        .history = {.topic = bytes_str(topic), .after = after, .until = until}};
    const struct down_item *item;

    requests_start(bench.requests, bytes_str(GATEWAY), &env);
    item = bench_answer(conn);
    assert_int_equal(item->kind, DOWN_HISTORY);
    assert_true(bytes_eq_str(item->history.topic, topic));
    assert_int_equal(item->history.after, after);
    return &item->history;
}

static size_t lines_of(struct bytes frames)
{
    size_t n = 0;

    for (size_t i = 0; i < frames.len; i++) {
        n += frames.ptr[i] == '\n';
    }
    return n;
}

static void all_that_is_wanted(void **state)
{
    const struct down_history *page;

    (void)state;
    fill(50, "hi");
    page = ask(TOPIC, 10, 40);
    assert_int_equal(page->until, 40);
    assert_int_equal(lines_of(page->frames), 30);
    assert_non_null(memmem(page->frames.ptr, 200, "\"seq\":11", 8));
    assert_int_equal(fake_store.contents, 1);
}

static void in_pages_of_a_number(void **state)
{
    const struct down_history *page;

    (void)state;
    fill(ROWS, "hi");
    page = ask(TOPIC, 0, ROWS);
    assert_int_equal(page->until, 200);
    assert_int_equal(lines_of(page->frames), 200);
    page = ask(TOPIC, 200, ROWS);
    assert_int_equal(page->until, ROWS);
    assert_int_equal(lines_of(page->frames), 50);
}

static void in_pages_of_a_size(void **state)
{
    const struct down_history *page;

    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    fill(50, long_text);
    page = ask(TOPIC, 0, 50);
    assert_int_equal(page->until, 6);
    assert_int_equal(lines_of(page->frames), 6);
}

/* A row as long as a channel may have one is a page of its own; what no delivery could ever have
 * carried is nobody's page, and keeps nobody from what came after it. */
static void however_long_a_row_is(void **state)
{
    size_t longest = CONTENT_FRAME_MAX_BYTES - 200, too_long = ENVELOPE_MAX_BYTES;
    char *text = malloc(too_long);
    const struct down_history *page;

    (void)state;
    assert_non_null(text);
    memset(text, '1', too_long);
    fill(4, "hi");
    rows[1].kind = rows[2].kind = CONTENT_BATCH;
    rows[1].content = bytes_of(text, longest);
    rows[2].content = bytes_of(text, too_long);
    assert_int_equal(ask(TOPIC, 0, 4)->until, 1);
    page = ask(TOPIC, 1, 4);
    assert_int_equal(page->until, 2);
    assert_int_equal(lines_of(page->frames), 1);
    assert_true(page->frames.len > longest);
    page = ask(TOPIC, 2, 4);
    assert_int_equal(page->until, 3);
    assert_int_equal(page->frames.len, 0);
    assert_int_equal(lines_of(ask(TOPIC, 3, 4)->frames), 1);
    free(text);
}

/* Numbers without rows must not make anybody ask for ever. */
static void rows_that_are_missing_end_the_page(void **state)
{
    const struct down_history *page;

    (void)state;
    fill(5, "hi");
    page = ask(TOPIC, 3, 90);
    assert_int_equal(page->until, 90);
    assert_int_equal(lines_of(page->frames), 2);
    page = ask(TOPIC, 60, 90);
    assert_int_equal(page->until, 90);
    assert_int_equal(page->frames.len, 0);
}

static void what_cannot_be_had_goes_no_further(void **state)
{
    static const struct {
        const char *topic;
        uint64_t after, until;
    } cases[] = {{TOPIC, 5, 5}, {TOPIC, 6, 5}, {"chat:", 0, 5}, {"room:1", 0, 5}, {"", 0, 5}};

    (void)state;
    fill(50, "hi");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct down_history *page = ask(cases[i].topic, cases[i].after, cases[i].until);
        assert_int_equal(page->until, cases[i].after);
        assert_int_equal(page->frames.len, 0);
    }
    fake_store.fault = (struct fake_fault){.nth = FAKE_ALWAYS, .err = ERR_UNAVAILABLE};
    assert_int_equal(ask(TOPIC, 3, 40)->until, 3);
    fake_store.fault.at_submit = true;
    assert_int_equal(ask(TOPIC, 3, 40)->until, 3);
}

static void without_redis_the_database_answers(void **state)
{
    (void)state;
    fill(50, "hi");
    fake_redis_fault = (struct fake_fault){.nth = FAKE_ALWAYS, .err = ERR_UNAVAILABLE};
    assert_int_equal(ask(TOPIC, 10, 40)->until, 40);
    fake_redis_fault = (struct fake_fault){.nth = 0};
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_that_is_wanted),
        TEST(in_pages_of_a_number),
        TEST(in_pages_of_a_size),
        TEST(however_long_a_row_is),
        TEST(rows_that_are_missing_end_the_page),
        TEST(what_cannot_be_had_goes_no_further),
        TEST(without_redis_the_database_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
