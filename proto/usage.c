/* SPDX-License-Identifier: MIT */
/* Histograms of use. Called by gateway/usage.c and broker/usage_sum.c. */
#include "proto/usage.h"

const uint32_t usage_latency_bounds_us[USAGE_LATENCY_BOUNDS] = {
    500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000};
const uint32_t usage_duration_bounds_s[USAGE_DURATION_BOUNDS] = {
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400};

size_t usage_bucket(const uint32_t *bounds, size_t count, uint64_t value)
{
    size_t i = 0;

    while (i < count && value > bounds[i]) {
        i++;
    }
    return i;
}

static double within(double value, double min, double max)
{
    return value < min ? min : value > max ? max : value;
}

double usage_quantile(const uint32_t *bounds, const uint64_t *counts, size_t count, double share,
                      double min, double max)
{
    double total = 0, before = 0, wanted;

    for (size_t i = 0; i <= count; i++) {
        total += (double)counts[i];
    }
    wanted = total * share;
    for (size_t i = 0; i <= count && total > 0; i++) {
        double low = i > 0 ? bounds[i - 1] : 0, high = i < count ? bounds[i] : max;
        if (counts[i] > 0 && before + (double)counts[i] >= wanted) {
            return within(low + (high - low) * (wanted - before) / (double)counts[i], min, max);
        }
        before += (double)counts[i];
    }
    return total > 0 ? max : 0;
}
