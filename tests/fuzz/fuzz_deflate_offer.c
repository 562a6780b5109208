/* SPDX-License-Identifier: MIT */
/* Any bytes as a Sec-WebSocket-Extensions header: the offer chosen can be served, and what is added
 * behind it legally does not change the choice. */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/deflate.h"

#define HEADER_MAX 16384u

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void check_unchanged(struct bytes header, const char *tail, const struct deflate_offer *was)
{
    struct deflate_offer now;
    struct buf longer;

    buf_init(&longer, HEADER_MAX + 64);
    if (buf_append(&longer, header) == 0 && buf_append(&longer, bytes_str(tail)) == 0) {
        deflate_choose_offer(buf_bytes(&longer), &now);
        check(now.is_acceptable == was->is_acceptable);
        check(now.server_window_bits == was->server_window_bits);
    }
    buf_done(&longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes header = bytes_of(data, size);
    struct deflate_offer offer;

    if (size > HEADER_MAX) {
        return 0;
    }
    deflate_choose_offer(header, &offer);
    check(offer.server_window_bits == 0 ||
          (offer.server_window_bits >= 9 && offer.server_window_bits <= 15));
    if (offer.is_acceptable) {
        check(size >= sizeof("permessage-deflate") - 1);
        check_unchanged(header, " \t", &offer);
        check_unchanged(header, ",", &offer);
        check_unchanged(header, ", permessage-deflate; server_max_window_bits=9", &offer);
    } else {
        check(offer.server_window_bits == 0);
    }
    return 0;
}
