/* SPDX-License-Identifier: MIT */
#pragma once
/* Tells the gateways whose sockets may not stay, whoever changed the tables (sql/0006): the broker
 * that owns partition 0 reads access_change, sends each change to all gateways, again after
 * KICK_REPEAT_MS, and deletes it. Also removes, now and then, what nobody needs any more. Glue. */
#include "broker/broker_conf.h"
#include "broker/egress.h"
#include "broker/redis_clock.h"
#include "broker/store_access.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"

#define ACCESS_WATCH_INTERVAL_MS 1000u
/* Until the second time: three looks, less a little for a timer that is late. Above the age of
 * what an opening may rest on (USER_CACHE_TTL_MS, request_open.c). */
#define KICK_REPEAT_MS 2800u
#define ACCESS_PENDING_MAX 4096u /* changes between their first sending and their deletion */
#define TRIM_LOOKS 60u           /* from one removal to the next */

/* All borrowed. */
struct access_watch_deps {
    struct loop *loop;
    struct redis_link *redis;
    struct store *store;
    struct egress *egress;
    const struct broker_conf *conf;
    const struct redis_clock *clock;
    bool (*is_owner)(void *arg);                  /* of partition 0 */
    void (*forget_user)(void *arg, int64_t user); /* the row in memory is old */
    void *arg;
};

struct access_watch;
struct access_watch *access_watch_new(const struct access_watch_deps *deps); /* NULL: no memory */
/* After the ports were freed, which ends what is under way. NULL is fine. */
void access_watch_free(struct access_watch *w);
void access_watch_start(struct access_watch *w);
/* Redis or PostgreSQL has gone: forget everything; the rows are still there. */
void access_watch_pause(struct access_watch *w);
