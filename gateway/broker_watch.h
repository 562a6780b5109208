/* SPDX-License-Identifier: MIT */
#pragma once
/* Is any broker alive? Asks Redis each second for heartbeats of the last three, by its clock. */
#include <stdbool.h>
#include "common/io/loop.h"
#include "common/io/redis_link.h"

struct broker_watch;
typedef void broker_watch_fn(void *arg, bool is_any_alive);
/* fn is called when the answer changes; at first none is alive. Keeps prefix. NULL without
 * memory. */
struct broker_watch *broker_watch_new(struct loop *loop, struct redis_link *link,
                                      const char *prefix, broker_watch_fn *fn, void *arg);
void broker_watch_free(struct broker_watch *w);
void broker_watch_on_up(struct broker_watch *w);   /* asks at once */
void broker_watch_on_down(struct broker_watch *w); /* nobody is alive for us */
bool broker_watch_is_alive(const struct broker_watch *w);
