/* SPDX-License-Identifier: MIT */
#pragma once
/* One life of a connection to Redis: opens once, sends, receives, closes once. redis_link.c builds
 * reconnecting and time limits on it; nobody else uses it. */
#include "common/io/redis_link.h"
#include "common/redis_url.h"

struct redis_wire;

struct redis_wire_events {
    void (*on_open)(void *arg);
    void (*on_reply)(void *arg, const struct redis_value *v); /* in the order of the commands */
    void (*on_closed)(void *arg, const char *why);            /* once; then only free is legal */
};

/* Start connecting. Keeps `events`. Calls back: later, never in here. NULL: refused at once.
 * A host name is looked up first. */
struct redis_wire *redis_wire_new(struct loop *loop, const struct redis_url *url,
                                  const struct redis_wire_events *events, void *arg);
/* Legal in every callback; no callback follows. */
void redis_wire_free(struct redis_wire *w);
/* Queue one command in wire format; what is queued in one turn leaves in one write.
 * Errors: ERR_BUSY (REDIS_LINK_OUT_MAX bytes unsent), ERR_UNAVAILABLE. */
NODISCARD int redis_wire_send(struct redis_wire *w, struct bytes command);
