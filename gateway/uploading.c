/* SPDX-License-Identifier: MIT */
/* Files that sockets send. The bytes of a chunk go into Redis by themselves (blobs.c), then an
 * envelope that says where they are goes the way of all frames.
 *
 *     chunk -> blobs_put -> UP_UPLOAD -> uplink     … answer -> the window opens
 *
 * Three bounds hold what is on the way (upload_budget.c): a socket with UPLOAD_WINDOW unanswered
 * chunks is not read until one is answered, and neither is one that sends while all senders
 * together have UPLOAD_BYTES_MAX on the way, or have used up UPLOAD_BYTES_PER_SECOND. */
#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/gateway_glue.h"
#include "gateway/gateway_metrics.h"
#include "proto/io/blobs.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

#define UPLOAD_WINDOW 8u /* PROTOCOL.md §4: unanswered chunks of a socket */
#define LOOK_MS 5u       /* how soon those who wait for their share of a second are looked at */

struct chunk { /* its bytes are on their way to Redis */
    struct gateway *g;
    uint64_t conn, frame_no;
    uint32_t partition;
    struct rcbuf *envelope;
};

bool uploading_is_full(const struct session *s)
{
    return s->uploads && upload_window_is_full(s->uploads);
}

void uploading_end(struct session *s)
{
    if (s->uploads) {
        upload_budget_leave(&s->gateway->upload_budget, s->uploads);
    }
    mem_free(s->uploads);
    s->uploads = NULL;
}

void uploading_make(const struct session *s, const struct client_msg *msg, uint64_t received_us,
                    struct up_envelope *out)
{
    *out =
        (struct up_envelope){.kind = UP_UPLOAD,
                             .conn = s->id,
                             .upload = {.frame_no = s->frame_no,
                                        .received_us = received_us,
                                        .actor = user_actor(s->user),
                                        .topic = topic_name(s->sub.topic),
                                        .client_id = msg->client_id,
                                        .action = msg->kind == KIND_UPLOAD_FILE    ? UPLOAD_START
                                                  : msg->kind == KIND_UPLOAD_CHUNK ? UPLOAD_CHUNK
                                                                                   : UPLOAD_CANCEL,
                                        .upload_id = msg->upload_id,
                                        .file_name = msg->file_name,
                                        .file_type = msg->file_type,
                                        .file_size = msg->file_size,
                                        .channel_id = msg->channel_id,
                                        .is_posted = msg->is_posted,
                                        .chunk_index = msg->chunk_index,
                                        .chunk_bytes = (uint32_t)msg->chunk.len}};
}

/* ---- the windows ---- */

static void go_on(void *session)
{
    receiving_go_on(session);
}

static struct upload_window *window_of(struct session *s)
{
    if (!s->uploads) {
        s->uploads = mem_zalloc(sizeof(*s->uploads));
        if (s->uploads) {
            *s->uploads = (struct upload_window){UPLOAD_WINDOW, go_on, s, 0, false, NULL, NULL};
        }
    }
    return s->uploads;
}

void uploads_look(void *gateway)
{
    struct gateway *g = gateway;

    upload_budget_look(&g->upload_budget, clock_mono_us());
    if (g->upload_budget.waiting) {
        loop_timer_start(g->upload_timer, LOOK_MS, 0);
    }
}

void uploads_counted(struct gateway *g)
{
    metric_set(gateway_metrics.upload_bytes, g->upload_budget.bytes);
    if (g->upload_budget.waiting && !loop_timer_is_active(g->upload_timer)) {
        loop_timer_start(g->upload_timer, LOOK_MS, 0);
    }
}

static void count(struct session *s, uint32_t bytes)
{
    struct gateway *g = s->gateway;

    upload_budget_count(&g->upload_budget, s->uploads, bytes, clock_mono_us());
    uploads_counted(g);
    if (uploading_is_full(s)) {
        ws_conn_pause(s->conn, true);
    }
}

void uploading_answered(struct gateway *g, struct session *s, uint32_t bytes)
{
    upload_budget_answered(&g->upload_budget, s ? s->uploads : NULL, bytes);
    metric_set(gateway_metrics.upload_bytes, g->upload_budget.bytes);
}

/* ---- one chunk ---- */

static void refuse(struct gateway *g, const struct chunk *c)
{
    struct session *s = session_table_find(g->sessions, c->conn);
    struct inflight_entry entry;

    if (!inflight_take(g->inflight, INFLIGHT_FRAME, c->conn, c->frame_no, &entry)) {
        return;
    }
    if (s && session_state(s) == SESSION_OPEN) {
        send_error(s, CODE_SERVICE_UNAVAILABLE, entry.client_id);
    }
    uploading_answered(g, s, entry.chunk_bytes);
}

static void chunk_free(struct chunk *c)
{
    if (c) {
        rcbuf_unref(c->envelope);
        mem_free(c);
    }
}

static void on_put(void *arg, int err, struct bytes data)
{
    struct chunk *c = arg;
    struct gateway *g = c->g;

    (void)data;
    if (err == 0 && inflight_has(g->inflight, INFLIGHT_FRAME, c->conn, c->frame_no)) {
        err = uplink_push(g->uplink, c->partition, UPLINK_ONCE, rcbuf_bytes(c->envelope));
    }
    if (err != 0) {
        refuse(g, c);
    }
    chunk_free(c);
}

/* The envelope that will say where the bytes are. NULL without memory. */
static struct chunk *chunk_new(struct session *s, const struct client_msg *msg,
                               uint64_t received_us, uint64_t serial)
{
    struct gateway *g = s->gateway;
    struct chunk *c = mem_zalloc(sizeof(*c));
    struct up_envelope env;

    uploading_make(s, msg, received_us, &env);
    env.upload.blob = serial;
    buf_reset(&g->envelope);
    if (!c || up_envelope_encode(&env, &g->envelope) != 0) {
        mem_free(c);
        return NULL;
    }
    *c = (struct chunk){.g = g,
                        .conn = s->id,
                        .frame_no = s->frame_no,
                        .partition = partition_of(env.upload.topic, g->conf->partitions),
                        .envelope = rcbuf_new(buf_bytes(&g->envelope))};
    if (!c->envelope) {
        chunk_free(c);
        return NULL;
    }
    return c;
}

int uploading_chunk(struct session *s, const struct client_msg *msg)
{
    struct gateway *g = s->gateway;
    uint64_t received_us = clock_mono_us(), serial = ++g->blob_serial;
    struct inflight_entry entry = {.kind = INFLIGHT_FRAME,
                                   .conn = s->id,
                                   .frame_no = ++s->frame_no,
                                   .received_us = received_us,
                                   .client_id = msg->client_id,
                                   .chunk_bytes = (uint32_t)msg->chunk.len};
    struct chunk *c;
    int err;

    if (upload_budget_is_over(&g->upload_budget, msg->chunk.len)) {
        return ERR_FULL;
    }
    c = window_of(s) ? chunk_new(s, msg, received_us, serial) : NULL;
    if (!c) {
        return ERR_NOMEM;
    }
    err = inflight_add(g->inflight, &entry, NULL, clock_mono_ms());
    if (err == 0) {
        const struct blob_name name = {bytes_str(g->name), c->partition, serial};
        err = blobs_put(g->blobs, &name, msg->chunk, on_put, c);
        if (err != 0) {
            inflight_take(g->inflight, INFLIGHT_FRAME, s->id, s->frame_no, &entry);
        }
    }
    if (err != 0) {
        chunk_free(c);
        return err;
    }
    count(s, (uint32_t)msg->chunk.len);
    return 0;
}
