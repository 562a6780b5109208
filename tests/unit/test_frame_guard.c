/* SPDX-License-Identifier: MIT */
/* The guard over client frames: legal and illegal headers, pings and pongs taken out, close frames
 * judged, and the same results however the bytes are cut into reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/frame_guard.h"

#define FRAME_MAX 100000u
#define ROOM 4096u

/* Mask 00 00 00 00 leaves payloads readable in the tests; others are tested by themselves. */
#define M "\0\0\0\0"
#define B(s) (s), sizeof(s) - 1

/* Feed `len` bytes in reads of at most `cut`; collects what is passed on in `out`. */
static size_t filter(struct frame_guard *g, const char *bytes, size_t len, size_t cut, char *out)
{
    size_t passed = 0;

    for (size_t at = 0; at < len; at += cut) {
        char room[ROOM];
        size_t n = len - at < cut ? len - at : cut;
        size_t held = frame_guard_held(g);

        assert_true(held < FRAME_HEADER_MAX && held + n <= sizeof(room));
        memcpy(room + held, bytes + at, n);
        n = frame_guard_filter(g, FRAME_MAX, room, n);
        memcpy(out + passed, room, n);
        passed += n;
    }
    return passed;
}

struct row {
    const char *what;
    const char *in;
    size_t in_len;
    const char *out;
    size_t out_len;
    enum close_code fail;
    const char *pongs;
    size_t pongs_len;
    int close_reply; /* -1: no close frame */
};

#define NO_PONG "", 0
#define SAME(s) s, sizeof(s) - 1, s, sizeof(s) - 1

static const struct row rows[] = {
    {"text", SAME("\x81\x85" M "hello"), CLOSE_NONE, NO_PONG, -1},
    {"empty text", SAME("\x81\x80" M), CLOSE_NONE, NO_PONG, -1},
    {"two frames, binary", SAME("\x02\x81" M "a\x80\x81" M "b"), CLOSE_NONE, NO_PONG, -1},
    {"16-bit length",
     SAME("\x81\xfe\x00\x7e" M
          "0123456789012345678901234567890123456789012345678901234567890123456789"
          "01234567890123456789012345678901234567890123456789012345"),
     CLOSE_NONE, NO_PONG, -1},
    {"compressed", SAME("\xc1\x81" M "x"), CLOSE_NONE, NO_PONG, -1},
    {"ping", B("\x89\x82" M "hi"), B(""), CLOSE_NONE, B("\x8a\x02hi"), -1},
    {"empty ping", B("\x89\x80" M), B(""), CLOSE_NONE, B("\x8a\x00"), -1},
    {"masked ping", B("\x89\x83\x01\x02\x03\x04\x60\x60\x60"), B(""), CLOSE_NONE,
     B("\x8a\x03"
       "abc"),
     -1},
    {"three pings", B("\x89\x81" M "1\x89\x81" M "2\x89\x81" M "3"), B(""), CLOSE_NONE,
     B("\x8a\x01"
       "1\x8a\x01"
       "2\x8a\x01"
       "3"),
     -1},
    {"pong", B("\x8a\x82" M "hi"), B(""), CLOSE_NONE, NO_PONG, -1},
    {"ping between fragments", B("\x01\x81" M "a\x89\x81" M "p\x80\x81" M "b"),
     B("\x01\x81" M "a\x80\x81" M "b"), CLOSE_NONE, B("\x8a\x01p"), -1},
    {"close", SAME("\x88\x82" M "\x03\xe8"), CLOSE_NONE, NO_PONG, 1000},
    {"close with reason",
     SAME("\x88\x85" M "\x0f\xa1"
          "bye"),
     CLOSE_NONE, NO_PONG, 4001},
    {"close without code", SAME("\x88\x80" M), CLOSE_NONE, NO_PONG, 0},
    {"close of one byte", SAME("\x88\x81" M "\x03"), CLOSE_NONE, NO_PONG, CLOSE_PROTOCOL_ERROR},
    {"close 999", SAME("\x88\x82" M "\x03\xe7"), CLOSE_NONE, NO_PONG, CLOSE_PROTOCOL_ERROR},
    {"close 1004", SAME("\x88\x82" M "\x03\xec"), CLOSE_NONE, NO_PONG, CLOSE_PROTOCOL_ERROR},
    {"close 1006", SAME("\x88\x82" M "\x03\xee"), CLOSE_NONE, NO_PONG, CLOSE_PROTOCOL_ERROR},
    {"close 1012", SAME("\x88\x82" M "\x03\xf4"), CLOSE_NONE, NO_PONG, 1012},
    {"close 1015", SAME("\x88\x82" M "\x03\xf7"), CLOSE_NONE, NO_PONG, CLOSE_PROTOCOL_ERROR},
    {"close 2999", SAME("\x88\x82" M "\x0b\xb7"), CLOSE_NONE, NO_PONG, CLOSE_PROTOCOL_ERROR},
    {"close 3000", SAME("\x88\x82" M "\x0b\xb8"), CLOSE_NONE, NO_PONG, 3000},
    {"close 5000", SAME("\x88\x82" M "\x13\x88"), CLOSE_NONE, NO_PONG, CLOSE_PROTOCOL_ERROR},
    {"close, bad UTF-8", SAME("\x88\x84" M "\x03\xe8\xc0\x80"), CLOSE_NONE, NO_PONG,
     CLOSE_BAD_DATA},
    {"close, cut UTF-8", SAME("\x88\x83" M "\x03\xe8\xe2"), CLOSE_NONE, NO_PONG, CLOSE_BAD_DATA},
    {"nothing after a close", B("\x88\x82" M "\x03\xe8\x81\x81" M "x"), B("\x88\x82" M "\x03\xe8"),
     CLOSE_NONE, NO_PONG, 1000},

    {"unmasked", B("\x81\x05hello"), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"unmasked ping", B("\x89\x00"), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"good, then unmasked",
     B("\x81\x81" M "a\x81\x01"
       "b"),
     B("\x81\x81" M "a"), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"RSV2", B("\xa1\x81" M "a"), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"RSV3", B("\x91\x81" M "a"), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"RSV1 on a ping", B("\xc9\x80" M), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"RSV1 on a close", B("\xc8\x80" M), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"RSV1 on a continuation", B("\x01\x81" M "a\xc0\x81" M "b"), B("\x01\x81" M "a"),
     CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"opcode 3", B("\x83\x80" M), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"opcode 11", B("\x8b\x80" M), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"continuation of nothing", B("\x80\x81" M "a"), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"text inside a message", B("\x01\x81" M "a\x81\x81" M "b"), B("\x01\x81" M "a"),
     CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"fragmented ping", B("\x09\x80" M), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"long ping", B("\x89\xfe\x00\x7e" M), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"16-bit length too small", B("\x81\xfe\x00\x7d" M), B(""), CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"64-bit length too small", B("\x81\xff\0\0\0\0\0\0\xff\xff" M), B(""), CLOSE_PROTOCOL_ERROR,
     NO_PONG, -1},
    {"64-bit length with its top bit", B("\x81\xff\x80\0\0\0\0\x01\0\0" M), B(""),
     CLOSE_PROTOCOL_ERROR, NO_PONG, -1},
    {"2^40 announced", B("\x81\xff\0\0\x01\0\0\0\0\0" M "x"), B(""), CLOSE_TOO_BIG, NO_PONG, -1},
    {"frame_max + 1 announced", B("\x82\xff\0\0\0\0\0\x01\x86\xa1" M), B(""), CLOSE_TOO_BIG,
     NO_PONG, -1},
};

static void check(const struct row *r, size_t cut)
{
    struct frame_guard g;
    struct bytes pongs;
    char out[ROOM];
    size_t n;

    frame_guard_init(&g, true);
    n = filter(&g, r->in, r->in_len, cut, out);
    pongs = frame_guard_pongs(&g);
    if (n != r->out_len || memcmp(out, r->out, n) != 0 || frame_guard_failure(&g) != r->fail ||
        !bytes_eq(pongs, bytes_of(r->pongs, r->pongs_len)) ||
        frame_guard_has_close(&g) != (r->close_reply >= 0) ||
        (r->close_reply >= 0 && frame_guard_close_reply(&g) != (unsigned)r->close_reply)) {
        fail_msg("%s, cut into %zu: passed %zu, failure %d, pongs %zu, close %u", r->what, cut, n,
                 (int)frame_guard_failure(&g), pongs.len, frame_guard_close_reply(&g));
    }
    frame_guard_pongs_sent(&g);
    assert_int_equal(frame_guard_pongs(&g).len, 0);
    frame_guard_done(&g);
}

static void test_rows_in_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t cut = 1; cut <= rows[i].in_len; cut++) {
            check(&rows[i], cut);
        }
    }
}

static void test_rsv1_needs_negotiation(void **state)
{
    struct frame_guard g;
    char out[ROOM];

    (void)state;
    frame_guard_init(&g, false);
    assert_int_equal(filter(&g, B("\xc1\x81" M "x"), 100, out), 0);
    assert_int_equal(frame_guard_failure(&g), CLOSE_PROTOCOL_ERROR);
    frame_guard_done(&g);
}

static void test_largest_frame_passes(void **state)
{
    struct frame_guard g;
    char out[ROOM];

    (void)state;
    frame_guard_init(&g, false);
    assert_int_equal(filter(&g, B("\x82\xff\0\0\0\0\0\x01\x86\xa0" M), 100, out), 14);
    assert_int_equal(frame_guard_failure(&g), CLOSE_NONE);
    assert_int_equal(g.remaining, FRAME_MAX);
    frame_guard_done(&g);
}

/* An unfinished answer is not given out; many unsent ones are replaced by the latest. */
static void test_pongs_wait_for_their_end(void **state)
{
    struct frame_guard g;
    char out[ROOM];

    (void)state;
    frame_guard_init(&g, false);
    assert_int_equal(filter(&g, B("\x89\x81" M "1\x89\x82" M "2"), 100, out), 0);
    assert_true(bytes_eq(frame_guard_pongs(&g), BYTES_LIT("\x8a\x01"
                                                          "1")));
    frame_guard_pongs_sent(&g);
    assert_int_equal(frame_guard_pongs(&g).len, 0);
    assert_int_equal(filter(&g, B("3"), 100, out), 0);
    assert_true(bytes_eq(frame_guard_pongs(&g), BYTES_LIT("\x8a\x02"
                                                          "23")));
    frame_guard_done(&g);
}

static void test_too_many_pings(void **state)
{
    char ping[6 + 125] = "\x89\xfd" M;
    struct frame_guard g;
    char out[ROOM];

    (void)state;
    frame_guard_init(&g, false);
    for (char i = 0; i < 100; i++) {
        ping[6] = i;
        assert_int_equal(filter(&g, ping, sizeof(ping), sizeof(ping), out), 0);
        assert_true(frame_guard_pongs(&g).len <= FRAME_GUARD_PONGS_MAX);
    }
    assert_int_equal(frame_guard_pongs(&g).ptr[frame_guard_pongs(&g).len - 125], 99);
    frame_guard_done(&g);
}

static void test_ping_without_memory(void **state)
{
    struct frame_guard g;
    char out[ROOM];

    (void)state;
    frame_guard_init(&g, false);
    (void)mem_fail_after(1);
    assert_int_equal(filter(&g, B("\x89\x81" M "1\x81\x81" M "x"), 100, out), 7);
    (void)mem_fail_after(0);
    assert_int_equal(frame_guard_pongs(&g).len, 0);
    assert_int_equal(frame_guard_failure(&g), CLOSE_NONE);
    frame_guard_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_in_every_cut),
        cmocka_unit_test(test_rsv1_needs_negotiation),
        cmocka_unit_test(test_largest_frame_passes),
        cmocka_unit_test(test_pongs_wait_for_their_end),
        cmocka_unit_test(test_too_many_pings),
        cmocka_unit_test(test_ping_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
