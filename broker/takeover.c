/* SPDX-License-Identifier: MIT */
/* The steps of a takeover, one asynchronous call after the other:
 *
 *   GET lease -> store_claim -> XGROUP CREATE -> XINFO GROUPS (watermark) -> XINFO STREAM (has
 * Redis forgotten entries?) -> [XSETID] -> [store_undelivered(watermark)] -> on_ready
 *
 * Each step first checks that the partition is still of the generation that it started with. */
#include "broker/takeover.h"

#include "common/log.h"
#include "common/mem.h"
#include "proto/stream_keys.h"

struct takeover {
    const struct takeover_deps *deps;
    struct partition *p;
    uint32_t generation;
    struct partition_claim claim;
    struct entry_id watermark;
};

static void finish(struct takeover *t, int err)
{
    if (err && t->p->generation == t->generation) {
        t->deps->on_failed(t->deps->arg, t->p, err);
    }
    mem_free(t);
}

static bool is_current(struct takeover *t, int err)
{
    if (err || t->p->generation != t->generation) {
        finish(t, err);
        return false;
    }
    return true;
}

static void ready(struct takeover *t, const struct content_row *rows, size_t count)
{
    struct partition *p = t->p;

    p->fence = t->claim.fence;
    p->position = t->claim.last;
    p->replay_until = t->claim.last;
    p->watermark = t->watermark;
    p->delivered = t->watermark;
    p->cursor = t->watermark;
    t->deps->on_ready(t->deps->arg, p, rows, count);
    finish(t, 0);
}

static void on_rows(void *arg, int err, const struct content_row *rows, size_t count)
{
    struct takeover *t = arg;

    if (!is_current(t, err)) {
        return;
    }
    if (count >= TAKEOVER_ROWS_MAX) {
        log_error("takeover_incomplete", LOG_U64("partition", t->p->id), LOG_U64("rows", count));
    }
    ready(t, rows, count);
}

static void fetch_rows(struct takeover *t)
{
    int err;

    if (entry_id_cmp(t->claim.last, t->watermark) <= 0) {
        ready(t, NULL, 0); /* all that was committed was delivered */
        return;
    }
    err = store_undelivered(t->deps->store, t->p->id, t->watermark, t->claim.redeliver_from,
                            TAKEOVER_ROWS_MAX, on_rows, t);
    if (err) {
        finish(t, err);
    }
}

static void on_setid(void *arg, int err, const struct redis_value *v)
{
    struct takeover *t = arg;
    if (err == ERR_REMOTE) {
        log_error("stream_setid_failed", LOG_U64("partition", t->p->id),
                  LOG_BYTES("reply", redis_value_bytes(v)));
    }
    if (is_current(t, err)) {
        fetch_rows(t);
    }
}

/* Value of a key in a flat list of keys and values. */
static const struct redis_value *field(const struct redis_value *list, const char *name)
{
    for (size_t i = 0; i + 1 < redis_value_count(list); i += 2) {
        if (bytes_eq_str(redis_value_bytes(redis_value_at(list, i)), name)) {
            return redis_value_at(list, i + 1);
        }
    }
    return NULL;
}

/* A Redis that lost its last entries would give ids again that PostgreSQL already counts as done:
 * new entries would be taken for old. Its clock is moved past them. */
static void on_stream_info(void *arg, int err, const struct redis_value *v)
{
    struct takeover *t = arg;
    struct entry_id last = {0, 0};
    struct stream_key key;
    char text[ENTRY_ID_TEXT_MAX];

    if (!is_current(t, err)) {
        return;
    }
    if (entry_id_parse(redis_value_bytes(field(v, "last-generated-id")), &last)) {
        finish(t, ERR_REMOTE);
        return;
    }
    if (entry_id_cmp(last, t->claim.last) >= 0) {
        fetch_rows(t);
        return;
    }
    log_warn("stream_went_back", LOG_U64("partition", t->p->id));
    key = key_in(t->deps->prefix, t->p->id);
    entry_id_format(t->claim.last, text);
    err = redis_link_command(
        t->deps->redis,
        (struct bytes[]){BYTES_LIT("XSETID"), stream_key_bytes(&key), bytes_str(text)}, 3, on_setid,
        t);
    if (err) {
        finish(t, err);
    }
}

static void on_groups(void *arg, int err, const struct redis_value *v)
{
    struct takeover *t = arg;
    struct stream_key key;

    if (!is_current(t, err)) {
        return;
    }
    for (size_t i = 0; i < redis_value_count(v); i++) {
        const struct redis_value *group = redis_value_at(v, i);
        if (bytes_eq_str(redis_value_bytes(field(group, "name")), STREAM_GROUP) &&
            entry_id_parse(redis_value_bytes(field(group, "last-delivered-id")), &t->watermark)) {
            finish(t, ERR_REMOTE);
            return;
        }
    }
    key = key_in(t->deps->prefix, t->p->id);
    err = redis_link_command(
        t->deps->redis,
        (struct bytes[]){BYTES_LIT("XINFO"), BYTES_LIT("STREAM"), stream_key_bytes(&key)}, 3,
        on_stream_info, t);
    if (err) {
        finish(t, err);
    }
}

static void on_group_made(void *arg, int err, const struct redis_value *v)
{
    struct takeover *t = arg;
    struct stream_key key = key_in(t->deps->prefix, t->p->id);

    if (err == ERR_REMOTE && bytes_has_prefix(redis_value_bytes(v), BYTES_LIT("BUSYGROUP"))) {
        err = 0; /* it is there already */
    }
    if (!is_current(t, err)) {
        return;
    }
    err = redis_link_command(
        t->deps->redis,
        (struct bytes[]){BYTES_LIT("XINFO"), BYTES_LIT("GROUPS"), stream_key_bytes(&key)}, 3,
        on_groups, t);
    if (err) {
        finish(t, err);
    }
}

static void on_claimed(void *arg, int err, const struct partition_claim *claim)
{
    struct takeover *t = arg;
    struct stream_key key = key_in(t->deps->prefix, t->p->id);

    if (!is_current(t, err)) {
        return;
    }
    t->claim = *claim;
    err = redis_link_command(t->deps->redis,
                             (struct bytes[]){BYTES_LIT("XGROUP"), BYTES_LIT("CREATE"),
                                              stream_key_bytes(&key), BYTES_LIT(STREAM_GROUP),
                                              BYTES_LIT("0"), BYTES_LIT("MKSTREAM")},
                             6, on_group_made, t);
    if (err) {
        finish(t, err);
    }
}

/* Somebody else's lease: raising the fence would only tear the partition from its new owner, who
 * would tear it back. */
static void on_lease(void *arg, int err, const struct redis_value *v)
{
    struct takeover *t = arg;
    struct bytes holder = redis_value_bytes(v);

    if (!err && holder.len > 0 && !bytes_eq(holder, t->deps->owner)) {
        err = ERR_STATE;
    }
    if (!is_current(t, err)) {
        return;
    }
    err = store_claim(t->deps->store, t->p->id, t->deps->owner, on_claimed, t);
    if (err) {
        finish(t, err);
    }
}

int takeover_start(const struct takeover_deps *deps, struct partition *p)
{
    struct takeover *t = mem_zalloc(sizeof(*t));
    struct stream_key key = key_lease(deps->prefix, p->id);
    int err;

    if (!t) {
        return ERR_NOMEM;
    }
    t->deps = deps;
    t->p = p;
    t->generation = p->generation;
    err = redis_link_command(
        deps->redis, (struct bytes[]){BYTES_LIT("GET"), stream_key_bytes(&key)}, 2, on_lease, t);
    if (err) {
        mem_free(t);
    }
    return err;
}
