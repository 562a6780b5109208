/* SPDX-License-Identifier: MIT */
/* Inflates and deflates whole WebSocket messages with zlib (RFC 7692 §7.2). One inflating and one
 * deflating stream serve all connections, because no context is taken over from one message to the
 * next: each is reset before use. Chooses no offers (deflate_offer.c), knows no frames.
 *
 *   received payload + 00 00 FF FF --inflate--> message      (within limits, counted while it
 * grows) message --deflate, sync flush--> payload + 00 00 FF FF   (the tail is cut off again) */
#include "gateway/deflate.h"

#include <limits.h>
#include <zlib.h>

#include "common/mem.h"

#define RAW_WINDOW_BITS (-15) /* raw deflate with the full 32 KiB window */
#define MEMORY_LEVEL 8
#define AT_BLOCK_BOUNDARY 128 /* bit of z_stream.data_type, see inflate() in zlib.h */
#define INFLATE_CHUNK_BYTES 65536u

static const char flush_tail[4] = {'\0', '\0', '\xff', '\xff'};

struct deflate_ctx {
    z_stream inflater, deflater;
    char chunk[INFLATE_CHUNK_BYTES];
};

/* What became of the bytes of one message so far. */
struct intake {
    struct buf *out;
    size_t start; /* of the message in out */
    size_t keep_max, count_max, total;
    bool is_kept;
};

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    (void)opaque;
    return mem_zalloc((size_t)items * size);
}

static void zlib_free(void *opaque, void *ptr)
{
    (void)opaque;
    mem_free(ptr);
}

struct deflate_ctx *deflate_ctx_new(void)
{
    struct deflate_ctx *d = mem_zalloc(sizeof(*d));

    if (!d) {
        return NULL;
    }
    d->inflater.zalloc = d->deflater.zalloc = zlib_alloc;
    d->inflater.zfree = d->deflater.zfree = zlib_free;
    if (inflateInit2(&d->inflater, RAW_WINDOW_BITS) != Z_OK) {
        goto no_inflater;
    }
    if (deflateInit2(&d->deflater, Z_BEST_SPEED, Z_DEFLATED, RAW_WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        goto no_deflater;
    }
    return d;

no_deflater:
    (void)inflateEnd(&d->inflater);
no_inflater:
    mem_free(d);
    return NULL;
}

void deflate_ctx_free(struct deflate_ctx *d)
{
    if (!d) {
        return;
    }
    (void)inflateEnd(&d->inflater);
    (void)deflateEnd(&d->deflater); /* Z_DATA_ERROR only says that the stream was not finished */
    mem_free(d);
}

static int take_chunk(struct intake *t, struct bytes chunk)
{
    t->total += chunk.len;
    if (t->total > t->count_max) {
        return ERR_RANGE;
    }
    if (t->total > t->keep_max && t->is_kept) {
        t->is_kept = false;
        t->out->len = t->start;
    }
    return t->is_kept ? buf_append(t->out, chunk) : 0;
}

static int inflate_part(struct deflate_ctx *d, struct bytes part, struct intake *t)
{
    z_stream *z = &d->inflater;

    z->next_in = (Bytef *)(uintptr_t)part.ptr;
    z->avail_in = (uInt)part.len;
    do {
        int result, err;

        z->next_out = (Bytef *)d->chunk;
        z->avail_out = sizeof(d->chunk);
        result = inflate(z, Z_SYNC_FLUSH);
        err = take_chunk(t, bytes_of(d->chunk, sizeof(d->chunk) - z->avail_out));
        if (err != 0) {
            return err;
        }
        if (result == Z_BUF_ERROR) {
            break; /* nothing more to get out of this input */
        }
        if (result == Z_MEM_ERROR) {
            return ERR_NOMEM;
        }
        if (result != Z_OK && result != Z_STREAM_END) {
            return ERR_SYNTAX;
        }
        if (result == Z_STREAM_END && inflateReset(z) != Z_OK) {
            return ERR_SYNTAX; /* a final block: what follows it is a new stream */
        }
    } while (z->avail_in > 0 || z->avail_out == 0);
    return 0;
}

int deflate_inflate(struct deflate_ctx *d, struct bytes in, size_t keep_max, size_t count_max,
                    struct buf *out)
{
    struct intake t = {.out = out,
                       .start = out->len,
                       .keep_max = keep_max,
                       .count_max = count_max,
                       .is_kept = true};
    int err = in.len > UINT_MAX ? ERR_RANGE : 0;

    if (in.len == 0) {
        return 0; /* RFC 7692 §7.2.3.6 wants one byte for an empty message; some send none */
    }
    if (inflateReset(&d->inflater) != Z_OK) {
        err = ERR_SYNTAX;
    }
    if (err == 0) {
        err = inflate_part(d, in, &t);
    }
    if (err == 0) {
        err = inflate_part(d, bytes_of(flush_tail, sizeof(flush_tail)), &t);
    }
    if (err == 0 && (d->inflater.data_type & AT_BLOCK_BOUNDARY) == 0) {
        err = ERR_SYNTAX; /* it was cut */
    }
    if (err == 0 && !t.is_kept) {
        err = ERR_LIMIT;
    }
    if (err != 0) {
        out->len = t.start;
    }
    return err;
}

int deflate_message(struct deflate_ctx *d, struct bytes in, struct buf *out)
{
    z_stream *z = &d->deflater;
    size_t room_len, made;
    char *room;
    int err;

    if (in.len > UINT_MAX - sizeof(flush_tail)) {
        return ERR_RANGE;
    }
    /* Room for as many bytes as the message has, and the tail: when that gets full, it did not get
     * smaller. */
    room_len = in.len + sizeof(flush_tail);
    err = buf_reserve(out, room_len, &room);
    if (err != 0) {
        return err;
    }
    if (deflateReset(z) != Z_OK) {
        return ERR_STATE;
    }
    z->next_in = (Bytef *)(uintptr_t)in.ptr;
    z->avail_in = (uInt)in.len;
    z->next_out = (Bytef *)room;
    z->avail_out = (uInt)room_len;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_out == 0) {
        return ERR_FULL;
    }
    made = room_len - z->avail_out - sizeof(flush_tail);
    if (made >= in.len) {
        return ERR_FULL;
    }
    buf_commit(out, made);
    return 0;
}
