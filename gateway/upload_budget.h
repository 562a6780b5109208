/* SPDX-License-Identifier: MIT */
#pragma once
/* How much of files may be on the way to brokers: of each sender a window of unanswered pieces, of
 * all together a number of bytes, and so many in a second, since files must not take the processor
 * from chats. A sender whose window is full, or who waits for the others, is
 * not read; whoever came first is read again first. Pure. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"

/* Of all senders: enough for 100 MB/s when an answer takes 80 ms. */
#define UPLOAD_BYTES_MAX (8u * 1024u * 1024u)
/* Pieces that were being received when that was reached are taken, too, but no more than these. */
#define UPLOAD_BYTES_HARD_MAX (2u * UPLOAD_BYTES_MAX)

/* What was not used of the rate for longer than this is forgone. */
#define UPLOAD_BURST_US 50000u

struct upload_window {          /* of one sender, zeroed but for the first three */
    uint32_t max;               /* unanswered pieces */
    void (*go_on)(void *owner); /* it may be read again (or may not: it asks) */
    void *owner;
    uint32_t unanswered;
    bool is_waiting; /* for the others */
    struct upload_window *prev, *next;
};

struct upload_budget {
    struct upload_window *waiting; /* the first one first */
    uint32_t bytes;                /* on the way */
    uint32_t rate;                 /* bytes in a second; 0 = any */
    int64_t allowance;             /* of the rate, now; below 0: too many came at once */
    uint64_t refilled_us;
};

static inline bool upload_window_is_full(const struct upload_window *w)
{
    return w->unanswered >= w->max || w->is_waiting;
}
/* Would so many more be over the last bound? */
static inline bool upload_budget_is_over(const struct upload_budget *b, size_t bytes)
{
    return b->bytes + bytes > UPLOAD_BYTES_HARD_MAX;
}
/* Time has passed: who waits may go on, as far as there is room. Call it every few milliseconds
 * while somebody waits. */
void upload_budget_look(struct upload_budget *b, uint64_t now_us);
/* A piece of so many bytes is on the way now. */
void upload_budget_count(struct upload_budget *b, struct upload_window *w, uint32_t bytes,
                         uint64_t now_us);
/* It is not any more. w NULL: its sender is gone. Calls back go_on of w and of those that wait. */
void upload_budget_answered(struct upload_budget *b, struct upload_window *w, uint32_t bytes);
/* Asked before a sender is read: must it wait for the others? Then go_on will come. */
bool upload_budget_must_wait(struct upload_budget *b, struct upload_window *w, uint64_t now_us);
void upload_budget_leave(struct upload_budget *b, struct upload_window *w); /* it waits no more */
