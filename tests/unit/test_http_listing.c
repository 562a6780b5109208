/* SPDX-License-Identifier: MIT */
/* Tests of the answers that list something: shapes, order, where a page ends and the next begins,
 * and the bound of an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/http_listing.h"
#include "common/mem.h"

#define NOON 1704110400000u /* 2024-01-01T12:00:00.000Z */
#define ROWS_MAX (PAGE_LIMIT_MAX + 1)

static struct listed_message rows[ROWS_MAX];

/* Rows with the ids first, first + step, … */
static struct message_page page_of(int64_t first, int64_t step, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct listed_message){.message = {.id = first + step * (int64_t)i,
                                                      .channel_id = 7,
                                                      .author_id = 2,
                                                      .author_username = BYTES_LIT("bob"),
                                                      .content = BYTES_LIT("hi"),
                                                      .timestamp_ms = NOON}};
    }
    return (struct message_page){.may_enter = true, .last_seq = 99, .rows = rows, .count = count};
}

static json_t *read_page(const struct page_listing *listing)
{
    struct buf out;
    json_t *page;

    buf_init(&out, HTTP_REPLY_MAX_BYTES);
    assert_int_equal(http_page(listing, &out), 0);
    assert_true(out.len < HTTP_REPLY_MAX_BYTES);
    page = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(page);
    assert_int_equal(json_object_size(page), 5);
    buf_done(&out);
    return page;
}

static int64_t id_at(const json_t *page, size_t i)
{
    const json_t *results = json_object_get(page, "results");

    return json_integer_value(json_object_get(json_array_get(results, i), "id"));
}

static size_t result_count(const json_t *page)
{
    return json_array_size(json_object_get(page, "results"));
}

static void assert_next(const json_t *page, const char *wanted)
{
    const char *next = json_string_value(json_object_get(page, "next"));

    if ((next != NULL) != (wanted != NULL) || (next && strcmp(next, wanted) != 0)) {
        fail_msg("next is %s, not %s", next ? next : "null", wanted ? wanted : "null");
    }
}

static void test_a_page_as_text(void **state)
{
    struct message_page page = page_of(9, -4, 3);
    struct page_listing l = {.page = &page, .route = "messages", .channel_id = 7, .limit = 2};
    struct buf out;

    (void)state;
    rows[0].edited_at_ms = NOON + 1;
    rows[1].message.content = BYTES_NONE;
    rows[1].message.reply_to = 4;
    rows[1].edited_at_ms = NOON + 2;
    rows[1].deleted_at_ms = NOON + 3;
    buf_init(&out, 4096);
    assert_int_equal(http_page(&l, &out), 0);
    assert_int_equal(buf_append_char(&out, '\0'), 0);
    assert_string_equal(
        out.data,
        "{\"results\":[{\"id\":9,\"content\":\"hi\",\"author\":{\"id\":2,\"username\":\"bob\","
        "\"avatar\":\"\"},\"timestamp\":\"2024-01-01T12:00:00.000Z\",\"channel_id\":7,"
        "\"reply_to\":null,\"attachments\":[]},"
        "{\"id\":5,\"content\":\"\",\"author\":{\"id\":2,\"username\":\"bob\",\"avatar\":\"\"},"
        "\"timestamp\":\"2024-01-01T12:00:00.000Z\",\"channel_id\":7,\"reply_to\":4,"
        "\"attachments\":[]}],\"next\":\"/api/channels/7/messages/?before=5&limit=2\",\"seq\":99,"
        "\"edited\":{\"9\":\"2024-01-01T12:00:00.001Z\",\"5\":\"2024-01-01T12:00:00.002Z\"},"
        "\"deleted\":{\"5\":\"2024-01-01T12:00:00.003Z\"}}");
    buf_done(&out);
}

static void test_ends(void **state)
{
    static const struct {
        size_t rows;
        uint32_t limit;
        int64_t scan_end, before;
        bool is_forward;
        const char *words;
        size_t shown;
        int64_t first_id;
        const char *next;
    } cases[] = {
        {0, 5, 0, 0, false, NULL, 0, 0, NULL},
        {5, 5, 0, 0, false, NULL, 5, 100, NULL},
        {6, 5, 0, 0, false, NULL, 5, 100, "/api/channels/7/messages/?before=96&limit=5"},
        {6, 5, 0, 200, false, NULL, 5, 100, "/api/channels/7/messages/?before=96&limit=5"},
        {5, 5, 0, 0, true, NULL, 5, 104, NULL},
        {6, 5, 0, 0, true, NULL, 5, 104, "/api/channels/7/messages/?after=104&limit=5"},
        {6, 5, 0, 200, true, NULL, 5, 104,
         "/api/channels/7/messages/?after=104&before=200&limit=5"},
        {201, 200, 0, 0, false, NULL, 200, 100, "/api/channels/7/messages/?before=-99&limit=200"},
        {0, 5, 31, 0, false, "x y", 0, 0, "/api/channels/7/search/?q=x+y&before=31&limit=5"},
        {5, 5, 31, 0, false, "\xC3\xBC&", 5, 100,
         "/api/channels/7/search/?q=%C3%BC%26&before=31&limit=5"},
        {5, 5, 0, 0, false, "x", 5, 100, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message_page page = page_of(100, cases[i].is_forward ? 1 : -1, cases[i].rows);
        struct page_listing l = {.page = &page,
                                 .route = cases[i].words ? "search" : "messages",
                                 .channel_id = 7,
                                 .before = cases[i].before,
                                 .is_forward = cases[i].is_forward,
                                 .words = bytes_str(cases[i].words),
                                 .limit = cases[i].limit};
        json_t *read;

        page.scan_end = cases[i].scan_end;
        read = read_page(&l);
        assert_int_equal(result_count(read), cases[i].shown);
        assert_int_equal(id_at(read, 0), cases[i].first_id);
        assert_next(read, cases[i].next);
        json_decref(read);
    }
}

static char *long_text(char c, size_t len)
{
    char *text = malloc(len);

    assert_non_null(text);
    memset(text, c, len);
    return text;
}

/* A hundred messages of 40 KB do not fit: the page ends earlier and the next one goes on. */
static void test_page_that_is_too_long(void **state)
{
    const size_t len = 40000;
    char *text = long_text('x', len), next[80];

    (void)state;
    for (int is_forward = 0; is_forward < 2; is_forward++) {
        struct message_page page = page_of(1000, is_forward ? 1 : -1, 100);
        struct page_listing l = {.page = &page,
                                 .route = "messages",
                                 .channel_id = 7,
                                 .is_forward = is_forward,
                                 .limit = 100};
        json_t *read;
        size_t shown;
        int64_t last;

        for (size_t i = 0; i < 100; i++) {
            rows[i].message.content = bytes_of(text, len);
            rows[i].deleted_at_ms = NOON;
        }
        read = read_page(&l);
        shown = result_count(read);
        assert_in_range(shown, 24, 26);
        last = is_forward ? 1000 + (int64_t)shown - 1 : 1000 - (int64_t)shown + 1;
        assert_int_equal(id_at(read, is_forward ? 0 : shown - 1), last);
        assert_int_equal(json_object_size(json_object_get(read, "deleted")), shown);
        snprintf(next, sizeof(next), "/api/channels/7/messages/?%s=%d&limit=100",
                 is_forward ? "after" : "before", (int)last);
        assert_next(read, next);
        json_decref(read);
    }
    free(text);
}

/* Even alone too long: the beginning of its text, not an endless walk on the spot. */
static void test_message_that_is_too_long(void **state)
{
    const size_t len = 2 * HTTP_REPLY_MAX_BYTES;
    struct message_page page = page_of(10, -1, 3);
    struct page_listing l = {.page = &page, .route = "messages", .channel_id = 7, .limit = 3};
    char *text = long_text('\x01', len); /* each becomes six bytes */
    json_t *read;

    (void)state;
    rows[0].message.content = bytes_of(text, len);
    read = read_page(&l);
    assert_int_equal(id_at(read, 0), 10);
    assert_in_range(result_count(read), 1, 3);
    json_decref(read);
    for (size_t i = 0; i + 3 <= len; i += 3) {
        memcpy(text + i, "\xE2\x82\xAC", 3);
    }
    read = read_page(&l); /* JSON_REJECT: the cut is between two characters */
    assert_int_equal(id_at(read, 0), 10);
    json_decref(read);
    free(text);
}

/* The fullest page there can be: every time, the longest words, everything escaped. */
static void test_fullest_page(void **state)
{
    struct message_page page = page_of(9007199254740991, -1, ROWS_MAX);
    struct page_listing l = {
        .page = &page, .route = "search", .channel_id = 9007199254740991, .limit = PAGE_LIMIT_MAX};
    char words[4 * SEARCH_MAX_CHARS], *text;
    json_t *read;

    (void)state;
    memset(words, '\xF0', sizeof(words));
    l.words = bytes_of(words, sizeof(words));
    text = long_text('\x01', 900);
    for (size_t i = 0; i < ROWS_MAX; i++) {
        rows[i].edited_at_ms = rows[i].deleted_at_ms = NOON;
        rows[i].message.content = bytes_of(text, 850);
    }
    read = read_page(&l);
    assert_in_range(result_count(read), 150, PAGE_LIMIT_MAX);
    assert_non_null(json_string_value(json_object_get(read, "next")));
    json_decref(read);
    free(text);
}

static void test_channels_that_do_not_fit(void **state)
{
    const size_t len = 40000;
    struct listed_channel channels[100];
    char *text = long_text('x', len);
    struct buf out;
    json_t *read;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        channels[i] = (struct listed_channel){
            .id = (int64_t)i + 1, .has_message = true, .last_message.content = bytes_of(text, len)};
    }
    buf_init(&out, 4 * HTTP_REPLY_MAX_BYTES);
    assert_int_equal(http_channels(channels, 100, &out), 0);
    assert_true(out.len < HTTP_REPLY_MAX_BYTES);
    read = json_loadb(out.data, out.len, 0, NULL);
    assert_in_range(json_array_size(read), 25, 26);
    json_decref(read);
    buf_done(&out);
    buf_init(&out, 100000); /* whatever the bound of the buffer */
    assert_int_equal(http_channels(channels, 100, &out), 0);
    read = json_loadb(out.data, out.len, 0, NULL);
    assert_int_equal(json_array_size(read), 2);
    json_decref(read);
    buf_done(&out);
    free(text);
}

static void test_whole_or_not_at_all(void **state)
{
    const struct profile_row profile = {.id = 1, .email = BYTES_LIT("somebody@example.org")};
    const struct listed_channel channel = {.id = 1, .kind = BYTES_LIT("group")};
    struct message_page page = page_of(10, -1, 3);
    struct page_listing l = {.page = &page, .route = "messages", .channel_id = 7, .limit = 3};
    struct buf out;

    (void)state;
    buf_init(&out, 40);
    assert_int_equal(buf_append_char(&out, '!'), 0);
    assert_int_equal(http_profile(&profile, &out), ERR_FULL);
    assert_int_equal(http_channel(&channel, &out), ERR_FULL);
    assert_int_equal(http_page(&l, &out), ERR_FULL);
    mem_fail_after(1);
    assert_int_equal(http_page(&l, &out), ERR_NOMEM);
    mem_fail_after(0);
    assert_int_equal(out.len, 1);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_as_text),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_page_that_is_too_long),
        cmocka_unit_test(test_message_that_is_too_long),
        cmocka_unit_test(test_fullest_page),
        cmocka_unit_test(test_channels_that_do_not_fit),
        cmocka_unit_test(test_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
