/* SPDX-License-Identifier: MIT */
/* What is done for the sockets of people when a batch is committed: its operations go to the
 * database in one call, in order, and what comes back is shown: to the user's sockets with the
 * user's own seq, so that gateways know a repeat, and to the one who asked. The batch counts as
 * delivered when that is on its way, too; a death before makes a successor do it again.
 *
 *   committed -> store_user_ops -> rows -> frames -> egress -> (watermark)
 *
 * OP_GONE and OP_BROKE end with the database: there is nothing to show. */
#include <inttypes.h>
#include <stdio.h>

#include "broker/pipeline_private.h"
#include "common/log.h"
#include "proto/server_msg.h"

struct shown { /* one row on its way to the sockets */
    struct world world;
    const struct people_op *op;
    const struct user_op_row *row;
    struct room *room; /* of the user; NULL: no socket is here any more */
};

static struct room *room_of(struct pipeline *pl, const struct people_op *op, int64_t user_id)
{
    char topic[32];
    int len = snprintf(topic, sizeof(topic), "user:%" PRId64, user_id);

    return rooms_find(&pl->partitions[op->work->origin.partition].rooms,
                      bytes_of(topic, (size_t)len));
}

/* A frame that is in w->scratch, to all sockets of the user. */
static void publish(const struct shown *s, uint64_t seq)
{
    struct down_item item = {.kind = DOWN_TOPIC};

    if (s->room) {
        item.topic.topic = room_topic(s->room);
        item.topic.seq = seq;
        item.topic.json = buf_bytes(s->world.scratch);
        effects_publish(s->world.fx, s->room, &item);
    }
}

static void fail(struct shown *s, int err)
{
    if (err) {
        s->world.fx->err = ERR_NOMEM;
    }
}

static void publish_count(struct shown *s)
{
    buf_reset(s->world.scratch);
    fail(s, server_unread_count(s->row->unread_count, s->world.scratch));
    publish(s, s->row->seq);
}

static void show_open(struct shown *s)
{
    const struct up_join *join = &s->op->work->env.join;
    struct down_item item = {.kind = DOWN_JOINED, .conn = s->op->work->env.conn};
    struct buf *json = s->world.scratch;
    int err = 0;

    item.joined.topic = join->topic;
    item.joined.seq = s->row->seq;
    buf_reset(json);
    if (!join->is_rejoin) {
        err = server_notifications_established(join->actor.user_id, join->actor.username,
                                               s->row->unread_count, json);
        err = err ? err : buf_append_char(json, '\n');
        err = err ? err : server_unread_count(s->row->unread_count, json);
        item.joined.json = buf_bytes(json);
    }
    fail(s, err);
    effects_item(s->world.fx, s->op->work->gateway, &item);
}

static void show_notification(struct shown *s)
{
    const struct up_notify *n = s->op->op.notify;
    const struct notification frame = {.id = s->row->notification_id,
                                       .title = n->title,
                                       .message = n->message,
                                       .category = n->category,
                                       .url = n->url,
                                       .created_at_ms = s->row->created_at_ms};

    buf_reset(s->world.scratch);
    fail(s, server_notification(&frame, s->world.scratch));
    publish(s, s->row->seq - 1);
    publish_count(s);
}

static void show_mark(struct shown *s)
{
    if (s->row->code != OP_DONE) {
        reply_error(&s->world, s->op->work,
                    s->row->code == OP_FOREIGN ? CODE_PERMISSION_DENIED : CODE_INVALID_MESSAGE,
                    NULL);
        return;
    }
    buf_reset(s->world.scratch);
    fail(s, server_notification_update(s->op->op.notification_id, s->row->status,
                                       s->row->unread_count, s->world.scratch));
    publish(s, s->row->seq - 1);
    publish_count(s);
    reply_ack(&s->world, s->op->work);
}

static void show(struct pipeline *pl, struct batch *b, const struct user_op_row *row)
{
    struct shown s = {.row = row, .op = &b->fx.ops[row->op]};

    if (!s.op->work) {
        return;
    }
    s.world.fx = &b->people_fx;
    if (s.world.fx->open.partition != s.op->work->origin.partition) {
        /* Of no entry: repeats are known by the user's seq. */
        effects_begin(s.world.fx, s.op->work->origin.partition, (struct entry_id){0, 0});
    }
    s.world.scratch = &pl->scratch;
    s.room = room_of(pl, s.op, row->user_id);
    switch (s.op->op.kind) {
    case OP_OPEN:
        show_open(&s);
        break;
    case OP_NOTIFY:
        show_notification(&s);
        break;
    case OP_READ:
    case OP_READ_ALL:
    case OP_DISMISS:
        show_mark(&s);
        break;
    case OP_GONE:
    case OP_BROKE:
        break;
    }
}

static void on_done(void *arg, int err, const struct user_op_row *rows, size_t count)
{
    struct batch *b = arg;
    struct pipeline *pl = b->owner;

    if (!pipeline_take_answer(b)) {
        return;
    }
    if (err) {
        log_warn("people_failed", LOG_ERR(err), LOG_U64("operations", b->fx.op_count));
        pipeline_abort_from(pl, pl->batches, AFTER_PAUSE);
        return;
    }
    for (size_t i = 0; i < count && b->people_fx.err == 0; i++) {
        if (rows[i].op < b->fx.op_count) {
            show(pl, b, &rows[i]);
        }
    }
    effects_end(&b->people_fx);
    if (b->people_fx.err) {
        pipeline_abort_from(pl, pl->batches, AFTER_PAUSE);
        return;
    }
    pipeline_forget_gone(pl, b);
    pipeline_send(pl, b, &b->people_fx);
}

bool pipeline_do_people(struct pipeline *pl, struct batch *b)
{
    struct user_op *ops;
    int err;

    if (b->fx.op_count == 0) {
        pipeline_forget_gone(pl, b);
        return true;
    }
    ops = arena_alloc(b->arena, b->fx.op_count * sizeof(*ops));
    for (size_t i = 0; ops && i < b->fx.op_count; i++) {
        ops[i] = b->fx.ops[i].op;
    }
    err = ops ? store_user_ops(pl->deps.store, ops, b->fx.op_count, pl->deps.conf->push_delay_s,
                               on_done, b)
              : ERR_NOMEM;
    if (err) {
        log_warn("people_failed", LOG_ERR(err), LOG_U64("operations", b->fx.op_count));
        pipeline_abort_from(pl, pl->batches, AFTER_PAUSE);
        return false;
    }
    b->refs++;
    b->deliveries++;
    return true;
}
