/* SPDX-License-Identifier: MIT */
#pragma once
/* What usage_sum.c adds up and usage_render.c writes. Nobody else includes it. */
#include <uthash.h>
#include "broker/usage_sum.h"
#include "proto/codes.h"

struct entry {
    UT_hash_handle hh;
    int64_t sockets, channel_id;
    char *shown; /* of a channel: its name; owned */
    size_t len;
    char name[];
};

struct histogram {
    uint64_t latency[USAGE_LATENCY_BOUNDS + 1], durations[USAGE_DURATION_BOUNDS + 1];
};

struct spread { /* beside a histogram */
    uint64_t sum, count, min, max;
};

struct error_seen {
    uint64_t at_ms;
    enum client_code code;
};

struct usage_sum {
    uint64_t first_started_ms;
    int64_t connections, created, closed, messages[3];
    int64_t recent_created, recent_closed, recent_errors;
    int64_t errors, errors_by_code[CODE_COUNT];
    struct histogram histogram;
    struct spread latency, durations;
    struct error_seen list[2 * USAGE_ERRORS_MAX];
    size_t list_count;
    struct entry *users, *topics;
};

int64_t usage_channel_of(const struct entry *topic); /* 0: it is none of a channel */
