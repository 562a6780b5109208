/* SPDX-License-Identifier: MIT */
/* Frames gathered into entries of a channel's log, and entries read back: whole, with a gap, cut by
 * a page, or not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "broker/channel_log.h"

struct fixture {
    struct arena *arena;
    struct channel_logs logs;
    struct buf page;
};

static int set_up(void **state)
{
    static struct fixture f;

    f.arena = arena_new(1u << 20);
    channel_logs_init(&f.logs, f.arena);
    buf_init(&f.page, 1u << 20);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    channel_logs_done(&f->logs);
    arena_free(f->arena);
    buf_done(&f->page);
    return 0;
}

static struct channel_log *get(struct fixture *f, int64_t channel)
{
    struct channel_log *log = channel_logs_get(&f->logs, 3, channel, BYTES_LIT("chat:7"));

    assert_non_null(log);
    return log;
}

static void frames_of_a_channel_share_an_entry(void **state)
{
    struct fixture *f = *state;
    struct channel_log *log = get(f, 7);

    assert_int_equal(channel_log_add(&f->logs, log, 5, BYTES_LIT("{5}")), 0);
    assert_int_equal(channel_log_add(&f->logs, log, 6, BYTES_LIT("{6}")), 0);
    assert_int_equal(channel_log_add(&f->logs, get(f, 8), 1, BYTES_LIT("{1}")), 0);
    assert_ptr_equal(get(f, 7), log);
    assert_int_equal(log->pieces->first, 5);
    assert_int_equal(log->pieces->last, 6);
    assert_null(log->pieces->next);
    assert_true(bytes_eq_str(buf_bytes(&log->pieces->lines), "{5}\n{6}\n"));
}

static void a_long_frame_leaves_a_gap(void **state)
{
    struct fixture *f = *state;
    struct channel_log *log = get(f, 7);
    static char large[CHANNEL_LOG_FRAME_BYTES + 1];

    memset(large, 'x', sizeof(large));
    assert_int_equal(channel_log_add(&f->logs, log, 5, bytes_of(large, sizeof(large))), 0);
    assert_null(log->pieces);
    assert_int_equal(channel_log_add(&f->logs, log, 6, bytes_of(large, sizeof(large) - 1)), 0);
    assert_int_equal(channel_log_add(&f->logs, log, 7, bytes_of(large, sizeof(large))), 0);
    assert_int_equal(channel_log_add(&f->logs, log, 8, BYTES_LIT("{8}")), 0);
    assert_int_equal(log->pieces->first, 6);
    assert_int_equal(log->pieces->last, 6);
    assert_int_equal(log->pieces->next->first, 8);
}

static void a_jump_or_a_full_entry_begins_a_new_one(void **state)
{
    struct fixture *f = *state;
    struct channel_log *log = get(f, 7);
    static char large[CHANNEL_LOG_PIECE_BYTES];

    memset(large, 'x', sizeof(large));
    assert_int_equal(channel_log_add(&f->logs, log, 5, BYTES_LIT("{5}")), 0);
    assert_int_equal(channel_log_add(&f->logs, log, 9, BYTES_LIT("{9}")), 0);
    assert_int_equal(channel_log_add(&f->logs, log, 10, bytes_of(large, sizeof(large))), 0);
    assert_int_equal(channel_log_add(&f->logs, log, 11, BYTES_LIT("{11}")), 0);
    assert_int_equal(log->pieces->last, 5);
    assert_int_equal(log->pieces->next->first, 9);
    assert_int_equal(log->pieces->next->last, 9);
    assert_int_equal(log->pieces->next->next->last, 10);
    assert_int_equal(log->pieces->next->next->next->first, 11);
}

static void emptied_it_forgets_what_was_before(void **state)
{
    struct fixture *f = *state;
    struct channel_log *log = get(f, 7);

    assert_int_equal(channel_log_add(&f->logs, log, 5, BYTES_LIT("{secret}")), 0);
    channel_log_empty(log);
    assert_true(log->is_emptied);
    assert_null(log->pieces);
    assert_int_equal(channel_log_add(&f->logs, log, 6, BYTES_LIT("{6}")), 0);
    assert_int_equal(log->pieces->first, 6);
}

static struct channel_log_reader reader(struct fixture *f, uint64_t seq, uint64_t until,
                                        size_t page_bytes)
{
    buf_reset(&f->page);
    return (struct channel_log_reader){
        .seq = seq, .until = until, .page_bytes = page_bytes, .page = &f->page};
}

static void entries_are_read_in_order(void **state)
{
    struct fixture *f = *state;
    struct channel_log_reader r = reader(f, 4, 8, 1000);

    assert_int_equal(channel_log_read(&r, 6, 3, BYTES_LIT("{4}\n{5}\n{6}\n")), 0);
    assert_int_equal(r.seq, 6);
    assert_false(channel_log_is_read(&r));
    assert_int_equal(channel_log_read(&r, 6, 1, BYTES_LIT("{6}\n")), 0); /* a repeat */
    assert_int_equal(channel_log_read(&r, 9, 3, BYTES_LIT("{7}\n{8}\n{9}\n")), 0);
    assert_int_equal(r.seq, 8); /* not further than wanted */
    assert_true(channel_log_is_read(&r));
    assert_true(bytes_eq_str(buf_bytes(&f->page), "{5}\n{6}\n{7}\n{8}\n"));
}

static void a_gap_is_told(void **state)
{
    struct fixture *f = *state;
    struct channel_log_reader r = reader(f, 4, 9, 1000);

    assert_int_equal(channel_log_read(&r, 7, 2, BYTES_LIT("{6}\n{7}\n")), ERR_NOT_FOUND);
    assert_int_equal(r.seq, 4);
    assert_int_equal(f->page.len, 0);
}

static void a_page_is_cut_before_the_frame_that_does_not_fit(void **state)
{
    struct fixture *f = *state;
    struct channel_log_reader r = reader(f, 0, 9, 9);

    assert_int_equal(channel_log_read(&r, 3, 3, BYTES_LIT("{1}\n{2}\n{3}\n")), 0);
    assert_int_equal(r.seq, 2);
    assert_true(r.is_full);
    r = reader(f, 0, 9, 2); /* one frame at least */
    assert_int_equal(channel_log_read(&r, 3, 3, BYTES_LIT("{1}\n{2}\n{3}\n")), 0);
    assert_int_equal(r.seq, 1);
}

static void what_is_no_entry_of_ours_is_refused(void **state)
{
    static const struct {
        uint64_t last, count;
        const char *lines;
    } cases[] = {
        {3, 0, ""},
        {3, 4, "{}\n{}\n{}\n{}\n"},
        {3, 3, "{1}\n{2}\n"},
        {3, 3, ""},
        {3, 3, "{1}\n\n{3}\n"},
        {3, 1, "{3}"},
        {3, UINT64_MAX, "{}\n"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct channel_log_reader r = reader(f, 0, 9, 1000);
        r.seq = cases[i].count == 1 ? 2 : 0;
        assert_int_equal(
            channel_log_read(&r, cases[i].last, cases[i].count, bytes_str(cases[i].lines)),
            ERR_SYNTAX);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_of_a_channel_share_an_entry),
        TEST(a_long_frame_leaves_a_gap),
        TEST(a_jump_or_a_full_entry_begins_a_new_one),
        TEST(emptied_it_forgets_what_was_before),
        TEST(entries_are_read_in_order),
        TEST(a_gap_is_told),
        TEST(a_page_is_cut_before_the_frame_that_does_not_fit),
        TEST(what_is_no_entry_of_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
