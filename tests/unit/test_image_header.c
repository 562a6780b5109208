/* SPDX-License-Identifier: MIT */
/* Tests of image headers: all formats, each one cut at every length, sizes of 0, hostile EXIF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "broker/image_header.h"

#define TEXT(s)                                                                                    \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }
#define PNG "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR"
#define SOF(height, width) "\xFF\xC0\0\x11\x08" height width "\x03\1\x22\0\2\x11\1\3\x11\1"
#define EXIF(len, tiff) "\xFF\xE1\0" len "Exif\0\0" tiff
#define ENTRY_LITTLE(value) "\x12\1\3\0\1\0\0\0" value "\0\0\0"
#define ENTRY_BIG(value) "\1\x12\0\3\0\0\0\1\0" value "\0\0"

static const struct {
    struct bytes file;
    struct image_header header; /* width 0: none */
} cases[] = {
    {TEXT(PNG "\0\0\2\x80\0\0\1\xE0"), {IMAGE_PNG, 640, 480, 1}},
    {TEXT(PNG "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), {IMAGE_PNG, UINT32_MAX, UINT32_MAX, 1}},
    {TEXT(PNG "\0\0\0\0\0\0\1\xE0"), {.width = 0}},
    {TEXT("\x89PNG\r\n\x1A\n\0\0\0\x0DiHDR\0\0\2\x80\0\0\1\xE0"), {.width = 0}},
    {TEXT("GIF89a\x40\1\xF0\0"), {IMAGE_GIF, 320, 240, 1}},
    {TEXT("GIF87a\1\0\2\0"), {IMAGE_GIF, 1, 2, 1}},
    {TEXT("GIF87a\0\0\2\0"), {.width = 0}},
    {TEXT("GIF88a\1\0\2\0"), {.width = 0}},
    {TEXT("\xFF\xD8" SOF("\1\xE0", "\2\x80")), {IMAGE_JPEG, 640, 480, 1}},
    {TEXT("\xFF\xD8\xFF\xE0\0\4ab\xFF\xFF\xFF" SOF("\1\xE0", "\2\x80")), {IMAGE_JPEG, 640, 480, 1}},
    {TEXT("\xFF\xD8" SOF("\0\0", "\2\x80")), {.width = 0}},
    {TEXT("\xFF\xD8\xFF\xC4\0\x08\0\0\0\0\0\0" SOF("\0\1", "\0\2")), {IMAGE_JPEG, 2, 1, 1}},
    {TEXT("\xFF\xD8\xFF\xDA\0\4ab" SOF("\1\xE0", "\2\x80")), {.width = 0}},
    {TEXT("\xFF\xD8\xFF\xD9" SOF("\1\xE0", "\2\x80")), {.width = 0}},
    {TEXT("\xFF\xD8\xFF\xE0\0\0" SOF("\1\xE0", "\2\x80")), {.width = 0}},
    {TEXT("\xFF\xD8\xFF\xE0\xFF\xFF" SOF("\1\xE0", "\2\x80")), {.width = 0}},
    {TEXT("\xFF\xD8" EXIF("\x22", "II*\0\x08\0\0\0\1\0" ENTRY_LITTLE("\6") "\0\0\0\0")
              SOF("\1\xE0", "\2\x80")),
     {IMAGE_JPEG, 640, 480, 6}},
    {TEXT("\xFF\xD8" EXIF("\x22", "MM\0*\0\0\0\x08\0\1" ENTRY_BIG("\3") "\0\0\0\0")
              SOF("\1\xE0", "\2\x80")),
     {IMAGE_JPEG, 640, 480, 3}},
    {TEXT("\xFF\xD8" EXIF("\x22", "II*\0\x08\0\0\0\1\0" ENTRY_LITTLE("\x09") "\0\0\0\0")
              SOF("\1\xE0", "\2\x80")),
     {IMAGE_JPEG, 640, 480, 1}},
    /* Its directory is said to be elsewhere, or to be endless. */
    {TEXT("\xFF\xD8" EXIF("\x22", "II*\0\xFF\xFF\xFF\xFF\1\0" ENTRY_LITTLE("\6") "\0\0\0\0")
              SOF("\1\xE0", "\2\x80")),
     {IMAGE_JPEG, 640, 480, 1}},
    {TEXT("\xFF\xD8" EXIF("\x22", "XX*\0\x08\0\0\0\xFF\xFF" ENTRY_LITTLE("\6") "\0\0\0\0")
              SOF("\1\xE0", "\2\x80")),
     {IMAGE_JPEG, 640, 480, 1}},
    {TEXT("\xFF\xD8" EXIF("\x10", "II*\0\x08\0\0\0") SOF("\1\xE0", "\2\x80")),
     {IMAGE_JPEG, 640, 480, 1}},
    {TEXT("RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\x7F\2\0\xDF\1\0"), {IMAGE_WEBP, 640, 480, 1}},
    {TEXT("RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2F\x7F\xC2\x77\0\0\0\0\0\0"), {IMAGE_WEBP, 640, 480, 1}},
    {TEXT("RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2E\x7F\xC2\x77\0\0\0\0\0\0"), {.width = 0}},
    {TEXT("RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9D\x01\x2A\x80\2\xE0\1"), {IMAGE_WEBP, 640, 480, 1}},
    {TEXT("RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9D\x01\x2B\x80\2\xE0\1"), {.width = 0}},
    {TEXT("RIFF\0\0\0\0WEBPVP9 \0\0\0\0\0\0\0\x9D\x01\x2A\x80\2\xE0\1"), {.width = 0}},
    {TEXT("RIFF\0\0\0\0WAVEVP8X\x0A\0\0\0\0\0\0\0\x7F\2\0\xDF\1\0"), {.width = 0}},
    {TEXT("BM"), {.width = 0}},
    {TEXT(""), {.width = 0}},
};

#define COUNT (sizeof(cases) / sizeof(cases[0]))

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        struct image_header h = {.width = 0};
        const struct image_header *want = &cases[i].header;
        bool is_ok = image_header_read(cases[i].file, &h);

        if (is_ok != (want->width > 0) || h.width != want->width || h.height != want->height ||
            h.orientation != want->orientation || h.format != want->format) {
            fail_msg("%zu: %d %ux%u %d", i, is_ok, h.width, h.height, h.orientation);
        }
    }
}

/* Each in memory of exactly its length, so that a sanitizer sees a look behind the end. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t len = 0; len < cases[i].file.len; len++) {
            char *copy = malloc(len ? len : 1);
            struct image_header h;

            assert_non_null(copy);
            memcpy(copy, cases[i].file.ptr, len);
            (void)image_header_read(bytes_of(copy, len), &h);
            free(copy);
        }
    }
}

static void test_types(void **state)
{
    (void)state;
    assert_string_equal(image_format_type(IMAGE_PNG), "image/png");
    assert_string_equal(image_format_type(IMAGE_JPEG), "image/jpeg");
    assert_string_equal(image_format_type(IMAGE_GIF), "image/gif");
    assert_string_equal(image_format_type(IMAGE_WEBP), "image/webp");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
