/* SPDX-License-Identifier: MIT */
#pragma once
/* How this gateway is used: counted as it happens, kept for a quarter of an hour in slots of ten
 * seconds, told to the brokers as a report (proto/usage.h). Pure; time is given. */
#include "common/buf.h"
#include "common/bytes.h"
#include "proto/codes.h"
#include "proto/usage.h"

#define USAGE_SLOT_S 10u
#define USAGE_SLOTS 90u

struct usage_slot {
    uint32_t messages, errors, created, closed;
    uint32_t latency[USAGE_LATENCY_BOUNDS + 1];
    uint32_t latency_count, latency_min_us, latency_max_us;
    uint64_t latency_sum_us;
};

struct usage_error {
    enum client_code code;
    uint64_t at_ms; /* wall clock */
};

struct usage {
    uint64_t started_wall_ms, started_s; /* monotonic seconds */
    struct usage_slot slots[USAGE_SLOTS];
    uint64_t slot_now; /* number of the present slot since the start */
    uint64_t created, closed;
    uint64_t errors, errors_by_code[CODE_COUNT];
    struct usage_error recent[USAGE_ERRORS_MAX];
    uint32_t recent_next, recent_count;
    uint64_t durations[USAGE_DURATION_BOUNDS + 1];
    uint64_t duration_count, duration_sum_s, duration_min_s, duration_max_s;
};

void usage_init(struct usage *u, uint64_t mono_ms, uint64_t wall_ms);
void usage_message(struct usage *u, uint64_t mono_ms); /* from a client */
void usage_latency(struct usage *u, uint64_t mono_ms, uint64_t latency_us);
void usage_error(struct usage *u, uint64_t mono_ms, uint64_t wall_ms, enum client_code code);
void usage_created(struct usage *u, uint64_t mono_ms);
void usage_closed(struct usage *u, uint64_t mono_ms, uint64_t duration_ms);
/* Is this frame an error? Gives its code, CODE_NONE if it is none. */
enum client_code usage_code_of(struct bytes frame);

/* Who is here: called once for each, with the number of sockets. */
typedef void usage_put_fn(void *to, struct bytes name, uint32_t sockets);
struct usage_listing { /* each calls put(to, …) for at most USAGE_LISTED_MAX */
    void (*users)(void *arg, usage_put_fn *put, void *to);
    void (*topics)(void *arg, usage_put_fn *put, void *to);
    void *arg;
    uint64_t connections;
};
/* Append the report. Errors: those of struct buf. */
NODISCARD int usage_report(struct usage *u, uint64_t mono_ms, const struct usage_listing *who,
                           struct buf *out);
