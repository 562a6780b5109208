/* SPDX-License-Identifier: MIT */
#pragma once
/* What a batch does to the world, gathered while its envelopes are handled: rows to store, seqs
 * and positions to move, and one run of sections per gateway. Nothing happens until the pipeline
 * commits and delivers it. Pure. */
#include <stdint.h>
#include <uthash.h>
#include "broker/channel_log.h"
#include "broker/rooms.h"
#include "broker/store_people.h"
#include "broker/store.h"
#include "common/arena.h"
#include "common/buf.h"
#include "proto/delivery.h"

#define EFFECTS_GATEWAY_MAX_BYTES (32u * 1024u * 1024u) /* of one batch for one gateway */

struct effects_gateway {
    UT_hash_handle hh;
    struct bytes name;   /* in the arena */
    struct buf sections; /* finished sections */
    uint32_t section_count;
    struct buf items; /* of the section that is open */
    uint32_t item_count;
};

struct work;

struct people_op { /* what is done for the sockets of people, when the batch is committed */
    struct user_op op;
    const struct work *work; /* who is answered; NULL: nobody */
};

struct effects {
    struct arena *arena;
    struct effects_gateway *gateways;
    struct content_row *rows;
    size_t row_count, row_cap;
    struct read_row *reads;
    size_t read_count, read_cap;
    struct seq_move *seqs;
    size_t seq_count, seq_cap;
    struct channel_logs logs;
    struct presence_row *presence; /* what the others are told of */
    size_t presence_count, presence_cap;
    struct people_op *ops;
    size_t op_count, op_cap;
    struct down_section open; /* partition and origin of the section that is open */
    struct buf scratch;
    int err; /* sticky: ERR_NOMEM, ERR_FULL */
};

void effects_init(struct effects *fx, struct arena *arena);
void effects_done(struct effects *fx);
/* What follows comes from this entry; entry 0-0: from none. */
void effects_begin(struct effects *fx, uint32_t partition, struct entry_id entry);
void effects_end(struct effects *fx); /* closes the last section */
/* An item for one gateway. */
void effects_item(struct effects *fx, struct bytes gateway, const struct down_item *item);
/* An item for every gateway that has connections in the room. */
void effects_publish(struct effects *fx, const struct room *room, const struct down_item *item);
/* The same; at `gateway` alone it keeps its exclude_conn, which is a connection of that one. */
void effects_publish_but(struct effects *fx, const struct room *room, const struct down_item *item,
                         struct bytes gateway);
/* Store content; the channel's seq moves from row->seq - 1 to row->seq. Strings must live in
 * the arena or longer. */
void effects_store(struct effects *fx, const struct content_row *row);
/* Store how far somebody has read. */
void effects_read(struct effects *fx, const struct read_row *row);
/* Note a person's presence for the database; the user's name is not kept. */
void effects_presence(struct effects *fx, const struct presence_row *row);
/* Do something for people's sockets; the work is borrowed until the batch ends. */
void effects_people(struct effects *fx, const struct user_op *op, const struct work *work);
/* Is there anything for the commit? */
static inline bool effects_has_stores(const struct effects *fx)
{
    return fx->row_count > 0 || fx->read_count > 0;
}
