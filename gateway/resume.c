/* SPDX-License-Identifier: MIT */
/* Coming back with since=: between its first frame and the live ones a socket gets what it missed,
 * page by page, each asked for when the one before is written. Its place in the topic is held
 * meanwhile, so that the live frames follow without a gap and without a repeat.
 *
 *     JOINED (seq 90, since 40) -> UP_HISTORY 40..90 -> page 41..70 -> written -> UP_HISTORY 70..90
 *                                                    -> page 71..90 -> topic from 91 on
 *
 * A page that cannot be had closes the socket for resume: the client comes again. */
#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/gateway_metrics.h"
#include "gateway/gateway_glue.h"
#include "gateway/outbox.h"
#include "proto/stream_keys.h"

struct resume {
    uint64_t next, until; /* has everything up to `next`; wants up to `until` */
    bool is_asking;
};

int resume_want(struct session *s, uint64_t since)
{
    s->resume = mem_zalloc(sizeof(*s->resume));
    if (!s->resume) {
        return ERR_NOMEM;
    }
    s->resume->next = since;
    return 0;
}

bool resume_since(const struct session *s, uint64_t *out_since)
{
    if (s->resume) {
        *out_since = s->resume->next;
    }
    return s->resume != NULL;
}

void resume_end(struct session *s)
{
    s->sub.is_held = false;
    mem_free(s->resume);
    s->resume = NULL;
}

void resume_ask(struct session *s)
{
    struct gateway *g = s->gateway;
    struct resume *r = s->resume;
    const struct up_envelope env = {
        .kind = UP_HISTORY,
        .conn = s->id,
        .history = {.topic = topic_name(s->sub.topic), .after = r->next, .until = r->until}};
    const struct inflight_entry entry = {.kind = INFLIGHT_HISTORY, .conn = s->id};
    struct rcbuf *again = NULL;
    int err;

    if (r->is_asking) {
        return;
    }
    err = gateway_send_up(g, partition_of_id(s->id, g->conf->partitions), UPLINK_AGAIN, &env);
    if (err == 0) {
        again = rcbuf_new(buf_bytes(&g->envelope)); /* NULL: it is not repeated, no more */
        err = inflight_add(g->inflight, &entry, again, clock_mono_ms());
    }
    rcbuf_unref(again);
    if (err != 0) {
        session_close_for_resume(s, "history");
        return;
    }
    r->is_asking = true;
}

void resume_begin(struct session *s, const struct down_joined *joined)
{
    if (!s->resume) {
        return;
    }
    if (!joined->is_resumed || s->resume->next >= joined->seq) {
        resume_end(s);
        return;
    }
    s->resume->until = joined->seq;
    s->sub.is_held = true;
    topic_set_stuck(&s->sub, true, clock_mono_ms());
    resume_ask(s);
}

/* The page as frames, in g->out. Gives how many. */
static int make_frames(struct session *s, struct bytes lines, uint32_t *out_count)
{
    struct gateway *g = s->gateway;
    struct bytes line;
    int err = 0;

    buf_reset(&g->out);
    *out_count = 0;
    while (err == 0 && bytes_next_line(&lines, &line)) {
        err = frame_for(s, line, &g->out);
        (*out_count)++;
    }
    return err;
}

static void take_page(struct session *s, const struct down_history *page)
{
    uint32_t count;
    int err = make_frames(s, page->frames, &count);

    if (err == 0 && count > 0) {
        err = send_frame(s, buf_bytes(&s->gateway->out));
        metric_add(gateway_metrics.frames_sent, count - 1); /* the outbox counts it as one */
    }
    if (err != 0) {
        session_close_for_resume(s, "history");
        return;
    }
    s->resume->next = page->until;
    if (page->until == s->resume->until) {
        resume_end(s);
    }
    ws_conn_want_writable(s->conn); /* goes on from there, also when the page was empty */
}

void resume_deliver(struct gateway *g, const struct down_item *item)
{
    struct session *s = session_table_find(g->sessions, item->conn);
    const struct down_history *page = &item->history;
    struct inflight_entry ignored;
    struct resume *r = s ? s->resume : NULL;

    if (!r || session_state(s) != SESSION_OPEN || !s->sub.is_held || page->after != r->next ||
        !bytes_eq(page->topic, topic_name(s->sub.topic))) {
        return; /* not waited for any more, or a repeat: what is waited for still is */
    }
    inflight_take(g->inflight, INFLIGHT_HISTORY, item->conn, 0, &ignored);
    r->is_asking = false;
    if (page->until <= page->after || page->until > r->until) {
        session_close_for_resume(s, "history");
        return;
    }
    take_page(s, page);
}
