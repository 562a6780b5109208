/* SPDX-License-Identifier: MIT */
#pragma once
/* Counters, gauges and histograms of this process, and the Prometheus text exposition format
 * 0.0.4. Metrics are registered once, by static descriptors, and live as long as the process. */
#include <stdint.h>
#include "common/buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_LABEL_MAX 48u /* distinct label values of one metric; more become "other" */
#define METRIC_BUCKETS_MAX 24u

struct metric;

/* name and help must be static. label_key NULL = no label; "a,b": two labels, whose values are
 * given as "x,y". Same name again: the same metric.
 * Never fails: without memory a shared dummy is given. */
struct metric *metric_counter(const char *name, const char *help, const char *label_key);
struct metric *metric_gauge(const char *name, const char *help, const char *label_key);
/* Buckets: ascending upper bounds in seconds; +Inf is added. */
struct metric *metric_histogram(const char *name, const char *help, const double *bounds,
                                size_t bound_count);

void metric_add(struct metric *m, double n);
void metric_add_label(struct metric *m, const char *label_value, double n);
void metric_set(struct metric *m, double value);
void metric_set_label(struct metric *m, const char *label_value, double value);
void metric_observe(struct metric *m, double seconds);
double metric_value(const struct metric *m, const char *label_value); /* tests; NULL = no label */

NODISCARD int metrics_render(struct buf *out); /* Prometheus text of all metrics, by name */
void metrics_reset(void);                      /* tests: forget all values */
