/* SPDX-License-Identifier: MIT */
/* Makes batches and decodes stream entries into work. Called by intake and pipeline. Bytes from
 * Redis are not trusted: an entry that does not decode whole is refused whole. */
#include "broker/batch.h"

#include "common/mem.h"

struct batch *batch_new(void *owner)
{
    struct batch *b = mem_zalloc(sizeof(*b));
    if (!b) {
        return NULL;
    }
    b->owner = owner;
    b->arena = arena_new(BATCH_MEMORY_MAX);
    if (!b->arena) {
        mem_free(b);
        return NULL;
    }
    effects_init(&b->fx, b->arena);
    effects_init(&b->people_fx, b->arena);
    return b;
}

void batch_free(struct batch *b)
{
    if (!b) {
        return;
    }
    effects_done(&b->fx);
    effects_done(&b->people_fx);
    arena_free(b->arena);
    mem_free(b->works);
    mem_free(b);
}

struct batch_part *batch_part(struct batch *b, struct partition *p)
{
    struct batch_part *part;
    for (size_t i = 0; i < b->part_count; i++) {
        if (b->parts[i].p == p) {
            return &b->parts[i];
        }
    }
    part = &b->parts[b->part_count++];
    *part = (struct batch_part){.p = p, .generation = p->generation};
    return part;
}

static int parse_number(struct bytes text, size_t min, size_t max, size_t *out)
{
    size_t n = 0;
    if (text.len == 0 || text.len > 6) {
        return ERR_RANGE;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return ERR_TYPE;
        }
        n = n * 10 + (size_t)(text.ptr[i] - '0');
    }
    if (n < min || n > max) {
        return ERR_RANGE;
    }
    *out = n;
    return 0;
}

static int reserve_works(struct batch *b, size_t more)
{
    size_t cap = b->work_cap ? b->work_cap : 64;
    struct work *works;

    while (cap < b->work_count + more) {
        cap *= 2;
    }
    if (cap == b->work_cap) {
        return 0;
    }
    works = mem_realloc(b->works, cap * sizeof(*works));
    if (!works) {
        return ERR_NOMEM;
    }
    b->works = works;
    b->work_cap = cap;
    return 0;
}

int batch_add_entry(struct batch *b, struct partition *p, struct entry_id id,
                    const struct entry_fields *fields)
{
    size_t count = 0, waited = 0, frames = 0, start = b->work_count;
    struct bytes gateway, rest;
    int err = parse_number(fields->count, 1, ENTRY_ENVELOPES_MAX, &count);

    if (!err && fields->waited.len) {
        err = parse_number(fields->waited, 0, ENTRY_WAITED_MAX_MS, &waited);
    }
    if (err) {
        return err;
    }
    if (fields->gateway.len == 0 || fields->gateway.len > GATEWAY_NAME_MAX) {
        return ERR_LIMIT;
    }
    if (reserve_works(b, count) || arena_dup(b->arena, fields->gateway, &gateway) ||
        arena_dup(b->arena, fields->envelopes, &rest)) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct work *w = &b->works[b->work_count];
        size_t used = 0;
        memset(w, 0, sizeof(*w));
        err = up_envelope_decode(rest, &w->env, &used);
        if (err) {
            break;
        }
        w->origin = (struct origin){p->id, id, (uint32_t)i};
        w->gateway = gateway;
        w->waited_ms = (uint32_t)waited;
        w->is_replay = entry_id_cmp(id, p->replay_until) <= 0;
        w->is_stored = w->is_replay && partition_is_stored(p, &w->origin);
        rest = bytes_skip(rest, used);
        frames += w->env.kind == UP_NOTIFY ? notify_frames_bytes(&w->env.notify) : 0;
        b->work_count++;
    }
    if (!err && rest.len) {
        err = ERR_TRAILING;
    }
    if (err) {
        b->work_count = start;
        return err;
    }
    b->entry_count++;
    b->bytes += fields->envelopes.len + frames;
    return 0;
}

int batch_add_again(struct batch *b, struct partition *p, const struct content_row *rows,
                    size_t count)
{
    int err = 0;

    batch_part(b, p)->last = p->delivered;
    b->again = arena_alloc(b->arena, (count ? count : 1) * sizeof(*b->again));
    b->again_rooms = arena_alloc(b->arena, (count ? count : 1) * sizeof(*b->again_rooms));
    if (!b->again || !b->again_rooms) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count && !err; i++) {
        struct content_row *row = &b->again[i];
        *row = rows[i];
        err = arena_dup(b->arena, rows[i].author_username, &row->author_username);
        err = err ? err : arena_dup(b->arena, rows[i].author_avatar, &row->author_avatar);
        err = err ? err : arena_dup(b->arena, rows[i].content, &row->content);
        err = err ? err : arena_dup(b->arena, rows[i].client_id, &row->client_id);
    }
    b->again_count = err ? 0 : count;
    return err;
}
