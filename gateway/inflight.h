/* SPDX-License-Identifier: MIT */
#pragma once
/* What waits for a broker's answer: openings, joins, frames, HTTP requests, pages of history, each
 * named by its connection or request id and (frames) its number. Each is taken exactly once: by its
 * answer, or by its time running out. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "common/rcbuf.h"

#define INFLIGHT_MAX 131072u         /* entries; more is ERR_FULL */
#define INFLIGHT_OPEN_AGAIN_MS 2000u /* it may have died with a broker: ask again */

enum inflight_kind {
    INFLIGHT_OPEN,
    INFLIGHT_JOIN,
    INFLIGHT_FRAME,
    INFLIGHT_HTTP,
    INFLIGHT_HISTORY
};

struct inflight;

struct inflight_entry { /* as given out; strings are views, valid until the next call */
    enum inflight_kind kind;
    uint64_t conn, frame_no;
    uint64_t received_us;
    struct bytes client_id;
    uint32_t chunk_bytes; /* a part of a file: its length; else 0 */
};

struct inflight *inflight_new(void); /* NULL without memory */
void inflight_free(struct inflight *f);
/* Note one at now_ms. frame_no is 0 but for frames. OPEN and HISTORY give their encoded envelope to
 * be sent again (shared; NULL = none). Errors: ERR_FULL, ERR_NOMEM, ERR_CONFLICT (already there).
 */
NODISCARD int inflight_add(struct inflight *f, const struct inflight_entry *entry,
                           struct rcbuf *again, uint64_t now_ms);
/* The answer is here (or nobody waits any more): forget it. Returns whether it was there. */
bool inflight_take(struct inflight *f, enum inflight_kind kind, uint64_t conn, uint64_t frame_no,
                   struct inflight_entry *out);
/* Is one still waited for? */
bool inflight_has(const struct inflight *f, enum inflight_kind kind, uint64_t conn,
                  uint64_t frame_no);
/* Take the next one that has waited for FRAME_WAIT_MS; false when there is none. */
bool inflight_expire(struct inflight *f, uint64_t now_ms, struct inflight_entry *out);
/* The next one with an envelope that has waited for INFLIGHT_OPEN_AGAIN_MS; said once each. Gives
 * a reference. */
struct rcbuf *inflight_again(struct inflight *f, uint64_t now_ms, uint64_t *out_conn);
uint32_t inflight_count(const struct inflight *f);
