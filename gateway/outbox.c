/* SPDX-License-Identifier: MIT */
/* The bounded private queue of one socket: a ring of shared frames that exists only while frames
 * wait. Knows no sockets. Filled by whoever answers one client, emptied by the flusher. */
#include "gateway/outbox.h"

#include "common/mem.h"

struct outbox {
    uint32_t head, count;
    size_t bytes;
    struct rcbuf *frames[OUTBOX_FRAMES_MAX];
};

int outbox_push(struct outbox **q, struct rcbuf *frame)
{
    struct outbox *box = *q;

    if (!box) {
        box = mem_alloc(sizeof(*box));
        if (!box) {
            return ERR_NOMEM;
        }
        box->head = box->count = 0;
        box->bytes = 0;
        *q = box;
    }
    if (box->count == OUTBOX_FRAMES_MAX ||
        (box->count > 0 && box->bytes + frame->len > OUTBOX_BYTES_MAX)) {
        return ERR_FULL;
    }
    box->frames[(box->head + box->count) % OUTBOX_FRAMES_MAX] = rcbuf_ref(frame);
    box->count++;
    box->bytes += frame->len;
    return 0;
}

bool outbox_is_empty(const struct outbox *q)
{
    return outbox_count(q) == 0;
}

uint32_t outbox_count(const struct outbox *q)
{
    return q ? q->count : 0;
}

static void drop_oldest(struct outbox *q)
{
    struct rcbuf *frame = q->frames[q->head];

    q->head = (q->head + 1) % OUTBOX_FRAMES_MAX;
    q->count--;
    q->bytes -= frame->len;
    rcbuf_unref(frame);
}

int outbox_drain(struct outbox **q, size_t max_bytes, struct buf *out)
{
    size_t start = out->len;
    int err = 0;

    while (err == 0 && !outbox_is_empty(*q)) {
        const struct rcbuf *frame = (*q)->frames[(*q)->head];
        if (out->len > start && out->len - start + frame->len > max_bytes) {
            break;
        }
        err = buf_append(out, rcbuf_bytes(frame));
        if (err == 0) {
            drop_oldest(*q);
        }
    }
    if (outbox_is_empty(*q)) {
        outbox_free(*q);
        *q = NULL;
    }
    return err;
}

void outbox_free(struct outbox *q)
{
    while (q && q->count > 0) {
        drop_oldest(q);
    }
    mem_free(q);
}
