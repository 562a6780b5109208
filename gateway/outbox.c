/* SPDX-License-Identifier: MIT */
/* The bounded private queue of one socket: a ring of shared frames that exists only while frames
 * wait. Knows no sockets. Filled by whoever answers one client, emptied by the flusher. */
#include "gateway/outbox.h"

#include "common/mem.h"

struct outbox {
    uint32_t head, count;
    size_t bytes;   /* of all but the large one */
    bool has_large; /* one over OUTBOX_BYTES_MAX waits */
    struct rcbuf *frames[OUTBOX_FRAMES_MAX];
};

static bool is_large(const struct rcbuf *frame)
{
    return frame->len > OUTBOX_BYTES_MAX;
}

static bool is_full_for(const struct outbox *box, const struct rcbuf *frame)
{
    return box->count == OUTBOX_FRAMES_MAX ||
           (is_large(frame) ? box->has_large : box->bytes + frame->len > OUTBOX_BYTES_MAX);
}

/* Count a frame in, or out. */
static void weigh(struct outbox *box, const struct rcbuf *frame, bool is_in)
{
    if (is_large(frame)) {
        box->has_large = is_in;
    } else {
        box->bytes = is_in ? box->bytes + frame->len : box->bytes - frame->len;
    }
}

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
        box->has_large = false;
        *q = box;
    }
    if (is_full_for(box, frame)) {
        return ERR_FULL;
    }
    box->frames[(box->head + box->count) % OUTBOX_FRAMES_MAX] = rcbuf_ref(frame);
    box->count++;
    weigh(box, frame, true);
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
    weigh(q, frame, false);
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
