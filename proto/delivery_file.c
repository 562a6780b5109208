/* SPDX-License-Identifier: MIT */
/* The items of deliveries that are about files: struct <-> msgpack, in pairs. Called by
 * delivery.c. */
#include "proto/delivery.h"

#include "proto/envelope_parts.h"

void wanted_put(struct mp_write *w, const struct down_wanted *wanted)
{
    actor_put(w, &wanted->actor);
    mp_put_str(w, wanted->topic);
    mp_put_str(w, wanted->upload_id);
}

void wanted_get(struct mp_read *r, struct down_wanted *wanted)
{
    wanted->actor = actor_get(r);
    wanted->topic = mp_text(r, TOPIC_MAX_BYTES);
    wanted->upload_id = mp_text(r, UPLOAD_ID_MAX_BYTES);
}

void pulled_put(struct mp_write *w, const struct down_pulled *pulled)
{
    mp_put_u64(w, pulled->offset);
    mp_put_u64(w, pulled->blob);
    mp_put_u64(w, pulled->bytes);
}

void pulled_get(struct mp_read *r, struct down_pulled *pulled)
{
    pulled->offset = mp_u64(r, ID_MAX);
    pulled->blob = mp_u64(r, UINT64_MAX);
    pulled->bytes = (uint32_t)mp_u64(r, PULL_MAX_BYTES);
}
