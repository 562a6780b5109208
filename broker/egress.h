/* SPDX-License-Identifier: MIT */
#pragma once
/* Deliveries on their way to the gateways' streams: per gateway one buffer of sections that
 * gathers while an XADD is unanswered (one batch in flight per gateway), bounded. Glue; used by
 * the pipeline (ordered sections) and by requests (single answers). */
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "common/io/redis_link.h"
#include "proto/delivery.h"

#define EGRESS_GATEWAY_MAX_BYTES (64u * 1024u * 1024u) /* waiting for one gateway; more is dropped
                                                          and the gateway finds the hole by seq */
#define EGRESS_STREAM_MAXLEN 65536u     /* XADD MAXLEN ~: a gateway reads and trims, a dead one
                                           cannot fill Redis */
struct egress;
struct egress *egress_new(struct loop *loop, struct redis_link *link, const char *prefix);
void egress_free(struct egress *e);

/* Append a section to a gateway's stream. `done` (may be NULL) is called when Redis has it, or
 * with an error when it was given up. Encoded before return. */
typedef void egress_done_fn(void *arg, int err);
NODISCARD int egress_section(struct egress *e, struct bytes gateway,
                             const struct down_section *section, struct bytes items,
                             egress_done_fn *done, void *arg);
/* One item outside any order (answer to OPEN or HTTP). */
NODISCARD int egress_item(struct egress *e, struct bytes gateway, const struct down_item *item);
