/* SPDX-License-Identifier: MIT */
/* The registry of this process's metrics and the operations on them. Rendering is in
 * metrics_render.c. Not thread-safe: workers report through the loop. Called from everywhere. */
#include "common/metrics.h"

#include <assert.h>
#include <math.h>

#include "common/mem.h"
#include "common/metrics_impl.h"

static struct metric *registry; /* sorted by name */
static struct metric dummy = {.name = "dummy", .help = ""};

const struct metric *metrics_first(void)
{
    return registry;
}

/* Find by name; *out_slot is where it is, or where it belongs. */
static struct metric *find(const char *name, struct metric ***out_slot)
{
    struct metric **slot = &registry;

    while (*slot && strcmp((*slot)->name, name) < 0) {
        slot = &(*slot)->next;
    }
    *out_slot = slot;
    return *slot && strcmp((*slot)->name, name) == 0 ? *slot : NULL;
}

static struct metric *get(enum metric_type type, const char *name, const char *help,
                          const char *label_key)
{
    struct metric **slot;
    struct metric *m = find(name, &slot);

    if (m) {
        assert(m->type == type);
        return m->type == type ? m : &dummy;
    }
    m = mem_zalloc(sizeof(*m));
    if (!m) {
        return &dummy;
    }
    m->name = name;
    m->help = help;
    m->type = type;
    m->label_key = label_key;
    m->next = *slot;
    *slot = m;
    return m;
}

struct metric *metric_counter(const char *name, const char *help, const char *label_key)
{
    return get(METRIC_COUNTER, name, help, label_key);
}

struct metric *metric_gauge(const char *name, const char *help, const char *label_key)
{
    return get(METRIC_GAUGE, name, help, label_key);
}

struct metric *metric_histogram(const char *name, const char *help, const double *bounds,
                                size_t bound_count)
{
    struct metric *m = get(METRIC_HISTOGRAM, name, help, NULL);

    if (m != &dummy && !m->bounds) {
        m->bounds = bounds;
        m->bound_count = bound_count < METRIC_BUCKETS_MAX ? bound_count : METRIC_BUCKETS_MAX;
    }
    return m;
}

static struct metric_series *find_series(struct metric *m, const char *value)
{
    for (struct metric_series *s = m->series; s; s = s->next) {
        if (strcmp(s->label_value, value) == 0) {
            return s;
        }
    }
    return NULL;
}

static struct metric_series *add_series(struct metric *m, const char *value)
{
    size_t len = strlen(value);
    struct metric_series *s = mem_zalloc(sizeof(*s) + len + 1);

    if (!s) {
        return NULL;
    }
    memcpy(s->label_value, value, len);
    s->next = m->series;
    m->series = s;
    m->series_count++;
    return s;
}

/* Where the number for this label value is kept; NULL without memory. */
static double *series_number(struct metric *m, const char *value)
{
    struct metric_series *s;

    if (m == &dummy || !m->label_key || !value) {
        return &m->value;
    }
    s = find_series(m, value);
    if (!s && m->series_count >= METRIC_LABEL_MAX) {
        value = METRIC_LABEL_OTHER;
        s = find_series(m, value);
    }
    if (!s) {
        s = add_series(m, value);
    }
    return s ? &s->value : NULL;
}

/* A counter goes up only: anything else is a bug of the caller, and dropped. */
static bool may_add(const struct metric *m, double n)
{
    return m->type != METRIC_COUNTER || n >= 0;
}

void metric_add(struct metric *m, double n)
{
    if (may_add(m, n)) {
        m->value += n;
    }
}

void metric_add_label(struct metric *m, const char *label_value, double n)
{
    double *number = may_add(m, n) ? series_number(m, label_value) : NULL;

    if (number) {
        *number += n;
    }
}

void metric_set(struct metric *m, double value)
{
    m->value = value;
}

void metric_set_label(struct metric *m, const char *label_value, double value)
{
    double *number = series_number(m, label_value);

    if (number) {
        *number = value;
    }
}

void metric_observe(struct metric *m, double seconds)
{
    size_t i = 0;

    if (m == &dummy || m->type != METRIC_HISTOGRAM || isnan(seconds)) {
        return;
    }
    while (i < m->bound_count && seconds > m->bounds[i]) {
        i++;
    }
    m->buckets[i]++;
    m->sum += seconds;
    m->value += 1;
}

double metric_value(const struct metric *m, const char *label_value)
{
    if (!label_value) {
        return m->value;
    }
    for (const struct metric_series *s = m->series; s; s = s->next) {
        if (strcmp(s->label_value, label_value) == 0) {
            return s->value;
        }
    }
    return 0;
}

void metrics_reset(void)
{
    for (struct metric *m = registry; m; m = m->next) {
        while (m->series) {
            struct metric_series *s = m->series;

            m->series = s->next;
            mem_free(s);
        }
        m->series_count = 0;
        m->value = 0;
        m->sum = 0;
        memset(m->buckets, 0, sizeof(m->buckets));
    }
    dummy.value = 0;
}
