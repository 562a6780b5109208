/* SPDX-License-Identifier: MIT */
#pragma once
/* Redis -> gateway: reads this incarnation's output stream on a connection of its own, decodes,
 * and hands over each item that is not a repeat as far as that can be told by its origin. */
#include <stdint.h>
#include "common/io/loop.h"
#include "common/io/redis_link.h"
#include "proto/delivery.h"

struct downlink_conf {
    const char *redis_url, *prefix, *gateway, *link_name;
};

/* One item; its strings are valid during the call. */
typedef void downlink_item_fn(void *arg, const struct down_item *item);

struct downlink;
/* Keeps conf's strings until downlink_free(); `commands` is the link for XTRIM and dead letters.
 * NULL without memory or with a bad url. */
struct downlink *downlink_new(struct loop *loop, const struct downlink_conf *conf,
                              struct redis_link *commands, downlink_item_fn *fn, void *arg);
void downlink_free(struct downlink *d);
bool downlink_is_up(const struct downlink *d);
