/* SPDX-License-Identifier: MIT */
/* A page of what a client missed: the content frames of a channel between two seqs. First from the
 * channel's log in Redis; where that is short, from the database. The client was let into the
 * channel when its connection was granted. Called by requests.c.
 *
 *   XRANGE log --whole so far--> next XRANGE … --> page is full, or its end is reached --> answer
 *        \--a gap, or nothing--> rows of the database ---------------------------------/
 *
 * An answer that goes no further than it began tells the gateway that it must try another time. */
#include <inttypes.h>
#include <stdio.h>

#include "broker/channel_log.h"
#include "broker/content.h"
#include "broker/requests_impl.h"
#include "broker/rooms.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "proto/stream_keys.h"

#define LOG_ENTRIES "64" /* of one read: at most 16 MiB, see CHANNEL_LOG_FRAME_BYTES */
#define ROWS_MAX 200u    /* of one look into the database */
/* One frame alone may fill it: any that was ever shown, see CONTENT_FRAME_MAX_BYTES. */
#define PAGE_MAX_BYTES (ENVELOPE_MAX_BYTES - 32u * 1024u)
#define NUMBER_TEXT_MAX 24u

void request_history_done(struct request *req)
{
    buf_done(&req->work.history.frames);
}

static void answer(struct request *req)
{
    const struct history_work *w = &req->work.history;
    struct down_item item = {.kind = DOWN_HISTORY};

    item.history = (struct down_history){.topic = bytes_of(w->topic, w->topic_len),
                                         .after = w->after,
                                         .until = w->seq,
                                         .frames = buf_bytes(&w->frames)};
    request_answer(req, &item);
}

/* Nothing can be had now. */
static void fail(struct request *req)
{
    struct history_work *w = &req->work.history;

    buf_reset(&w->frames);
    w->seq = w->after;
    answer(req);
}

/* ---- the database ---- */

/* No delivery could have shown it to anybody, so nobody missed it: whoever comes back goes on
 * behind it. */
static void step_over(struct history_work *w, const struct content_row *row)
{
    static struct log_limit limit = {.per_minute = 6};

    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_error("history_row_too_large", LOG_I64("channel_id", row->channel_id),
                  LOG_U64("seq", row->seq), LOG_U64("bytes", row->content.len));
    }
    w->seq = row->seq;
}

/* One row, if there is room for it; a page has more than HISTORY_PAGE_BYTES only when that is one
 * frame. *out_is_full: no further row. */
static int gather_row(struct history_work *w, const struct content_row *row, bool *out_is_full)
{
    size_t start = w->frames.len;
    int err = content_render(row, &w->frames);

    if (err == 0) {
        err = buf_append_char(&w->frames, '\n');
    }
    if (err == 0 && (start == 0 || w->frames.len <= HISTORY_PAGE_BYTES)) {
        w->seq = row->seq;
        *out_is_full = w->frames.len >= HISTORY_PAGE_BYTES;
        return 0;
    }
    w->frames.len = start;
    if (err == ERR_FULL && start == 0) {
        step_over(w, row);
    } else if (err != 0 && err != ERR_FULL) {
        return err;
    }
    *out_is_full = true;
    return 0;
}

static int gather_rows(struct history_work *w, const struct content_row *rows, size_t count)
{
    bool is_full = w->frames.len >= HISTORY_PAGE_BYTES;
    int err = 0;

    for (size_t i = 0; i < count && !is_full && err == 0; i++) {
        err = gather_row(w, &rows[i], &is_full);
    }
    if (err == 0 && !is_full && count < ROWS_MAX) {
        w->seq = w->until; /* there is no more, whatever the numbers say */
    }
    return err;
}

static void on_rows(void *arg, int err, const struct content_row *rows, size_t count)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err != 0) {
        request_store_error(err, "content");
    } else {
        err = gather_rows(&req->work.history, rows, count);
    }
    if (err != 0) {
        fail(req);
    } else {
        answer(req);
    }
}

static void read_rows(struct request *req)
{
    struct history_work *w = &req->work.history;
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = store_content(req->owner->deps.store, w->channel_id, w->seq, w->until, ROWS_MAX,
                            on_rows, step);
    }
    if (err != 0) {
        step_end(step);
        request_store_error(err, "content");
        fail(req);
    }
}

/* ---- the log ---- */

static void read_log(struct request *req);

static struct bytes field(const struct redis_value *fields, const char *name)
{
    for (size_t i = 0; i + 1 < redis_value_count(fields); i += 2) {
        if (bytes_eq_str(redis_value_bytes(redis_value_at(fields, i)), name)) {
            return redis_value_bytes(redis_value_at(fields, i + 1));
        }
    }
    return BYTES_NONE;
}

static int gather_entry(struct channel_log_reader *r, const struct redis_value *entry)
{
    const struct redis_value *fields = redis_value_at(entry, 1);
    struct entry_id last, count; /* a count has the form of an id without its second half */
    int err = entry_id_parse(redis_value_bytes(redis_value_at(entry, 0)), &last);

    if (err == 0) {
        err = entry_id_parse(field(fields, "n"), &count);
    }
    return err ? err : channel_log_read(r, last.ms, count.ms, field(fields, "j"));
}

static void on_entries(void *arg, int err, const struct redis_value *v)
{
    struct request *req = step_end(arg);
    struct history_work *w;
    struct channel_log_reader r = {.page_bytes = HISTORY_PAGE_BYTES};
    bool is_further;

    if (!req) {
        return;
    }
    w = &req->work.history;
    r.seq = w->seq;
    r.until = w->until;
    r.page = &w->frames;
    for (size_t i = 0; err == 0 && i < redis_value_count(v) && !channel_log_is_read(&r); i++) {
        err = gather_entry(&r, redis_value_at(v, i));
    }
    is_further = r.seq > w->seq;
    w->seq = r.seq;
    if (channel_log_is_read(&r)) {
        answer(req);
    } else if (err == 0 && is_further) {
        read_log(req);
    } else {
        read_rows(req); /* what was gathered so far stays */
    }
}

static void read_log(struct request *req)
{
    struct history_work *w = &req->work.history;
    const struct requests_deps *deps = &req->owner->deps;
    struct bytes topic = bytes_of(w->topic, w->topic_len);
    struct stream_key key =
        key_log(deps->conf->redis_prefix, partition_of(topic, deps->conf->partitions), topic);
    struct step *step = step_begin(req);
    char first[NUMBER_TEXT_MAX];
    int err = ERR_NOMEM;

    snprintf(first, sizeof(first), "%" PRIu64, w->seq + 1);
    if (step) {
        err = redis_link_command(deps->redis,
                                 (struct bytes[]){BYTES_LIT("XRANGE"), stream_key_bytes(&key),
                                                  bytes_str(first), BYTES_LIT("+"),
                                                  BYTES_LIT("COUNT"), BYTES_LIT(LOG_ENTRIES)},
                                 6, on_entries, step);
    }
    if (err != 0) {
        step_end(step);
        read_rows(req);
    }
}

/* What every answer names, also that of a request which is refused. */
static struct history_work *take(struct request *req, const struct up_history *history)
{
    struct history_work *w = &req->work.history;

    w->after = w->seq = history->after;
    w->until = history->until;
    w->topic_len = history->topic.len;
    memcpy(w->topic, history->topic.ptr, history->topic.len);
    buf_init(&w->frames, PAGE_MAX_BYTES);
    return w;
}

void request_history_refuse(struct request *req, const struct up_history *history)
{
    take(req, history);
    fail(req);
}

void request_history_start(struct request *req, const struct up_history *history)
{
    struct history_work *w = take(req, history);

    if (history->until <= history->after || topic_channel(history->topic, &w->channel_id) != 0) {
        fail(req);
        return;
    }
    read_log(req);
}
