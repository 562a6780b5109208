/* SPDX-License-Identifier: MIT */
/* A ring of pieces. Called by http_download.c, which asks, takes and writes. */
#include "gateway/pull_window.h"

#include <stddef.h>

#include "proto/limits.h"

void pull_window_init(struct pull_window *w, uint64_t offset, uint64_t bytes)
{
    *w = (struct pull_window){.next = offset, .end = offset + bytes};
}

static void empty(struct pull_piece *p)
{
    rcbuf_unref(p->data);
    *p = (struct pull_piece){.state = PULL_FREE};
}

void pull_window_done(struct pull_window *w)
{
    for (uint32_t i = 0; i < PULL_WINDOW; i++) {
        empty(&w->pieces[i]);
    }
}

struct pull_piece *pull_window_next(struct pull_window *w)
{
    uint64_t left = w->end - w->next;

    for (uint32_t i = 0; i < PULL_WINDOW && left > 0; i++) {
        struct pull_piece *p = &w->pieces[(w->first + i) % PULL_WINDOW];
        if (p->state == PULL_FREE) {
            p->offset = w->next;
            p->bytes = left < PULL_MAX_BYTES ? (uint32_t)left : PULL_MAX_BYTES;
            w->next += p->bytes;
            return p;
        }
    }
    return NULL;
}

void pull_ask(struct pull_piece *p, uint64_t blob, uint64_t now_ms)
{
    p->state = PULL_ASKED;
    p->blob = blob;
    p->since_ms = now_ms;
    p->tries++;
}

void pull_lost(struct pull_piece *p, uint64_t now_ms)
{
    p->state = PULL_LOST;
    p->since_ms = now_ms;
}

enum pull_due pull_is_due(const struct pull_piece *p, uint64_t now_ms)
{
    bool is_due = false;

    switch (p->state) {
    case PULL_ASKED:
    case PULL_TAKING:
        is_due = now_ms >= p->since_ms + FRAME_WAIT_MS;
        break;
    case PULL_LOST:
        is_due = now_ms >= p->since_ms + PULL_AGAIN_MS;
        break;
    case PULL_FREE:
    case PULL_HERE:
    case PULL_OUT:
        break;
    }
    if (!is_due) {
        return PULL_WAIT;
    }
    return p->tries < PULL_TRIES_MAX ? PULL_AGAIN : PULL_GIVE_UP;
}

struct pull_piece *pull_window_find(struct pull_window *w, enum pull_state state, uint64_t blob)
{
    for (uint32_t i = 0; i < PULL_WINDOW; i++) {
        if (w->pieces[i].state == state && w->pieces[i].blob == blob) {
            return &w->pieces[i];
        }
    }
    return NULL;
}

struct pull_piece *pull_window_ready(struct pull_window *w)
{
    struct pull_piece *p = &w->pieces[w->first];

    return p->state == PULL_HERE ? p : NULL;
}

void pull_window_written(struct pull_window *w)
{
    empty(&w->pieces[w->first]);
    w->first = (w->first + 1) % PULL_WINDOW;
}

bool pull_window_is_over(const struct pull_window *w)
{
    for (uint32_t i = 0; i < PULL_WINDOW; i++) {
        if (w->pieces[i].state != PULL_FREE) {
            return false;
        }
    }
    return w->next == w->end;
}
