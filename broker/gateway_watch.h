/* SPDX-License-Identifier: MIT */
#pragma once
/* Notices that a gateway has died: its heartbeat in key_gateways is old. Its connections are then
 * removed from the rooms, and its stream from Redis. Glue. */
#include "broker/broker_conf.h"
#include "broker/pipeline.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"

#define GATEWAY_WATCH_INTERVAL_MS 2000u
#define GATEWAY_DEAD_AFTER_MS "10000" /* gateways beat every 2 s; PROTOCOL.md allows 30 s */
#define GATEWAY_MISSES_MAX 2u /* looks without it, so that a newcomer is not taken for dead */

struct gateway_watch;
struct gateway_watch *gateway_watch_new(struct loop *loop, struct redis_link *link,
                                        struct pipeline *pipeline, const struct broker_conf *conf);
void gateway_watch_free(struct gateway_watch *w);
void gateway_watch_start(struct gateway_watch *w);
void gateway_watch_pause(struct gateway_watch *w);
