/* SPDX-License-Identifier: MIT */
/* permessage-deflate: the offers that are taken and declined, round trips, limits to the byte, and
 * damaged input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/deflate.h"

#define BIG 100000u

static void test_offers(void **state)
{
    static const struct {
        const char *header;
        int bits; /* -1 = declined */
    } rows[] = {
        {"permessage-deflate", 0},
        {" \tpermessage-deflate\t ", 0},
        {",, permessage-deflate ,,", 0},
        {"permessage-deflate; client_max_window_bits", 0},
        {"permessage-deflate;client_max_window_bits=8", 0},
        {"permessage-deflate; client_max_window_bits=15", 0},
        {"permessage-deflate; client_max_window_bits=\"10\"", 0},
        {"permessage-deflate; client_max_window_bits=\"1\\0\"", 0},
        {"permessage-deflate; client_max_window_bits=7", -1},
        {"permessage-deflate; client_max_window_bits=16", -1},
        {"permessage-deflate; client_max_window_bits=", -1},
        {"permessage-deflate; client_max_window_bits=\"\"", -1},
        {"permessage-deflate; client_max_window_bits=\"10", -1},
        {"permessage-deflate; client_max_window_bits=1x", -1},
        {"permessage-deflate; client_max_window_bits=100000000015", -1},
        {"permessage-deflate; server_max_window_bits=9", 9},
        {"permessage-deflate; server_max_window_bits=15", 15},
        {"permessage-deflate; server_max_window_bits = 12 ; client_max_window_bits = 10", 12},
        {"permessage-deflate; server_max_window_bits", -1},
        {"permessage-deflate; server_max_window_bits=8", -1},
        {"permessage-deflate; server_max_window_bits=09", -1},
        {"permessage-deflate; server_max_window_bits=16", -1},
        {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", 0},
        {"permessage-deflate; server_no_context_takeover=1", -1},
        {"permessage-deflate; client_no_context_takeover=\"\"", -1},
        {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", -1},
        {"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", -1},
        {"permessage-deflate; unknown", -1},
        {"permessage-deflate; unknown=1, permessage-deflate", 0},
        {"x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=11", 11},
        {"foo; a=\"b,c;d\", permessage-deflate", 0},
        {"permessage-deflate; server_max_window_bits=8, permessage-deflate; "
         "server_max_window_bits=10, permessage-deflate",
         10},
        {"Permessage-Deflate", -1}, /* names of extensions are tokens, compared exactly */
        {"permessage-deflate;", -1},
        {"permessage-deflate; ;", -1},
        {"permessage-deflate permessage-deflate", -1},
        {"permessage-deflate, =", -1}, /* broken grammar: nothing was offered */
        {"permessage-deflate/x", -1},
        {"perfect", -1},
        {",", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct deflate_offer offer;

        deflate_choose_offer(bytes_str(rows[i].header), &offer);
        if (offer.is_acceptable != (rows[i].bits >= 0) ||
            (rows[i].bits >= 0 && offer.server_window_bits != rows[i].bits)) {
            fail_msg("'%s': acceptable %d, bits %d", rows[i].header, offer.is_acceptable,
                     offer.server_window_bits);
        }
    }
    {
        struct deflate_offer offer;

        deflate_choose_offer(BYTES_NONE, &offer);
        assert_false(offer.is_acceptable);
        deflate_choose_offer(bytes_of("permessage-deflate\0", 19), &offer);
        assert_false(offer.is_acceptable);
    }
}

static int setup(void **state)
{
    *state = deflate_ctx_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    deflate_ctx_free(*state);
    return 0;
}

/* `len` bytes that deflate somewhat. */
static void fill(char *to, size_t len)
{
    uint32_t x = 1;

    for (size_t i = 0; i < len; i++) {
        x = x * 1103515245u + 12345u;
        to[i] = (char)('a' + (x >> 28));
    }
}

static void test_round_trips(void **state)
{
    static const size_t sizes[] = {300, 1000, 32768, 65536, 65537, BIG};
    static char text[BIG];

    fill(text, sizeof(text));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct bytes in = bytes_of(text, sizes[i]);
        struct buf small, back;

        buf_init(&small, BIG + 6);
        buf_init(&back, BIG + 2);
        assert_int_equal(buf_append(&small, BYTES_LIT("<<")), 0);
        assert_int_equal(buf_append(&back, BYTES_LIT(">>")), 0);
        assert_int_equal(deflate_message(*state, in, &small), 0);
        assert_true(small.len - 2 < in.len);
        assert_int_equal(deflate_inflate(*state, bytes_skip(buf_bytes(&small), 2), BIG, BIG, &back),
                         0);
        assert_true(bytes_eq(bytes_skip(buf_bytes(&back), 2), in));
        buf_done(&small);
        buf_done(&back);
    }
}

static void test_what_does_not_shrink_is_left(void **state)
{
    struct buf out;

    buf_init(&out, 1000);
    assert_int_equal(buf_append_char(&out, 'x'), 0);
    assert_int_equal(deflate_message(*state, BYTES_LIT(""), &out), ERR_FULL);
    assert_int_equal(deflate_message(*state, BYTES_LIT("a"), &out), ERR_FULL);
    assert_int_equal(deflate_message(*state, BYTES_LIT("qwertzuiop"), &out), ERR_FULL);
    assert_true(bytes_eq(buf_bytes(&out), BYTES_LIT("x")));
    /* exactly as long as before is not smaller */
    assert_int_equal(deflate_message(*state, BYTES_LIT("aaaaaaaaaaaaaaaaaaaa"), &out), 0);
    assert_true(out.len - 1 < 20);
    buf_done(&out);
}

/* The examples of RFC 7692 §7.2.3. */
static void test_rfc_examples(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } rows[] = {
        {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"},
        {"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello"},         /* stored */
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"},                      /* BFINAL */
        {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello"}, /* two blocks */
        {"\x00", 1, ""},
        {"", 0, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;

        buf_init(&out, 100);
        assert_int_equal(
            deflate_inflate(*state, bytes_of(rows[i].bytes, rows[i].len), 100, 100, &out), 0);
        assert_true(bytes_eq_str(buf_bytes(&out), rows[i].text));
        buf_done(&out);
    }
}

static void test_damaged_input(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"\xf2\x48\xcd\xc9", 4},                          /* cut */
        {"\x07", 1},                                      /* reserved block type */
        {"\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f", 10}, /* length check of a stored block */
        {"\x00\x05\x00\xfa\xff\x48\x65", 7},              /* stored block cut */
        {"\xff\xff\xff\xff", 4},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;

        buf_init(&out, 1000);
        assert_int_equal(buf_append_char(&out, 'x'), 0);
        assert_int_equal(
            deflate_inflate(*state, bytes_of(rows[i].bytes, rows[i].len), 900, 900, &out),
            ERR_SYNTAX);
        assert_int_equal(out.len, 1);
        buf_done(&out);
    }
}

static void test_limits_to_the_byte(void **state)
{
    static char text[BIG];
    struct buf small, out;

    memset(text, 'z', sizeof(text));
    buf_init(&small, BIG + 4);
    assert_int_equal(deflate_message(*state, bytes_of(text, BIG), &small), 0);
    buf_init(&out, BIG);
    assert_int_equal(deflate_inflate(*state, buf_bytes(&small), BIG, BIG, &out), 0);
    assert_int_equal(out.len, BIG);
    buf_reset(&out);
    assert_int_equal(deflate_inflate(*state, buf_bytes(&small), BIG - 1, BIG, &out), ERR_LIMIT);
    assert_int_equal(out.len, 0);
    assert_int_equal(deflate_inflate(*state, buf_bytes(&small), BIG - 1, BIG - 1, &out), ERR_RANGE);
    assert_int_equal(deflate_inflate(*state, buf_bytes(&small), 10, BIG - 1, &out), ERR_RANGE);
    assert_int_equal(out.len, 0);
    /* the streams are as good as new afterwards */
    assert_int_equal(deflate_inflate(*state, buf_bytes(&small), BIG, BIG, &out), 0);
    assert_true(bytes_eq(buf_bytes(&out), bytes_of(text, BIG)));
    buf_done(&small);
    buf_done(&out);
}

static void test_without_memory(void **state)
{
    struct buf out;

    buf_init(&out, 100);
    (void)mem_fail_after(1);
    assert_int_equal(deflate_inflate(*state, BYTES_LIT("\xf2\x48\xcd\xc9\xc9\x07"), 100, 100, &out),
                     ERR_NOMEM);
    assert_null(deflate_ctx_new());
    (void)mem_fail_after(0);
    for (size_t nth = 1; nth <= 4; nth++) {
        struct deflate_ctx *d;

        (void)mem_fail_after(nth);
        d = deflate_ctx_new();
        (void)mem_fail_after(0);
        deflate_ctx_free(d);
    }
    buf_done(&out);
    deflate_ctx_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offers),
        cmocka_unit_test_setup_teardown(test_round_trips, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_shrink_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rfc_examples, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits_to_the_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
