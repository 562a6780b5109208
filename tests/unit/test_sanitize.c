/* SPDX-License-Identifier: MIT */
/* The seven patterns are checked by PCRE2, not by a second implementation of ours. PCRE2 folds
 * U+017F and U+212A, but not U+0130 and U+0131, which Python's re takes for an 'i': the text is
 * given to it with those two replaced. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "broker/sanitize.h"
#include "common/mem.h"
#include "proto/utf8.h"

#define ZWSP "\xE2\x80\x8B"
#define TEXT_MAX (16u * 1024u * 1024u)

static const char *const patterns[] = {
    "<script[^>]*>.*?</script>",
    "javascript:",
    "onerror\\s*=",
    "onclick\\s*=",
    "onload\\s*=",
    "<iframe[^>]*>",
    "eval\\(",
};
#define PATTERN_COUNT (sizeof(patterns) / sizeof(patterns[0]))

static pcre2_code *compiled[PATTERN_COUNT];
static pcre2_match_data *match_data;

static int set_up(void **state)
{
    int error;
    PCRE2_SIZE at;

    (void)state;
    for (size_t i = 0; i < PATTERN_COUNT; i++) {
        compiled[i] =
            pcre2_compile((PCRE2_SPTR)patterns[i], PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_DOTALL, &error, &at, NULL);
        if (compiled[i] == NULL) {
            return -1;
        }
    }
    match_data = pcre2_match_data_create(1, NULL);
    return match_data == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATTERN_COUNT; i++) {
        pcre2_code_free(compiled[i]);
    }
    pcre2_match_data_free(match_data);
    return 0;
}

static void with_plain_i(struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_i = i + 1 < text.len && (text.ptr[i] == '\xC4') &&
                    (text.ptr[i + 1] == '\xB0' || text.ptr[i + 1] == '\xB1');
        assert_int_equal(buf_append_char(out, is_i ? 'i' : text.ptr[i]), 0);
        i += is_i;
    }
}

static bool any_matches(struct bytes text)
{
    struct buf plain;
    bool found = false;

    buf_init(&plain, TEXT_MAX);
    with_plain_i(text, &plain);
    for (size_t i = 0; i < PATTERN_COUNT && plain.len > 0; i++) {
        int rc =
            pcre2_match(compiled[i], (PCRE2_SPTR)plain.data, plain.len, 0, 0, match_data, NULL);
        assert_true(rc >= 0 || rc == PCRE2_ERROR_NOMATCH);
        found = found || rc >= 0;
    }
    buf_done(&plain);
    return found;
}

static size_t sanitize(enum sanitize_mode mode, struct bytes in, struct buf *out)
{
    size_t count = SIZE_MAX;

    buf_init(out, TEXT_MAX);
    int err = sanitize_text(mode, in, out, &count);
    if (err != 0) {
        fail_msg("\"%.*s\" gave %s", (int)in.len, in.ptr, err_name(err));
    }
    return count;
}

static void check(enum sanitize_mode mode, struct bytes in, struct bytes want, size_t want_count)
{
    struct buf out;
    size_t count = sanitize(mode, in, &out);

    if (!bytes_eq(buf_bytes(&out), want)) {
        fail_msg("\"%.*s\" gave \"%.*s\", not \"%.*s\"", (int)in.len, in.ptr, (int)out.len,
                 out.data ? out.data : "", (int)want.len, want.ptr);
    }
    assert_int_equal(count, want_count);
    buf_done(&out);
}

struct row {
    const char *in, *want;
};

static void test_each_pattern_is_removed(void **state)
{
    static const struct row rows[] = {
        {"a<script>alert(1)</script>b", "ab"},
        {"a<script src=x>\n\n</script>b", "ab"},
        {"a<script\n>x</script>b</script>", "ab</script>"},
        {"<script></script>", ""},
        {"<scriptx></script>", ""},
        {"javascript:alert(1)", "alert(1)"},
        {"<img onerror=x>", "<img x>"},
        {"onclick \t\n = y", " y"},
        {"onload=", ""},
        {"<iframe src=\"x\">", ""},
        {"a<iframe>b</iframe>", "ab</iframe>"},
        {"eval(1)", "1)"},
        /* case, with the letters that only Unicode folds */
        {"<SCRIPT>x</ScRiPt>", ""},
        {"<\xC5\xBF"
         "cr\xC4\xB1pt>x</\xC5\xBF"
         "cr\xC4\xB0pt>",
         ""},
        {"java\xC5\xBF"
         "cr\xC4\xB0pt:",
         ""},
        {"oncl\xC4\xB1"
         "c\xE2\x84\xAA=",
         ""},
        {"EVAL(", ""},
        {"\xC4\xB0\xC4\xB1\xC5\xBF\xE2\x84\xAA", "\xC4\xB0\xC4\xB1\xC5\xBF\xE2\x84\xAA"},
        /* white space of Python's str patterns */
        {"onload\xC2\xA0\xE1\x9A\x80\xE2\x80\x80\xE2\x80\x8A=", ""},
        {"onload\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\x9F\xE3\x80\x80=", ""},
        {"onload" ZWSP "=", "onload" ZWSP "="},
        {"onload\xE1\xA0\x8E=", "onload\xE1\xA0\x8E="},
        /* any character may stand in a tag or between two */
        {"<script \xF0\x9F\x98\x80>\xF0\x9F\x98\x80</script>", ""},
        {"<iframe \xF0\x9F\x98\x80>", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes want = bytes_str(rows[i].want);
        check(SANITIZE_PATTERNS, bytes_str(rows[i].in), want, utf8_count(want));
    }
}

static void test_what_comes_together_is_removed_too(void **state)
{
    static const struct row rows[] = {
        {"javajavascript:script:", ""},
        {"jjavascript:avascript:x", "x"},
        {"<scr<script></script>ipt>x</script>", ""},
        {"<script>x</scr</script>ipt>", "ipt>"},
        {"ononerror=error=", ""},
        {"onerroronerror==", ""},
        {"ev<iframe>al(", ""},
        {"<ifr<iframe>ame>", ""},
        {"<iframe <iframe>", ""},
        {"<iframe <script>x</script>", "x</script>"},
        {"<script>a<iframe </script>b", "b"},
        {"<script </script>", "<script </script>"},
        {"<script </script></script>", ""},
        {"</script><script>", "</script><script>"},
        {"<script><script></script></script>", "</script>"},
        {"<script>eval(</script>", ""},
        {"java\1script:", ""},
        {"java\r\x7Fscript\xC2\x85:", ""},
        {"eevaeval(l(val(", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes want = bytes_str(rows[i].want);
        check(SANITIZE_PATTERNS, bytes_str(rows[i].in), want, utf8_count(want));
    }
}

static void test_harmless_text_is_untouched(void **state)
{
    static const char *const rows[] = {
        "",
        "x",
        "Hello, world",
        "java script: onerror onclick x = 1, eval (2)",
        "<script>",
        "</script>",
        "<scrip>x</script>",
        "<iframe",
        "iframe>",
        "< iframe>",
        "1 < 2 && 3 > 2; \"quoted\" isn't it?",
        "https://example.org/?a=b&c=d#(e)",
        "tab\tand\nnewline",
        "\xC3\xA9\xC3\xA0 \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80 " ZWSP,
        "\xC2\xA0\xC2\xBF que\xC3\xAF",
        "A text that is longer than one block of the scan, which looks at sixty-four bytes at "
        "once.",
        "onerror\xF0\x9F\x98\x80=",
        "evals(",
        "javascripts:",
        "onloads=",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes text = bytes_str(rows[i]);
        check(SANITIZE_PATTERNS, text, text, utf8_count(text));
    }
}

static void test_markup_mode(void **state)
{
    static const struct row rows[] = {
        {"<b>bold</b>", "<" ZWSP "b>bold<" ZWSP "/b>"},
        {"<!-- <?php", "<" ZWSP "!-- <" ZWSP "?php"},
        {"a < b <= c <3 <\xC3\xA9 <@ <[ <` <{ <", "a < b <= c <3 <\xC3\xA9 <@ <[ <` <{ <"},
        {"<a<A<z<Z", "<" ZWSP "a<" ZWSP "A<" ZWSP "z<" ZWSP "Z"},
        {"<<a", "<<" ZWSP "a"},
        {"<" ZWSP "a", "<" ZWSP "a"},
        {"<<script></script>b", "<" ZWSP "b"},
        {"& \" '", "& \" '"},
        {"<iframe", "<" ZWSP "iframe"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes want = bytes_str(rows[i].want);
        check(SANITIZE_MARKUP, bytes_str(rows[i].in), want, utf8_count(want));
        check(SANITIZE_MARKUP, want, want, utf8_count(want));
    }
}

static void test_escape_mode(void **state)
{
    static const struct row rows[] = {
        {"<b> & \"c\" 'd'", "&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;"},
        {"&amp;&lt;&gt;&quot;&#39;", "&amp;&lt;&gt;&quot;&#39;"},
        {"&am &amp &lt &#3 &#39 &#x27; &nbsp; &", "&amp;am &amp;amp &amp;lt &amp;#3 &amp;#39 "
                                                  "&amp;#x27; &amp;nbsp; &amp;"},
        {"&AMP;", "&amp;AMP;"},
        {"&&amp;", "&amp;&amp;"},
        {"&l<script></script>t;", "&lt;"},
        {"nothing", "nothing"},
        {"eval(&", "&amp;"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes want = bytes_str(rows[i].want);
        check(SANITIZE_ESCAPE, bytes_str(rows[i].in), want, utf8_count(want));
        check(SANITIZE_ESCAPE, want, want, utf8_count(want));
    }
}

static void test_control_characters(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x100; c++) {
        char text[] = {'a', (char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F)), 'b', '\0'};
        bool is_removed = (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c < 0xA0);
        if (c < 0x80) {
            text[1] = (char)c;
            text[2] = 'b';
            text[3] = '\0';
        }
        check(SANITIZE_PATTERNS, bytes_str(text), is_removed ? BYTES_LIT("ab") : bytes_str(text),
              is_removed ? 2 : 3);
    }
}

static void test_bad_text_is_refused(void **state)
{
    static const struct {
        struct bytes in;
        int want;
    } rows[] = {
        {{"a\0b", 3}, ERR_RANGE},
        {{"\0", 1}, ERR_RANGE},
        {{"\xC3", 1}, ERR_UTF8},
        {{"a\x80", 2}, ERR_UTF8},
        {{"\xC0\xBC", 2}, ERR_UTF8},
        {{"\xED\xA0\x80", 3}, ERR_UTF8},
        {{"\xF4\x90\x80\x80", 4}, ERR_UTF8},
        {{"<b>\xF0\x9F\x98", 6}, ERR_UTF8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;
        size_t count = 77;
        buf_init(&out, 100);
        assert_int_equal(sanitize_text(SANITIZE_MARKUP, rows[i].in, &out, &count), rows[i].want);
        assert_int_equal(count, 77);
        assert_int_equal(out.len, 0);
        buf_done(&out);
    }
}

static void test_full_buffer_is_left_alone(void **state)
{
    struct buf out;
    size_t count = 77;

    (void)state;
    for (size_t max = 1; max < 13; max++) { /* x, then <U+200B>b< and b */
        buf_init(&out, max);
        assert_int_equal(buf_append_char(&out, 'x'), 0);
        int err = sanitize_text(SANITIZE_MARKUP, BYTES_LIT("<b <i"), &out, &count);
        assert_int_equal(err, max < 12 ? ERR_FULL : 0);
        assert_int_equal(out.len, max < 12 ? 1 : 12);
        assert_int_equal(count, max < 12 ? 77 : 7);
        buf_done(&out);
    }
    buf_init(&out, 3);
    assert_int_equal(sanitize_text(SANITIZE_MARKUP, BYTES_LIT("text"), &out, &count), ERR_FULL);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void test_failing_allocations_are_reported(void **state)
{
    struct buf out;
    size_t count;

    (void)state;
    for (size_t nth = 1; nth <= 3; nth++) {
        buf_init(&out, 100);
        mem_fail_after(nth);
        int err = sanitize_text(SANITIZE_MARKUP, BYTES_LIT("a<b>eval("), &out, &count);
        mem_fail_after(0);
        assert_int_equal(err, ERR_NOMEM);
        assert_int_equal(out.len, 0);
        buf_done(&out);
    }
}

static const char *const fragments[] = {
    "<script",
    "<SCRIPT>",
    "</script>",
    "</ScRiPt",
    ">",
    "<iframe",
    "<iframe>",
    "onerror",
    "ONCLICK",
    "onload",
    "=",
    " ",
    "\t",
    "\n",
    "\r",
    "\1",
    "\xC2\xA0",
    "\xC2\x85",
    "\xE3\x80\x80",
    "javascript",
    ":",
    "java",
    "script",
    "eval",
    "(",
    "ev",
    "al(",
    "<",
    "/",
    "<scr",
    "ipt>",
    "<ifr",
    "ame",
    "on",
    "error",
    "click",
    "load",
    "j",
    "a",
    "&",
    "&amp;",
    "lt;",
    "\"",
    "'",
    ZWSP,
    "\xC5\xBF",
    "\xE2\x84\xAA",
    "\xC4\xB0",
    "\xC4\xB1",
    "oncl\xC4\xB1"
    "c\xE2\x84\xAA",
    "\xC5\xBF"
    "cr\xC4\xB0pt",
    "\xF0\x9F\x98\x80",
    "x",
    "\xC3\xA9",
};

/* xorshift: the same texts in each run */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_c1 = c == 0xC2 && (unsigned char)text.ptr[i + 1] < 0xA0;
        if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7F || is_c1) {
            return true;
        }
    }
    return false;
}

static void check_text(struct bytes text)
{
    for (enum sanitize_mode mode = SANITIZE_PATTERNS; mode <= SANITIZE_ESCAPE; mode++) {
        struct buf once, twice;
        sanitize(mode, text, &once);
        if (any_matches(buf_bytes(&once)) || has_control(buf_bytes(&once))) {
            fail_msg("\"%.*s\" left \"%.*s\"", (int)text.len, text.ptr, (int)once.len, once.data);
        }
        sanitize(mode, buf_bytes(&once), &twice);
        if (!bytes_eq(buf_bytes(&once), buf_bytes(&twice))) {
            fail_msg("\"%.*s\" is not stable in mode %d", (int)text.len, text.ptr, (int)mode);
        }
        if (mode == SANITIZE_PATTERNS && !any_matches(text) && !has_control(text)) {
            assert_true(bytes_eq(buf_bytes(&once), text));
        }
        buf_done(&once);
        buf_done(&twice);
    }
}

static void test_random_texts(void **state)
{
    uint32_t seed = 20240101;
    size_t matching = 0;

    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        struct buf text;
        uint32_t count = 1 + next_random(&seed) % 14;
        buf_init(&text, TEXT_MAX);
        for (uint32_t i = 0; i < count; i++) {
            size_t which = next_random(&seed) % (sizeof(fragments) / sizeof(fragments[0]));
            assert_int_equal(buf_append(&text, bytes_str(fragments[which])), 0);
        }
        matching += any_matches(buf_bytes(&text));
        check_text(buf_bytes(&text));
        buf_done(&text);
    }
    assert_true(matching > 1000); /* or the texts are of no use */
}

/* A megabyte each of what makes backtracking or repeated passes quadratic. There is no assertion
 * on time: were it not linear, these would run for hours and the test's own limit would end them.
 */
static void test_large_hostile_texts(void **state)
{
    static const struct {
        const char *head, *body, *tail;
    } rows[] = {
        {"", "<script>", ""},
        {"", "<script ", ">"},
        {"", "<script>", "</script>"},
        {"", "<iframe ", ">"},
        {"", "<iframe ", ""},
        {"", "onerror ", "="},
        {"onerror", " ", "="},
        {"onerror", "\xE3\x80\x80", "x="},
        {"", "java", "script:"},
        {"", "eva", "l("},
        {"<script>", "</scrip", "</script>"},
        {"<script>", ">", "</script>"},
        {"", "<", "a"},
        {"", "&", "amp;"},
        {"", "<script><iframe ", "></script>"},
        {"", "\1", ""},
    };
    size_t size = 1024u * 1024u;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf text, once, twice;
        buf_init(&text, TEXT_MAX);
        assert_int_equal(buf_append(&text, bytes_str(rows[i].head)), 0);
        while (text.len < size) {
            assert_int_equal(buf_append(&text, bytes_str(rows[i].body)), 0);
        }
        assert_int_equal(buf_append(&text, bytes_str(rows[i].tail)), 0);
        sanitize(SANITIZE_MARKUP, buf_bytes(&text), &once);
        sanitize(SANITIZE_MARKUP, buf_bytes(&once), &twice);
        assert_true(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
        buf_done(&text);
        buf_done(&once);
        buf_done(&twice);
    }
}

/* One match within another, 40 000 deep: "eva" × n, "eval(", "l(" × n. */
static void test_deeply_nested_matches(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < 40000; i++) {
        assert_int_equal(buf_append(&text, BYTES_LIT("eva")), 0);
    }
    for (size_t i = 0; i < 40000; i++) {
        assert_int_equal(buf_append(&text, BYTES_LIT("l(")), 0);
    }
    check(SANITIZE_PATTERNS, buf_bytes(&text), BYTES_NONE, 0);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pattern_is_removed),
        cmocka_unit_test(test_what_comes_together_is_removed_too),
        cmocka_unit_test(test_harmless_text_is_untouched),
        cmocka_unit_test(test_markup_mode),
        cmocka_unit_test(test_escape_mode),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_bad_text_is_refused),
        cmocka_unit_test(test_full_buffer_is_left_alone),
        cmocka_unit_test(test_failing_allocations_are_reported),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_large_hostile_texts),
        cmocka_unit_test(test_deeply_nested_matches),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
