/* SPDX-License-Identifier: MIT */
#pragma once
/* Folds the states of a process's parts into "alive" and "ready". */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"

#define HEALTH_PARTS_MAX 8u

struct health {
    struct {
        const char *name;
        bool is_up;
    } parts[HEALTH_PARTS_MAX];
    size_t count;
    bool is_draining;
};

/* Names must be static. Setting an unknown name adds it (up to HEALTH_PARTS_MAX). */
void health_set(struct health *h, const char *name, bool is_up);
bool health_is_ready(const struct health *h); /* all parts up, not draining */
/* Gauges for a scrape: process_ready, process_part_up{part}. */
void health_publish(const struct health *h);
/* Once, at the start: process_start_time_seconds. */
void health_publish_start(uint64_t wall_ms);
/* {"status":"ready"|"not_ready"|"draining","parts":{"redis":"up",…}} */
NODISCARD int health_json(const struct health *h, struct buf *out);
