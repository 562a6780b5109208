/* SPDX-License-Identifier: MIT */
#pragma once
/* This gateway life's entry in Redis: the lease that brokers look at before they drop its
 * subscriptions, and its heartbeat among the gateways. */
#include <stdint.h>
#include "common/io/loop.h"
#include "common/io/redis_link.h"

#define GATEWAY_LEASE_MS 10000u
#define GATEWAY_RENEW_MS 2000u

struct registry_conf {
    const char *prefix, *gateway; /* incarnation name */
    const char *address;          /* "0.0.0.0:8001", for people */
    uint64_t started_ms;          /* UTC */
};

struct registry;
/* on_lost: the lease had run out before it was renewed, so brokers have dropped what this life
 * had; it must end. Keeps conf's strings. NULL without memory. */
struct registry *registry_new(struct loop *loop, struct redis_link *link,
                              const struct registry_conf *conf, loop_fn *on_lost, void *arg);
void registry_free(struct registry *r);
/* The link is up: write the lease now. is_new_server: that it is not there yet is no loss. */
void registry_on_up(struct registry *r, bool is_new_server);
void registry_set_connections(struct registry *r, uint32_t connections);
/* A graceful end: remove lease, heartbeat and output stream; on_done when that was answered (also
 * when it failed). Nothing is renewed any more. */
void registry_leave(struct registry *r, loop_fn *on_done);
