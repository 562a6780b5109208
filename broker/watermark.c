/* SPDX-License-Identifier: MIT */
/* Writes how far each partition was delivered to the group's last-delivered-id (so that
 * `XINFO GROUPS` shows it to people, and a successor starts there) and trims the stream below. */
#include "broker/pipeline_private.h"

#include "common/mem.h"
#include "proto/stream_keys.h"

struct watermark {
    struct pipeline *pl;
    struct partition *p;
    uint32_t generation;
    struct entry_id until;
};

static void on_written(void *arg, int err, const struct redis_value *v)
{
    struct watermark *w = arg;
    (void)v;
    if (!err && w->p->generation == w->generation) {
        partition_watermark_written(w->p, w->until);
        if (w->p->state == PARTITION_DRAINING) {
            pipeline_schedule(w->pl);
        }
    }
    mem_free(w);
}

static void write_one(struct pipeline *pl, struct partition *p)
{
    struct stream_key key = key_in(pl->deps.conf->redis_prefix, p->id);
    struct watermark *w = mem_zalloc(sizeof(*w));
    char id[ENTRY_ID_TEXT_MAX];
    int err;

    if (!w) {
        return;
    }
    *w = (struct watermark){pl, p, p->generation, p->delivered};
    entry_id_format(p->delivered, id);
    err = redis_link_command(pl->deps.redis,
                             (struct bytes[]){BYTES_LIT("XGROUP"), BYTES_LIT("SETID"),
                                              stream_key_bytes(&key), BYTES_LIT(STREAM_GROUP),
                                              bytes_str(id)},
                             5, on_written, w);
    if (err) {
        mem_free(w);
        return;
    }
    err = redis_link_command(pl->deps.redis,
                             (struct bytes[]){BYTES_LIT("XTRIM"), stream_key_bytes(&key),
                                              BYTES_LIT("MINID"), BYTES_LIT("~"), bytes_str(id)},
                             5, NULL, NULL);
    (void)err; /* the next one trims more */
}

void watermark_write_all(void *pipeline)
{
    struct pipeline *pl = pipeline;
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        struct partition *p = &pl->partitions[i];
        if ((p->state == PARTITION_ACTIVE || p->state == PARTITION_DRAINING) &&
            entry_id_cmp(p->delivered, p->watermark) > 0) {
            write_one(pl, p);
        }
    }
}
