/* SPDX-License-Identifier: MIT */
/* A hash of (channel, author, client_id), another one of message ids, which are read out of the
 * frames, and two lists in order of age. Used by the pipeline when
 * it handles chat messages, filled also from the database when a commit met a repeat. */
#include "broker/recent.h"

#include <uthash.h>
#include <utlist.h>

#include "common/buf.h"
#include "common/mem.h"
#include "proto/limits.h"
#include "proto/server_msg.h"

#define KEY_MAX (16u + CLIENT_ID_MAX_BYTES)

struct recent_entry {
    UT_hash_handle hh;
    UT_hash_handle by_id;
    struct recent_entry *next, *prev;
    struct rcbuf *frame;
    int64_t message_id; /* 0 = not in the hash of ids */
    uint32_t partition;
    bool is_committed;
    size_t key_len;
    char key[];
};

struct recent {
    struct recent_entry *table, *ids;
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
    if (e->message_id) {
        HASH_DELETE(by_id, r->ids, e);
    }
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

static struct recent_entry *find_id(const struct recent *r, int64_t message_id)
{
    struct recent_entry *e = NULL;
    HASH_FIND(by_id, r->ids, &message_id, sizeof(message_id), e);
    return e;
}

static void add_id(struct recent *r, struct recent_entry *e)
{
    int64_t id = server_chat_message_id(rcbuf_bytes(e->frame));

    if (id && !find_id(r, id)) {
        e->message_id = id;
        HASH_ADD(by_id, r->ids, message_id, sizeof(e->message_id), e);
    }
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
    add_id(r, e);
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

/* The entry's frame without its text, or NULL. */
static struct rcbuf *emptied(const struct recent_entry *e)
{
    struct rcbuf *frame = NULL;
    struct buf json;

    buf_init(&json, e->frame->len);
    if (server_chat_message_emptied(rcbuf_bytes(e->frame), &json) == 0) {
        frame = rcbuf_new(buf_bytes(&json));
    }
    buf_done(&json);
    return frame;
}

void recent_empty(struct recent *r, int64_t message_id)
{
    struct recent_entry *e = find_id(r, message_id);
    struct rcbuf *frame = e ? emptied(e) : NULL;

    if (frame) {
        r->bytes -= e->frame->len - frame->len;
        rcbuf_unref(e->frame);
        e->frame = frame;
    } else if (e) {
        drop(r, e);
    }
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
