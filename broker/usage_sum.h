/* SPDX-License-Identifier: MIT */
#pragma once
/* The reports of all gateways, added up, and what is told of them: to the dashboard (PROTOCOL.md,
 * section "Metrics"), and as a row of the history. Pure. */
#include "common/buf.h"
#include "common/bytes.h"
#include "proto/usage.h"

#define USAGE_NAMES_MAX 5000u /* users, and topics, of all gateways that are told apart */

struct usage_sum;
struct usage_sum *usage_sum_new(void); /* NULL without memory */
void usage_sum_free(struct usage_sum *s);
/* Add a report; one that is malformed changes nothing. Errors: ERR_SYNTAX, ERR_VERSION, ERR_NOMEM.
 */
NODISCARD int usage_sum_add(struct usage_sum *s, struct bytes report);

/* The ids of the channels that somebody is in; at most `max`. */
size_t usage_sum_channels(const struct usage_sum *s, int64_t *out_ids, size_t max);
/* Their name, for whoever reads it. Errors: ERR_NOMEM. */
NODISCARD int usage_sum_name(struct usage_sum *s, int64_t channel_id, struct bytes name);
/* Append the JSON. A channel without a name is told by its id. Errors: those of struct buf. */
NODISCARD int usage_sum_render(const struct usage_sum *s, uint64_t now_ms, struct buf *out);

struct usage_point { /* of the history: five minutes */
    uint64_t at_ms;
    int64_t connections, created, closed, errors;
    double messages_per_second;
    double p50_ms, p95_ms, p99_ms; /* latency; 0 = there was none */
};
void usage_sum_point(const struct usage_sum *s, uint64_t now_ms, struct usage_point *out);
/* Append {"hours","interval_minutes":5,"data_points","data":[…]}. Errors: those of struct buf. */
NODISCARD int usage_history(uint32_t hours, const struct usage_point *points, size_t count,
                            struct buf *out);
