/* SPDX-License-Identifier: MIT */
/* Decodes, scales, turns and encodes. Nothing is freed but what is large: the process ends soon.
 * Called by main.c, when the size is known to be bearable. */
#include "broker/inspect/thumbnail.h"

#include <gd.h>
#include <stdio.h>
#include <unistd.h>

#define JPEG_QUALITY 80
#define PNG_LEVEL 6
#define SIDE_MIN 40 /* pixels; what does not fit then has no thumbnail */

static gdImagePtr decode(enum image_format format)
{
    if (lseek(STDIN_FILENO, 0, SEEK_SET) != 0) {
        return NULL;
    }
    switch (format) {
    case IMAGE_PNG:
        return gdImageCreateFromPng(stdin);
    case IMAGE_JPEG:
        return gdImageCreateFromJpegEx(stdin, 1); /* of a cut one, what there is */
    case IMAGE_GIF:
        return gdImageCreateFromGif(stdin);
    case IMAGE_WEBP:
        return gdImageCreateFromWebp(stdin);
    }
    return NULL;
}

static int scaled(int length, int longest, int side_max)
{
    long long part;

    if (longest <= side_max) {
        return length;
    }
    part = ((long long)length * side_max + longest / 2) / longest;
    return part > 0 ? (int)part : 1;
}

static gdImagePtr canvas(int width, int height)
{
    gdImagePtr image = gdImageCreateTrueColor(width, height);

    if (image) {
        gdImageAlphaBlending(image, 0);
        gdImageSaveAlpha(image, 1);
    }
    return image;
}

static gdImagePtr scale(gdImagePtr image, int side_max)
{
    int width = gdImageSX(image), height = gdImageSY(image);
    int longest = width > height ? width : height;
    int to_width = scaled(width, longest, side_max), to_height = scaled(height, longest, side_max);
    gdImagePtr small = canvas(to_width, to_height);

    if (small) {
        gdImageCopyResampled(small, image, 0, 0, 0, 0, to_width, to_height, width, height);
    }
    return small;
}

/* As EXIF has it: 1 upright, 2 mirrored, 3 turned by 180 degrees, 4 both; 5 to 8 lie on a side. */
static gdImagePtr turn(gdImagePtr image, int orientation)
{
    int width = gdImageSX(image), height = gdImageSY(image);
    bool is_on_side = orientation >= 5;
    bool is_mirrored_x =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool is_mirrored_y =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    gdImagePtr out =
        orientation == 1 ? image : canvas(is_on_side ? height : width, is_on_side ? width : height);

    for (int y = 0; out && out != image && y < gdImageSY(out); y++) {
        for (int x = 0; x < gdImageSX(out); x++) {
            int from_x = is_on_side ? y : x, from_y = is_on_side ? x : y;

            from_x = is_mirrored_x ? width - 1 - from_x : from_x;
            from_y = is_mirrored_y ? height - 1 - from_y : from_y;
            gdImageSetPixel(out, x, y, gdImageGetTrueColorPixel(image, from_x, from_y));
        }
    }
    return out;
}

static bool shines_through(gdImagePtr image)
{
    for (int y = 0; y < gdImageSY(image); y++) {
        for (int x = 0; x < gdImageSX(image); x++) {
            if (gdTrueColorGetAlpha(gdImageGetTrueColorPixel(image, x, y)) != gdAlphaOpaque) {
                return true;
            }
        }
    }
    return false;
}

static bool encode(gdImagePtr image, struct thumbnail *out)
{
    bool is_png = shines_through(image);

    out->type = is_png ? "image/png" : "image/jpeg";
    out->width = gdImageSX(image);
    out->height = gdImageSY(image);
    out->data = is_png ? gdImagePngPtrEx(image, &out->len, PNG_LEVEL)
                       : gdImageJpegPtr(image, &out->len, JPEG_QUALITY);
    return out->data != NULL;
}

bool thumbnail_make(const struct image_header *header, int side_max, int bytes_max,
                    struct thumbnail *out)
{
    gdImagePtr image, small;

    gdSetErrorMethod(NULL);
    image = decode(header->format);
    if (!image) {
        return false;
    }
    small = scale(image, side_max);
    gdImageDestroy(image);
    small = small ? turn(small, header->orientation) : NULL;
    for (; small && side_max >= SIDE_MIN; side_max /= 2) {
        if (!encode(small, out)) {
            return false;
        }
        if (out->len <= bytes_max) {
            return true;
        }
        small = scale(small, side_max / 2); /* noise */
    }
    return false;
}
