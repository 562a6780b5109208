/* SPDX-License-Identifier: MIT */
/* Keeps the answers that would have gone to the gateways. What cannot be encoded or decoded again
 * ends the test. */
#include "fake_egress.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/mem.h"
#include "proto/mp_read.h"

#define ANSWERS_MAX 16384u

struct fake_fault fake_egress_fault;

static struct fake_answer answers[ANSWERS_MAX];
static size_t answer_count;

void fake_egress_reset(void)
{
    for (size_t i = 0; i < answer_count; i++) {
        free(answers[i].wire);
    }
    answer_count = 0;
    memset(&fake_egress_fault, 0, sizeof(fake_egress_fault));
}

size_t fake_answers(void)
{
    return answer_count;
}

const struct fake_answer *fake_answer(size_t i)
{
    return i < answer_count ? &answers[i] : NULL;
}

int egress_item(struct egress *e, struct bytes gateway, const struct down_item *item)
{
    struct fake_answer *a = &answers[answer_count];
    int err = fake_fault_next(&fake_egress_fault);
    struct buf wire;
    struct mp_read r;

    (void)e;
    if (err != 0) {
        return err;
    }
    if (answer_count == ANSWERS_MAX || gateway.len > GATEWAY_NAME_MAX) {
        abort();
    }
    mem_fail_after(0); /* a test of missing memory ends with the answer */
    buf_init(&wire, ENVELOPE_MAX_BYTES + 65536u);
    if (down_item_encode(item, &wire) != 0 || !(a->wire = malloc(wire.len))) {
        abort();
    }
    memcpy(a->wire, wire.data, wire.len);
    mp_read_init(&r, bytes_of(a->wire, wire.len));
    if (down_item_decode(&r, &a->item) != 0 || mp_read_finish(&r) != 0) {
        abort();
    }
    buf_done(&wire);
    memcpy(a->gateway, gateway.ptr, gateway.len);
    a->gateway[gateway.len] = '\0';
    answer_count++;
    return 0;
}
