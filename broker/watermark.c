/* SPDX-License-Identifier: MIT */
/* Writes how far each partition was delivered to the group's last-delivered-id (so that
 * `XINFO GROUPS` shows it to people, and a successor starts there) and trims the stream below.
 * Called by the pipeline. */
#include "broker/pipeline_private.h"

#include "common/log.h"
#include "common/mem.h"
#include "proto/stream_keys.h"

/* Only the holder of the lease: an owner that was asleep knows nothing of what its successor has
 * still to deliver. */
static const char move_script[] = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
                                  "redis.call('XGROUP', 'SETID', KEYS[2], ARGV[2], ARGV[3]) "
                                  "redis.call('XTRIM', KEYS[2], 'MINID', '~', ARGV[3]) return 1";

struct watermark {
    struct pipeline *pl;
    struct partition *p;
    uint32_t generation;
    struct entry_id until;
};

static void on_written(void *arg, int err, const struct redis_value *v)
{
    struct watermark *w = arg;

    if (w->p->generation != w->generation) {
        mem_free(w);
        return;
    }
    if (err == ERR_REMOTE) {
        log_warn("watermark_refused", LOG_U64("partition", w->p->id),
                 LOG_BYTES("reply", redis_value_bytes(v)));
        pipeline_renew(w->pl, w->p); /* the stream or its group has gone: made anew by a takeover */
    } else if (!err && redis_value_int(v) == 1) {
        partition_watermark_written(w->p, w->until);
        if (w->p->state == PARTITION_DRAINING) {
            pipeline_schedule(w->pl);
        }
    }
    mem_free(w);
}

static void write_one(struct pipeline *pl, struct partition *p, struct entry_id until)
{
    const char *prefix = pl->deps.conf->redis_prefix;
    struct stream_key lease = key_lease(prefix, p->id), stream = key_in(prefix, p->id);
    struct watermark *w = mem_zalloc(sizeof(*w));
    char id[ENTRY_ID_TEXT_MAX];
    int err;

    if (!w) {
        return;
    }
    *w = (struct watermark){pl, p, p->generation, until};
    entry_id_format(until, id);
    err = redis_link_command(pl->deps.redis,
                             (struct bytes[]){BYTES_LIT("EVAL"), bytes_str(move_script),
                                              BYTES_LIT("2"), stream_key_bytes(&lease),
                                              stream_key_bytes(&stream), pl->deps.owner,
                                              BYTES_LIT(STREAM_GROUP), bytes_str(id)},
                             8, on_written, w);
    if (err) {
        mem_free(w);
    }
}

void watermark_write_all(void *pipeline)
{
    struct pipeline *pl = pipeline;
    for (uint32_t i = 0; i < pl->deps.conf->partitions; i++) {
        struct partition *p = &pl->partitions[i];
        struct entry_id until = pipeline_settled(pl, p);
        if ((p->state == PARTITION_ACTIVE || p->state == PARTITION_DRAINING) &&
            entry_id_cmp(until, p->watermark) > 0) {
            write_one(pl, p, until);
        }
    }
}
