/* SPDX-License-Identifier: MIT */
/* The batches of one partition. Knows policies and ages, no Redis; uplink.c sends.
 *
 *     head (under way) -> batch -> batch -> tail (gathering)      512 envelopes, 256 KiB each
 *
 * A batch is appended to until it is full or under way, so at light load each envelope is its own
 * batch and under load batches grow by themselves. */
#include "gateway/uplink_queue.h"

#include "common/mem.h"
#include "proto/limits.h"

struct envelope_mark {
    uint32_t len;
    uint32_t policy;
    uint64_t at_ms;
};

struct uplink_batch {
    struct uplink_batch *next;
    struct buf bytes;
    uint32_t count;
    struct envelope_mark marks[UPLINK_BATCH_ENVELOPES];
};

void uplink_queue_init(struct uplink_queue *q, struct uplink_total *total)
{
    *q = (struct uplink_queue){.total = total};
}

static void batch_free(struct uplink_batch *b)
{
    if (b) {
        buf_done(&b->bytes);
        mem_free(b);
    }
}

void uplink_queue_done(struct uplink_queue *q)
{
    while (q->head) {
        struct uplink_batch *b = q->head;
        q->head = b->next;
        q->total->envelopes -= b->count;
        q->total->bytes -= b->bytes.len;
        batch_free(b);
    }
    batch_free(q->spare);
    *q = (struct uplink_queue){.total = q->total};
}

bool uplink_queue_is_empty(const struct uplink_queue *q)
{
    return !q->head;
}

static struct uplink_batch *batch_new(struct uplink_queue *q)
{
    struct uplink_batch *b = q->spare;

    if (b) {
        q->spare = NULL;
        return b;
    }
    b = mem_alloc(sizeof(*b));
    if (b) {
        b->next = NULL;
        b->count = 0;
        buf_init(&b->bytes, UPLINK_BATCH_BYTES + ENVELOPE_MAX_BYTES);
    }
    return b;
}

/* Keep one emptied batch for the next burst; give large memory back. */
static void batch_retire(struct uplink_queue *q, struct uplink_batch *b)
{
    if (q->spare) {
        batch_free(b);
        return;
    }
    b->next = NULL;
    b->count = 0;
    buf_reset(&b->bytes);
    buf_shrink(&b->bytes, UPLINK_BATCH_BYTES);
    q->spare = b;
}

/* The batch to append to, or NULL: a new one is needed. */
static struct uplink_batch *open_batch(const struct uplink_queue *q, size_t more)
{
    struct uplink_batch *b = q->tail;

    if (!b || (q->is_sending && b == q->head) || b->count == UPLINK_BATCH_ENVELOPES ||
        b->bytes.len + more > UPLINK_BATCH_BYTES) {
        return NULL;
    }
    return b;
}

int uplink_queue_push(struct uplink_queue *q, enum uplink_policy policy, struct bytes envelope,
                      uint64_t now_ms)
{
    struct uplink_batch *b = open_batch(q, envelope.len), *added = NULL;
    int err;

    if (q->total->envelopes >= UPLINK_TOTAL_ENVELOPES ||
        q->total->bytes + envelope.len > UPLINK_TOTAL_BYTES) {
        return ERR_FULL;
    }
    if (!b) {
        b = added = batch_new(q);
        if (!b) {
            return ERR_NOMEM;
        }
    }
    err = buf_append(&b->bytes, envelope);
    if (err != 0) {
        batch_free(added);
        return err;
    }
    b->marks[b->count++] = (struct envelope_mark){(uint32_t)envelope.len, policy, now_ms};
    q->total->envelopes++;
    q->total->bytes += envelope.len;
    if (added && q->tail) {
        q->tail->next = added;
    } else if (added) {
        q->head = added;
    }
    q->tail = b;
    return 0;
}

static bool is_stale(const struct envelope_mark *mark, uint64_t now_ms)
{
    return mark->policy != UPLINK_LASTING && now_ms - mark->at_ms >= FRAME_STALE_MS;
}

/* Squeeze envelopes out of a batch: the stale ones (now_ms), or those of UPLINK_ONCE (now_ms 0).
 * Returns how many. */
static uint32_t squeeze(struct uplink_queue *q, struct uplink_batch *b, uint64_t now_ms)
{
    uint32_t kept = 0, dropped;
    size_t from = 0, to = 0;

    for (uint32_t i = 0; i < b->count; i++) {
        struct envelope_mark mark = b->marks[i];
        bool goes = now_ms > 0 ? is_stale(&mark, now_ms) : mark.policy == UPLINK_ONCE;
        if (!goes) {
            memmove(b->bytes.data + to, b->bytes.data + from, mark.len);
            b->marks[kept++] = mark;
            to += mark.len;
        }
        from += mark.len;
    }
    dropped = b->count - kept;
    q->total->envelopes -= dropped;
    q->total->bytes -= from - to;
    b->count = kept;
    b->bytes.len = to;
    return dropped;
}

static void pop_head(struct uplink_queue *q)
{
    struct uplink_batch *b = q->head;

    q->head = b->next;
    if (!q->head) {
        q->tail = NULL;
    }
    q->total->envelopes -= b->count;
    q->total->bytes -= b->bytes.len;
    batch_retire(q, b);
}

static uint32_t longest_wait(const struct uplink_batch *b, uint64_t now_ms)
{
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->marks[i].policy != UPLINK_LASTING) {
            return (uint32_t)(now_ms - b->marks[i].at_ms); /* below FRAME_STALE_MS: not stale */
        }
    }
    return 0;
}

bool uplink_queue_begin(struct uplink_queue *q, uint64_t now_ms, struct uplink_ready *out)
{
    memset(out, 0, sizeof(*out));
    if (q->is_sending) {
        return false;
    }
    while (q->head) {
        out->stale += squeeze(q, q->head, now_ms);
        if (q->head->count > 0) {
            break;
        }
        pop_head(q);
    }
    if (!q->head) {
        return false;
    }
    q->is_sending = true;
    out->count = q->head->count;
    out->waited_ms = longest_wait(q->head, now_ms);
    out->envelopes = buf_bytes(&q->head->bytes);
    return true;
}

uint32_t uplink_queue_end(struct uplink_queue *q, enum uplink_outcome outcome)
{
    uint32_t given_up = 0;

    q->is_sending = false;
    if (outcome == UPLINK_UNKNOWN) {
        given_up = squeeze(q, q->head, 0);
    }
    if (outcome == UPLINK_STORED || q->head->count == 0) {
        pop_head(q);
    }
    return given_up;
}

uint32_t uplink_queue_drop_stale(struct uplink_queue *q, uint64_t now_ms)
{
    struct uplink_batch *b = q->is_sending ? q->head->next : q->head;
    uint32_t dropped = 0;

    for (; b; b = b->next) {
        dropped += squeeze(q, b, now_ms);
    }
    while (!q->is_sending && q->head && q->head->count == 0) {
        pop_head(q);
    }
    return dropped;
}
