/* SPDX-License-Identifier: MIT */
#pragma once
/* What metrics.c and metrics_render.c share. Nobody else includes it. */
#include "common/metrics.h"

#define METRIC_LABEL_OTHER "other"

struct metric_series {
    struct metric_series *next;
    double value;
    char label_value[];
};

struct metric {
    struct metric *next;
    const char *name, *help, *label_key;
    enum metric_type type;
    double value;                 /* the number without label; of a histogram: observations */
    struct metric_series *series; /* newest first */
    size_t series_count;
    const double *bounds; /* histogram */
    size_t bound_count;
    uint64_t buckets[METRIC_BUCKETS_MAX + 1];
    double sum;
};

const struct metric *metrics_first(void);
