/* SPDX-License-Identifier: MIT */
/* Collects rows and deliveries of one batch. Handlers reach it through dispatch; the pipeline
 * takes what is in it. Encoding an item for several gateways is done once.
 *
 *   begin(entry) item item … begin(next entry) item … end
 *   gateway A: [section header][items of entry][section header][items of next entry] */
#include "broker/effects.h"

#include <utlist.h>

#include "common/mem.h"

void effects_init(struct effects *fx, struct arena *arena)
{
    memset(fx, 0, sizeof(*fx));
    fx->arena = arena;
    channel_logs_init(&fx->logs, arena);
    buf_init(&fx->scratch, ENVELOPE_MAX_BYTES);
}

void effects_done(struct effects *fx)
{
    struct effects_gateway *g, *tmp;
    HASH_ITER(hh, fx->gateways, g, tmp) {
        HASH_DEL(fx->gateways, g);
        buf_done(&g->sections);
        buf_done(&g->items);
    }
    buf_done(&fx->scratch);
    channel_logs_done(&fx->logs);
    mem_free(fx->rows);
    mem_free(fx->reads);
    mem_free(fx->ops);
    mem_free(fx->presence);
    mem_free(fx->seqs);
    memset(fx, 0, sizeof(*fx));
}

static void close_section(struct effects *fx, struct effects_gateway *g)
{
    struct down_section head = fx->open;
    int err;

    if (g->item_count == 0) {
        return;
    }
    head.item_count = g->item_count;
    err = down_section_encode(&head, &g->sections);
    if (!err) {
        err = buf_append(&g->sections, buf_bytes(&g->items));
    }
    if (err) {
        fx->err = err;
    }
    g->section_count++;
    g->item_count = 0;
    buf_reset(&g->items);
}

void effects_end(struct effects *fx)
{
    struct effects_gateway *g, *tmp;
    HASH_ITER(hh, fx->gateways, g, tmp) {
        close_section(fx, g);
    }
}

void effects_begin(struct effects *fx, uint32_t partition, struct entry_id entry)
{
    effects_end(fx);
    fx->open.partition = partition;
    fx->open.origin = entry;
}

static struct effects_gateway *gateway_get(struct effects *fx, struct bytes name)
{
    struct effects_gateway *g;
    HASH_FIND(hh, fx->gateways, name.ptr, name.len, g);
    if (g) {
        return g;
    }
    g = arena_alloc(fx->arena, sizeof(*g));
    if (!g || arena_dup(fx->arena, name, &g->name)) {
        fx->err = ERR_NOMEM;
        return NULL;
    }
    buf_init(&g->sections, EFFECTS_GATEWAY_MAX_BYTES);
    buf_init(&g->items, EFFECTS_GATEWAY_MAX_BYTES);
    HASH_ADD_KEYPTR(hh, fx->gateways, g->name.ptr, g->name.len, g);
    return g;
}

static void append_encoded(struct effects *fx, struct bytes gateway)
{
    struct effects_gateway *g = gateway_get(fx, gateway);
    if (!g) {
        return;
    }
    if (g->item_count >= SECTION_ITEMS_MAX) {
        close_section(fx, g);
    }
    if (buf_append(&g->items, buf_bytes(&fx->scratch))) {
        fx->err = ERR_FULL;
        return;
    }
    g->item_count++;
}

static bool encode(struct effects *fx, const struct down_item *item)
{
    int err;
    buf_reset(&fx->scratch);
    err = down_item_encode(item, &fx->scratch);
    if (err) {
        fx->err = err;
    }
    return err == 0;
}

void effects_item(struct effects *fx, struct bytes gateway, const struct down_item *item)
{
    if (encode(fx, item)) {
        append_encoded(fx, gateway);
    }
}

void effects_publish(struct effects *fx, const struct room *room, const struct down_item *item)
{
    const struct room_gateway *g;
    if (!room->gateways || !encode(fx, item)) {
        return;
    }
    DL_FOREACH(room->gateways, g) {
        append_encoded(fx, room_gateway_name(g));
    }
}

void effects_publish_but(struct effects *fx, const struct room *room, const struct down_item *item,
                         struct bytes gateway)
{
    struct down_item for_all = *item;
    const struct room_gateway *g;

    for_all.topic.exclude_conn = 0;
    DL_FOREACH(room->gateways, g) {
        bool is_here = bytes_eq(room_gateway_name(g), gateway);
        if (!encode(fx, is_here ? item : &for_all)) {
            return;
        }
        append_encoded(fx, room_gateway_name(g));
    }
}

/* Make room for one more element of `size` bytes; the array doubles. */
static void *grow(void *array, size_t count, size_t *cap, size_t size)
{
    size_t new_cap = *cap ? *cap * 2 : 16;
    void *p;
    if (count < *cap) {
        return array;
    }
    p = mem_realloc(array, new_cap * size);
    if (p) {
        *cap = new_cap;
    }
    return p;
}

static void move_seq(struct effects *fx, const struct content_row *row)
{
    struct seq_move *moves;
    for (size_t i = fx->seq_count; i-- > 0;) {
        if (fx->seqs[i].channel_id == row->channel_id) {
            fx->seqs[i].next = row->seq;
            return;
        }
    }
    moves = grow(fx->seqs, fx->seq_count, &fx->seq_cap, sizeof(*moves));
    if (!moves) {
        fx->err = ERR_NOMEM;
        return;
    }
    fx->seqs = moves;
    moves[fx->seq_count++] = (struct seq_move){row->channel_id, row->seq - 1, row->seq};
}

void effects_store(struct effects *fx, const struct content_row *row)
{
    struct content_row *rows = grow(fx->rows, fx->row_count, &fx->row_cap, sizeof(*rows));
    if (!rows) {
        fx->err = ERR_NOMEM;
        return;
    }
    fx->rows = rows;
    rows[fx->row_count++] = *row;
    move_seq(fx, row);
}

void effects_read(struct effects *fx, const struct read_row *row)
{
    struct read_row *reads = grow(fx->reads, fx->read_count, &fx->read_cap, sizeof(*reads));

    if (!reads) {
        fx->err = ERR_NOMEM;
        return;
    }
    fx->reads = reads;
    reads[fx->read_count++] = *row;
}

void effects_people(struct effects *fx, const struct user_op *op, const struct work *work)
{
    struct people_op *ops = grow(fx->ops, fx->op_count, &fx->op_cap, sizeof(*ops));

    if (!ops) {
        fx->err = ERR_NOMEM;
        return;
    }
    fx->ops = ops;
    ops[fx->op_count++] = (struct people_op){*op, work};
}

void effects_presence(struct effects *fx, const struct presence_row *row)
{
    struct presence_row *rows =
        grow(fx->presence, fx->presence_count, &fx->presence_cap, sizeof(*rows));

    if (!rows) {
        fx->err = ERR_NOMEM;
        return;
    }
    fx->presence = rows;
    rows[fx->presence_count++] = *row; /* names of statuses are static; the user's is not kept */
    rows[fx->presence_count - 1].username = BYTES_NONE;
}
