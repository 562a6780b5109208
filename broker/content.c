/* SPDX-License-Identifier: MIT */
/* The common way of everything that has a seq. Called by handle_chat_message, handle_edit_message,
 * handle_delete_message, handle_batch_update, and by the pipeline for rows of before. */
#include "broker/content.h"

static int render_message(const struct content_row *row, struct buf *out)
{
    const struct chat_message m = {.id = row->id,
                                   .channel_id = row->channel_id,
                                   .author_id = row->author_id,
                                   .author_username = row->author_username,
                                   .author_avatar = row->author_avatar,
                                   .content = row->content,
                                   .timestamp_ms = row->timestamp_ms,
                                   .reply_to = row->reply_to,
                                   .seq = row->seq,
                                   .client_id = row->client_id,
                                   .attachments = row->attachments};
    return server_chat_message(&m, out);
}

static int render_edit(const struct content_row *row, struct buf *out)
{
    const struct message_edit e = {.message_id = row->message_id,
                                   .channel_id = row->channel_id,
                                   .user_id = row->author_id,
                                   .new_content = row->content,
                                   .edited_at_ms = row->timestamp_ms,
                                   .seq = row->seq};
    return server_edit_message(&e, out);
}

static int render_deletion(const struct content_row *row, struct buf *out)
{
    const struct message_deletion d = {.message_id = row->message_id,
                                       .channel_id = row->channel_id,
                                       .user_id = row->author_id,
                                       .deleted_at_ms = row->timestamp_ms,
                                       .seq = row->seq};
    return server_delete_message(&d, out);
}

static int render_batch(const struct content_row *row, struct buf *out)
{
    const struct batch_update b = {.updates = row->content,
                                   .user_id = row->author_id,
                                   .channel_id = row->channel_id,
                                   .username = row->author_username,
                                   .seq = row->seq,
                                   .timestamp_ms = row->timestamp_ms};
    return server_batch_update(&b, out);
}

int content_render(const struct content_row *row, struct buf *out)
{
    switch (row->kind) {
    case CONTENT_MESSAGE:
        return render_message(row, out);
    case CONTENT_EDIT:
        return render_edit(row, out);
    case CONTENT_DELETION:
        return render_deletion(row, out);
    case CONTENT_BATCH:
        return render_batch(row, out);
    }
    return ERR_TYPE;
}

/* A deleted text must not come back out of the log: with the frame that tells of the deletion the
 * log begins anew, and for what was before, the database is asked, where the text is gone. */
static int log_frame(struct effects *fx, const struct room *room, const struct content_row *row,
                     struct bytes json)
{
    struct channel_log *log =
        channel_logs_get(&fx->logs, row->origin.partition, row->channel_id, room_topic(room));

    if (!log) {
        return ERR_NOMEM;
    }
    if (row->kind == CONTENT_DELETION) {
        channel_log_empty(log);
    }
    return channel_log_add(&fx->logs, log, row->seq, json);
}

static void show(struct world *w, const struct room *room, const struct content_row *row,
                 struct bytes json, const struct work *sender)
{
    struct down_item item = {.kind = DOWN_TOPIC};
    int err = log_frame(w->fx, room, row, json);

    if (err) {
        w->fx->err = err;
        return;
    }
    item.topic.topic = room_topic(room);
    item.topic.seq = row->seq;
    item.topic.author = row->kind == CONTENT_MESSAGE ? row->author_id : 0;
    item.topic.json = json;
    if (sender && row->kind == CONTENT_BATCH) {
        item.topic.exclude_conn = sender->env.conn;
        effects_publish_but(w->fx, room, &item, sender->gateway);
    } else {
        effects_publish(w->fx, room, &item);
    }
}

/* The sender's own connection is not known any more: rather the sender sees its own batch than
 * another socket of the same user misses it. */
void content_show_again(struct world *w, const struct room *room, const struct content_row *row,
                        struct bytes json)
{
    show(w, room, row, json, NULL);
}

/* The row as the next one of its channel, its frame in w->scratch. Nothing is taken yet. */
static enum client_code prepare(struct world *w, const struct work *work, struct content_row *row)
{
    const struct actor *actor = &work->env.frame.actor;
    int err;

    row->id = w->ids[0];
    row->channel_id = work->room->channel_id;
    row->author_id = actor->user_id;
    row->author_username = actor->username;
    row->author_avatar = actor->avatar;
    row->timestamp_ms = w->now_ms;
    row->seq = work->room->last_seq + 1;
    row->origin = work->origin;
    buf_reset(w->scratch);
    err = content_render(row, w->scratch);
    if (err == ERR_FULL || (err == 0 && w->scratch->len > CONTENT_FRAME_MAX_BYTES)) {
        return CODE_MESSAGE_TOO_LARGE;
    }
    if (err) {
        w->fx->err = ERR_NOMEM;
        return CODE_INTERNAL_ERROR;
    }
    return CODE_NONE;
}

static bool add(struct world *w, struct work *work, const struct content_row *row)
{
    w->ids++;
    w->id_count--;
    work->room->last_seq = row->seq;
    effects_store(w->fx, row);
    show(w, work->room, row, buf_bytes(w->scratch), work);
    reply_ack(w, work);
    return w->fx->err == 0;
}

bool content_conclude(struct world *w, struct work *work, enum client_code code,
                      struct content_row *row)
{
    if (code == CODE_NONE && (work->is_replay || w->id_count == 0)) {
        code = CODE_SERVICE_UNAVAILABLE;
    }
    if (code == CODE_NONE) {
        code = prepare(w, work, row);
    }
    if (code != CODE_NONE) {
        reply_error(w, work, code, NULL);
        return false;
    }
    return add(w, work, row);
}
