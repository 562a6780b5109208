/* SPDX-License-Identifier: MIT */
/* What the reports of all gateways come to, as JSON and as a row of the history. Called by
 * request_usage.c and usage_watch.c. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "broker/usage_sum_impl.h"
#include "proto/json_out.h"

#define RECENT_S 300u
#define NUMBER_BYTES 32u

/* Four decimals are enough of what is measured. */
static void put_real(struct json_out *j, const char *key, double value)
{
    char text[NUMBER_BYTES];
    int len = snprintf(text, sizeof(text), "%.4f", isfinite(value) ? value : 0.0);

    json_key(j, key);
    json_raw(j, bytes_of(text, (size_t)len));
}

static double quantile_ms(const struct usage_sum *s, double share)
{
    return usage_quantile(usage_latency_bounds_us, s->histogram.latency, USAGE_LATENCY_BOUNDS,
                          share, (double)s->latency.min, (double)s->latency.max) /
           1000.0;
}

static double average(const struct spread *s)
{
    return s->count > 0 ? (double)s->sum / (double)s->count : 0;
}

/* Names are the users' own: each as a key, written like any string. */
static void put_counts(struct json_out *j, const char *key, const struct entry *table)
{
    json_key(j, key);
    json_begin_object(j);
    for (const struct entry *e = table; e; e = e->hh.next) {
        char id[24];
        int len = snprintf(id, sizeof(id), "%" PRId64, usage_channel_of(e));
        struct bytes name = e->shown                   ? bytes_str(e->shown)
                            : usage_channel_of(e) != 0 ? bytes_of(id, (size_t)len)
                                                       : bytes_of(e->name, e->len);
        json_str_key(j, name);
        json_i64(j, e->sockets);
    }
    json_end_object(j);
}

static void put_connections(struct json_out *j, const struct usage_sum *s)
{
    json_key(j, "connections");
    json_begin_object(j);
    json_ki64(j, "total", s->connections);
    put_counts(j, "by_user", s->users);
    put_counts(j, "by_channel", s->topics);
    json_ki64(j, "created", s->created);
    json_ki64(j, "closed", s->closed);
    json_end_object(j);
}

static void put_messages(struct json_out *j, const struct usage_sum *s)
{
    json_key(j, "messages");
    json_begin_object(j);
    put_real(j, "rate_1m", (double)s->messages[0] / 60);
    put_real(j, "rate_5m", (double)s->messages[1] / RECENT_S);
    put_real(j, "rate_15m", (double)s->messages[2] / 900);
    json_key(j, "latency");
    json_begin_object(j);
    put_real(j, "p50", quantile_ms(s, 0.5));
    put_real(j, "p95", quantile_ms(s, 0.95));
    put_real(j, "p99", quantile_ms(s, 0.99));
    put_real(j, "avg", average(&s->latency) / 1000);
    put_real(j, "min", (double)s->latency.min / 1000);
    put_real(j, "max", (double)s->latency.max / 1000);
    json_ki64(j, "count", (int64_t)s->latency.count);
    json_end_object(j);
    json_end_object(j);
}

static void put_errors(struct json_out *j, const struct usage_sum *s)
{
    json_key(j, "errors");
    json_begin_object(j);
    json_ki64(j, "total", s->errors);
    json_key(j, "by_type");
    json_begin_object(j);
    for (int code = CODE_NONE + 1; code < CODE_COUNT; code++) {
        if (s->errors_by_code[code] > 0) {
            json_ki64(j, code_name((enum client_code)code), s->errors_by_code[code]);
        }
    }
    json_end_object(j);
    put_real(j, "rate", (double)s->recent_errors / RECENT_S);
    json_key(j, "recent");
    json_begin_array(j);
    for (size_t i = 0; i < s->list_count; i++) {
        json_begin_object(j);
        json_kstr(j, "type", bytes_str(code_name(s->list[i].code)));
        json_kstr(j, "message", bytes_str(code_sentence(s->list[i].code)));
        json_ktime(j, "timestamp", s->list[i].at_ms);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}

static void put_durations(struct json_out *j, const struct usage_sum *s)
{
    const struct spread *d = &s->durations;

    json_key(j, "connection_duration");
    json_begin_object(j);
    put_real(j, "avg", average(d));
    put_real(j, "median",
             usage_quantile(usage_duration_bounds_s, s->histogram.durations, USAGE_DURATION_BOUNDS,
                            0.5, (double)d->min, (double)d->max));
    put_real(j, "min", (double)d->min);
    put_real(j, "max", (double)d->max);
    json_end_object(j);
}

static int finish(struct json_out *j, size_t start)
{
    json_end_object(j);
    if (j->err) {
        j->out->len = start;
    }
    return j->err;
}

int usage_sum_render(const struct usage_sum *s, uint64_t now_ms, struct buf *out)
{
    bool has_started = s->first_started_ms > 0 && s->first_started_ms <= now_ms;
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_ktime(&j, "timestamp", now_ms);
    json_ki64(&j, "uptime_seconds",
              has_started ? (int64_t)(now_ms - s->first_started_ms) / 1000 : 0);
    put_connections(&j, s);
    put_messages(&j, s);
    put_errors(&j, s);
    put_durations(&j, s);
    return finish(&j, start);
}

void usage_sum_point(const struct usage_sum *s, uint64_t now_ms, struct usage_point *out)
{
    *out = (struct usage_point){.at_ms = now_ms,
                                .connections = s->connections,
                                .created = s->recent_created,
                                .closed = s->recent_closed,
                                .errors = s->recent_errors,
                                .messages_per_second = (double)s->messages[1] / RECENT_S,
                                .p50_ms = quantile_ms(s, 0.5),
                                .p95_ms = quantile_ms(s, 0.95),
                                .p99_ms = quantile_ms(s, 0.99)};
}

int usage_history(uint32_t hours, const struct usage_point *points, size_t count, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_ki64(&j, "hours", hours);
    json_ki64(&j, "interval_minutes", RECENT_S / 60);
    json_ki64(&j, "data_points", (int64_t)count);
    json_key(&j, "data");
    json_begin_array(&j);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&j);
        json_ktime(&j, "timestamp", points[i].at_ms);
        json_ki64(&j, "connections", points[i].connections);
        json_ki64(&j, "created", points[i].created);
        json_ki64(&j, "closed", points[i].closed);
        put_real(&j, "messages_per_second", points[i].messages_per_second);
        put_real(&j, "latency_p50", points[i].p50_ms);
        put_real(&j, "latency_p95", points[i].p95_ms);
        put_real(&j, "latency_p99", points[i].p99_ms);
        json_ki64(&j, "errors", points[i].errors);
        json_end_object(&j);
    }
    json_end_array(&j);
    return finish(&j, start);
}
