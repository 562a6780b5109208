/* SPDX-License-Identifier: MIT */
#pragma once
/* A small picture of an image, by libgd. */
#include <stdbool.h>
#include "broker/image_header.h"

struct thumbnail {
    const char *type; /* "image/png" when something shines through, else "image/jpeg" */
    int width, height;
    void *data; /* libgd's; never freed: the process ends */
    int len;
};

/* Decode standard input and make it fit `side_max` in both directions and `bytes_max`. false: it
 * cannot be decoded. */
bool thumbnail_make(const struct image_header *header, int side_max, int bytes_max,
                    struct thumbnail *out);
