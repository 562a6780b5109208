/* SPDX-License-Identifier: MIT */
/* What happens when a commit fails. A repeat that memory did not know is looked up, so that the
 * second run answers it from its first copy; a batch that the database refuses is run again one
 * entry at a time until the poisonous entry is found, refused and written to the dead-letter
 * stream; everything else is simply run again by a takeover of the same partitions. */
#include "broker/pipeline_private.h"

#include <stdio.h>

#include "broker/content.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/stream_keys.h"

#define SINGLE_ENTRY_READS 256u /* how long to go on one entry at a time */

static void remember(struct pipeline *pl, const struct content_row *row)
{
    struct client_key key = {row->channel_id, row->author_id, row->client_id};
    struct rcbuf *frame;

    buf_reset(&pl->scratch);
    if (content_render(row, &pl->scratch) == 0 && (frame = rcbuf_new(buf_bytes(&pl->scratch)))) {
        recent_put(pl->recent, row->origin.partition, &key, frame);
        recent_commit(pl->recent, &key);
        rcbuf_unref(frame);
    }
}

static void on_first_copies(void *arg, int err, const struct content_row *rows, size_t count)
{
    struct batch *b = arg;
    struct pipeline *pl = b->owner;

    b->refs--;
    if (b->is_dropped) {
        if (b->refs == 0) {
            batch_free(b);
        }
        return;
    }
    pipeline_abort_from(pl, b, AT_ONCE); /* forgets what it knew of these partitions… */
    for (size_t i = 0; !err && i < count; i++) {
        remember(pl, &rows[i]); /* …and now learns what is committed */
    }
}

static size_t list_keys(const struct batch *b, struct client_key *keys)
{
    size_t n = 0;
    for (size_t i = 0; i < b->fx.row_count; i++) {
        const struct content_row *row = &b->fx.rows[i];
        if (row->client_id.len) {
            keys[n++] = (struct client_key){row->channel_id, row->author_id, row->client_id};
        }
    }
    return n;
}

/* Of the batch behind it in flight, too: it is run again with this one, and repeats come in rows
 * (somebody was cut off and sends everything again). */
static int look_up_repeats(struct pipeline *pl, struct batch *b)
{
    const struct batch *x;
    struct client_key *keys;
    size_t n = 0, max = 1;
    int err;

    for (x = b; x; x = x->next) {
        max += x->fx.row_count;
    }
    keys = arena_alloc(b->arena, max * sizeof(*keys));
    if (!keys) {
        return ERR_NOMEM;
    }
    for (x = b; x; x = x->next) {
        n += list_keys(x, keys + n);
    }
    err = store_find_clients(pl->deps.store, keys, n, on_first_copies, b);
    if (!err) {
        b->refs++;
    }
    return err;
}

static void bury(struct pipeline *pl, const struct batch *b)
{
    const struct work *w = &b->works[0];
    char key[REDIS_PREFIX_MAX + 16], id[ENTRY_ID_TEXT_MAX], partition[16];
    int key_len = snprintf(key, sizeof(key), "%sdead:in", pl->deps.conf->redis_prefix);
    int partition_len = snprintf(partition, sizeof(partition), "%u", w->origin.partition);
    int err;

    entry_id_format(w->origin.entry, id);
    err = redis_link_command(
        pl->deps.redis,
        (struct bytes[]){BYTES_LIT("XADD"), bytes_of(key, (size_t)key_len), BYTES_LIT("MAXLEN"),
                         BYTES_LIT("~"), BYTES_LIT("1000"), BYTES_LIT("*"), BYTES_LIT("partition"),
                         bytes_of(partition, (size_t)partition_len), BYTES_LIT("entry"),
                         bytes_str(id), BYTES_LIT("reason"), BYTES_LIT("refused_by_database")},
        12, NULL, NULL);
    log_error("entry_refused_by_database", LOG_U64("partition", w->origin.partition),
              LOG_STR("entry", id), LOG_ERR(err));
    metric_add(pl->m.poison, 1);
    if (pl->poison_count == POISON_MAX) {
        memmove(&pl->poison[0], &pl->poison[1], (POISON_MAX - 1) * sizeof(pl->poison[0]));
        pl->poison_count--;
    }
    pl->poison[pl->poison_count++] = (struct poison){w->origin.partition, w->origin.entry};
}

/* Does a batch before it wait for its look-up? That ends with dropping this one, too. */
static bool is_behind_failed(const struct pipeline *pl, const struct batch *b)
{
    for (const struct batch *before = pl->batches; before != b; before = before->next) {
        if (before->state == BATCH_FAILED) {
            return true;
        }
    }
    return false;
}

void pipeline_commit_failed(struct pipeline *pl, struct batch *b, int err)
{
    if (is_behind_failed(pl, b)) {
        return;
    }
    log_warn("commit_failed", LOG_ERR(err), LOG_U64("messages", b->fx.row_count));
    if (err == ERR_CONFLICT && look_up_repeats(pl, b) == 0) {
        return;
    }
    if (err == ERR_REMOTE) {
        if (b->entry_count == 1) {
            bury(pl, b);
        }
        pl->single_entries = SINGLE_ENTRY_READS;
    }
    pipeline_abort_from(pl, b, AT_ONCE);
}
