/* SPDX-License-Identifier: MIT */
#pragma once
/* Takes what is to be told to people from the stream "notify" to the partitions of those people:
 * the broker that owns partition 0 does it, one entry after the other, in the stream's order. An
 * entry is deleted when all partitions have it; who dies before leaves it to the successor, and a
 * repeat is known by its source or message. Glue. */
#include "broker/broker_conf.h"
#include "broker/store_people.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"

#define NOTIFY_WATCH_INTERVAL_MS 50u /* between looks at a stream that was empty */
/* Of one message; the rest see it in the channel. */
#define NOTIFY_AUDIENCE_MAX 100000u

/* All borrowed. */
struct notify_watch_deps {
    struct loop *loop;
    struct redis_link *redis;
    struct store *store;
    const struct broker_conf *conf;
    bool (*is_owner)(void *arg); /* of partition 0 */
    void *arg;
};

struct notify_watch;
struct notify_watch *notify_watch_new(const struct notify_watch_deps *deps); /* NULL: no memory */
/* After the ports were freed, which ends what is under way. NULL is fine. */
void notify_watch_free(struct notify_watch *w);
void notify_watch_start(struct notify_watch *w);
/* Redis or PostgreSQL has gone: what was under way is read again. */
void notify_watch_pause(struct notify_watch *w);
