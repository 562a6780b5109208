/* SPDX-License-Identifier: MIT */
/* The fold of part states into readiness. Glue sets the states, the status port shows them. */
#include "common/health.h"

#include "common/json_quote.h"
#include "common/metrics.h"

void health_set(struct health *h, const char *name, bool is_up)
{
    size_t i = 0;

    while (i < h->count && strcmp(h->parts[i].name, name) != 0) {
        i++;
    }
    if (i == HEALTH_PARTS_MAX) {
        return;
    }
    if (i == h->count) {
        h->parts[i].name = name;
        h->count++;
    }
    h->parts[i].is_up = is_up;
}

bool health_is_ready(const struct health *h)
{
    for (size_t i = 0; i < h->count; i++) {
        if (!h->parts[i].is_up) {
            return false;
        }
    }
    return !h->is_draining;
}

void health_publish(const struct health *h)
{
    struct metric *part_up = metric_gauge("process_part_up", "1: this part answers", "part");

    for (size_t i = 0; i < h->count; i++) {
        metric_set_label(part_up, h->parts[i].name, h->parts[i].is_up);
    }
    metric_set(metric_gauge("process_ready", "1: all parts answer, and it is not ending", NULL),
               health_is_ready(h));
}

void health_publish_start(uint64_t wall_ms)
{
    metric_set(metric_gauge("process_start_time_seconds",
                            "When this process began, in seconds since 1970", NULL),
               (double)wall_ms / 1000.0);
}

int health_json(const struct health *h, struct buf *out)
{
    const char *status = h->is_draining ? "draining" : health_is_ready(h) ? "ready" : "not_ready";
    size_t len_before = out->len;
    int err = buf_printf(out, "{\"status\":\"%s\",\"parts\":{", status);

    for (size_t i = 0; i < h->count && err == 0; i++) {
        if (i > 0) {
            err = buf_append_char(out, ',');
        }
        if (err == 0) {
            err = json_quote(out, bytes_str(h->parts[i].name));
        }
        if (err == 0) {
            err =
                buf_append(out, h->parts[i].is_up ? BYTES_LIT(":\"up\"") : BYTES_LIT(":\"down\""));
        }
    }
    if (err == 0) {
        err = buf_append(out, BYTES_LIT("}}"));
    }
    if (err != 0) {
        out->len = len_before;
    }
    return err;
}
