/* SPDX-License-Identifier: MIT */
/* Tests of kibray-inspect through broker/io/inspect.h: types, thumbnails, bombs, broken files, and
 * the locks. */
#include <pthread.h>
#include <signal.h>

#include "common/io/clock.h"
#include "tests/integration/inspect_probe.h"

static gdImagePtr thumbnail(void)
{
    gdImagePtr image = strcmp(r.thumbnail_type, "image/png") == 0
                           ? gdImageCreateFromPngPtr((int)r.thumbnail.len, r.thumbnail.data)
                           : gdImageCreateFromJpegPtr((int)r.thumbnail.len, r.thumbnail.data);

    assert_non_null(image);
    assert_int_equal(gdImageSX(image), r.thumbnail_width);
    assert_int_equal(gdImageSY(image), r.thumbnail_height);
    return image;
}

/* 'r', 'g', 'b', 'w' or '?' at a place in quarters of the thumbnail. */
static char color_at(gdImagePtr image, int x, int y)
{
    int c = gdImageGetTrueColorPixel(image, gdImageSX(image) * x / 4, gdImageSY(image) * y / 4);
    int high = (gdTrueColorGetRed(c) > 170) << 2 | (gdTrueColorGetGreen(c) > 170) << 1 |
               (gdTrueColorGetBlue(c) > 170);

    return high == 4 ? 'r' : high == 2 ? 'g' : high == 1 ? 'b' : high == 7 ? 'w' : '?';
}

static void assert_quarters(const char *expected)
{
    gdImagePtr image = thumbnail();
    char found[5] = {color_at(image, 1, 1), color_at(image, 3, 1), color_at(image, 1, 3),
                     color_at(image, 3, 3), '\0'};

    assert_string_equal(found, expected);
    gdImageDestroy(image);
}

static void test_formats(void **state)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};

    (void)state;
    for (int format = MADE_PNG; format <= MADE_WEBP; format++) {
        assert_string_equal(type_of(image_file(quarters(800, 600), (enum made_format)format)),
                            types[format]);
        assert_int_equal(r.width, 800);
        assert_int_equal(r.height, 600);
        assert_string_equal(r.thumbnail_type, "image/jpeg");
        assert_int_equal(r.thumbnail_width, 320);
        assert_int_equal(r.thumbnail_height, 240);
        assert_quarters("rgbw");
    }
}

static void test_sizes(void **state)
{
    static const int sizes[][4] = {
        {320, 320, 320, 320}, {10, 5, 10, 5},    {1, 1, 1, 1},           {321, 100, 320, 100},
        {5000, 2, 320, 1},    {2, 5000, 1, 320}, {1000, 2000, 160, 320},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        (void)type_of(image_file(quarters(sizes[i][0], sizes[i][1]), MADE_PNG));
        assert_int_equal(r.width, sizes[i][0]);
        assert_int_equal(r.thumbnail_width, sizes[i][2]);
        assert_int_equal(r.thumbnail_height, sizes[i][3]);
        gdImageDestroy(thumbnail());
    }
}

static void test_transparency(void **state)
{
    gdImagePtr image = quarters(640, 640), small;

    (void)state;
    gdImageAlphaBlending(image, 0);
    gdImageSaveAlpha(image, 1);
    gdImageFilledRectangle(image, 0, 0, 320, 320, gdTrueColorAlpha(0, 0, 0, gdAlphaTransparent));
    (void)type_of(image_file(image, MADE_PNG));
    assert_string_equal(r.thumbnail_type, "image/png");
    small = thumbnail();
    assert_int_equal(gdTrueColorGetAlpha(gdImageGetTrueColorPixel(small, 80, 80)),
                     gdAlphaTransparent);
    assert_int_equal(gdTrueColorGetAlpha(gdImageGetTrueColorPixel(small, 240, 80)), gdAlphaOpaque);
    gdImageDestroy(small);
    image = gdImageCreatePalette(500, 500);
    gdImageColorTransparent(image, gdImageColorAllocate(image, 1, 2, 3));
    (void)type_of(image_file(image, MADE_GIF));
    assert_string_equal(r.thumbnail_type, "image/png");
}

static void test_orientation(void **state)
{
    static const char *const seen[] = {"rgbw", "grwb", "wbgr", "bwrg",
                                       "rbgw", "brwg", "wgbr", "gwrb"};

    (void)state;
    for (char i = 1; i <= 8; i++) {
        assert_string_equal(type_of(turned_jpeg(800, 600, i)), "image/jpeg");
        assert_int_equal(r.width, i >= 5 ? 600 : 800);
        assert_int_equal(r.thumbnail_width, i >= 5 ? 240 : 320);
        assert_quarters(seen[i - 1]);
    }
}

static void test_noise(void **state)
{
    gdImagePtr image = gdImageCreateTrueColor(320, 320);

    (void)state;
    gdImageAlphaBlending(image, 0);
    gdImageSaveAlpha(image, 1);
    srand(1);
    for (int i = 0; i < 320 * 320; i++) {
        gdImageSetPixel(image, i % 320, i / 320, rand() & 0x7FFFFFFF);
    }
    (void)type_of(image_file(image, MADE_PNG));
    assert_in_range(r.thumbnail.len, 1, INSPECT_THUMBNAIL_MAX_BYTES);
    assert_string_equal(r.thumbnail_type, "image/png");
    assert_int_equal(r.thumbnail_width, 160); /* smaller, because it did not fit */
}

static void test_none_wanted(void **state)
{
    const struct inspect_conf conf = {.program = PROGRAM};
    int fd = image_file(quarters(800, 600), MADE_PNG);

    (void)state;
    assert_int_equal(inspect_file(fd, &conf, &r), 0);
    assert_string_equal(r.type, "image/png");
    assert_int_equal(r.width, 800);
    assert_no_thumbnail();
    assert_true(lseek(fd, 0, SEEK_CUR) > 8); /* the offset was left alone */
    (void)close(fd);
}

static void test_other_files(void **state)
{
    static const char *const files[][2] = {
        {"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n1 0 obj\n", "application/pdf"},
        {"just some text\n", "text/plain"},
        {"a,b,c\n1,2,3\n4,5,6\n", "text/csv"},
        {"{\"a\": [1, 2, 3]}\n", "application/json"},
        {"#!/bin/sh\necho hello\n", "text/x-shellscript"},
        {"#!/usr/bin/env python3\nprint(1)\n", "text/x-script.python"},
        {"<!DOCTYPE html><html><body>hi</body></html>", "text/html"},
        {"<script>alert(1)</script>", "text/html"},
        {"\xEF\xBB\xBF \n<!-- x --><sCrIpT src=x>", "text/html"},
        {"<?xml version=\"1.0\"?>\n<!-- x -->\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
         "image/svg+xml"},
        {"<svg onload=alert(1)>", "image/svg+xml"},
        {"\n\n<!-- a --> <svg xmlns='http://www.w3.org/2000/svg'></svg>", "image/svg+xml"},
        {"", "application/x-empty"},
        {"\x1F\x8B\x08\x08\1\1\1\1\2\3name", "application/gzip"},
        {"\1\2\3\4\xFE\1\2", "application/octet-stream"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        assert_string_equal(type_of(file_of_text(files[i][0])), files[i][1]);
        assert_int_equal(r.width, 0);
        assert_no_thumbnail();
    }
    assert_string_equal(type_of(open(PROGRAM, O_RDONLY)), "application/x-pie-executable");
    assert_string_equal(type_of(file_of("MZ\x90\0\3\0\0\0", 8)), "application/x-dosexec");
}

#define LOCAL_HEADER(name_len, len)                                                                \
    "PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0" len "\0\0\0" len "\0\0\0" name_len "\0\0\0"

static void test_zip_and_office(void **state)
{
    static const char zip[] = LOCAL_HEADER("\5", "\2") "a.txthi";
    static const char odt[] =
        LOCAL_HEADER("\x08", "\x27") "mimetypeapplication/vnd.oasis.opendocument.text";
    static const char docx[] = LOCAL_HEADER("\x13", "\0") "[Content_Types].xml" LOCAL_HEADER(
        "\x0B", "\0") "_rels/.rels" LOCAL_HEADER("\x11", "\0") "word/document.xml";
    static const char odd[] = LOCAL_HEADER("\x13", "\0") "[Content_Types].xml";

    (void)state;
    assert_string_equal(type_of(file_of(zip, sizeof(zip) - 1)), "application/zip");
    assert_string_equal(type_of(file_of(odt, sizeof(odt) - 1)),
                        "application/vnd.oasis.opendocument.text");
    assert_string_equal(type_of(file_of(docx, sizeof(docx) - 1)),
                        "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
    assert_string_equal(type_of(file_of(odd, sizeof(odd) - 1)), "application/zip");
}

static void test_bombs(void **state)
{
    static const unsigned char gif[] =
        "GIF89a\xFF\xFF\xFF\xFF\0\0\0,\0\0\0\0\xFF\xFF\xFF\xFF\0\2\2L\1\0;";
    uint64_t begin_ms = clock_mono_ms();
    int fd = png_of_zeros(20000, 20000, 1, 0, 20000);

    (void)state;
    assert_in_range(lseek(fd, 0, SEEK_END), 1000, 100000); /* 50 MB of rows, 400 MB of pixels */
    begin_ms = clock_mono_ms();
    assert_string_equal(type_of(fd), "image/png");
    assert_int_equal(r.width, 20000);
    assert_no_thumbnail();
    assert_string_equal(type_of(png_of_zeros(60000, 60000, 8, 2, 0)), "image/png");
    assert_int_equal(r.height, 60000);
    assert_no_thumbnail();
    assert_string_equal(type_of(png_of_zeros(UINT32_MAX, UINT32_MAX, 8, 2, 0)), "image/png");
    assert_no_thumbnail();
    assert_string_equal(type_of(file_of(gif, sizeof(gif) - 1)), "image/gif");
    assert_no_thumbnail();
    assert_in_range(clock_mono_ms() - begin_ms, 0, 3000);
    /* The largest that is decoded; one that has more rows than it says. */
    assert_string_equal(type_of(png_of_zeros(7000, 7000, 8, 2, 7000)), "image/png");
    assert_int_equal(r.thumbnail_width, 320);
    assert_string_equal(type_of(png_of_zeros(100, 100, 8, 2, 50000)), "image/png");
}

static void test_broken_images(void **state)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};

    (void)state;
    srand(7);
    for (int format = MADE_PNG; format <= MADE_WEBP; format++) {
        int len;
        char *data = encoded(quarters(400, 300), (enum made_format)format, &len);

        for (int cut = 64; cut < len; cut += len / 8 + 1) {
            assert_string_equal(type_of(file_of(data, (size_t)cut)), types[format]);
        }
        if (format == MADE_PNG) { /* of a JPEG there is what has arrived */
            (void)type_of(file_of(data, (size_t)len / 2));
            assert_no_thumbnail();
        }
        for (int round = 0; round < 24; round++) {
            for (int i = 0; i < 3; i++) {
                data[32 + rand() % (len - 32)] = (char)rand();
            }
            assert_true(strchr(type_of(file_of(data, (size_t)len)), '/') != NULL);
        }
        gdFree(data);
    }
}

static void test_garbage(void **state)
{
    static char data[100000];

    (void)state;
    srand(3);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof(data); i++) {
            data[i] = (char)rand();
        }
        assert_true(strchr(type_of(file_of(data, sizeof(data))), '/') != NULL);
    }
}

static void test_only_regular_files(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(inspect_with(ends[0], PROGRAM, 0), ERR_UNAVAILABLE);
    assert_int_equal(inspect_with(open("/dev/zero", O_RDONLY), PROGRAM, 0), ERR_UNAVAILABLE);
    assert_int_equal(inspect_with(open("/tmp", O_RDONLY), PROGRAM, 0), ERR_UNAVAILABLE);
    assert_int_equal(inspect_with(-1, PROGRAM, 0), ERR_UNAVAILABLE);
    (void)close(ends[1]);
}

/* ---- the locks ---- */

/* Does a line of a file in /proc of the process begin so? */
static bool has_line(pid_t pid, const char *file, const char *line)
{
    char path[64], text[4096];
    size_t len;
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    f = fopen(path, "r");
    if (!f) {
        return false;
    }
    len = fread(text, 1, sizeof(text) - 1, f);
    text[len] = '\0';
    (void)fclose(f);
    return strstr(text, line) != NULL;
}

static void test_locks(void **state)
{
    int fd = png_of_zeros(7000, 7000, 8, 2, 7000), out[2];
    char line[64] = "";
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(out), 0);
    pid = fork();
    if (pid == 0) {
        (void)dup2(fd, STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)execl(PROGRAM, PROGRAM, "--thumbnail", (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    assert_true(read(out[0], line, sizeof(line) - 1) > 0); /* now it decodes */
    assert_non_null(strstr(line, "type image/png\n"));
    assert_true(has_line(pid, "status", "\nSeccomp:\t2\n"));
    assert_true(has_line(pid, "status", "\nNoNewPrivs:\t1\n"));
    assert_true(has_line(pid, "limits", "\nMax file size             0 "));
    assert_true(has_line(pid, "limits", "\nMax core file size        0 "));
    assert_true(has_line(pid, "limits", "\nMax cpu time              10 "));
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)close(out[0]);
    (void)close(fd);
}

#define THREADS 6

static void *on_thread(void *arg)
{
    const struct inspect_conf conf = {.program = PROGRAM, .want_thumbnail = true};
    intptr_t failed = 0;

    for (int i = 0; i < 5 && !failed; i++) {
        struct inspect_result own;

        inspect_result_init(&own);
        failed = inspect_file(*(int *)arg, &conf, &own) != 0 ||
                 strcmp(own.type, "image/png") != 0 || own.thumbnail_width != 320;
        inspect_result_done(&own);
    }
    return (void *)failed;
}

/* All on one descriptor. */
static void test_threads(void **state)
{
    pthread_t threads[THREADS];
    int fd = image_file(quarters(640, 640), MADE_PNG);
    void *failed;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, on_thread, &fd), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    (void)close(fd);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_formats),       CASE(test_sizes),          CASE(test_transparency),
        CASE(test_orientation),   CASE(test_noise),          CASE(test_none_wanted),
        CASE(test_other_files),   CASE(test_zip_and_office), CASE(test_bombs),
        CASE(test_broken_images), CASE(test_garbage),        CASE(test_only_regular_files),
        CASE(test_locks),         CASE(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
