/* SPDX-License-Identifier: MIT */
#pragma once
/* Writes the history of use: every five minutes what all gateways report, by the owner of partition
 * 0. Glue. */
#include "broker/broker_conf.h"
#include "broker/store_usage.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"

#define USAGE_INTERVAL_S 300u

struct usage_watch_deps { /* all borrowed */
    struct loop *loop;
    struct redis_link *redis;
    struct store *store;
    const struct broker_conf *conf;
    bool (*is_owner)(void *arg); /* of partition 0, now */
    void *arg;
};
struct usage_watch;
struct usage_watch *usage_watch_new(const struct usage_watch_deps *deps); /* NULL without memory */
void usage_watch_free(struct usage_watch *w);                             /* NULL is fine */
void usage_watch_start(struct usage_watch *w);
void usage_watch_pause(struct usage_watch *w);
