/* SPDX-License-Identifier: MIT */
/* Any bytes as the sections of a delivery: refused, or understood in a way that survives being
 * written and read again. The text form of entry ids is tried with the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/delivery.h"
#include "proto/mp_read.h"

#define OUT_MAX (2u * ENVELOPE_MAX_BYTES)

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

/* Read one section with its items and append it to `out` as our encoder writes it. */
static int copy_section(struct mp_read *r, struct buf *out)
{
    struct down_section s;

    int err = down_section_decode(r, &s);
    if (err) {
        return err;
    }
    check(s.partition < PARTITIONS_MAX && s.item_count <= SECTION_ITEMS_MAX);
    check(down_section_encode(&s, out) == 0);
    for (uint32_t i = 0; i < s.item_count; i++) {
        struct down_item item;
        err = down_item_decode(r, &item);
        if (err) {
            return err;
        }
        check(down_item_encode(&item, out) == 0);
    }
    return 0;
}

static int copy_sections(struct bytes in, struct buf *out)
{
    struct mp_read r;
    int err = 0;

    mp_read_init(&r, in);
    while (!err && !mp_at_end(&r)) {
        err = copy_section(&r, out);
    }
    check(r.pos <= in.len && err == r.err);
    return mp_read_finish(&r);
}

static void try_entry_id(struct bytes text)
{
    struct entry_id id, back;
    char formatted[ENTRY_ID_TEXT_MAX];

    if (entry_id_parse(text, &id) == 0) {
        entry_id_format(id, formatted);
        check(entry_id_parse(bytes_str(formatted), &back) == 0);
        check(entry_id_cmp(id, back) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct buf first, second;

    buf_init(&first, OUT_MAX);
    buf_init(&second, OUT_MAX);
    if (copy_sections(in, &first) == 0) {
        check(copy_sections(buf_bytes(&first), &second) == 0);
        check(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
    }
    try_entry_id(in);
    buf_done(&first);
    buf_done(&second);
    return 0;
}
