/* SPDX-License-Identifier: MIT */
/* UTF-8: every code point, every bad form, every place where a piece may end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/utf8.h"

#define CODE_POINT_MAX 0x10FFFFu

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char LEAD[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len; i-- > 1; c >>= 6) {
        out[i] = (char)(0x80 | (c & 0x3F));
    }
    out[0] = (char)(LEAD[len] | c);
    return len;
}

static void every_code_point(void **state)
{
    char text[4];

    (void)state;
    for (uint32_t c = 0; c <= CODE_POINT_MAX + 0x10000; c++) {
        bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;
        bool is_legal = c <= CODE_POINT_MAX && !is_surrogate;
        struct bytes bytes = bytes_of(text, encode(c, text));
        assert_int_equal(utf8_check(bytes), is_legal ? 0 : ERR_UTF8);
        assert_int_equal(utf8_count(bytes), 1);
    }
}

/* The definition, as slow and plain as it can be. */
static bool is_one_character(const unsigned char *b, size_t len)
{
    static const uint32_t SMALLEST[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char MASK[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    static const unsigned char LEAD[] = {0, 0x00, 0xC0, 0xE0, 0xF0};

    if ((b[0] & ~MASK[len] & 0xFF) != LEAD[len]) {
        return false;
    }
    uint32_t c = b[0] & MASK[len];
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xC0) != 0x80) {
            return false;
        }
        c = c << 6 | (b[i] & 0x3F);
    }
    return c >= SMALLEST[len] && c <= CODE_POINT_MAX && !(c >= 0xD800 && c <= 0xDFFF);
}

/* Every first and second byte, with third and fourth bytes at the edges of what is legal. */
static void every_sequence_that_is_not_ascii(void **state)
{
    static const unsigned char EDGES[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
    const size_t edge_count = sizeof(EDGES);

    (void)state;
    for (unsigned n = 0x8000; n <= 0xFFFF; n++) {
        for (size_t k = 0; k < edge_count * edge_count; k++) {
            unsigned char b[] = {(unsigned char)(n >> 8), (unsigned char)n, EDGES[k / edge_count],
                                 EDGES[k % edge_count]};
            for (size_t len = 2; len <= 4; len++) {
                bool is_legal = is_one_character(b, len);
                /* a two-byte character and ASCII after it is legal, too */
                if (is_one_character(b, 2)) {
                    is_legal = len == 2 || (b[2] < 0x80 && (len == 3 || b[3] < 0x80));
                } else if (len == 4 && is_one_character(b, 3)) {
                    is_legal = b[3] < 0x80;
                }
                assert_int_equal(utf8_check(bytes_of(b, len)), is_legal ? 0 : ERR_UTF8);
            }
        }
    }
}

#define TEXT(s)                                                                                    \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    } /* BYTES_LIT is no constant */
static const struct {
    struct bytes text;
    int err;
    size_t count;
} TEXTS[] = {
    {TEXT(""), 0, 0},
    {TEXT("a"), 0, 1},
    {TEXT("plain text that is longer than a stride"), 0, 39},
    {TEXT("a\0b"), 0, 3},
    {TEXT("gr\xC3\xBC\xC3\x9F"), 0, 4},
    {TEXT("1234567\xE2\x82\xAC"), 0, 8},
    {TEXT("12345678\xE2\x82\xAC"
          "90"),
     0, 11},
    {TEXT("\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80"), 0, 3},
    {TEXT("\xEF\xBF\xBD\xEF\xBF\xBF\xF4\x8F\xBF\xBF"), 0, 3},
    {TEXT("\x80"), ERR_UTF8, 0},
    {TEXT("12345678\x80"), ERR_UTF8, 0},
    {TEXT("\xC0\x80"), ERR_UTF8, 0},             /* overlong NUL */
    {TEXT("\xC1\xBF"), ERR_UTF8, 0},             /* overlong DEL */
    {TEXT("\xE0\x9F\xBF"), ERR_UTF8, 0},         /* overlong U+07FF */
    {TEXT("\xF0\x8F\xBF\xBF"), ERR_UTF8, 0},     /* overlong U+FFFF */
    {TEXT("\xED\xA0\x80"), ERR_UTF8, 0},         /* U+D800 */
    {TEXT("\xED\xBF\xBF"), ERR_UTF8, 0},         /* U+DFFF */
    {TEXT("\xF4\x90\x80\x80"), ERR_UTF8, 0},     /* U+110000 */
    {TEXT("\xF8\x88\x80\x80\x80"), ERR_UTF8, 0}, /* five bytes */
    {TEXT("\xFE"), ERR_UTF8, 0},
    {TEXT("\xFF"), ERR_UTF8, 0},
    {TEXT("\xC3"), ERR_UTF8, 0}, /* cut */
    {TEXT("12345678\xE2\x82"), ERR_UTF8, 0},
    {TEXT("\xF0\x9F\x98"), ERR_UTF8, 0},
    {TEXT("\xC3"
          "a"),
     ERR_UTF8, 0},
    {TEXT("\xE2\x82\xE2\x82\xAC"), ERR_UTF8, 0},
};
#undef TEXT
#define TEXT_COUNT (sizeof(TEXTS) / sizeof(TEXTS[0]))

static void known_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        assert_int_equal(utf8_check(TEXTS[i].text), TEXTS[i].err);
        if (!TEXTS[i].err) {
            assert_int_equal(utf8_count(TEXTS[i].text), TEXTS[i].count);
        }
    }
    assert_int_equal(utf8_check(BYTES_NONE), 0);
    assert_int_equal(utf8_count(BYTES_NONE), 0);
}

/* The same verdict wherever the text is cut in two. */
static void pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        struct bytes text = TEXTS[i].text;
        for (size_t cut = 0; cut <= text.len; cut++) {
            uint32_t now = 0;
            int err = utf8_feed(&now, bytes_of(text.ptr, cut));
            if (!err) {
                err = utf8_feed(&now, bytes_skip(text, cut));
            }
            if (!err && now != 0) {
                err = ERR_UTF8;
            }
            assert_int_equal(err, TEXTS[i].err);
        }
    }
}

static void a_failure_leaves_the_state(void **state)
{
    uint32_t now = 0;

    (void)state;
    assert_int_equal(utf8_feed(&now, BYTES_LIT("a\xE2")), 0);
    assert_int_not_equal(now, 0);
    uint32_t before = now;
    assert_int_equal(utf8_feed(&now, BYTES_LIT("\x82\x28")), ERR_UTF8);
    assert_int_equal(now, before);
    assert_int_equal(utf8_feed(&now, BYTES_LIT("\x82\xAC"
                                               "b")),
                     0);
    assert_int_equal(now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(every_sequence_that_is_not_ascii),
        cmocka_unit_test(known_texts),
        cmocka_unit_test(pieces),
        cmocka_unit_test(a_failure_leaves_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
