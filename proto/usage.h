/* SPDX-License-Identifier: MIT */
#pragma once
/* What gateways tell of their use, and brokers sum up: the bounds of their histograms, and limits.
 * A report is JSON text under key_usage(), so that people may look at it:
 *
 *   {"v":1,"started_ms","connections","created","closed","messages":[1 min,5 min,15 min],
 *    "recent":{"created","closed","errors"},                                   in 5 minutes
 *    "latency":{"buckets":[…],"sum_us","count","min_us","max_us"},             of 5 minutes
 *    "errors":{"total","by_type":{code:n},"list":[{"type","at_ms"}…]},
 *    "durations":{"buckets":[…],"sum_s","count","min_s","max_s"},              since the start
 *    "users":[[username,sockets]…],"topics":[[topic,sockets]…]} */
#include <stddef.h>
#include <stdint.h>

#define USAGE_VERSION 1
#define USAGE_PUBLISH_S 5u  /* a report is renewed so often */
#define USAGE_TTL_MS 20000u /* then its gateway counts for nothing */
#define USAGE_REPORT_MAX_BYTES (256u * 1024u)
#define USAGE_LISTED_MAX 500u /* users, and topics, of one gateway: more are not told apart */
#define USAGE_ERRORS_MAX 20u  /* the last ones */

#define USAGE_LATENCY_BOUNDS 13u
extern const uint32_t usage_latency_bounds_us[USAGE_LATENCY_BOUNDS]; /* one more bucket is above */
#define USAGE_DURATION_BOUNDS 15u
extern const uint32_t usage_duration_bounds_s[USAGE_DURATION_BOUNDS];

/* The bucket of a value: the first bound that is not below it. */
size_t usage_bucket(const uint32_t *bounds, size_t count, uint64_t value);
/* The value below which a share (0 to 1) of all lies, evenly spread within its bucket, and never
 * outside of min and max. `counts` has one more than `count`. 0 of nothing. */
double usage_quantile(const uint32_t *bounds, const uint64_t *counts, size_t count, double share,
                      double min, double max);
