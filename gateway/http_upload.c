/* SPDX-License-Identifier: MIT */
/* Bodies of requests that are files. The request goes to a broker without its body; when that one
 * wants it (DOWN_WANTED), the body is read piece by piece, each as the chunks of sockets go:
 *
 *     ws_http_want_body -> piece -> blobs_put -> UP_UPLOAD -> DOWN_ACK … -> DOWN_HTTP
 *
 * A piece is kept until it is acknowledged; one that is not in time goes again, once. With
 * BODY_WINDOW of them unanswered, or too much on the way of all (upload_budget.c), nothing is read:
 * the rest waits at the client. Whatever the broker answers ends it; what ends before its last
 * piece is acknowledged is cancelled. */
#include "common/io/clock.h"
#include "gateway/gateway_glue.h"
#include "gateway/gateway_metrics.h"
#include "gateway/map.h"
#include "proto/io/blobs.h"
#include "proto/stream_keys.h"

#define BODY_WINDOW 2u /* pieces: one is stored while the next one comes in */
/* At a time, of this gateway; more are asked to come again. What they have read of a piece is not
 * in the budget yet: 32 MiB, if all of them are in the middle of one of the usual length. */
#define UPLOADS_MAX 128u

struct body_piece {
    struct rcbuf *data; /* NULL: a free place */
    uint32_t index;
    uint64_t sent_ms;
    bool is_again;
};

struct http_upload {
    UT_hash_handle hh;
    struct gateway *g;
    uint64_t request;
    uint64_t unread;
    uint32_t piece_bytes, piece_count; /* of each; read so far */
    bool is_wanted, is_reading;
    bool has_failed; /* the next tick ends it */
    int64_t user_id;
    struct upload_window window;
    struct body_piece pieces[BODY_WINDOW];
    char topic[TOPIC_MAX_BYTES + 1];
    char upload_id[UPLOAD_ID_MAX_BYTES + 1];
};

struct put { /* a piece on its way to Redis */
    struct gateway *g;
    uint64_t request, blob;
    uint32_t index;
};

static struct http_upload *find(struct gateway *g, uint64_t request)
{
    struct http_upload *u;

    HASH_FIND(hh, g->uploads, &request, sizeof(request), u);
    return u;
}

static struct body_piece *piece_of(struct http_upload *u, uint32_t index)
{
    for (uint32_t i = 0; i < BODY_WINDOW; i++) {
        if (u->pieces[i].data && u->pieces[i].index == index) {
            return &u->pieces[i];
        }
    }
    return NULL;
}

uint32_t http_upload_count(const struct gateway *g)
{
    return HASH_COUNT(g->uploads);
}

/* ---- the end ---- */

/* `window` NULL: it is not to go on. */
static void release(struct gateway *g, struct body_piece *p, struct upload_window *window)
{
    uint32_t bytes = p->data->len;

    rcbuf_unref(p->data);
    p->data = NULL;
    upload_budget_answered(&g->upload_budget, window, bytes);
    metric_set(gateway_metrics.upload_bytes, g->upload_budget.bytes);
}

/* Nobody can go on with it: it is not to count among the uploads of its user any more. */
static void cancel(struct http_upload *u)
{
    struct gateway *g = u->g;
    struct up_envelope env = {.kind = UP_UPLOAD, .conn = u->request};
    int err;

    env.upload = (struct up_upload){.frame_no = (uint64_t)u->piece_count + 1, /* of no piece */
                                    .actor = {.user_id = u->user_id},
                                    .topic = bytes_str(u->topic),
                                    .action = UPLOAD_CANCEL,
                                    .is_http = true,
                                    .upload_id = bytes_str(u->upload_id)};
    err =
        gateway_send_up(g, partition_of(env.upload.topic, g->conf->partitions), UPLINK_AGAIN, &env);
    (void)err; /* it expires by itself */
}

bool http_upload_end(struct gateway *g, uint64_t request)
{
    struct http_upload *u = find(g, request);

    if (!u) {
        return false;
    }
    if (u->is_wanted && (u->unread > 0 || u->window.unanswered > 0)) {
        cancel(u);
    }
    HASH_DEL(g->uploads, u);
    upload_budget_leave(&g->upload_budget, &u->window);
    for (uint32_t i = 0; i < BODY_WINDOW; i++) {
        if (u->pieces[i].data) {
            release(g, &u->pieces[i], NULL);
        }
    }
    mem_free(u);
    return true;
}

static void fail(struct http_upload *u)
{
    struct gateway *g = u->g;
    uint64_t request = u->request;

    http_upload_end(g, request);
    http_front_wait_over(g, request);
}

/* ---- a piece ---- */

/* Its bytes are in Redis: say so. What fails here is done again when its time is up. */
static void on_put(void *arg, int err, struct bytes data)
{
    struct put put = *(struct put *)arg;
    struct gateway *g = put.g;
    struct http_upload *u = find(g, put.request);
    struct body_piece *p = u && err == 0 ? piece_of(u, put.index) : NULL;
    struct up_envelope env = {.kind = UP_UPLOAD, .conn = put.request};

    (void)data;
    mem_free(arg);
    if (!p) {
        return;
    }
    env.upload = (struct up_upload){.frame_no = (uint64_t)put.index + 1,
                                    .received_us = clock_mono_us(),
                                    .actor = {.user_id = u->user_id},
                                    .topic = bytes_str(u->topic),
                                    .action = UPLOAD_CHUNK,
                                    .is_http = true,
                                    .upload_id = bytes_str(u->upload_id),
                                    .chunk_index = put.index,
                                    .chunk_bytes = p->data->len,
                                    .blob = put.blob};
    err =
        gateway_send_up(g, partition_of(env.upload.topic, g->conf->partitions), UPLINK_ONCE, &env);
    (void)err;
}

static void send_piece(struct http_upload *u, struct body_piece *p)
{
    struct gateway *g = u->g;
    struct put *put = mem_alloc(sizeof(*put));
    const struct blob_name name = {bytes_str(g->name),
                                   partition_of(bytes_str(u->topic), g->conf->partitions),
                                   ++g->blob_serial};

    p->sent_ms = clock_mono_ms();
    if (!put) {
        return; /* again when its time is up */
    }
    *put = (struct put){g, u->request, name.serial, p->index};
    if (blobs_put(g->blobs, &name, rcbuf_bytes(p->data), on_put, put) != 0) {
        mem_free(put);
    }
}

/* ---- reading ---- */

/* Ends nothing: it is also called while others are ended. */
static void go_on(void *owner)
{
    struct http_upload *u = owner;
    struct gateway *g = u->g;

    if (!u->is_wanted || u->is_reading || u->unread == 0 || upload_window_is_full(&u->window)) {
        return;
    }
    if (upload_budget_must_wait(&g->upload_budget, &u->window, clock_mono_us())) {
        uploads_counted(g);
        return;
    }
    u->is_reading = true;
    u->has_failed = ws_http_want_body(g->port, u->request, u->piece_bytes) != 0;
}

void http_upload_on_body(void *arg, uint64_t request, struct bytes piece)
{
    struct gateway *g = arg;
    struct http_upload *u = find(g, request);
    struct body_piece *p = NULL;

    for (uint32_t i = 0; u && i < BODY_WINDOW && !p; i++) {
        p = u->pieces[i].data ? NULL : &u->pieces[i];
    }
    if (!p) {
        return; /* ended */
    }
    u->is_reading = false;
    u->unread -= piece.len;
    *p = (struct body_piece){.data = rcbuf_new(piece), .index = u->piece_count++};
    if (!p->data) {
        fail(u);
        return;
    }
    upload_budget_count(&g->upload_budget, &u->window, p->data->len, clock_mono_us());
    uploads_counted(g);
    send_piece(u, p);
    go_on(u);
}

/* ---- what brokers say ---- */

void http_upload_wanted(struct gateway *g, const struct down_item *item)
{
    const struct down_wanted *wanted = &item->wanted;
    struct http_upload *u = find(g, item->conn);
    struct inflight_entry ignored;

    if (!u || !inflight_take(g->inflight, INFLIGHT_HTTP, item->conn, 0, &ignored) ||
        wanted->topic.len > TOPIC_MAX_BYTES || wanted->upload_id.len > UPLOAD_ID_MAX_BYTES) {
        return;
    }
    u->is_wanted = true;
    u->user_id = wanted->actor.user_id;
    memcpy(u->topic, wanted->topic.ptr, wanted->topic.len);
    memcpy(u->upload_id, wanted->upload_id.ptr, wanted->upload_id.len);
    go_on(u);
}

bool http_upload_acked(struct gateway *g, const struct down_item *item)
{
    struct http_upload *u = find(g, item->conn);
    struct body_piece *p =
        u && item->ack.frame_no > 0 ? piece_of(u, (uint32_t)(item->ack.frame_no - 1)) : NULL;

    if (p) {
        release(g, p, &u->window);
    }
    return u != NULL;
}

/* ---- one upload ---- */

/* Few enough pieces that their numbers suffice. 0: there is no such length. */
static uint32_t piece_bytes_of(uint64_t body_bytes)
{
    uint64_t bytes = (body_bytes + UPLOAD_CHUNKS_MAX - 1) / UPLOAD_CHUNKS_MAX;

    if (bytes > UPLOAD_CHUNK_MAX_BYTES) {
        return 0;
    }
    return bytes > UPLOAD_CHUNK_ADVICE ? (uint32_t)bytes : UPLOAD_CHUNK_ADVICE;
}

int http_upload_begin(struct gateway *g, uint64_t request, uint64_t body_bytes)
{
    uint32_t piece_bytes = piece_bytes_of(body_bytes);
    struct http_upload *u;

    if (piece_bytes == 0) {
        return ERR_LIMIT;
    }
    if (http_upload_count(g) >= UPLOADS_MAX) {
        return ERR_FULL;
    }
    u = mem_zalloc(sizeof(*u));
    if (!u) {
        return ERR_NOMEM;
    }
    u->g = g;
    u->request = request;
    u->unread = body_bytes;
    u->piece_bytes = piece_bytes;
    u->window = (struct upload_window){.max = BODY_WINDOW, .go_on = go_on, .owner = u};
    HASH_ADD(hh, g->uploads, request, sizeof(u->request), u);
    if (MAP_HAS_FAILED(u)) {
        mem_free(u);
        return ERR_NOMEM;
    }
    return 0;
}

/* Its pieces that were not answered. May end it. */
static void check(struct http_upload *u, uint64_t now_ms)
{
    bool has_failed = u->has_failed;

    for (uint32_t i = 0; i < BODY_WINDOW && !has_failed; i++) {
        struct body_piece *p = &u->pieces[i];
        if (!p->data || now_ms < p->sent_ms + FRAME_WAIT_MS) {
            continue;
        }
        has_failed = p->is_again;
        if (!has_failed) {
            p->is_again = true;
            send_piece(u, p);
        }
    }
    if (has_failed) {
        fail(u);
    }
}

void http_upload_tick(struct gateway *g, uint64_t now_ms)
{
    struct http_upload *u, *next;

    HASH_ITER(hh, g->uploads, u, next) {
        check(u, now_ms);
    }
}
