/* SPDX-License-Identifier: MIT */
/* Writes the registry in the Prometheus text format 0.0.4. Changes nothing. Called by the status
 * port.
 *
 *     # HELP name help
 *     # TYPE name counter|gauge|histogram
 *     name{key="value"} number */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/metrics_impl.h"

static int append_number(struct buf *out, double n)
{
    char text[32];

    if (isnan(n)) {
        return buf_append(out, BYTES_LIT("NaN"));
    }
    if (isinf(n)) {
        return buf_append(out, n > 0 ? BYTES_LIT("+Inf") : BYTES_LIT("-Inf"));
    }
    if (n >= -9007199254740992.0 && n <= 9007199254740992.0 && n == (double)(int64_t)n) {
        return buf_append_i64(out, (int64_t)n);
    }
    /* The shorter form where it reads back as the same number: 0.005, not 0.0050000000000000001. */
    (void)snprintf(text, sizeof(text), "%.15g", n);
    if (strtod(text, NULL) != n) {
        (void)snprintf(text, sizeof(text), "%.17g", n);
    }
    return buf_append(out, bytes_str(text));
}

/* Backslash and line feed are escaped in help and label values, quotes in label values only. */
static int append_escaped(struct buf *out, struct bytes text, bool is_label)
{
    int err = 0;

    for (const char *p = text.ptr; p != text.ptr + text.len && err == 0; p++) {
        if (*p == '\n') {
            err = buf_append(out, BYTES_LIT("\\n"));
        } else if (*p == '\\') {
            err = buf_append(out, BYTES_LIT("\\\\"));
        } else if (*p == '"' && is_label) {
            err = buf_append(out, BYTES_LIT("\\\""));
        } else {
            err = buf_append_char(out, *p);
        }
    }
    return err;
}

static int end_line(struct buf *out, double n)
{
    int err = buf_append_char(out, ' ');

    if (err == 0) {
        err = append_number(out, n);
    }
    return err != 0 ? err : buf_append_char(out, '\n');
}

static int render_head(const struct metric *m, struct buf *out)
{
    static const char *const type_names[] = {"counter", "gauge", "histogram"};
    int err = buf_printf(out, "# HELP %s ", m->name);

    if (err == 0) {
        err = append_escaped(out, bytes_str(m->help), false);
    }
    if (err == 0) {
        err = buf_printf(out, "\n# TYPE %s %s\n", m->name, type_names[m->type]);
    }
    return err;
}

/* The part of a list before its next comma, which is taken off. */
static struct bytes take_part(struct bytes *list)
{
    const char *comma = list->len > 0 ? memchr(list->ptr, ',', list->len) : NULL;
    struct bytes part = bytes_of(list->ptr, comma ? (size_t)(comma - list->ptr) : list->len);

    *list = bytes_skip(*list, part.len + 1);
    return part;
}

static int render_label(struct bytes key, struct bytes value, struct buf *out)
{
    int err = buf_printf(out, "%.*s=\"", BYTES_FMT(key));

    if (err == 0) {
        err = append_escaped(out, value, true);
    }
    return err != 0 ? err : buf_append_char(out, '"');
}

static int render_series(const struct metric *m, const struct metric_series *s, struct buf *out)
{
    struct bytes keys = bytes_str(m->label_key), values = bytes_str(s->label_value);
    int err = buf_printf(out, "%s{", m->name);

    while (keys.len > 0 && err == 0) {
        struct bytes key = take_part(&keys);

        err = render_label(key, keys.len > 0 ? take_part(&values) : values, out);
        if (err == 0 && keys.len > 0) {
            err = buf_append_char(out, ',');
        }
    }
    if (err == 0) {
        err = buf_append_char(out, '}');
    }
    return err != 0 ? err : end_line(out, s->value);
}

static int render_simple(const struct metric *m, struct buf *out)
{
    int err = 0;

    if (!m->label_key) {
        err = buf_append(out, bytes_str(m->name));
        return err != 0 ? err : end_line(out, m->value);
    }
    for (const struct metric_series *s = m->series; s && err == 0; s = s->next) {
        err = render_series(m, s, out);
    }
    return err;
}

static int render_histogram(const struct metric *m, struct buf *out)
{
    uint64_t total = 0;
    int err = 0;

    for (size_t i = 0; i <= m->bound_count && err == 0; i++) {
        total += m->buckets[i];
        err = buf_printf(out, "%s_bucket{le=\"", m->name);
        if (err == 0) {
            err = append_number(out, i < m->bound_count ? m->bounds[i] : (double)INFINITY);
        }
        if (err == 0) {
            err = buf_append(out, BYTES_LIT("\"}"));
        }
        if (err == 0) {
            err = end_line(out, (double)total);
        }
    }
    if (err == 0) {
        err = buf_printf(out, "%s_sum", m->name);
    }
    if (err == 0) {
        err = end_line(out, m->sum);
    }
    if (err == 0) {
        err = buf_printf(out, "%s_count", m->name);
    }
    return err != 0 ? err : end_line(out, (double)total);
}

int metrics_render(struct buf *out)
{
    size_t len_before = out->len;
    int err = 0;

    for (const struct metric *m = metrics_first(); m && err == 0; m = m->next) {
        err = render_head(m, out);
        if (err == 0) {
            err = m->type == METRIC_HISTOGRAM ? render_histogram(m, out) : render_simple(m, out);
        }
    }
    if (err != 0) {
        out->len = len_before;
    }
    return err;
}
