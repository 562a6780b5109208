/* SPDX-License-Identifier: MIT */
/* Any sequence of pieces: no message over the limits comes out, text is UTF-8, "oversize" is said
 * once a message, and no more memory is held than an unfinished message may have.
 *
 *   input = negotiated, then records of: flags, length, remaining (2 bytes), bytes */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/assembly.h"
#include "proto/utf8.h"

#define MAX 2000u
#define FRAGMENTS 16u
#define RECORD_HEADER 4u

enum { FIRST = 1, FINAL = 2, BINARY = 4, RSV1 = 8, RSV_OTHER = 16, REMAINING_IS_BIG = 32 };

static const struct assembly_limits limits = {.message_max_bytes = MAX, .fragments_max = FRAGMENTS};

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static size_t read_record(const uint8_t *p, size_t left, struct assembly_piece *out)
{
    size_t len = p[1];
    uint64_t remaining = (uint64_t)p[2] << 8 | p[3];

    if (len > left - RECORD_HEADER) {
        len = left - RECORD_HEADER;
    }
    *out = (struct assembly_piece){
        .is_first = (p[0] & FIRST) != 0,
        .is_final = (p[0] & FINAL) != 0,
        .is_binary = (p[0] & BINARY) != 0,
        .rsv1 = (p[0] & RSV1) != 0,
        .has_other_rsv = (p[0] & RSV_OTHER) != 0,
        .frame_remaining = (p[0] & REMAINING_IS_BIG) ? remaining << 40 : remaining,
        .bytes = bytes_of(p + RECORD_HEADER, len),
    };
    if (out->is_final) {
        out->frame_remaining = 0; /* what "final" means */
    }
    return RECORD_HEADER + len;
}

static void check_verdict(const struct assembly *a, enum assembly_verdict verdict,
                          struct bytes message, enum close_code code)
{
    check(a->data.len <= MAX + ASSEMBLY_COMPRESSED_SLACK);
    switch (verdict) {
    case ASSEMBLY_MORE:
        break;
    case ASSEMBLY_MESSAGE:
        check(message.len <= MAX && !a->in_message);
        check(a->is_binary || utf8_check(message) == 0);
        break;
    case ASSEMBLY_OVERSIZE:
        check(!a->data.data);
        break;
    case ASSEMBLY_CLOSE:
        check(!a->data.data && code != CLOSE_NONE);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct deflate_ctx *deflate = deflate_ctx_new();
    struct assembly a;
    size_t at = 1;

    if (!deflate) {
        return 0;
    }
    assembly_init(&a);
    while (size > at && size - at >= RECORD_HEADER) {
        enum close_code code = CLOSE_NONE;
        struct bytes message = BYTES_NONE;
        struct assembly_piece piece;
        enum assembly_verdict verdict;

        at += read_record(data + at, size - at, &piece);
        verdict = assembly_feed(&a, &limits, deflate, (data[0] & 1) != 0, &piece, &message, &code);
        check_verdict(&a, verdict, message, code);
        if (verdict == ASSEMBLY_CLOSE) {
            break;
        }
        if (verdict == ASSEMBLY_MESSAGE) {
            assembly_release(&a);
            check(!a.data.data);
        }
    }
    assembly_done(&a);
    deflate_ctx_free(deflate);
    return 0;
}
