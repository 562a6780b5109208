/* SPDX-License-Identifier: MIT */
/* Counts what is on the way, and lets those that wait go on in their order. Called by uploading.c
 * for sockets and by http_upload.c for bodies of requests. */
#include "gateway/upload_budget.h"

#include <utlist.h>

#include "proto/limits.h"

bool upload_budget_must_wait(struct upload_budget *b, struct upload_window *w)
{
    if (b->bytes >= UPLOAD_BYTES_MAX && !w->is_waiting) {
        w->is_waiting = true;
        DL_APPEND(b->waiting, w);
    }
    return w->is_waiting;
}

void upload_budget_count(struct upload_budget *b, struct upload_window *w, uint32_t bytes)
{
    w->unanswered++;
    b->bytes += bytes;
    upload_budget_must_wait(b, w);
}

void upload_budget_leave(struct upload_budget *b, struct upload_window *w)
{
    if (w->is_waiting) {
        w->is_waiting = false;
        DL_DELETE(b->waiting, w);
    }
}

void upload_budget_answered(struct upload_budget *b, struct upload_window *w, uint32_t bytes)
{
    uint32_t room = 0;

    b->bytes -= bytes;
    if (w) {
        w->unanswered--;
        w->go_on(w->owner);
    }
    while (b->waiting && b->bytes + room < UPLOAD_BYTES_MAX) {
        struct upload_window *first = b->waiting;
        upload_budget_leave(b, first);
        first->go_on(first->owner);
        room += UPLOAD_CHUNK_ADVICE; /* it will send one of these */
    }
}
