/* SPDX-License-Identifier: MIT */
/* Wire form of what envelopes and deliveries have in common. Called by envelope.c and delivery.c.
 */
#include "proto/envelope_parts.h"

#define ACTOR_FIELDS 4u

void actor_put(struct mp_write *w, const struct actor *actor)
{
    mp_put_array(w, ACTOR_FIELDS);
    mp_put_i64(w, actor->user_id);
    mp_put_str(w, actor->username);
    mp_put_str(w, actor->avatar);
    mp_put_bool(w, actor->is_staff);
}

struct actor actor_get(struct mp_read *r)
{
    struct actor actor;

    mp_array_exact(r, ACTOR_FIELDS);
    actor.user_id = id_get(r, 1);
    actor.username = mp_text(r, USERNAME_MAX_BYTES);
    actor.avatar = mp_text(r, AVATAR_MAX_BYTES);
    actor.is_staff = mp_bool(r);
    return actor;
}

int64_t id_get(struct mp_read *r, int64_t min)
{
    return mp_i64(r, min, ID_MAX);
}

uint32_t versioned_array_get(struct mp_read *r)
{
    uint32_t count = mp_array(r, UINT32_MAX);

    if (!r->err && count == 0) {
        mp_fail(r, ERR_TYPE);
    }
    uint64_t version = mp_u64(r, UINT64_MAX);
    if (!r->err && version != PROTO_VERSION) {
        mp_fail(r, ERR_VERSION);
    }
    return count;
}

int encode_finish(const struct mp_write *w, size_t start)
{
    if (w->err) {
        w->out->len = start;
    }
    return w->err;
}
