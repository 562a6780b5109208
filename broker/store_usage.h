/* SPDX-License-Identifier: MIT */
#pragma once
/* The history of use in PostgreSQL, and the names of channels. The rules are those of store_api.h,
 * whose connection it uses. Implemented by io/store_pg_usage.c. */
#include "broker/store.h"
#include "broker/usage_sum.h"

#define USAGE_HOURS_MAX 168u   /* a week */
#define USAGE_POINTS_MAX 2017u /* of a week, and one */

/* One at that time already: nothing. */
NODISCARD int store_usage_put(struct store *s, const struct usage_point *point, store_done_fn *fn,
                              void *arg);
typedef void store_points_fn(void *arg, int err, const struct usage_point *points, size_t count);
/* Those of the last hours, the oldest first. */
NODISCARD int store_usage_history(struct store *s, uint32_t hours, store_points_fn *fn, void *arg);

struct channel_name_row {
    int64_t id;
    struct bytes name;
};
typedef void store_names_fn(void *arg, int err, const struct channel_name_row *rows, size_t count);
NODISCARD int store_channel_names(struct store *s, const int64_t *ids, size_t count,
                                  store_names_fn *fn, void *arg);
