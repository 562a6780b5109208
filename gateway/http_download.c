/* SPDX-License-Identifier: MIT */
/* Files on their way to clients. A broker has told where the bytes are (DOWN_HTTP with a ref); they
 * are asked for piece by piece, as the socket takes them, so that a slow reader holds two pieces
 * and nothing else.
 *
 *     UP_PULL -> DOWN_PULLED -> blobs_take -> ws_http_write -> drained -> UP_PULL …
 *
 * Any broker can answer any piece: of one that died, the next one is asked again. What cannot be
 * had after PULL_TRIES_MAX tries ends the connection; its client goes on with a Range. */
#include "common/io/clock.h"
#include "common/log.h"
#include "gateway/events.h"
#include "gateway/gateway_glue.h"
#include "gateway/gateway_metrics.h"
#include "gateway/map.h"
#include "gateway/pull_window.h"
#include "proto/io/blobs.h"
#include "proto/stream_keys.h"

/* At a time, of this gateway; more are asked to come again. With PULL_WINDOW pieces each they hold
 * 128 MiB, if all of their readers are slow. */
#define DOWNLOADS_MAX 256u

struct http_download {
    UT_hash_handle hh;
    struct gateway *g;
    uint64_t request;
    struct pull_window window;
    char ref[STORAGE_KEY_MAX_BYTES + 1];
};

struct take { /* a piece on its way from Redis */
    struct gateway *g;
    uint64_t request, blob;
};

static struct http_download *find(struct gateway *g, uint64_t request)
{
    struct http_download *d;

    HASH_FIND(hh, g->downloads, &request, sizeof(request), d);
    return d;
}

uint32_t http_download_count(const struct gateway *g)
{
    return HASH_COUNT(g->downloads);
}

static void end(struct http_download *d)
{
    struct gateway *g = d->g;

    HASH_DEL(g->downloads, d);
    pull_window_done(&d->window);
    mem_free(d);
    metric_set(gateway_metrics.downloads, http_download_count(g));
}

void http_download_end(struct gateway *g, uint64_t request)
{
    struct http_download *d = find(g, request);

    if (d) {
        end(d);
    }
}

/* The client sees that it is short. */
static void cut(struct http_download *d)
{
    static struct log_limit limit = {.per_minute = 6};

    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_warn(EV_DOWNLOAD_CUT, LOG_ID("request", d->request), LOG_STR("ref", d->ref));
    }
    metric_add(gateway_metrics.downloads_cut, 1);
    ws_http_cut(d->g->port, d->request);
    end(d);
}

/* ---- pieces ---- */

static struct blob_name blob_of(const struct gateway *g, uint64_t request, uint64_t serial)
{
    return (struct blob_name){bytes_str(g->name), partition_of_id(request, g->conf->partitions),
                              serial};
}

static void ask(struct http_download *d, struct pull_piece *p)
{
    struct gateway *g = d->g;
    uint64_t now_ms = clock_mono_ms();
    struct up_envelope env = {.kind = UP_PULL, .conn = d->request};

    pull_ask(p, ++g->blob_serial, now_ms);
    env.pull = (struct up_pull){
        .ref = bytes_str(d->ref), .offset = p->offset, .bytes = p->bytes, .blob = p->blob};
    if (gateway_send_up(g, partition_of_id(d->request, g->conf->partitions), UPLINK_ONCE, &env) !=
        0) {
        pull_lost(p, now_ms);
    }
}

/* Writes what may be written, asks for what may be asked for. */
static void go_on(struct http_download *d)
{
    struct pull_piece *p = pull_window_ready(&d->window);

    if (p) {
        if (ws_http_write(d->g->port, d->request, rcbuf_bytes(p->data)) != 0) {
            cut(d);
            return;
        }
        rcbuf_unref(p->data);
        p->data = NULL;
        p->state = PULL_OUT;
    }
    while ((p = pull_window_next(&d->window)) != NULL) {
        ask(d, p);
    }
}

static void on_taken(void *arg, int err, struct bytes data)
{
    struct take t = *(struct take *)arg;
    struct http_download *d = find(t.g, t.request);
    struct pull_piece *p = d ? pull_window_find(&d->window, PULL_TAKING, t.blob) : NULL;

    mem_free(arg);
    if (!p) {
        return;
    }
    p->data = err == 0 && data.len == p->bytes ? rcbuf_new(data) : NULL;
    if (p->data) {
        p->state = PULL_HERE;
        go_on(d);
    } else {
        pull_lost(p, clock_mono_ms());
    }
}

void http_download_pulled(struct gateway *g, const struct down_item *item)
{
    const struct down_pulled *pulled = &item->pulled;
    const struct blob_name name = blob_of(g, item->conn, pulled->blob);
    struct http_download *d = find(g, item->conn);
    struct pull_piece *p = d ? pull_window_find(&d->window, PULL_ASKED, pulled->blob) : NULL;
    struct take *t;

    if (!p || p->offset != pulled->offset || pulled->bytes != p->bytes) {
        if (pulled->bytes > 0) {
            blobs_drop(g->blobs, &name);
        }
        if (p) {
            pull_lost(p, clock_mono_ms());
        }
        return;
    }
    t = mem_alloc(sizeof(*t));
    if (t) {
        *t = (struct take){g, item->conn, pulled->blob};
        p->state = PULL_TAKING;
    }
    if (!t || blobs_take(g->blobs, &name, on_taken, t) != 0) {
        mem_free(t);
        pull_lost(p, clock_mono_ms());
    }
}

void http_download_on_drained(void *arg, uint64_t request)
{
    struct gateway *g = arg;
    struct http_download *d = find(g, request);

    if (!d) {
        return;
    }
    pull_window_written(&d->window);
    if (pull_window_is_over(&d->window)) {
        end(d);
    } else {
        go_on(d);
    }
}

/* ---- one download ---- */

static struct http_download *make(struct gateway *g, uint64_t request, const struct down_http *http)
{
    struct http_download *d;

    if (http_download_count(g) >= DOWNLOADS_MAX || http->ref.len > STORAGE_KEY_MAX_BYTES) {
        return NULL;
    }
    d = mem_zalloc(sizeof(*d));
    if (!d) {
        return NULL;
    }
    d->g = g;
    d->request = request;
    pull_window_init(&d->window, http->ref_offset, http->ref_bytes);
    memcpy(d->ref, http->ref.ptr, http->ref.len);
    HASH_ADD(hh, g->downloads, request, sizeof(d->request), d);
    if (MAP_HAS_FAILED(d)) {
        mem_free(d);
        return NULL;
    }
    metric_set(gateway_metrics.downloads, http_download_count(g));
    return d;
}

void http_download_begin(struct gateway *g, uint64_t request, const struct down_http *http)
{
    const struct ws_http_head head = {.status = (int)http->status,
                                      .content_type = http->content_type,
                                      .headers = http->headers,
                                      .content_length = http->ref_bytes};
    struct http_download *d = make(g, request, http);
    bool is_over = true;

    if (!d) {
        http_front_wait_over(g, request);
    } else if (ws_http_begin(g->port, request, &head, &is_over) != 0) {
        end(d);
        http_front_wait_over(g, request); /* if the client is there */
    } else if (is_over) {
        end(d);
    } else {
        go_on(d);
    }
}

/* Its pieces that did not come. May end it. */
static void check(struct http_download *d, uint64_t now_ms)
{
    for (uint32_t i = 0; i < PULL_WINDOW; i++) {
        struct pull_piece *p = &d->window.pieces[i];
        switch (pull_is_due(p, now_ms)) {
        case PULL_WAIT:
            break;
        case PULL_AGAIN:
            ask(d, p);
            break;
        case PULL_GIVE_UP:
            cut(d);
            return;
        }
    }
}

void http_download_tick(struct gateway *g, uint64_t now_ms)
{
    struct http_download *d, *next;

    HASH_ITER(hh, g->downloads, d, next) {
        check(d, now_ms);
    }
}
