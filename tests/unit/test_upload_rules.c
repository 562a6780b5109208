/* SPDX-License-Identifier: MIT */
/* What may be uploaded: each rule at its bounds, and what is stored of names and types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "broker/file_type.h"
#include "broker/upload_rules.h"
#include "common/mem.h"
#include "proto/limits.h"

#define NOT_A_NAME "This is not a file name."
#define RUNS "Files with such a name are not taken."
#define NOT_TAKEN "Files of this type are not taken."
#define SIZE_MAX_BYTES 26214400u
#define ZWSP "\xE2\x80\x8B"
#define NBSP "\xC2\xA0"
#define RLO "\xE2\x80\xAE"
#define FACE "\xF0\x9F\x98\x80"

static struct buf name, type;

static int set_up(void **state)
{
    (void)state;
    buf_init(&name, FILE_NAME_GIVEN_MAX_BYTES);
    buf_init(&type, FILE_TYPE_MAX_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&name);
    buf_done(&type);
    return 0;
}

static struct upload_rules rules_of(const char *types, enum sanitize_mode mode)
{
    return (struct upload_rules){
        .allowed_types = types, .size_max = SIZE_MAX_BYTES, .sanitize_mode = mode};
}

static struct upload_judgement judge_by(const struct upload_rules *rules, struct bytes file_name,
                                        struct bytes file_type, int64_t size)
{
    buf_reset(&name);
    buf_reset(&type);
    return upload_judge(rules, file_name, file_type, size, &name, &type);
}

static struct upload_judgement judge(const char *file_name, const char *file_type, int64_t size)
{
    const struct upload_rules rules = rules_of("text/plain, image/*", SANITIZE_MARKUP);

    return judge_by(&rules, bytes_str(file_name), bytes_str(file_type), size);
}

static void assert_judgement(struct upload_judgement j, enum client_code code, const char *why)
{
    assert_int_equal(j.code, code);
    if (why) {
        assert_non_null(j.sentence);
        assert_string_equal(j.sentence, why);
    }
}

/* ---- sizes ---- */

static void test_sizes(void **state)
{
    (void)state;
    assert_judgement(judge("a.txt", "text/plain", INT64_MIN), CODE_INVALID_MESSAGE,
                     "The file is empty.");
    assert_judgement(judge("a.txt", "text/plain", -1), CODE_INVALID_MESSAGE, "The file is empty.");
    assert_judgement(judge("a.txt", "text/plain", 0), CODE_INVALID_MESSAGE, "The file is empty.");
    assert_judgement(judge("a.txt", "text/plain", 1), CODE_NONE, NULL);
    assert_judgement(judge("a.txt", "text/plain", SIZE_MAX_BYTES), CODE_NONE, NULL);
    assert_judgement(judge("a.txt", "text/plain", (int64_t)SIZE_MAX_BYTES + 1),
                     CODE_MESSAGE_TOO_LARGE, "The file is too large.");
    assert_judgement(judge("a.txt", "text/plain", INT64_MAX), CODE_MESSAGE_TOO_LARGE, NULL);
    assert_judgement(judge("a.txt", "text/plain", (INT64_C(1) << 32) + 1), CODE_MESSAGE_TOO_LARGE,
                     NULL); /* not taken for 1 */
}

/* ---- types ---- */

static void test_types(void **state)
{
    static const struct {
        const char *given, *stored; /* NULL: not taken */
    } cases[] = {
        {"text/plain", "text/plain"},
        {"Text/PLAIN", "text/plain"},
        {"text/plain; charset=utf-8", "text/plain"},
        {"text/plain \t;x", "text/plain"},
        {"text/plain;", "text/plain"},
        {"text/plain  ", "text/plain"},
        {"image/png", "image/png"},
        {"IMAGE/SVG+XML", "image/svg+xml"},
        {"image/x!#$&-^_.+1", "image/x!#$&-^_.+1"},
        {"image/1", "image/1"},
        {"", NULL},
        {" ", NULL},
        {";", NULL},
        {"text", NULL},
        {"text/", NULL},
        {"/plain", NULL},
        {"/", NULL},
        {"image", NULL},
        {"image/", NULL},
        {"image/;x", NULL},
        {"image/*", NULL},
        {"*/*", NULL},
        {"image/png/x", NULL},
        {"image//png", NULL},
        {" text/plain", NULL},
        {"text /plain", NULL},
        {"text/ plain", NULL},
        {"text/plain,image/png", NULL},
        {"image/png\r\nX: y", NULL},
        {"image/p\"ng", NULL},
        {"image/p(n)g", NULL},
        {"image/p\xC3\xBC", NULL},
        {"text/plainx", NULL},
        {"text/plai", NULL},
        {"text/html", NULL},
        {"imagex/png", NULL},
        {"ximage/png", NULL},
        {"-image/png", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct upload_judgement j = judge("a.dat", cases[i].given, 1);
        bool is_right = cases[i].stored
                            ? j.code == CODE_NONE && bytes_eq_str(buf_bytes(&type), cases[i].stored)
                            : j.code == CODE_INVALID_MESSAGE && j.sentence &&
                                  strcmp(j.sentence, NOT_TAKEN) == 0;
        if (!is_right) {
            fail_msg("%s: %d %.*s", cases[i].given, j.code, BYTES_FMT(buf_bytes(&type)));
        }
    }
}

static void test_a_nul_is_in_no_type(void **state)
{
    const struct upload_rules rules = rules_of("image/*", SANITIZE_MARKUP);

    (void)state;
    assert_judgement(judge_by(&rules, BYTES_LIT("a"), bytes_of("image/\0png", 10), 1),
                     CODE_INVALID_MESSAGE, NOT_TAKEN);
    assert_judgement(judge_by(&rules, BYTES_LIT("a"), bytes_of("image/png\0", 10), 1),
                     CODE_INVALID_MESSAGE, NOT_TAKEN);
}

static void test_a_type_has_its_bound(void **state)
{
    const struct upload_rules rules = rules_of("image/*", SANITIZE_MARKUP);
    char given[300];

    (void)state;
    memset(given, 'x', sizeof(given));
    memcpy(given, "image/", 6);
    assert_judgement(judge_by(&rules, BYTES_LIT("a"), bytes_of(given, FILE_TYPE_MAX_BYTES), 1),
                     CODE_NONE, NULL);
    assert_judgement(judge_by(&rules, BYTES_LIT("a"), bytes_of(given, FILE_TYPE_MAX_BYTES + 1), 1),
                     CODE_INVALID_MESSAGE, NOT_TAKEN);
    given[9] = ';'; /* parameters do not count */
    assert_judgement(judge_by(&rules, BYTES_LIT("a"), bytes_of(given, sizeof(given)), 1), CODE_NONE,
                     NULL);
}

static void test_what_is_allowed(void **state)
{
    static const struct {
        const char *allowed, *type;
        bool is_taken;
    } cases[] = {
        {"", "text/plain", false},
        {"text/plain", "text/plain", true},
        {"image/png,text/plain", "text/plain", true},
        {" image/png , text/plain ", "text/plain", true},
        {"image/png,text/plain", "text/html", false},
        {"*/*", "text/plain", false}, /* no family is called '*' */
        {"image/*", "image/png", true},
        {"image/*", "text/plain", false},
        {"image/*", "images/png", false},
        {"image/x-*", "image/x-icon", true},
        {"image/x-*", "image/png", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct upload_rules rules = rules_of(cases[i].allowed, SANITIZE_MARKUP);
        struct upload_judgement j = judge_by(&rules, BYTES_LIT("a"), bytes_str(cases[i].type), 1);
        if ((j.code == CODE_NONE) != cases[i].is_taken) {
            fail_msg("%s in %s", cases[i].type, cases[i].allowed);
        }
    }
}

/* ---- names ---- */

static const struct {
    const char *given, *stored; /* NULL: `why` */
    const char *why;
} NAMES[] = {
    {"a.txt", "a.txt", NULL},
    {"a", "a", NULL},
    {".bashrc", ".bashrc", NULL},
    {"..a", "..a", NULL},
    {"a b.txt", "a b.txt", NULL},
    {"\xC3\xBC" FACE ".txt", "\xC3\xBC" FACE ".txt", NULL},
    /* where it lay is nobody's business */
    {"/etc/passwd", "passwd", NULL},
    {"../../etc/passwd", "passwd", NULL},
    {"C:\\Users\\a.txt", "a.txt", NULL},
    {"a/../b\\c.txt", "c.txt", NULL},
    /* ends */
    {"  a.txt  ", "a.txt", NULL},
    {"a.txt. . .", "a.txt", NULL},
    {NBSP "a.txt" NBSP, "a.txt", NULL},
    /* what is not seen */
    {"a\x01\x1f\x7f.txt", "a.txt", NULL},
    {"a\r\nX: y.txt", "aX: y.txt", NULL},
    {"invoice" RLO "fdp.txt", "invoicefdp.txt", NULL},
    {"a" ZWSP ".txt", "a.txt", NULL},
    /* nothing is left */
    {"", NULL, NOT_A_NAME},
    {".", NULL, NOT_A_NAME},
    {"..", NULL, NOT_A_NAME},
    {"...", NULL, NOT_A_NAME},
    {" ", NULL, NOT_A_NAME},
    {"a/", NULL, NOT_A_NAME},
    {"\\", NULL, NOT_A_NAME},
    {"a/..", NULL, NOT_A_NAME},
    {"\x01\x02", NULL, NOT_A_NAME},
    {ZWSP, NULL, NOT_A_NAME},
    {"javascript:", NULL, NOT_A_NAME},
    {"..javascript:", NULL, NOT_A_NAME},
    {" javascript: javascript: ", NULL, NOT_A_NAME},
    {"\xFF", NULL, NOT_A_NAME},
    {"a\xC3", NULL, NOT_A_NAME},
    /* what sanitising leaves */
    {"ajavascript:.txt", "a.txt", NULL},
    {"a.txt javascript:", "a.txt", NULL},
    {"javascript: a.txt", "a.txt", NULL},
    {"eval(.txt", ".txt", NULL},
    {"onload=a.txt", "a.txt", NULL},
    {"<b>.txt", "<" ZWSP "b>.txt", NULL},
    {"a < b.txt", "a < b.txt", NULL},
    /* what runs */
    {"a.exe", NULL, RUNS},
    {"A.EXE", NULL, RUNS},
    {"a.exe ", NULL, RUNS},
    {"a.exe...", NULL, RUNS},
    {"dir/a.bat", NULL, RUNS},
    {"a.exe:stream", NULL, RUNS},
    {"photo" RLO "gnp.exe", NULL, RUNS},
    {"a.e" ZWSP "xe", NULL, RUNS},
    {"a.exe.txt", "a.exe.txt", NULL},
    /* what would run when it is sanitised */
    {"a.ejavascript:xe", NULL, RUNS},
    {"a.exe javascript:", NULL, RUNS},
    {"a.exe.javascript:", NULL, RUNS},
    {"a.eeval(xe", NULL, RUNS},
    {"a.exonload=e", NULL, RUNS},
    {"a.bjavajavascript:script:at", NULL, RUNS},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        struct upload_judgement j = judge(NAMES[i].given, "text/plain", 1);
        bool is_right = NAMES[i].stored
                            ? j.code == CODE_NONE && bytes_eq_str(buf_bytes(&name), NAMES[i].stored)
                            : j.code == CODE_INVALID_MESSAGE && j.sentence &&
                                  strcmp(j.sentence, NAMES[i].why) == 0;
        if (!is_right) {
            fail_msg("%zu %s: %d %.*s", i, NAMES[i].given, j.code, BYTES_FMT(buf_bytes(&name)));
        }
    }
}

static void test_modes(void **state)
{
    const struct upload_rules patterns = rules_of("text/plain", SANITIZE_PATTERNS),
                              escape = rules_of("text/plain", SANITIZE_ESCAPE);

    (void)state;
    assert_judgement(judge_by(&patterns, BYTES_LIT("<b>&.txt"), BYTES_LIT("text/plain"), 1),
                     CODE_NONE, NULL);
    assert_true(bytes_eq_str(buf_bytes(&name), "<b>&.txt"));
    assert_judgement(judge_by(&escape, BYTES_LIT("<b>&.txt"), BYTES_LIT("text/plain"), 1),
                     CODE_NONE, NULL);
    assert_true(bytes_eq_str(buf_bytes(&name), "&lt;b&gt;&amp;.txt"));
}

/* 255 characters, 512 bytes as given, 768 as stored. */
static void test_a_name_has_its_bounds(void **state)
{
    const struct upload_rules escape = rules_of("text/plain", SANITIZE_ESCAPE);
    char given[2048];

    (void)state;
    memset(given, 'x', sizeof(given));
    given[255] = '\0';
    assert_judgement(judge(given, "text/plain", 1), CODE_NONE, NULL);
    given[255] = 'x';
    given[256] = '\0';
    assert_judgement(judge(given, "text/plain", 1), CODE_INVALID_MESSAGE, NOT_A_NAME);
    for (size_t i = 0; i < 129; i++) {
        memcpy(given + 4 * i, FACE, 5);
    }
    assert_judgement(judge(given, "text/plain", 1), CODE_INVALID_MESSAGE, NOT_A_NAME);
    given[512] = '\0';
    assert_judgement(judge(given, "text/plain", 1), CODE_NONE, NULL);
    memset(given, '"', 255); /* six bytes each when they are escaped */
    assert_judgement(judge_by(&escape, bytes_of(given, 128), BYTES_LIT("text/plain"), 1), CODE_NONE,
                     NULL);
    assert_int_equal(name.len, STORED_NAME_MAX_BYTES);
    assert_judgement(judge_by(&escape, bytes_of(given, 129), BYTES_LIT("text/plain"), 1),
                     CODE_INVALID_MESSAGE, NOT_A_NAME);
}

/* What is stored could be given again, and would stay what it is. */
static void test_stored_names_are_stable(void **state)
{
    char again[FILE_NAME_MAX_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (!NAMES[i].stored || strstr(NAMES[i].stored, ZWSP)) {
            continue;
        }
        (void)snprintf(again, sizeof(again), "%s", NAMES[i].stored);
        assert_judgement(judge(again, "text/plain", 1), CODE_NONE, NULL);
        assert_true(bytes_eq_str(buf_bytes(&name), again));
    }
}

static void test_trimming(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"a", "a"},
        {" a ", "a"},
        {"..a..", "..a"},
        {". .a. .", ". .a"},
        {"...", ""},
        {" . ", ""},
        {NBSP "a b" NBSP ".", "a b"},
        {"\xFF.", "\xFF"},
        {"a\xC3", "a\xC3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(bytes_eq_str(file_name_trim(bytes_str(cases[i][0])), cases[i][1]));
    }
}

/* ---- the order, and no memory ---- */

static void test_the_first_rule_is_told(void **state)
{
    (void)state;
    assert_judgement(judge("..", "x", 0), CODE_INVALID_MESSAGE, NOT_A_NAME);
    assert_judgement(judge("a.exe", "x", 0), CODE_INVALID_MESSAGE, RUNS);
    assert_judgement(judge("a", "x", 0), CODE_INVALID_MESSAGE, NOT_TAKEN);
    assert_judgement(judge("a", "text/plain", 0), CODE_INVALID_MESSAGE, "The file is empty.");
}

static void test_no_memory(void **state)
{
    enum client_code code = CODE_SERVICE_UNAVAILABLE;
    unsigned failures = 0;

    (void)state;
    while (code == CODE_SERVICE_UNAVAILABLE) {
        buf_done(&name);
        buf_done(&type);
        mem_fail_after(++failures);
        code = judge("javascript:a.txt", "text/plain", 1).code;
        mem_fail_after(0);
    }
    assert_int_equal(code, CODE_NONE);
    assert_in_range(failures, 4, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_a_nul_is_in_no_type),
        cmocka_unit_test(test_a_type_has_its_bound),
        cmocka_unit_test(test_what_is_allowed),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_a_name_has_its_bounds),
        cmocka_unit_test(test_stored_names_are_stable),
        cmocka_unit_test(test_trimming),
        cmocka_unit_test(test_the_first_rule_is_told),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
