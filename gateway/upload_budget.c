/* SPDX-License-Identifier: MIT */
/* Counts what is on the way, and lets those that wait go on in their order. Called by uploading.c
 * for sockets and by http_upload.c for bodies of requests. */
#include "gateway/upload_budget.h"

#include <utlist.h>

#include "proto/limits.h"

/* May one who is to send so much more be asked for it? */
static bool has_room(const struct upload_budget *b, uint32_t bytes)
{
    bool is_in_time = b->rate == 0 || b->allowance > (int64_t)bytes;

    return b->bytes + bytes < UPLOAD_BYTES_MAX && is_in_time;
}

static void refill(struct upload_budget *b, uint64_t now_us)
{
    int64_t most = (int64_t)b->rate * UPLOAD_BURST_US / 1000000 + 1;
    uint64_t past_us = now_us - b->refilled_us;

    past_us = past_us < 1000000 ? past_us : 1000000;
    b->allowance += (int64_t)(b->rate * past_us / 1000000);
    b->allowance = b->allowance < most ? b->allowance : most;
    b->refilled_us = now_us;
}

static void wait_if_full(struct upload_budget *b, struct upload_window *w)
{
    if (!has_room(b, 0) && !w->is_waiting) {
        w->is_waiting = true;
        DL_APPEND(b->waiting, w);
    }
}

bool upload_budget_must_wait(struct upload_budget *b, struct upload_window *w, uint64_t now_us)
{
    refill(b, now_us);
    wait_if_full(b, w);
    return w->is_waiting;
}

void upload_budget_count(struct upload_budget *b, struct upload_window *w, uint32_t bytes,
                         uint64_t now_us)
{
    refill(b, now_us);
    w->unanswered++;
    b->bytes += bytes;
    b->allowance -= b->rate > 0 ? (int64_t)bytes : 0;
    wait_if_full(b, w);
}

void upload_budget_leave(struct upload_budget *b, struct upload_window *w)
{
    if (w->is_waiting) {
        w->is_waiting = false;
        DL_DELETE(b->waiting, w);
    }
}

static void let_go_on(struct upload_budget *b)
{
    uint32_t wanted = 0;

    while (b->waiting && has_room(b, wanted)) {
        struct upload_window *first = b->waiting;
        upload_budget_leave(b, first);
        first->go_on(first->owner);
        wanted += UPLOAD_CHUNK_ADVICE; /* it will send one of these */
    }
}

void upload_budget_look(struct upload_budget *b, uint64_t now_us)
{
    refill(b, now_us);
    let_go_on(b);
}

void upload_budget_answered(struct upload_budget *b, struct upload_window *w, uint32_t bytes)
{
    b->bytes -= bytes;
    if (w) {
        w->unanswered--;
        w->go_on(w->owner);
    }
    let_go_on(b);
}
