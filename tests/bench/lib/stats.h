/* SPDX-License-Identifier: MIT */
#pragma once
/* Latency samples and what /proc tells about a process. */
#include <stddef.h>
#include <stdint.h>

struct samples {
    double *values;
    size_t count, cap;
};
void samples_add(struct samples *s, double v);
double samples_quantile(struct samples *s, double q); /* sorts; 0 when empty */
void samples_done(struct samples *s);

double process_cpu_seconds(int pid); /* user + system; 0 when gone */
double process_rss_kib(int pid);
double now_seconds(void); /* monotonic */
