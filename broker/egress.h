/* SPDX-License-Identifier: MIT */
#pragma once
/* Deliveries on their way to the gateways' streams: per gateway one buffer of sections that
 * gathers while an XADD is unanswered (one batch in flight per gateway), bounded. Glue; used by
 * the pipeline (ordered sections) and by requests (single answers). */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"
#include "proto/delivery.h"

#define EGRESS_GATEWAY_MAX_BYTES                                                                   \
    (24u * 1024u * 1024u) /* waiting for one gateway: below what a Redis link takes at a time */
#define EGRESS_STREAM_MAXLEN                                                                       \
    "65536"                       /* XADD MAXLEN ~: a gateway reads and trims, a dead one          \
                                     cannot fill Redis */
#define EGRESS_GATEWAYS_MAX 4096u /* streams with something under way */

struct egress;
struct egress *egress_new(struct loop *loop, struct redis_link *link, const char *prefix);
/* After the link was freed, which ends what is under way; what waits ends with ERR_UNAVAILABLE. */
void egress_free(struct egress *e);

/* Append `section_count` encoded sections to a gateway's stream. `done` (may be NULL) is called
 * later: 0 when Redis has them, ERR_UNAVAILABLE when they may be lost. Bytes are copied.
 * Errors: ERR_UNAVAILABLE, ERR_FULL, ERR_NOMEM; then done is not called. */
typedef void egress_done_fn(void *arg, int err);
NODISCARD int egress_sections(struct egress *e, struct bytes gateway, struct bytes sections,
                              uint32_t section_count, egress_done_fn *done, void *arg);
/* Would so many bytes be queued? One batch alone always is (see BATCH_BYTES_MAX). */
bool egress_has_room(const struct egress *e, struct bytes gateway, size_t bytes);
/* One item outside any order (answer to a request). Errors as above. */
NODISCARD int egress_item(struct egress *e, struct bytes gateway, const struct down_item *item);
/* Redis has gone: everything that waits ends with ERR_UNAVAILABLE. */
void egress_link_down(struct egress *e);
