/* SPDX-License-Identifier: MIT */
/* Frames of a batch per channel, and entries of a channel's log read back. Filled by content.c;
 * read back by request_history.c. Knows no Redis. */
#include "broker/channel_log.h"

#include <utlist.h>

void channel_logs_init(struct channel_logs *logs, struct arena *arena)
{
    *logs = (struct channel_logs){.arena = arena};
}

void channel_log_empty(struct channel_log *log)
{
    struct channel_log_piece *p, *tmp;

    log->is_emptied = true;
    DL_FOREACH_SAFE(log->pieces, p, tmp) {
        DL_DELETE(log->pieces, p);
        buf_done(&p->lines);
    }
}

void channel_logs_done(struct channel_logs *logs)
{
    struct channel_log *log, *tmp;

    HASH_ITER(hh, logs->table, log, tmp) {
        HASH_DEL(logs->table, log);
        channel_log_empty(log);
    }
}

struct channel_log *channel_logs_get(struct channel_logs *logs, uint32_t partition,
                                     int64_t channel_id, struct bytes topic)
{
    struct channel_log *log;

    HASH_FIND(hh, logs->table, &channel_id, sizeof(channel_id), log);
    if (log) {
        return log;
    }
    log = arena_alloc(logs->arena, sizeof(*log));
    if (!log || arena_dup(logs->arena, topic, &log->topic)) {
        return NULL;
    }
    log->channel_id = channel_id;
    log->partition = partition;
    HASH_ADD(hh, logs->table, channel_id, sizeof(log->channel_id), log);
    return log;
}

/* The piece that the frame goes into: the last one, or a new one when that is full or ends at
 * another place. */
static struct channel_log_piece *piece_for(struct channel_logs *logs, struct channel_log *log,
                                           uint64_t seq, size_t len)
{
    struct channel_log_piece *p = log->pieces ? log->pieces->prev : NULL;

    if (p && p->last + 1 == seq && p->lines.len + len < CHANNEL_LOG_PIECE_BYTES) {
        return p;
    }
    p = arena_alloc(logs->arena, sizeof(*p));
    if (p) {
        p->first = seq;
        buf_init(&p->lines, CHANNEL_LOG_FRAME_BYTES + 1);
        DL_APPEND(log->pieces, p);
    }
    return p;
}

int channel_log_add(struct channel_logs *logs, struct channel_log *log, uint64_t seq,
                    struct bytes json)
{
    struct channel_log_piece *p;
    int err;

    if (json.len > CHANNEL_LOG_FRAME_BYTES) {
        return 0;
    }
    p = piece_for(logs, log, seq, json.len);
    err = p ? buf_append(&p->lines, json) : ERR_NOMEM;
    if (err == 0) {
        err = buf_append_char(&p->lines, '\n');
    }
    if (err == 0) {
        p->last = seq;
    }
    return err;
}

/* One frame, if it is wanted. */
static int read_line(struct channel_log_reader *r, uint64_t seq, struct bytes line)
{
    int err;

    if (seq <= r->seq) {
        return 0;
    }
    if (r->page->len > 0 && r->page->len + line.len > r->page_bytes) {
        r->is_full = true;
        return 0;
    }
    err = buf_append(r->page, line);
    r->seq = err == 0 ? seq : r->seq;
    return err;
}

int channel_log_read(struct channel_log_reader *r, uint64_t last, uint64_t count,
                     struct bytes lines)
{
    uint64_t seq = last - count + 1;
    int err = 0;

    if (count == 0 || count > last) {
        return ERR_SYNTAX;
    }
    if (seq > r->seq + 1) {
        return ERR_NOT_FOUND;
    }
    for (; seq <= last && err == 0 && !channel_log_is_read(r); seq++) {
        const char *end = lines.len ? memchr(lines.ptr, '\n', lines.len) : NULL;
        size_t len = end ? (size_t)(end - lines.ptr) + 1 : 0;
        err = len > 1 ? read_line(r, seq, bytes_of(lines.ptr, len)) : ERR_SYNTAX;
        lines = bytes_skip(lines, len);
    }
    return err;
}
