/* SPDX-License-Identifier: MIT */
/* Sorting quantiles and reading /proc/<pid>. */
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void samples_add(struct samples *s, double v)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4096;
        s->values = realloc(s->values, s->cap * sizeof(*s->values));
        if (!s->values) {
            abort();
        }
    }
    s->values[s->count++] = v;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_quantile(struct samples *s, double q)
{
    if (s->count == 0) {
        return 0;
    }
    qsort(s->values, s->count, sizeof(*s->values), compare);
    return s->values[(size_t)(q * (double)(s->count - 1))];
}

void samples_done(struct samples *s)
{
    free(s->values);
    memset(s, 0, sizeof(*s));
}

double process_cpu_seconds(int pid)
{
    char path[64], text[1024];
    unsigned long user = 0, sys = 0;
    const char *rest;
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    f = fopen(path, "r");
    if (!f) {
        return 0;
    }
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = 0;
    rest = strrchr(text, ')'); /* the name may hold blanks */
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &sys) != 2) {
        return 0;
    }
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

double process_rss_kib(int pid)
{
    char path[64], line[256];
    double kib = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    f = fopen(path, "r");
    if (!f) {
        return 0;
    }
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "VmRSS: %lf", &kib) == 1) {
            break;
        }
    }
    fclose(f);
    return kib;
}

double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
