/* SPDX-License-Identifier: MIT */
/* Whom a delivered batch's messages concern besides those who are in the room: who is named in
 * them, and the members of channels that are not for everybody. That there is such a message goes
 * into the stream "notify" (notice.h); whom it means, notify_watch finds out. The batch counts as
 * delivered when that is on its way, too; a death before makes a successor do it again. */
#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "broker/mentions.h"
#include "broker/notice.h"
#include "broker/pipeline_private.h"
#include "common/log.h"

#define NUMBER_TEXT 24u
#define FIELDS_MAX 18u

struct number_text {
    char text[NUMBER_TEXT];
};

static struct bytes number(struct number_text *to, int64_t n)
{
    return bytes_of(to->text, (size_t)snprintf(to->text, sizeof(to->text), "%" PRId64, n));
}

static int put_names(struct bytes content, struct buf *out)
{
    struct bytes names[MENTIONS_MAX];
    size_t count = mentions_find(content, names);
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = buf_append(out, names[i]);
        err = err ? err : buf_append_char(out, '\n');
    }
    return err;
}

/* Those who have a socket in the room. Of very many the last are told although they are here. */
static int put_here(const struct room *room, struct buf *out)
{
    size_t count = 0;
    int err = 0;

    for (const struct room_user *u = room->users; u && count < NOTIFY_USERS_MAX && err == 0;
         u = u->hh.next) {
        err = count++ > 0 ? buf_append_char(out, ',') : 0;
        err = err ? err : buf_append_i64(out, u->user_id);
    }
    return err;
}

static int add(struct pipeline *pl, struct batch *b, const struct content_row *row,
               struct bytes names, struct bytes here, bool has_members)
{
    struct stream_key key = key_notify(pl->deps.conf->redis_prefix);
    struct number_text channel, message, author, at;
    const struct bytes argv[FIELDS_MAX] = {BYTES_LIT("XADD"),
                                           stream_key_bytes(&key),
                                           BYTES_LIT("*"),
                                           BYTES_LIT("channel"),
                                           number(&channel, row->channel_id),
                                           BYTES_LIT("message_id"),
                                           number(&message, row->id),
                                           BYTES_LIT("author"),
                                           number(&author, row->author_id),
                                           BYTES_LIT("at"),
                                           number(&at, (int64_t)row->timestamp_ms),
                                           BYTES_LIT("names"),
                                           names,
                                           BYTES_LIT("here"),
                                           here,
                                           BYTES_LIT("members"),
                                           has_members ? BYTES_LIT("1") : BYTES_LIT("0")};
    int err = redis_link_command(pl->deps.redis, argv, 17, pipeline_on_told, b);

    if (err == 0) {
        b->refs++;
        b->deliveries++;
    }
    return err;
}

static int tell(struct pipeline *pl, struct batch *b, const struct content_row *row,
                const struct room *room)
{
    struct buf *text = &pl->scratch;
    bool has_members = room && room->is_private;
    size_t names_len;
    int err;

    if (row->kind != CONTENT_MESSAGE) {
        return 0;
    }
    buf_reset(text);
    err = put_names(row->content, text);
    names_len = text->len;
    if (err != 0 || (names_len == 0 && !has_members)) {
        return err;
    }
    err = has_members ? put_here(room, text) : 0;
    return err ? err
               : add(pl, b, row, bytes_of(text->data, names_len),
                     bytes_skip(buf_bytes(text), names_len), has_members);
}

static const struct room *room_of(struct pipeline *pl, const struct content_row *row)
{
    char topic[32];
    int len = snprintf(topic, sizeof(topic), "chat:%" PRId64, row->channel_id);

    return rooms_find(&pl->partitions[row->origin.partition].rooms, bytes_of(topic, (size_t)len));
}

bool pipeline_notify(struct pipeline *pl, struct batch *b)
{
    int err = 0;

    for (size_t i = 0; i < b->again_count && err == 0; i++) {
        err = tell(pl, b, &b->again[i], b->again_rooms[i]);
    }
    for (size_t i = 0; i < b->fx.row_count && err == 0; i++) {
        err = tell(pl, b, &b->fx.rows[i], room_of(pl, &b->fx.rows[i]));
    }
    if (err != 0) {
        log_warn("notify_failed", LOG_ERR(err));
        pipeline_abort_from(pl, pl->batches, AFTER_PAUSE);
    }
    return err == 0;
}
