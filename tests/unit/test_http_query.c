/* SPDX-License-Identifier: MIT */
/* Tests of the parameters of an address: decoding, encoding, and those of a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/http_query.h"
#include "common/mem.h"
#include "proto/limits.h"

static void test_values(void **state)
{
    static const struct {
        const char *query, *name;
        int err;
        const char *value;
    } cases[] = {
        {"q=x", "q", 0, "x"},
        {"a=1&q=x&q=y", "q", 0, "x"},
        {"q=", "q", 0, ""},
        {"q", "q", 0, ""},
        {"q&a=1", "q", 0, ""},
        {"&&q=x&&", "q", 0, "x"},
        {"q=a+b%20c%2B", "q", 0, "a b c+"},
        {"q=%c3%BC%26%3d", "q", 0, "\xC3\xBC&="},
        {"q=a=b", "q", 0, "a=b"},
        {"", "q", ERR_NOT_FOUND, ""},
        {"Q=x", "q", ERR_NOT_FOUND, ""},
        {"qq=x", "q", ERR_NOT_FOUND, ""},
        {"a=q", "q", ERR_NOT_FOUND, ""},
        {"%71=x", "q", ERR_NOT_FOUND, ""},
        {"q=%", "q", ERR_SYNTAX, ""},
        {"q=ab%4", "q", ERR_SYNTAX, ""},
        {"q=%4g", "q", ERR_SYNTAX, ""},
        {"q=%g4", "q", ERR_SYNTAX, ""},
        {"q=12345678901234567", "q", ERR_FULL, ""},
        {"a=%&q=x", "q", 0, "x"},
    };
    struct buf b;

    (void)state;
    buf_init(&b, 16);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int err = http_query_get(bytes_str(cases[i].query), cases[i].name, &b);

        if (err != cases[i].err || !bytes_eq_str(buf_bytes(&b), cases[i].value)) {
            fail_msg("%s: %s, %.*s", cases[i].query, err_name(err), BYTES_FMT(buf_bytes(&b)));
        }
        buf_reset(&b);
    }
    assert_int_equal(http_query_get(BYTES_NONE, "q", &b), ERR_NOT_FOUND);
    buf_done(&b);
}

static void test_encoding_comes_back(void **state)
{
    char all[256];
    struct buf query, back;

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (char)i;
    }
    buf_init(&query, 2048);
    buf_init(&back, 2048);
    assert_int_equal(buf_append(&query, BYTES_LIT("q=")), 0);
    assert_int_equal(http_query_encode(bytes_of(all, sizeof(all)), &query), 0);
    assert_int_equal(http_query_get(buf_bytes(&query), "q", &back), 0);
    assert_true(bytes_eq(buf_bytes(&back), bytes_of(all, sizeof(all))));
    buf_reset(&query);
    assert_int_equal(http_query_encode(BYTES_LIT("a Z9-._~/\xC3\xBC"), &query), 0);
    assert_true(bytes_eq_str(buf_bytes(&query), "a+Z9-._~%2F%C3%BC"));
    buf_done(&query);
    buf_init(&query, 3);
    assert_int_equal(buf_append_char(&query, '!'), 0);
    assert_int_equal(http_query_encode(BYTES_LIT("a/"), &query), ERR_FULL);
    assert_true(bytes_eq_str(buf_bytes(&query), "!"));
    buf_done(&query);
    buf_done(&back);
}

struct page_case {
    const char *query;
    bool want_words;
    int64_t before, after;
    uint32_t limit;
    bool has_after;
    const char *words;         /* NULL = none */
    enum http_problem problem; /* of the field below; of all others none */
    enum page_field field;
};

static const struct page_case PAGE_CASES[] = {
    {"", false, 0, 0, 50, false, NULL, HTTP_FINE, 0},
    {"before=5&limit=200", false, 5, 0, 200, false, NULL, HTTP_FINE, 0},
    {"limit=1&after=0", false, 0, 0, 1, true, NULL, HTTP_FINE, 0},
    {"after=9007199254740991", false, 0, 9007199254740991, 50, true, NULL, HTTP_FINE, 0},
    {"before=00012&before=x", false, 12, 0, 50, false, NULL, HTTP_FINE, 0},
    {"before=&after=&limit=", false, 0, 0, 50, false, NULL, HTTP_FINE, 0},
    {"limit=%35", false, 0, 0, 5, false, NULL, HTTP_FINE, 0},
    {"q=%00", false, 0, 0, 50, false, NULL, HTTP_FINE, 0}, /* nobody asked */
    {"limit=0", false, 0, 0, 50, false, NULL, HTTP_RANGE, PAGE_LIMIT},
    {"limit=201", false, 0, 0, 200, false, NULL, HTTP_RANGE, PAGE_LIMIT},
    {"limit=99999999999999999999", false, 0, 0, 50, false, NULL, HTTP_RANGE, PAGE_LIMIT},
    {"limit=x", false, 0, 0, 50, false, NULL, HTTP_INTEGER, PAGE_LIMIT},
    {"limit=1.0", false, 0, 0, 50, false, NULL, HTTP_INTEGER, PAGE_LIMIT},
    {"limit=-1", false, 0, 0, 50, false, NULL, HTTP_INTEGER, PAGE_LIMIT},
    {"limit=+1", false, 0, 0, 50, false, NULL, HTTP_INTEGER, PAGE_LIMIT},
    {"limit=%", false, 0, 0, 50, false, NULL, HTTP_INTEGER, PAGE_LIMIT},
    {"before=0", false, 0, 0, 50, false, NULL, HTTP_RANGE, PAGE_BEFORE},
    {"before=9007199254740992", false, 0, 0, 50, false, NULL, HTTP_RANGE, PAGE_BEFORE},
    {"after=a", false, 0, 0, 50, true, NULL, HTTP_INTEGER, PAGE_AFTER},
    {"q=two+words&limit=3", true, 0, 0, 3, false, "two words", HTTP_FINE, 0},
    {"q=+x", true, 0, 0, 50, false, " x", HTTP_FINE, 0},
    {"", true, 0, 0, 50, false, NULL, HTTP_MISSING, PAGE_WORDS},
    {"q=", true, 0, 0, 50, false, NULL, HTTP_BLANK, PAGE_WORDS},
    {"q=+%0a", true, 0, 0, 50, false, NULL, HTTP_BLANK, PAGE_WORDS},
    {"q=a%00b", true, 0, 0, 50, false, NULL, HTTP_NUL_CHARACTER, PAGE_WORDS},
    {"q=%ff", true, 0, 0, 50, false, NULL, HTTP_TYPE, PAGE_WORDS},
    {"q=%zz", true, 0, 0, 50, false, NULL, HTTP_TYPE, PAGE_WORDS},
};

static void test_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(PAGE_CASES) / sizeof(PAGE_CASES[0]); i++) {
        const struct page_case *k = &PAGE_CASES[i];
        struct page_query q;
        int err = page_query_read(bytes_str(k->query),
                                  k->want_words ? PAGE_OF_SEARCH : PAGE_OF_MESSAGES, &q);

        for (unsigned f = 0; f < PAGE_FIELD_COUNT; f++) {
            enum http_problem wanted = f == k->field ? k->problem : HTTP_FINE;

            if (q.fields[f].problem != wanted) {
                fail_msg("%s: field %s", k->query, q.fields[f].name);
            }
        }
        if (err != (k->problem == HTTP_FINE ? 0 : ERR_MISSING) || q.before != k->before ||
            q.after != k->after || q.limit != k->limit || q.has_after != k->has_after ||
            (q.fields[PAGE_WORDS].value != NULL) != (k->words != NULL) ||
            (k->words && strcmp(q.fields[PAGE_WORDS].value, k->words) != 0)) {
            fail_msg("%s: %s", k->query, err_name(err));
        }
        page_query_done(&q);
    }
}

/* So many times the same character, percent-encoded. */
static enum http_problem problem_of(const char *character, size_t times)
{
    struct page_query q;
    struct buf query;
    enum http_problem problem;
    int err;

    buf_init(&query, 65536);
    assert_int_equal(buf_append(&query, BYTES_LIT("q=")), 0);
    for (size_t i = 0; i < times; i++) {
        assert_int_equal(buf_append(&query, bytes_str(character)), 0);
    }
    err = page_query_read(buf_bytes(&query), PAGE_OF_SEARCH, &q);
    problem = q.fields[PAGE_WORDS].problem;
    assert_int_equal(err, problem == HTTP_FINE ? 0 : ERR_MISSING);
    page_query_done(&q);
    buf_done(&query);
    return problem;
}

static void test_long_words(void **state)
{
    (void)state;
    assert_int_equal(problem_of("x", SEARCH_MAX_CHARS), HTTP_FINE);
    assert_int_equal(problem_of("x", SEARCH_MAX_CHARS + 1), HTTP_TOO_LONG);
    assert_int_equal(problem_of("%F0%9F%98%80", SEARCH_MAX_CHARS), HTTP_FINE);
    assert_int_equal(problem_of("%F0%9F%98%80", SEARCH_MAX_CHARS + 1), HTTP_TOO_LONG);
    assert_int_equal(problem_of("x", 20000), HTTP_TOO_LONG);
}

static void test_without_memory(void **state)
{
    struct page_query q;
    int err = ERR_NOMEM;

    (void)state;
    for (size_t nth = 1; err == ERR_NOMEM; nth++) {
        assert_true(nth < 10);
        mem_fail_after(nth);
        err = page_query_read(BYTES_LIT("before=1&after=2&limit=3&q=x"), PAGE_OF_SEARCH, &q);
        mem_fail_after(0);
        page_query_done(&q);
        assert_true(nth > 1 || err == ERR_NOMEM);
    }
    assert_int_equal(err, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),         cmocka_unit_test(test_encoding_comes_back),
        cmocka_unit_test(test_pages),          cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
