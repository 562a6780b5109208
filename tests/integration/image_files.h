/* SPDX-License-Identifier: MIT */
#pragma once
/* Files for the tests of kibray-inspect: images by libgd or written by hand, and others. Each is an
 * unnamed file, its offset at the end. */
#include <fcntl.h>
#include <gd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

static inline int file_of(const void *data, size_t len)
{
    char path[] = "/tmp/kibray-it-image.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    return fd;
}

static inline int file_of_text(const char *text)
{
    return file_of(text, strlen(text));
}

/* ---- PNG by hand ---- */

static inline void put_be32(unsigned char *to, uint32_t n)
{
    to[0] = (unsigned char)(n >> 24);
    to[1] = (unsigned char)(n >> 16);
    to[2] = (unsigned char)(n >> 8);
    to[3] = (unsigned char)n;
}

static inline void png_chunk(int fd, const char *type, const void *data, size_t len)
{
    unsigned char head[8], tail[4];
    uLong crc;

    put_be32(head, (uint32_t)len);
    memcpy(head + 4, type, 4);
    crc = crc32(crc32(0, head + 4, 4), data, (uInt)len);
    put_be32(tail, (uint32_t)crc);
    assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(write(fd, tail, sizeof(tail)), sizeof(tail));
}

/* A PNG that says it has this size, with so many rows of zeros, compressed. `depth` and `color` as
 * in the header: 1 and 0 are black and white, 8 and 2 three bytes a pixel. */
static inline int png_of_zeros(uint32_t width, uint32_t height, int depth, int color, uint32_t rows)
{
    static unsigned char row[200000], out[65536];
    size_t row_len = 1 + (depth == 1 ? (width + 7) / 8 : (size_t)width * 3);
    unsigned char head[13] = {0};
    z_stream z = {.next_in = row};
    int fd = file_of("\x89PNG\r\n\x1A\n", 8), end;

    put_be32(head, width);
    put_be32(head + 4, height);
    head[8] = (unsigned char)depth;
    head[9] = (unsigned char)color;
    png_chunk(fd, "IHDR", head, sizeof(head));
    assert_int_equal(deflateInit(&z, 9), Z_OK);
    for (uint32_t i = 0; i < rows; i++) {
        assert_true(row_len <= sizeof(row));
        z.next_in = row;
        z.avail_in = (uInt)row_len;
        while (z.avail_in > 0) {
            z.next_out = out;
            z.avail_out = sizeof(out);
            assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
            if (z.avail_out < sizeof(out)) {
                png_chunk(fd, "IDAT", out, sizeof(out) - z.avail_out);
            }
        }
    }
    do {
        z.next_out = out;
        z.avail_out = sizeof(out);
        end = deflate(&z, Z_FINISH);
        png_chunk(fd, "IDAT", out, sizeof(out) - z.avail_out);
    } while (end == Z_OK);
    assert_int_equal(deflateEnd(&z), Z_OK);
    png_chunk(fd, "IEND", "", 0);
    return fd;
}

/* ---- images by libgd ---- */

/* Four quarters: red, green (above), blue, white (below). */
static inline gdImagePtr quarters(int width, int height)
{
    gdImagePtr image = gdImageCreateTrueColor(width, height);

    assert_non_null(image);
    gdImageFilledRectangle(image, 0, 0, width / 2, height / 2, 0xFF0000);
    gdImageFilledRectangle(image, width / 2, 0, width, height / 2, 0x00FF00);
    gdImageFilledRectangle(image, 0, height / 2, width / 2, height, 0x0000FF);
    gdImageFilledRectangle(image, width / 2, height / 2, width, height, 0xFFFFFF);
    return image;
}

enum made_format { MADE_PNG, MADE_JPEG, MADE_GIF, MADE_WEBP };

/* Gives the encoded bytes, libgd's; frees the image. */
static inline void *encoded(gdImagePtr image, enum made_format format, int *out_len)
{
    void *data = format == MADE_PNG    ? gdImagePngPtr(image, out_len)
                 : format == MADE_JPEG ? gdImageJpegPtr(image, out_len, 95)
                 : format == MADE_GIF  ? gdImageGifPtr(image, out_len)
                                       : gdImageWebpPtr(image, out_len);

    assert_non_null(data);
    gdImageDestroy(image);
    return data;
}

static inline int image_file(gdImagePtr image, enum made_format format)
{
    int len, fd;
    void *data = encoded(image, format, &len);

    fd = file_of(data, (size_t)len);
    gdFree(data);
    return fd;
}

/* A JPEG with an orientation in its EXIF. */
static inline int turned_jpeg(int width, int height, char orientation)
{
    char exif[] = "\xFF\xE1\0\x22"
                  "Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\0\0\0\0\0\0\0\0";
    int len, fd;
    char *data = encoded(quarters(width, height), MADE_JPEG, &len);

    exif[28] = orientation;
    fd = file_of(data, 2);
    assert_int_equal(write(fd, exif, 36), 36);
    assert_int_equal(write(fd, data + 2, (size_t)len - 2), len - 2);
    gdFree(data);
    return fd;
}
