/* SPDX-License-Identifier: MIT */
/* Putting messages together: every verdict, every limit at its edge, pieces cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/assembly.h"

#define MAX 1000u
#define FRAGMENTS 8u

static const struct assembly_limits limits = {.message_max_bytes = MAX, .fragments_max = FRAGMENTS};

struct fixture {
    struct assembly a;
    struct deflate_ctx *deflate;
    bool negotiated;
    struct bytes message;
    enum close_code code;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->deflate = deflate_ctx_new();
    f->negotiated = true;
    assembly_init(&f->a);
    *state = f;
    return f->deflate ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assembly_done(&f->a);
    deflate_ctx_free(f->deflate);
    free(f);
    return 0;
}

enum { FIRST = 1, FINAL = 2, BINARY = 4, RSV1 = 8, RSV_OTHER = 16 };

static enum assembly_verdict feed(struct fixture *f, unsigned flags, const void *bytes, size_t len,
                                  uint64_t remaining)
{
    struct assembly_piece piece = {
        .is_first = (flags & FIRST) != 0,
        .is_final = (flags & FINAL) != 0,
        .is_binary = (flags & BINARY) != 0,
        .rsv1 = (flags & RSV1) != 0,
        .has_other_rsv = (flags & RSV_OTHER) != 0,
        .frame_remaining = remaining,
        .bytes = bytes_of(bytes, len),
    };

    return assembly_feed(&f->a, &limits, f->deflate, f->negotiated, &piece, &f->message, &f->code);
}

#define assert_message(f, text)                                                                    \
    do {                                                                                           \
        assert_true(bytes_eq((f)->message, BYTES_LIT(text)));                                      \
        assembly_release(&(f)->a);                                                                 \
        assert_null((f)->a.data.data);                                                             \
    } while (0)

#define assert_closes(f, verdict, want)                                                            \
    do {                                                                                           \
        assert_int_equal((verdict), ASSEMBLY_CLOSE);                                               \
        assert_int_equal((f)->code, (want));                                                       \
        assert_null((f)->a.data.data);                                                             \
    } while (0)

static void test_whole_messages(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, FIRST | FINAL, "hello", 5, 0), ASSEMBLY_MESSAGE);
    assert_false(f->a.is_binary);
    assert_message(f, "hello");
    assert_int_equal(feed(f, FIRST | FINAL | BINARY, "\xff\x00", 2, 0), ASSEMBLY_MESSAGE);
    assert_true(f->a.is_binary);
    assert_message(f, "\xff\x00");
    assert_int_equal(feed(f, FIRST | FINAL, NULL, 0, 0), ASSEMBLY_MESSAGE);
    assert_message(f, "");
}

static void test_pieces_and_frames(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, FIRST, "ab", 2, 2), ASSEMBLY_MORE);
    assert_int_equal(feed(f, 0, "cd", 2, 0), ASSEMBLY_MORE);
    assert_int_equal(feed(f, 0, "", 0, 0), ASSEMBLY_MORE);
    assert_int_equal(feed(f, 0, "e", 1, 1), ASSEMBLY_MORE);
    assert_int_equal(f->a.fragments, 3);
    assert_int_equal(feed(f, FINAL, "f", 1, 0), ASSEMBLY_MESSAGE);
    assert_message(f, "abcdef");
    assert_int_equal(feed(f, FINAL, "x", 1, 0), ASSEMBLY_CLOSE);
    assert_int_equal(f->code, CLOSE_PROTOCOL_ERROR);
}

static void test_a_message_inside_another(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, FIRST, "a", 1, 0), ASSEMBLY_MORE);
    assert_closes(f, feed(f, FIRST | FINAL, "b", 1, 0), CLOSE_PROTOCOL_ERROR);
}

static void test_reserved_bits(void **state)
{
    struct fixture *f = *state;

    assert_closes(f, feed(f, FIRST | FINAL | RSV_OTHER, "a", 1, 0), CLOSE_PROTOCOL_ERROR);
    f->negotiated = false;
    assert_closes(f, feed(f, FIRST | FINAL | RSV1, "a", 1, 0), CLOSE_PROTOCOL_ERROR);
    f->negotiated = true;
    /* the first frame may come in pieces, each with the bit of its header */
    assert_int_equal(feed(f, FIRST | RSV1, "\xf2\x48", 2, 2), ASSEMBLY_MORE);
    assert_int_equal(feed(f, RSV1, "\xcd\xc9", 2, 0), ASSEMBLY_MORE);
    assert_closes(f, feed(f, FINAL | RSV1, "\xc9\x07\x00", 3, 0), CLOSE_PROTOCOL_ERROR);
}

static void test_size_limit_plain(void **state)
{
    static char big[MAX + 1];
    struct fixture *f = *state;

    memset(big, 'a', sizeof(big));
    assert_int_equal(feed(f, FIRST | FINAL, big, MAX, 0), ASSEMBLY_MESSAGE);
    assert_int_equal(f->message.len, MAX);
    assert_int_equal(feed(f, FIRST | FINAL, big, MAX + 1, 0), ASSEMBLY_OVERSIZE);
    assert_int_equal(feed(f, FIRST | FINAL, "ok", 2, 0), ASSEMBLY_MESSAGE);
    assert_message(f, "ok");

    /* the same in two frames */
    assert_int_equal(feed(f, FIRST, big, MAX - 1, 0), ASSEMBLY_MORE);
    assert_int_equal(feed(f, FINAL, big, 1, 0), ASSEMBLY_MESSAGE);
    assert_int_equal(f->message.len, MAX);
    assembly_release(&f->a);
    assert_int_equal(feed(f, FIRST, big, MAX, 0), ASSEMBLY_MORE);
    assert_int_equal(feed(f, FINAL, big, 1, 0), ASSEMBLY_OVERSIZE);
    assert_null(f->a.data.data);
}

static void test_announced_size_is_enough(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, FIRST, "a", 1, MAX - 1), ASSEMBLY_MORE);
    assembly_done(&f->a);
    assert_int_equal(feed(f, FIRST, "a", 1, MAX), ASSEMBLY_OVERSIZE);
    assert_null(f->a.data.data);
    assert_int_equal(feed(f, 0, "a", 1, MAX - 1), ASSEMBLY_MORE); /* said once */
    assert_null(f->a.data.data);
    assembly_done(&f->a);
    assert_int_equal(feed(f, FIRST, "a", 1, 16 * MAX - 1), ASSEMBLY_OVERSIZE);
    assembly_done(&f->a);
    assert_closes(f, feed(f, FIRST, "a", 1, 16 * MAX), CLOSE_TOO_BIG);
    assert_closes(f, feed(f, FIRST, "a", 1, (uint64_t)1 << 40), CLOSE_TOO_BIG);
    assert_closes(f, feed(f, FIRST, "a", 1, UINT64_MAX), CLOSE_TOO_BIG);
}

static void test_dropping_ends_with_the_message(void **state)
{
    static char big[MAX + 1];
    struct fixture *f = *state;

    /* what is dropped is not looked at: no UTF-8 error */
    memset(big, 0xff, sizeof(big));
    assert_int_equal(feed(f, FIRST, big, MAX + 1, 0), ASSEMBLY_OVERSIZE);
    assert_int_equal(feed(f, 0, big, MAX, 0), ASSEMBLY_MORE);
    assert_int_equal(feed(f, FINAL, big, MAX, 0), ASSEMBLY_MORE);
    assert_int_equal(feed(f, FIRST | FINAL, "ok", 2, 0), ASSEMBLY_MESSAGE);
    assert_message(f, "ok");
    /* but it is counted */
    assert_int_equal(feed(f, FIRST | BINARY, big, MAX + 1, 0), ASSEMBLY_OVERSIZE);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(feed(f, 0, big, MAX, MAX), ASSEMBLY_MORE);
        assert_int_equal(feed(f, 0, big, MAX, 0), ASSEMBLY_MORE);
    }
    assert_int_equal(feed(f, 0, big, 1, 6 * MAX), ASSEMBLY_MORE);
    assert_closes(f, feed(f, 0, big, 1, 7 * MAX - 1), CLOSE_TOO_BIG);
}

static void test_fragment_limit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, FIRST, "a", 1, 0), ASSEMBLY_MORE);
    for (unsigned i = 2; i < FRAGMENTS; i++) {
        assert_int_equal(feed(f, 0, "a", 1, 0), ASSEMBLY_MORE);
    }
    assert_int_equal(feed(f, FINAL, "b", 1, 0), ASSEMBLY_MESSAGE);
    assert_message(f, "aaaaaaab");
    assert_int_equal(feed(f, FIRST, "a", 1, 0), ASSEMBLY_MORE);
    for (unsigned i = 2; i <= FRAGMENTS; i++) {
        assert_int_equal(feed(f, 0, "a", 1, 0), ASSEMBLY_MORE);
    }
    assert_closes(f, feed(f, FINAL, "b", 1, 0), CLOSE_POLICY);
}

static void test_pieces_of_a_frame_are_no_fragments(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, FIRST, "a", 1, 50), ASSEMBLY_MORE);
    for (unsigned i = 49; i > 0; i--) {
        assert_int_equal(feed(f, 0, "a", 1, i), ASSEMBLY_MORE);
    }
    assert_int_equal(feed(f, FINAL, "a", 1, 0), ASSEMBLY_MESSAGE);
    assert_int_equal(f->message.len, 51);
}

static void test_utf8(void **state)
{
    struct fixture *f = *state;

    /* a character cut in the middle, over frames */
    assert_int_equal(feed(f, FIRST, "\xe2", 1, 0), ASSEMBLY_MORE);
    assert_int_equal(feed(f, 0, "\x82", 1, 0), ASSEMBLY_MORE);
    assert_int_equal(feed(f, FINAL, "\xac", 1, 0), ASSEMBLY_MESSAGE);
    assert_message(f, "\xe2\x82\xac");
    assert_closes(f, feed(f, FIRST | FINAL, "\xe2\x82", 2, 0), CLOSE_BAD_DATA);
    /* fail fast: the message goes on, but it can no longer become valid */
    assert_int_equal(feed(f, FIRST, "ok", 2, 0), ASSEMBLY_MORE);
    assert_closes(f, feed(f, 0, "\xed\xa0\x80", 3, 100), CLOSE_BAD_DATA);
    /* binary is anything */
    assert_int_equal(feed(f, FIRST | FINAL | BINARY, "\xff", 1, 0), ASSEMBLY_MESSAGE);
}

static struct buf deflated(struct fixture *f, const char *text, size_t len)
{
    struct buf b;

    buf_init(&b, 100000);
    assert_int_equal(deflate_message(f->deflate, bytes_of(text, len), &b), 0);
    return b;
}

static void test_compressed(void **state)
{
    static char zeros[17 * MAX];
    struct fixture *f = *state;
    struct buf b;

    memset(zeros, '0', sizeof(zeros));
    b = deflated(f, zeros, MAX);
    assert_int_equal(feed(f, FIRST | FINAL | RSV1, b.data, b.len, 0), ASSEMBLY_MESSAGE);
    assert_true(bytes_eq(f->message, bytes_of(zeros, MAX)));
    assembly_release(&f->a);
    assert_null(f->a.data.data);
    /* byte by byte, in frames */
    for (size_t i = 0; i < b.len; i++) {
        unsigned flags = (i == 0 ? FIRST | RSV1 : 0u) | (i == b.len - 1 ? FINAL : 0u);
        size_t in_frame = b.len / 3 + 1;
        uint64_t remaining = in_frame - 1 - i % in_frame;

        if (i / in_frame == 0 && i > 0) {
            flags |= RSV1;
        }
        if (i == b.len - 1) {
            remaining = 0;
        } else if (i / in_frame == (b.len - 1) / in_frame) {
            remaining = b.len - 1 - i;
        }
        assert_int_equal(feed(f, flags, b.data + i, 1, remaining),
                         i == b.len - 1 ? ASSEMBLY_MESSAGE : ASSEMBLY_MORE);
    }
    assert_true(bytes_eq(f->message, bytes_of(zeros, MAX)));
    buf_done(&b);

    b = deflated(f, zeros, MAX + 1);
    assert_int_equal(feed(f, FIRST | FINAL | RSV1, b.data, b.len, 0), ASSEMBLY_OVERSIZE);
    buf_done(&b);
    b = deflated(f, zeros, 16 * MAX);
    assert_int_equal(feed(f, FIRST | FINAL | RSV1, b.data, b.len, 0), ASSEMBLY_OVERSIZE);
    buf_done(&b);
    b = deflated(f, zeros, 16 * MAX + 1);
    assert_closes(f, feed(f, FIRST | FINAL | RSV1, b.data, b.len, 0), CLOSE_TOO_BIG);
    buf_done(&b);
    assert_closes(f, feed(f, FIRST | FINAL | RSV1, "\x07", 1, 0), CLOSE_BAD_DATA);
}

static void test_compressed_bad_utf8(void **state)
{
    static const char bad[] = "\xc0\x80\xc0\x80\xc0\x80\xc0\x80\xc0\x80\xc0\x80\xc0\x80\xc0\x80";
    struct fixture *f = *state;
    struct buf b = deflated(f, bad, sizeof(bad) - 1);

    assert_closes(f, feed(f, FIRST | FINAL | RSV1, b.data, b.len, 0), CLOSE_BAD_DATA);
    assert_int_equal(feed(f, FIRST | FINAL | RSV1 | BINARY, b.data, b.len, 0), ASSEMBLY_MESSAGE);
    assert_int_equal(f->message.len, sizeof(bad) - 1);
    buf_done(&b);
}

/* Stored blocks cost more than they hold; there is room for that, and no more. */
static void test_compressed_slack(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, FIRST | RSV1, "\x00", 1, MAX + ASSEMBLY_COMPRESSED_SLACK - 1),
                     ASSEMBLY_MORE);
    assembly_done(&f->a);
    assert_int_equal(feed(f, FIRST | RSV1, "\x00", 1, MAX + ASSEMBLY_COMPRESSED_SLACK),
                     ASSEMBLY_OVERSIZE);
    assembly_done(&f->a);
    assert_closes(f, feed(f, FIRST | RSV1, "\x00", 1, 16 * MAX + ASSEMBLY_COMPRESSED_SLACK),
                  CLOSE_TOO_BIG);
}

static void test_without_memory(void **state)
{
    struct fixture *f = *state;

    (void)mem_fail_after(1);
    assert_closes(f, feed(f, FIRST, "abc", 3, 3), CLOSE_INTERNAL);
    assert_closes(f, feed(f, FIRST | FINAL | RSV1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 0),
                  CLOSE_INTERNAL);
    /* a message in one piece needs none */
    assert_int_equal(feed(f, FIRST | FINAL, "abc", 3, 0), ASSEMBLY_MESSAGE);
    (void)mem_fail_after(0);
    assert_message(f, "abc");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole_messages),
        TEST(test_pieces_and_frames),
        TEST(test_a_message_inside_another),
        TEST(test_reserved_bits),
        TEST(test_size_limit_plain),
        TEST(test_announced_size_is_enough),
        TEST(test_dropping_ends_with_the_message),
        TEST(test_fragment_limit),
        TEST(test_pieces_of_a_frame_are_no_fragments),
        TEST(test_utf8),
        TEST(test_compressed),
        TEST(test_compressed_bad_utf8),
        TEST(test_compressed_slack),
        TEST(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
