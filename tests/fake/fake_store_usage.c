/* SPDX-License-Identifier: MIT */
/* The history of use and the names of channels, without a store: two points, and a name for each
 * channel. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/store_usage.h"
#include "fake_later.h"
#include "fake_store.h"

struct answer {
    store_points_fn *points;
    store_names_fn *names;
    void *arg;
    int err;
    size_t count;
    int64_t ids[16];
};

static void complete(void *arg)
{
    static const struct usage_point POINTS[] = {
        {.at_ms = 1800000000000, .connections = 3, .messages_per_second = 0.5},
        {.at_ms = 1800000300000, .connections = 4, .p99_ms = 12.25}};
    struct answer a = *(struct answer *)arg;
    struct channel_name_row rows[16];
    char names[16][16];

    free(arg);
    if (a.points) {
        a.points(a.arg, a.err, POINTS, a.err == 0 ? 2 : 0);
        return;
    }
    for (size_t i = 0; i < a.count; i++) {
        int len = snprintf(names[i], sizeof(names[i]), "room-%d", (int)a.ids[i]);
        rows[i] = (struct channel_name_row){a.ids[i], bytes_of(names[i], (size_t)len)};
    }
    a.names(a.arg, a.err, rows, a.err == 0 ? a.count : 0);
}

static int submit(const struct answer *answer)
{
    struct answer *a;
    int err = fake_fault_next(&fake_store.fault);

    if (err != 0 && fake_store.fault.at_submit) {
        return err;
    }
    a = malloc(sizeof(*a));
    if (!a) {
        abort();
    }
    *a = *answer;
    a->err = err;
    fake_later(complete, a);
    return 0;
}

int store_usage_history(struct store *s, uint32_t hours, store_points_fn *fn, void *arg)
{
    (void)s;
    (void)hours;
    return submit(&(struct answer){.points = fn, .arg = arg});
}

int store_channel_names(struct store *s, const int64_t *ids, size_t count, store_names_fn *fn,
                        void *arg)
{
    struct answer a = {.names = fn, .arg = arg, .count = count < 16 ? count : 16};

    (void)s;
    memcpy(a.ids, ids, a.count * sizeof(ids[0]));
    return submit(&a);
}
