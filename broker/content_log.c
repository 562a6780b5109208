/* SPDX-License-Identifier: MIT */
/* Writes a batch's content frames into the logs of their channels (key_log), one entry per channel
 * and batch, trimmed to what `since` may bring. Nothing waits for it and nothing depends on it:
 * whoever finds a gap in a log asks the database. Called by the pipeline before it delivers. */
#include <inttypes.h>
#include <stdio.h>

#include "broker/pipeline_private.h"
#include "common/log.h"
#include "common/io/clock.h"
#include "proto/stream_keys.h"

/* A log that nobody adds to for so long is forgotten; who comes back later than that is rare
 * enough for the database. */
#define LOG_TTL_MS "3600000"
#define LOG_TTL_RENEW_MS 600000u /* well before it ends, and not with every message */
#define NUMBER_TEXT_MAX 24u

static void write_piece(struct pipeline *pl, const struct stream_key *key,
                        const struct channel_log_piece *p)
{
    char id[NUMBER_TEXT_MAX], least[NUMBER_TEXT_MAX], count[NUMBER_TEXT_MAX];
    uint64_t limit = pl->deps.conf->resume_limit;
    int err;

    snprintf(id, sizeof(id), "%" PRIu64 "-0", p->last);
    snprintf(least, sizeof(least), "%" PRIu64 "-0", p->last > limit ? p->last - limit : 0);
    snprintf(count, sizeof(count), "%" PRIu64, p->last - p->first + 1);
    err = redis_link_command(pl->deps.redis,
                             (struct bytes[]){BYTES_LIT("XADD"), stream_key_bytes(key),
                                              BYTES_LIT("MINID"), BYTES_LIT("~"), bytes_str(least),
                                              bytes_str(id), BYTES_LIT("n"), bytes_str(count),
                                              BYTES_LIT("j"), buf_bytes(&p->lines)},
                             10, NULL, NULL);
    if (err) {
        log_debug("log_not_written", LOG_ERR(err));
    }
}

static void renew(struct pipeline *pl, const struct channel_log *log, const struct stream_key *key)
{
    struct room *room = rooms_find(&pl->partitions[log->partition].rooms, log->topic);
    uint64_t now_ms = clock_mono_ms();

    if (room && !log->is_emptied && now_ms < room->log_renew_ms) {
        return;
    }
    int err = redis_link_command(
        pl->deps.redis,
        (struct bytes[]){BYTES_LIT("PEXPIRE"), stream_key_bytes(key), BYTES_LIT(LOG_TTL_MS)}, 3,
        NULL, NULL);
    if (!err && room) {
        room->log_renew_ms = now_ms + LOG_TTL_RENEW_MS;
    }
}

static void empty(struct pipeline *pl, const struct stream_key *key)
{
    int err = redis_link_command(
        pl->deps.redis, (struct bytes[]){BYTES_LIT("DEL"), stream_key_bytes(key)}, 2, NULL, NULL);
    if (err) {
        log_warn("log_not_emptied", LOG_ERR(err));
    }
}

void content_log_write(struct pipeline *pl, struct batch *b)
{
    struct channel_log *log, *tmp;

    HASH_ITER(hh, b->fx.logs.table, log, tmp) {
        struct stream_key key = key_log(pl->deps.conf->redis_prefix, log->partition, log->topic);
        const struct channel_log_piece *p;
        if (log->is_emptied) {
            empty(pl, &key);
        }
        for (p = log->pieces; p; p = p->next) {
            write_piece(pl, &key, p);
        }
        renew(pl, log, &key);
    }
}
