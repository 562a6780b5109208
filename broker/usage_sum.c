/* SPDX-License-Identifier: MIT */
/* Adds reports up. Nothing of them is trusted: what is no number counts for nothing, and lists have
 * an end. Called by usage_collect.c. */
#include "broker/usage_sum_impl.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/channel_name.h"
#include "common/mem.h"
#include "proto/client_msg.h"

struct usage_sum *usage_sum_new(void)
{
    return mem_zalloc(sizeof(struct usage_sum));
}

static void free_entries(struct entry **table)
{
    struct entry *e, *tmp;

    HASH_ITER(hh, *table, e, tmp) {
        HASH_DEL(*table, e);
        mem_free(e->shown);
        mem_free(e);
    }
}

void usage_sum_free(struct usage_sum *s)
{
    if (s) {
        free_entries(&s->users);
        free_entries(&s->topics);
        mem_free(s);
    }
}

/* ---- reading ---- */

/* Anything that is no number from 0 on is 0. */
static int64_t number(const json_t *object, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(object, key));

    return n > 0 ? n : 0;
}

static int64_t item(const json_t *array, size_t i)
{
    json_int_t n = json_integer_value(json_array_get(array, i));

    return n > 0 ? n : 0;
}

static void add_spread(struct spread *s, const json_t *from, const char *unit)
{
    char sum[16], min[16], max[16];
    uint64_t count = (uint64_t)number(from, "count"), least, most;

    snprintf(sum, sizeof(sum), "sum_%s", unit);
    snprintf(min, sizeof(min), "min_%s", unit);
    snprintf(max, sizeof(max), "max_%s", unit);
    if (count == 0) {
        return;
    }
    least = (uint64_t)number(from, min);
    most = (uint64_t)number(from, max);
    s->min = s->count == 0 || least < s->min ? least : s->min;
    s->max = most > s->max ? most : s->max;
    s->sum += (uint64_t)number(from, sum);
    s->count += count;
}

static void add_histogram(uint64_t *counts, size_t bounds, const json_t *from)
{
    const json_t *buckets = json_object_get(from, "buckets");

    for (size_t i = 0; i <= bounds; i++) {
        counts[i] += (uint64_t)item(buckets, i);
    }
}

static enum client_code code_of(const char *name)
{
    for (int code = CODE_NONE + 1; name && code < CODE_COUNT; code++) {
        if (strcmp(name, code_name((enum client_code)code)) == 0) {
            return (enum client_code)code;
        }
    }
    return CODE_NONE;
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct error_seen *)a)->at_ms, y = ((const struct error_seen *)b)->at_ms;

    return x < y ? 1 : x > y ? -1 : 0;
}

static void add_errors(struct usage_sum *s, const json_t *errors)
{
    const json_t *by_type = json_object_get(errors, "by_type");
    const json_t *list = json_object_get(errors, "list");

    s->errors += number(errors, "total");
    for (int code = CODE_NONE + 1; code < CODE_COUNT; code++) {
        s->errors_by_code[code] += number(by_type, code_name((enum client_code)code));
    }
    for (size_t i = 0; i < json_array_size(list) && i < USAGE_ERRORS_MAX; i++) {
        const json_t *e = json_array_get(list, i);
        enum client_code code = code_of(json_string_value(json_object_get(e, "type")));
        if (code != CODE_NONE) {
            s->list[s->list_count++] = (struct error_seen){(uint64_t)number(e, "at_ms"), code};
        }
    }
    qsort(s->list, s->list_count, sizeof(s->list[0]), newest_first);
    s->list_count = s->list_count < USAGE_ERRORS_MAX ? s->list_count : USAGE_ERRORS_MAX;
}

static int add_entry(struct entry **table, struct bytes name, int64_t sockets)
{
    struct entry *e;

    HASH_FIND(hh, *table, name.ptr, name.len, e);
    if (!e && HASH_COUNT(*table) >= USAGE_NAMES_MAX) {
        return 0;
    }
    if (!e) {
        e = mem_zalloc(sizeof(*e) + name.len + 1);
        if (!e) {
            return ERR_NOMEM;
        }
        memcpy(e->name, name.ptr, name.len);
        e->len = name.len;
        HASH_ADD_KEYPTR(hh, *table, e->name, e->len, e);
    }
    e->sockets += sockets;
    return 0;
}

static int add_entries(struct entry **table, const json_t *list)
{
    int err = 0;

    for (size_t i = 0; i < json_array_size(list) && i < USAGE_LISTED_MAX && err == 0; i++) {
        const json_t *pair = json_array_get(list, i), *name = json_array_get(pair, 0);
        if (json_is_string(name) && json_string_length(name) > 0) {
            err = add_entry(table, bytes_of(json_string_value(name), json_string_length(name)),
                            item(pair, 1));
        }
    }
    return err;
}

static int add(struct usage_sum *s, const json_t *r)
{
    const json_t *recent = json_object_get(r, "recent"), *latency = json_object_get(r, "latency"),
                 *durations = json_object_get(r, "durations"),
                 *messages = json_object_get(r, "messages");
    uint64_t started = (uint64_t)number(r, "started_ms");
    int err;

    s->first_started_ms =
        s->first_started_ms == 0 || started < s->first_started_ms ? started : s->first_started_ms;
    s->connections += number(r, "connections");
    s->created += number(r, "created");
    s->closed += number(r, "closed");
    for (size_t i = 0; i < 3; i++) {
        s->messages[i] += item(messages, i);
    }
    s->recent_created += number(recent, "created");
    s->recent_closed += number(recent, "closed");
    s->recent_errors += number(recent, "errors");
    add_spread(&s->latency, latency, "us");
    add_histogram(s->histogram.latency, USAGE_LATENCY_BOUNDS, latency);
    add_spread(&s->durations, durations, "s");
    add_histogram(s->histogram.durations, USAGE_DURATION_BOUNDS, durations);
    add_errors(s, json_object_get(r, "errors"));
    err = add_entries(&s->users, json_object_get(r, "users"));
    return err ? err : add_entries(&s->topics, json_object_get(r, "topics"));
}

int usage_sum_add(struct usage_sum *s, struct bytes report)
{
    json_t *root;
    int err;

    if (report.len > USAGE_REPORT_MAX_BYTES || json_check_depth(report) != 0) {
        return ERR_SYNTAX;
    }
    root = json_loadb(report.ptr, report.len, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return ERR_SYNTAX;
    }
    err = json_integer_value(json_object_get(root, "v")) == USAGE_VERSION ? add(s, root)
                                                                          : ERR_VERSION;
    json_decref(root);
    return err;
}

/* ---- channels ---- */

int64_t usage_channel_of(const struct entry *e)
{
    struct bytes topic = bytes_of(e->name, e->len);
    int64_t id = 0;

    return bytes_has_prefix(topic, BYTES_LIT("chat:")) &&
                   channel_number_parse(bytes_skip(topic, 5), &id) == 0
               ? id
               : 0;
}

size_t usage_sum_channels(const struct usage_sum *s, int64_t *out_ids, size_t max)
{
    size_t count = 0;

    for (const struct entry *e = s->topics; e && count < max; e = e->hh.next) {
        int64_t id = usage_channel_of(e);
        if (id != 0) {
            out_ids[count++] = id;
        }
    }
    return count;
}

int usage_sum_name(struct usage_sum *s, int64_t channel_id, struct bytes name)
{
    char topic[32];
    struct entry *e;
    int len = snprintf(topic, sizeof(topic), "chat:%" PRId64, channel_id);

    HASH_FIND(hh, s->topics, topic, (size_t)len, e);
    if (!e) {
        return 0;
    }
    mem_free(e->shown);
    e->shown = mem_dup_str(name);
    return e->shown ? 0 : ERR_NOMEM;
}
