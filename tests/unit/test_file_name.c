/* SPDX-License-Identifier: MIT */
/* Tests of names of files: cleaned, and looked at for extensions that run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/file_type.h"
#include "common/mem.h"

#define RLO "\xE2\x80\xAE"  /* U+202E, right to left from here */
#define ZWSP "\xE2\x80\x8B" /* U+200B */
#define NBSP "\xC2\xA0"
#define SHY "\xC2\xAD"
#define BOM "\xEF\xBB\xBF"
#define VS16 "\xEF\xB8\x8F"
#define HANGUL_FILLER "\xE3\x85\xA4"

static void test_executable_names(void **state)
{
    static const char *const names[] = {
        "a.exe",
        "A.EXE",
        "a.b.ExE",
        ".exe",
        "a.exe.",
        "a.exe...",
        "a.exe ",
        "a.exe . .",
        "a.exe" NBSP,
        "a.exe" ZWSP,
        "a.e" ZWSP "xe",
        "a.ex" SHY "e",
        "a.exe" VS16,
        "a.exe" HANGUL_FILLER,
        "a." BOM "exe",
        "a.\x01"
        "exe",
        "a.exe\n",
        "a. exe",
        "photo" RLO "gnp.exe",
        "invoice.pdf                              .exe",
        "a.exe:stream",
        "a.exe::$DATA",
        "a.exe.:x",
        "a.txt:b.exe",
        "dir/a.exe",
        "dir\\a.exe",
        "\xFF\xFE.exe",
        "a.\xC3\xA9.exe",
        "a.bat",
        "a.cmd",
        "a.com",
        "a.scr",
        "a.pif",
        "a.msi",
        "a.dll",
        "a.ps1",
        "a.vbs",
        "a.js",
        "a.hta",
        "a.lnk",
        "a.reg",
        "a.jar",
        "a.sh",
        "a.apk",
        "a.deb",
        "a.rpm",
        "a.dmg",
        "a.gadget",
        "a.inf",
        "a.msc",
        "a.scf",
        "a.url",
        "a.desktop",
        "a.settingcontent-ms",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!file_name_is_executable(bytes_str(names[i]))) {
            fail_msg("%zu: %s runs", i, names[i]);
        }
    }
}

static void test_other_names(void **state)
{
    static const char *const names[] = {
        "",
        ".",
        "..",
        "exe",
        "a",
        "a.",
        "a.txt",
        "a.exe.txt",
        "a.exes",
        "a.ex",
        "a.exe_",
        "exe.png",
        "a.exe/b",
        "a.exe/b.png",
        "a.exe:/b.png",
        "a.bin",
        "a.iso",
        "a.pdf",
        "a.docx",
        "a.e\xC3\xA9xe",
        "a.exe.gz",
        "a.e xe",
        "a.js.map",
        "com.v2",
        "x.settingcontent-mss",
        "a.json",
        ":",
        "a:b",
        "a.exe\xC3\xA9",
        "a.thisextensionislongerthananythatislookedfor",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (file_name_is_executable(bytes_str(names[i]))) {
            fail_msg("%zu: %s does not run", i, names[i]);
        }
    }
    assert_false(file_name_is_executable(BYTES_NONE));
    assert_true(file_name_is_executable(BYTES_LIT("a.ex\0e")));
}

static void test_cleaned(void **state)
{
    static const struct {
        const char *in, *out;
    } names[] = {
        {"a.txt", "a.txt"},
        {"/etc/passwd", "passwd"},
        {"..\\..\\a.txt", "a.txt"},
        {"C:\\fakepath\\a.txt", "a.txt"},
        {"a/b\\c/d", "d"},
        {"  a b.txt  ", "a b.txt"},
        {"a.txt. . .", "a.txt"},
        {"a.txt" NBSP, "a.txt"},
        {NBSP "a.txt", "a.txt"},
        {".bashrc", ".bashrc"},
        {"..a", "..a"},
        {"photo" RLO "gnp.exe", "photognp.exe"},
        {"a\r\nContent-Type: x", "aContent-Type: x"},
        {"a\x7F\xC2\x85.txt", "a.txt"},
        {ZWSP " a.txt" ZWSP ".", "a.txt"},
        {BOM "a", "a"},
        {"Gr\xC3\xBC\xC3\x9F"
         "e \xF0\x9F\x98\x80.pdf",
         "Gr\xC3\xBC\xC3\x9F"
         "e \xF0\x9F\x98\x80.pdf"},
        {"\xE6\x97\xA5\xE6\x9C\xAC.txt", "\xE6\x97\xA5\xE6\x9C\xAC.txt"},
    };
    struct buf out;

    (void)state;
    buf_init(&out, 1024);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        buf_reset(&out);
        assert_int_equal(file_name_clean(bytes_str(names[i].in), &out), 0);
        if (!bytes_eq_str(buf_bytes(&out), names[i].out)) {
            fail_msg("%zu: %.*s", i, BYTES_FMT(buf_bytes(&out)));
        }
    }
    buf_reset(&out);
    assert_int_equal(file_name_clean(BYTES_LIT("a\0b"), &out), 0);
    assert_true(bytes_eq_str(buf_bytes(&out), "ab"));
    buf_done(&out);
}

static int clean(struct bytes name)
{
    struct buf out;
    int err;

    buf_init(&out, 1024);
    err = file_name_clean(name, &out);
    assert_true(err == 0 || out.len == 0);
    buf_done(&out);
    return err;
}

static void test_refused(void **state)
{
    static const char *const nothing[] = {
        "",    " ",    ".",  "..", "...", ". .",    "/",    "a/",
        "a\\", "a/..", "\n", RLO,  ZWSP,  NBSP ".", "\x01",
    };
    static const char *const no_utf8[] = {"\xFF", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\x80/a"};

    (void)state;
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        assert_int_equal(clean(bytes_str(nothing[i])), ERR_SYNTAX);
    }
    for (size_t i = 0; i < sizeof(no_utf8) / sizeof(no_utf8[0]); i++) {
        assert_int_equal(clean(bytes_str(no_utf8[i])), ERR_UTF8);
    }
    assert_int_equal(clean(BYTES_NONE), ERR_SYNTAX);
}

static void test_limits(void **state)
{
    char text[2000];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(clean(bytes_of(text, FILE_NAME_MAX_CHARS)), 0);
    assert_int_equal(clean(bytes_of(text, FILE_NAME_MAX_CHARS + 1)), ERR_LIMIT);
    assert_int_equal(clean(bytes_of(text, sizeof(text))), ERR_LIMIT);
    for (size_t i = 0; i < sizeof(text); i += 4) {
        memcpy(text + i, "\xF0\x9F\x98\x80", 4);
    }
    assert_int_equal(clean(bytes_of(text, FILE_NAME_MAX_BYTES)), 0);
    assert_int_equal(clean(bytes_of(text, FILE_NAME_MAX_BYTES + 4)), ERR_LIMIT);
    /* What is taken away does not count. */
    memset(text, ' ', sizeof(text));
    text[1000] = 'a';
    assert_int_equal(clean(bytes_of(text, sizeof(text))), 0);
    text[0] = 'a';
    assert_int_equal(clean(bytes_of(text, sizeof(text))), ERR_LIMIT);
}

static void test_no_memory(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 3);
    assert_int_equal(file_name_clean(BYTES_LIT("abcd"), &out), ERR_FULL);
    mem_fail_after(1);
    assert_int_equal(file_name_clean(BYTES_LIT("abc"), &out), ERR_NOMEM);
    mem_fail_after(0);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_executable_names), cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_cleaned),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),           cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
