/* SPDX-License-Identifier: MIT */
/* Server frame headers: each length form at its limits, and the flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/ws_frame.h"

static void test_header_forms(void **state)
{
    static const struct {
        size_t len;
        bool is_deflated;
        size_t size;
        const char *bytes;
    } rows[] = {
        {0, false, 2, "\x81\x00"},
        {1, true, 2, "\xc1\x01"},
        {125, false, 2, "\x81\x7d"},
        {126, false, 4, "\x81\x7e\x00\x7e"},
        {65535, true, 4, "\xc1\x7e\xff\xff"},
        {65536, false, 10, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
        {(size_t)1 << 40, false, 10, "\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[WS_FRAME_HEADER_MAX];

        assert_int_equal(ws_text_header(rows[i].len, rows[i].is_deflated, out), rows[i].size);
        assert_memory_equal(out, rows[i].bytes, rows[i].size);
    }
}

static void test_frame_is_appended_whole_or_not(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 14);
    assert_int_equal(ws_text_frame(BYTES_LIT("abcd"), false, &b), 0);
    assert_true(bytes_eq(buf_bytes(&b), BYTES_LIT("\x81\x04"
                                                  "abcd")));
    assert_int_equal(ws_text_frame(BYTES_LIT("abcdefghi"), false, &b), ERR_FULL);
    assert_int_equal(b.len, 6);
    buf_done(&b);
}

static void test_frame_without_memory(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    (void)mem_fail_after(1);
    assert_int_equal(ws_text_frame(BYTES_LIT("x"), true, &b), ERR_NOMEM);
    (void)mem_fail_after(0);
    assert_int_equal(ws_text_frame(BYTES_LIT(""), true, &b), 0);
    assert_true(bytes_eq(buf_bytes(&b), bytes_of("\xc1\x00", 2)));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_forms),
        cmocka_unit_test(test_frame_is_appended_whole_or_not),
        cmocka_unit_test(test_frame_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
