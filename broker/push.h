/* SPDX-License-Identifier: MIT */
#pragma once
/* All that sends pushes, as one part of the broker: the HTTP client, the senders that are
 * configured, the queue. Glue. */
#include "broker/push_keys.h"
#include "broker/push_queue.h"

struct push_deps { /* all borrowed */
    struct loop *loop;
    struct redis_link *redis;
    struct store *store;
    const struct broker_conf *conf;
    const struct push_keys *keys;
};

struct push;
struct push *push_new(const struct push_deps *deps); /* NULL: no memory */
void push_start(struct push *p);
void push_pause(struct push *p);
bool push_is_idle(const struct push *p); /* nothing is under way */
/* End what is under way; before the store and Redis are freed. NULL is fine. */
void push_stop(struct push *p);
void push_free(struct push *p); /* after they were freed; NULL is fine */
