/* SPDX-License-Identifier: MIT */
/* Any bytes as the envelopes of a stream entry: refused, or understood in a way that survives
 * being written and read again. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/envelope.h"

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

/* Write, read, write: both texts must be the same. */
static void round_trip(const struct up_envelope *env)
{
    struct up_envelope back;
    struct buf first, second;
    size_t used;

    buf_init(&first, ENVELOPE_MAX_BYTES);
    buf_init(&second, ENVELOPE_MAX_BYTES);
    check(up_envelope_encode(env, &first) == 0);
    check(up_envelope_decode(buf_bytes(&first), &back, &used) == 0);
    check(used == first.len);
    check(up_envelope_encode(&back, &second) == 0);
    check(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);

    while (rest.len) {
        struct up_envelope env;
        size_t used = 0;
        if (up_envelope_decode(rest, &env, &used)) {
            break;
        }
        check(used > 0 && used <= rest.len && env.conn != 0);
        round_trip(&env);
        rest = bytes_skip(rest, used);
    }
    return 0;
}
