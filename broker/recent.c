/* SPDX-License-Identifier: MIT */
/* A hash of (channel, author, client_id) with two lists in order of age. Used by the pipeline when
 * it handles chat messages, filled also from the database when a commit met a repeat. */
#include "broker/recent.h"

#include <uthash.h>
#include <utlist.h>

#include "common/mem.h"
#include "proto/limits.h"

#define KEY_MAX (16u + CLIENT_ID_MAX_BYTES)

struct recent_entry {
    UT_hash_handle hh;
    struct recent_entry *next, *prev;
    struct rcbuf *frame;
    uint32_t partition;
    bool is_committed;
    size_t key_len;
    char key[];
};

struct recent {
    struct recent_entry *table;
    struct recent_entry *committed, *pending; /* by age */
    uint32_t count;
    size_t bytes; /* of frames */
};

static size_t make_key(const struct client_key *key, char out[KEY_MAX])
{
    if (key->client_id.len == 0 || key->client_id.len > CLIENT_ID_MAX_BYTES) {
        return 0;
    }
    memcpy(out, &key->channel_id, 8);
    memcpy(out + 8, &key->author_id, 8);
    memcpy(out + 16, key->client_id.ptr, key->client_id.len);
    return 16 + key->client_id.len;
}

struct recent *recent_new(void)
{
    return mem_zalloc(sizeof(struct recent));
}

static void drop(struct recent *r, struct recent_entry *e)
{
    HASH_DEL(r->table, e);
    if (e->is_committed) {
        DL_DELETE(r->committed, e);
    } else {
        DL_DELETE(r->pending, e);
    }
    r->bytes -= e->frame->len;
    rcbuf_unref(e->frame);
    mem_free(e);
    r->count--;
}

void recent_clear(struct recent *r)
{
    while (r->count > 0) {
        drop(r, r->committed ? r->committed : r->pending);
    }
}

void recent_free(struct recent *r)
{
    if (r) {
        recent_clear(r);
        mem_free(r);
    }
}

static struct recent_entry *find(const struct recent *r, const char *key, size_t len)
{
    struct recent_entry *e = NULL;
    HASH_FIND(hh, r->table, key, len, e);
    return e;
}

void recent_put(struct recent *r, uint32_t partition, const struct client_key *key,
                struct rcbuf *frame)
{
    char bytes[KEY_MAX];
    size_t len = make_key(key, bytes);
    struct recent_entry *e;

    if (len == 0 || find(r, bytes, len)) {
        return;
    }
    e = mem_zalloc(sizeof(*e) + len);
    if (!e) {
        return;
    }
    while (r->count >= RECENT_MAX || (r->count > 0 && r->bytes + frame->len > RECENT_BYTES_MAX)) {
        drop(r, r->committed ? r->committed : r->pending);
    }
    memcpy(e->key, bytes, len);
    e->key_len = len;
    e->partition = partition;
    e->frame = rcbuf_ref(frame);
    HASH_ADD_KEYPTR(hh, r->table, e->key, e->key_len, e);
    DL_APPEND(r->pending, e);
    r->bytes += frame->len;
    r->count++;
}

void recent_commit(struct recent *r, const struct client_key *key)
{
    char bytes[KEY_MAX];
    size_t len = make_key(key, bytes);
    struct recent_entry *e = len ? find(r, bytes, len) : NULL;

    if (e && !e->is_committed) {
        DL_DELETE(r->pending, e);
        e->is_committed = true;
        DL_APPEND(r->committed, e);
    }
}

struct rcbuf *recent_find(const struct recent *r, const struct client_key *key)
{
    char bytes[KEY_MAX];
    size_t len = make_key(key, bytes);
    struct recent_entry *e = len ? find(r, bytes, len) : NULL;
    return e ? e->frame : NULL;
}

static void forget(struct recent *r, struct recent_entry *list, uint32_t partition)
{
    struct recent_entry *e, *tmp;
    DL_FOREACH_SAFE(list, e, tmp) {
        if (e->partition == partition) {
            drop(r, e);
        }
    }
}

void recent_forget_pending(struct recent *r, uint32_t partition)
{
    forget(r, r->pending, partition);
}

void recent_forget(struct recent *r, uint32_t partition)
{
    forget(r, r->pending, partition);
    forget(r, r->committed, partition);
}
