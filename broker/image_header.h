/* SPDX-License-Identifier: MIT */
#pragma once
/* The size of an image from the beginning of its file, before anything is decoded. Pure. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"

enum image_format { IMAGE_PNG, IMAGE_JPEG, IMAGE_GIF, IMAGE_WEBP };

struct image_header {
    enum image_format format;
    uint32_t width, height;    /* as stored; neither is 0 */
    unsigned char orientation; /* 1 to 8, as EXIF counts; of a JPEG, else 1 */
};

/* false: none of these formats, or its size does not stand in `begin`. */
bool image_header_read(struct bytes begin, struct image_header *out);

/* "image/png" and so on. */
const char *image_format_type(enum image_format format);
