/* SPDX-License-Identifier: MIT */
/* Tests of what fits what, and of what runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/file_type.h"

struct pair {
    const char *declared, *detected;
};

static bool fits(const struct pair *p)
{
    return file_type_fits(bytes_str(p->declared), bytes_str(p->detected));
}

#define OOXML "application/vnd.openxmlformats-officedocument."

static void test_fits(void **state)
{
    static const struct pair pairs[] = {
        {"image/png", "image/png"},
        {"IMAGE/PNG", "image/png"},
        {" image/png ; x=y", "image/png; charset=binary"},
        {"image/jpg", "image/jpeg"},
        {"image/pjpeg", "image/jpeg"},
        {"image/x-png", "image/png"},
        {"image/x-icon", "image/vnd.microsoft.icon"},
        {"image/heif", "image/heic"},
        {"application/pdf", "application/pdf"},
        {"text/plain", "text/plain"},
        {"text/plain", "text/html"},
        {"text/markdown", "text/html; charset=utf-8"},
        {"text/plain", "inode/x-empty"},
        {"text/csv", "text/plain"},
        {"text/csv", "application/csv"},
        {"text/markdown", "text/plain; charset=utf-8"},
        {"text/plain", "text/x-c"},
        {"text/plain", "application/json"},
        {"text/calendar", "text/calendar"},
        {"application/json", "text/plain"},
        {"application/json", "application/json"},
        {"application/x-ndjson", "application/x-ndjson"},
        {"application/xml", "text/xml"},
        {"text/xml", "application/xml"},
        {"application/yaml", "text/plain"},
        {"application/rtf", "text/rtf"},
        {"text/html", "text/html"},
        {"image/svg+xml", "image/svg+xml"},
        {OOXML "wordprocessingml.document", OOXML "wordprocessingml.document"},
        {OOXML "wordprocessingml.document", "application/zip"},
        {OOXML "spreadsheetml.sheet", "application/zip"},
        {OOXML "spreadsheetml.sheet", "application/encrypted"},
        {OOXML "presentationml.presentation", "application/CDFV2"},
        {"application/vnd.oasis.opendocument.text", "application/zip"},
        {"application/epub+zip", "application/zip"},
        {"application/zip", OOXML "wordprocessingml.document"},
        {"application/x-zip-compressed", "application/zip"},
        {"application/msword", "application/x-ole-storage"},
        {"application/msword", "application/CDFV2"},
        {"application/vnd.ms-excel", "application/vnd.ms-office"},
        {"application/vnd.ms-excel", "application/vnd.ms-excel"},
        {"audio/mp4", "video/mp4"},
        {"audio/x-m4a", "audio/mp4"},
        {"video/quicktime", "video/mp4"},
        {"video/mp4", "video/quicktime"},
        {"video/3gpp", "video/mp4"},
        {"audio/ogg", "application/ogg"},
        {"audio/opus", "audio/ogg"},
        {"video/webm", "video/x-matroska"},
        {"audio/webm", "video/webm"},
        {"audio/wav", "audio/x-wav"},
        {"audio/mp3", "audio/mpeg"},
        {"application/gzip", "application/x-gzip"},
        {"application/x-gzip", "application/gzip"},
        {"application/vnd.rar", "application/x-rar"},
        {"application/octet-stream", "image/png"},
        {"application/octet-stream", "application/octet-stream"},
        {"application/octet-stream", "text/plain"},
        {"application/octet-stream", "application/zip"},
        {"", "image/png"},
        /* What runs, under its own name: refusing it is somebody else's rule. */
        {"application/x-sh", "text/x-shellscript"},
        {"application/x-msdownload", "application/x-dosexec"},
        {"text/javascript", "application/javascript"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (!fits(&pairs[i])) {
            fail_msg("%s should fit %s", pairs[i].declared, pairs[i].detected);
        }
    }
}

static void test_does_not_fit(void **state)
{
    static const struct pair pairs[] = {
        {"image/png", "image/jpeg"},
        {"image/png", "application/octet-stream"},
        {"image/png", "text/plain"},
        {"image/png", "inode/x-empty"},
        {"image/png", ""},
        {"", ""},
        {"application/octet-stream", ""},
        {"image/", "image/png"},
        {"image/pngx", "image/png"},
        {"image/png/x", "image/png"},
        {"image/*", "image/png"},
        {"*/*", "image/png"},
        {";", "image/png"},
        {"text/plain", "image/png"},
        {"text/plain", "application/octet-stream"},
        {"text/plain", "application/pdf"},
        {"application/json", "application/zip"},
        {"application/pdf", "text/plain"},
        {"text/csv", "text/html"},
        {"text/html", "text/plain"},
        {"image/svg+xml", "text/xml"},
        {"image/svg+xml", "text/plain"},
        {"image/png", "image/svg+xml"},
        {"text/xml", "image/svg+xml"},
        {"text/xml", "application/xhtml+xml"},
        {"text/plain", "text/x-shellscript"},
        {"text/csv", "text/x-script.python"},
        {"text/plain", "application/javascript"},
        {"application/json", "application/javascript"},
        {"application/octet-stream", "application/x-dosexec"},
        {"application/octet-stream", "application/x-sharedlib"},
        {"application/octet-stream", "application/x-executable; charset=binary"},
        {"application/octet-stream", "text/x-shellscript"},
        {"application/octet-stream", "text/html"},
        {"application/octet-stream", "TEXT/HTML"},
        {"application/octet-stream", "image/svg+xml"},
        {"binary/octet-stream", "application/java-archive"},
        {"", "application/x-dosexec"},
        {"application/zip", "application/java-archive"},
        {"application/java-archive", "application/zip"},
        {"application/vnd.android.package-archive", "application/zip"},
        {OOXML "wordprocessingml.document", OOXML "spreadsheetml.sheet"},
        {OOXML "wordprocessingml.document", "application/octet-stream"},
        {OOXML "wordprocessingml.document", "application/java-archive"},
        {"application/zip", "application/x-ole-storage"},
        {"application/msword", "application/zip"},
        {"application/msword", "application/vnd.ms-excel"},
        {"application/x-msi", "application/x-ole-storage"},
        {"video/mp4", "video/webm"},
        {"audio/mpeg", "video/mp4"},
        {"audio/mpeg", "application/octet-stream"},
        {"audio/ogg", "audio/mpeg"},
        {"image/heic", "video/mp4"},
        {"application/gzip", "application/zip"},
        {"application/pdf", "application/x-dosexec"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (fits(&pairs[i])) {
            fail_msg("%s should not fit %s", pairs[i].declared, pairs[i].detected);
        }
    }
}

static void test_long_names(void **state)
{
    char text[400];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_false(file_type_fits(bytes_of(text, sizeof(text)), bytes_of(text, sizeof(text))));
    assert_true(file_type_fits(bytes_of(text, 127), bytes_of(text, 127)));
    assert_false(file_type_fits(bytes_of(text, 128), bytes_of(text, 128)));
    assert_false(file_type_is_executable(bytes_of(text, sizeof(text))));
    assert_false(file_type_fits(BYTES_LIT("image/png"), BYTES_LIT("image/png\0x")));
    assert_false(file_type_fits(BYTES_NONE, BYTES_NONE));
}

static void test_is_executable(void **state)
{
    static const char *const runs[] = {
        "application/x-executable",
        "application/x-pie-executable",
        "application/x-sharedlib",
        "application/x-dosexec",
        "APPLICATION/X-DOSEXEC",
        "application/x-dosexec; charset=binary",
        "application/vnd.microsoft.portable-executable",
        "application/x-mach-binary",
        "application/x-msi",
        "application/java-archive",
        "application/x-java-applet",
        "application/vnd.android.package-archive",
        "application/vnd.debian.binary-package",
        "application/x-rpm",
        "text/x-shellscript",
        "text/x-script.python",
        "text/x-python",
        "text/x-perl",
        "text/x-msdos-batch",
        "application/javascript",
        "application/x-ms-shortcut",
    };
    static const char *const not [] = {
        "text/plain", "text/html", "image/png",     "application/zip", "application/octet-stream",
        "",           "text/x-c",  "image/svg+xml", "application/pdf", "application/x-dosexecutive",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        if (!file_type_is_executable(bytes_str(runs[i]))) {
            fail_msg("%s runs", runs[i]);
        }
    }
    for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
        if (file_type_is_executable(bytes_str(not [i]))) {
            fail_msg("%s does not run", not [i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_does_not_fit),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_is_executable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
