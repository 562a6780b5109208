/* SPDX-License-Identifier: MIT */
#pragma once
/* Credits of one user at this gateway: how many frames may go without asking Redis, where the
 * limit over all gateways is kept. Credits lapse 60 s after their grant, when the window that they
 * were taken from has moved on. Frames that have to wait for a lease are kept here, in order. */
#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"
#include "common/rcbuf.h"

#define QUOTA_WINDOW_MS 60000u
/* Frames of one user that wait for one answer of Redis: a batch of each of CONNECTIONS_PER_USER
 * sockets, which read no further meanwhile; and their bytes, the first one's whatever they are. */
#define QUOTA_WAITING_MAX 4096u
#define QUOTA_WAITING_BYTES_MAX (64u * 1024u * 1024u)

struct quota_waiter {
    struct quota_waiter *next;
    uint64_t conn, frame_no;
    uint64_t counted_ms; /* in its socket's window */
    uint32_t partition;
    struct rcbuf *envelope; /* encoded, ready for the uplink */
};

struct user_quota {
    uint32_t credits;
    uint32_t waiting_count;
    size_t waiting_bytes;
    uint64_t lapse_ms; /* when the credits end */
    uint64_t asked_ms; /* when the lease under way was asked for */
    int64_t second;    /* of the grant, by Redis' clock */
    struct quota_waiter *waiting, *waiting_tail;
    bool is_leasing;
};

/* Use one credit: 0, or ERR_LIMIT when a lease is needed first (also while others wait: order). */
NODISCARD int quota_take(struct user_quota *q, uint64_t now_ms);
/* Keep a frame until the answer comes. Shares `envelope`. Errors: ERR_FULL, ERR_NOMEM. */
NODISCARD int quota_wait(struct user_quota *q, const struct quota_waiter *frame);
/* Should a lease be asked for now? Then it counts as asked for. */
bool quota_begin_lease(struct user_quota *q, uint64_t now_ms);
/* The answer: n credits of the window's `second`; n 0 = nothing left. */
void quota_granted(struct user_quota *q, uint32_t n, int64_t second);
/* The next waiting frame, if a credit is there for it (then it is used up); else NULL. Gives. */
struct quota_waiter *quota_next(struct user_quota *q, uint64_t now_ms);
/* The frame of quota_next() did not go: its credit is there for another one. */
void quota_unuse(struct user_quota *q);
/* The next waiting frame, whatever the credits, for refusals. Gives; NULL = none. */
struct quota_waiter *quota_next_refused(struct user_quota *q);
void quota_waiter_free(struct quota_waiter *w); /* NULL is fine */
/* Take out the credits that can be given back. */
uint32_t quota_take_unused(struct user_quota *q, uint64_t now_ms);
void quota_done(struct user_quota *q);

/* The script that leases from the window of a user: KEYS[1] hash second -> granted, ARGV[1] limit
 * per 60 s. Answers {granted, second}. */
extern const char QUOTA_LEASE_SCRIPT[];
/* Gives back: ARGV[1] the second of the grant, ARGV[2] how many. */
extern const char QUOTA_RETURN_SCRIPT[];
