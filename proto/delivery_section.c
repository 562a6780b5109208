/* SPDX-License-Identifier: MIT */
/* The heads of deliveries' sections: struct <-> msgpack. Called by broker/effects and egress,
 * decoded by gateway/downlink.
 *
 *     section  [version, partition, entry_ms, entry_seq, [item, item…]]
 */
#include "proto/delivery.h"
#include "proto/envelope_parts.h"

#define SECTION_FIELDS 5u

int down_section_encode(const struct down_section *s, struct buf *out)
{
    size_t start = out->len;
    struct mp_write w;

    mp_write_init(&w, out);
    mp_put_array(&w, SECTION_FIELDS);
    mp_put_u64(&w, PROTO_VERSION);
    mp_put_u64(&w, s->partition);
    mp_put_u64(&w, s->origin.ms);
    mp_put_u64(&w, s->origin.seq);
    mp_put_array(&w, s->item_count);
    return encode_finish(&w, start);
}

int down_section_decode(struct mp_read *r, struct down_section *out)
{
    struct down_section s;

    uint32_t count = versioned_array_get(r);
    if (count != SECTION_FIELDS) {
        mp_fail(r, ERR_TYPE);
    }
    s.partition = (uint32_t)mp_u64(r, PARTITIONS_MAX - 1);
    s.origin.ms = mp_u64(r, UINT64_MAX);
    s.origin.seq = mp_u64(r, UINT64_MAX);
    s.item_count = mp_array(r, SECTION_ITEMS_MAX);
    if (!r->err) {
        *out = s;
    }
    return r->err;
}
