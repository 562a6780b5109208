/* SPDX-License-Identifier: MIT */
/* Any beginning of a file: what is found makes sense. */
#include <stdint.h>
#include <stdlib.h>

#include "broker/image_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_header h;

    if (image_header_read(bytes_of(data, size), &h) &&
        (h.width == 0 || h.height == 0 || h.orientation < 1 || h.orientation > 8)) {
        abort();
    }
    return 0;
}
