/* SPDX-License-Identifier: MIT */
/* The waiting room: a map by id for the answers, a queue by age for the clock. All wait equally
 * long, so the queue is in order of running out. Owns a copy of what the error needs (client_id);
 * sends nothing. */
#include "gateway/inflight.h"

#include <utlist.h>

#include "gateway/map.h"
#include "proto/limits.h"

struct key {
    uint64_t conn, frame_no, kind;
};

struct entry {
    UT_hash_handle hh;
    struct entry *prev, *next;             /* by age */
    struct entry *again_prev, *again_next; /* openings that may be sent once more, by age */
    struct key key;
    uint64_t since_ms, received_us;
    struct rcbuf *again;
    uint32_t chunk_bytes;
    size_t client_id_len;
    char client_id[];
};

struct inflight {
    struct entry *map, *oldest, *oldest_again;
    struct entry *given; /* the one whose strings the caller may still look at */
    uint32_t count;
};

struct inflight *inflight_new(void)
{
    return mem_zalloc(sizeof(struct inflight));
}

static void entry_free(struct entry *e)
{
    if (e) {
        rcbuf_unref(e->again);
        mem_free(e);
    }
}

static void stop_again(struct inflight *f, struct entry *e)
{
    if (e->again) {
        DL_DELETE2(f->oldest_again, e, again_prev, again_next);
        rcbuf_unref(e->again);
        e->again = NULL;
    }
}

/* Out of map and queues; it stays allocated until the next call. */
static void give(struct inflight *f, struct entry *e, struct inflight_entry *out)
{
    stop_again(f, e);
    DL_DELETE(f->oldest, e);
    HASH_DEL(f->map, e);
    f->count--;
    entry_free(f->given);
    f->given = e;
    *out = (struct inflight_entry){.kind = (enum inflight_kind)e->key.kind,
                                   .conn = e->key.conn,
                                   .frame_no = e->key.frame_no,
                                   .received_us = e->received_us,
                                   .chunk_bytes = e->chunk_bytes,
                                   .client_id = bytes_of(e->client_id, e->client_id_len)};
}

void inflight_free(struct inflight *f)
{
    struct inflight_entry ignored;

    if (!f) {
        return;
    }
    while (f->oldest) {
        give(f, f->oldest, &ignored);
    }
    entry_free(f->given);
    mem_free(f);
}

static struct entry *find(const struct inflight *f, enum inflight_kind kind, uint64_t conn,
                          uint64_t frame_no)
{
    struct key key = {.conn = conn, .frame_no = frame_no, .kind = kind};
    struct entry *e;

    HASH_FIND(hh, f->map, &key, sizeof(key), e);
    return e;
}

bool inflight_has(const struct inflight *f, enum inflight_kind kind, uint64_t conn,
                  uint64_t frame_no)
{
    return find(f, kind, conn, frame_no) != NULL;
}

int inflight_add(struct inflight *f, const struct inflight_entry *entry, struct rcbuf *again,
                 uint64_t now_ms)
{
    struct entry *e;

    if (f->count >= INFLIGHT_MAX) {
        return ERR_FULL;
    }
    if (find(f, entry->kind, entry->conn, entry->frame_no)) {
        return ERR_CONFLICT;
    }
    e = mem_zalloc(sizeof(*e) + entry->client_id.len);
    if (!e) {
        return ERR_NOMEM;
    }
    e->key = (struct key){.conn = entry->conn, .frame_no = entry->frame_no, .kind = entry->kind};
    e->since_ms = now_ms;
    e->received_us = entry->received_us;
    e->chunk_bytes = entry->chunk_bytes;
    e->client_id_len = entry->client_id.len;
    if (entry->client_id.len > 0) {
        memcpy(e->client_id, entry->client_id.ptr, entry->client_id.len);
    }
    HASH_ADD(hh, f->map, key, sizeof(e->key), e);
    if (MAP_HAS_FAILED(e)) {
        mem_free(e);
        return ERR_NOMEM;
    }
    DL_APPEND(f->oldest, e);
    if (again) {
        e->again = rcbuf_ref(again);
        DL_APPEND2(f->oldest_again, e, again_prev, again_next);
    }
    f->count++;
    return 0;
}

bool inflight_take(struct inflight *f, enum inflight_kind kind, uint64_t conn, uint64_t frame_no,
                   struct inflight_entry *out)
{
    struct entry *e = find(f, kind, conn, frame_no);

    if (e) {
        give(f, e, out);
    }
    return e != NULL;
}

bool inflight_expire(struct inflight *f, uint64_t now_ms, struct inflight_entry *out)
{
    struct entry *e = f->oldest;

    if (!e || now_ms < e->since_ms + FRAME_WAIT_MS) {
        return false;
    }
    give(f, e, out);
    return true;
}

struct rcbuf *inflight_again(struct inflight *f, uint64_t now_ms, uint64_t *out_conn)
{
    struct entry *e = f->oldest_again;
    struct rcbuf *again;

    if (!e || now_ms < e->since_ms + INFLIGHT_OPEN_AGAIN_MS) {
        return NULL;
    }
    again = rcbuf_ref(e->again);
    stop_again(f, e);
    *out_conn = e->key.conn;
    return again;
}

uint32_t inflight_count(const struct inflight *f)
{
    return f->count;
}
