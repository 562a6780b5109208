/* SPDX-License-Identifier: MIT */
/* A ring of slots, and what is kept since the start. Called where things happen, by receiving.c,
 * sending.c and session_run.c; reported by usage_publish.c. */
#include "gateway/usage.h"

#include "proto/json_out.h"

#define RECENT_SLOTS (300u / USAGE_SLOT_S) /* five minutes */

void usage_init(struct usage *u, uint64_t mono_ms, uint64_t wall_ms)
{
    *u = (struct usage){.started_wall_ms = wall_ms, .started_s = mono_ms / 1000};
}

/* The present slot; those that have begun meanwhile are empty. */
static struct usage_slot *slot_at(struct usage *u, uint64_t mono_ms)
{
    uint64_t now_s = mono_ms / 1000;
    uint64_t number = now_s > u->started_s ? (now_s - u->started_s) / USAGE_SLOT_S : 0;

    if (number > u->slot_now + USAGE_SLOTS) {
        u->slot_now = number - USAGE_SLOTS;
    }
    while (u->slot_now < number) {
        u->slots[++u->slot_now % USAGE_SLOTS] = (struct usage_slot){0};
    }
    return &u->slots[u->slot_now % USAGE_SLOTS];
}

void usage_message(struct usage *u, uint64_t mono_ms)
{
    slot_at(u, mono_ms)->messages++;
}

void usage_latency(struct usage *u, uint64_t mono_ms, uint64_t latency_us)
{
    struct usage_slot *s = slot_at(u, mono_ms);
    uint32_t us = latency_us < UINT32_MAX ? (uint32_t)latency_us : UINT32_MAX;

    s->latency[usage_bucket(usage_latency_bounds_us, USAGE_LATENCY_BOUNDS, us)]++;
    s->latency_sum_us += us;
    s->latency_min_us = s->latency_count == 0 || us < s->latency_min_us ? us : s->latency_min_us;
    s->latency_max_us = us > s->latency_max_us ? us : s->latency_max_us;
    s->latency_count++;
}

void usage_error(struct usage *u, uint64_t mono_ms, uint64_t wall_ms, enum client_code code)
{
    slot_at(u, mono_ms)->errors++;
    u->errors++;
    u->errors_by_code[code]++;
    u->recent[u->recent_next] = (struct usage_error){code, wall_ms};
    u->recent_next = (u->recent_next + 1) % USAGE_ERRORS_MAX;
    u->recent_count += u->recent_count < USAGE_ERRORS_MAX;
}

void usage_created(struct usage *u, uint64_t mono_ms)
{
    slot_at(u, mono_ms)->created++;
    u->created++;
}

void usage_closed(struct usage *u, uint64_t mono_ms, uint64_t duration_ms)
{
    uint64_t s = duration_ms / 1000;

    slot_at(u, mono_ms)->closed++;
    u->closed++;
    u->durations[usage_bucket(usage_duration_bounds_s, USAGE_DURATION_BOUNDS, s)]++;
    u->duration_sum_s += s;
    u->duration_min_s = u->duration_count == 0 || s < u->duration_min_s ? s : u->duration_min_s;
    u->duration_max_s = s > u->duration_max_s ? s : u->duration_max_s;
    u->duration_count++;
}

enum client_code usage_code_of(struct bytes frame)
{
    static const char head[] = "{\"type\":\"error\"", mark[] = "\"code\":\"";
    const char *at;

    if (!bytes_has_prefix(frame, bytes_str(head))) {
        return CODE_NONE;
    }
    at = memmem(frame.ptr, frame.len, mark, strlen(mark));
    for (int code = CODE_NONE + 1; at && code < CODE_COUNT; code++) {
        struct bytes rest = bytes_skip(frame, (size_t)(at - frame.ptr) + strlen(mark));
        if (bytes_has_prefix(rest, bytes_str(code_name((enum client_code)code)))) {
            return (enum client_code)code;
        }
    }
    return CODE_INTERNAL_ERROR;
}

/* ---- the report ---- */

/* All of the last so many slots, the present one among them. */
static struct usage_slot sum(const struct usage *u, uint32_t slots)
{
    struct usage_slot all = {0};

    for (uint64_t back = 0; back < slots && back <= u->slot_now && back < USAGE_SLOTS; back++) {
        const struct usage_slot *s = &u->slots[(u->slot_now - back) % USAGE_SLOTS];
        all.messages += s->messages;
        all.errors += s->errors;
        all.created += s->created;
        all.closed += s->closed;
        for (size_t i = 0; i <= USAGE_LATENCY_BOUNDS; i++) {
            all.latency[i] += s->latency[i];
        }
        if (s->latency_count > 0) {
            bool is_least = all.latency_count == 0 || s->latency_min_us < all.latency_min_us;
            all.latency_min_us = is_least ? s->latency_min_us : all.latency_min_us;
            all.latency_max_us =
                s->latency_max_us > all.latency_max_us ? s->latency_max_us : all.latency_max_us;
        }
        all.latency_count += s->latency_count;
        all.latency_sum_us += s->latency_sum_us;
    }
    return all;
}

static void put_latency(struct json_out *j, const struct usage_slot *s)
{
    json_key(j, "latency");
    json_begin_object(j);
    json_key(j, "buckets");
    json_begin_array(j);
    for (size_t i = 0; i <= USAGE_LATENCY_BOUNDS; i++) {
        json_i64(j, s->latency[i]);
    }
    json_end_array(j);
    json_ki64(j, "sum_us", (int64_t)s->latency_sum_us);
    json_ki64(j, "count", s->latency_count);
    json_ki64(j, "min_us", s->latency_min_us);
    json_ki64(j, "max_us", s->latency_max_us);
    json_end_object(j);
}

static void put_errors(struct json_out *j, const struct usage *u)
{
    json_key(j, "errors");
    json_begin_object(j);
    json_ki64(j, "total", (int64_t)u->errors);
    json_key(j, "by_type");
    json_begin_object(j);
    for (int code = CODE_NONE + 1; code < CODE_COUNT; code++) {
        if (u->errors_by_code[code] > 0) {
            json_ki64(j, code_name((enum client_code)code), (int64_t)u->errors_by_code[code]);
        }
    }
    json_end_object(j);
    json_key(j, "list");
    json_begin_array(j);
    for (uint32_t i = 0; i < u->recent_count; i++) {
        const struct usage_error *e =
            &u->recent[(u->recent_next + USAGE_ERRORS_MAX - 1 - i) % USAGE_ERRORS_MAX];
        json_begin_object(j);
        json_kstr(j, "type", bytes_str(code_name(e->code)));
        json_ki64(j, "at_ms", (int64_t)e->at_ms);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}

static void put_durations(struct json_out *j, const struct usage *u)
{
    json_key(j, "durations");
    json_begin_object(j);
    json_key(j, "buckets");
    json_begin_array(j);
    for (size_t i = 0; i <= USAGE_DURATION_BOUNDS; i++) {
        json_i64(j, (int64_t)u->durations[i]);
    }
    json_end_array(j);
    json_ki64(j, "sum_s", (int64_t)u->duration_sum_s);
    json_ki64(j, "count", (int64_t)u->duration_count);
    json_ki64(j, "min_s", (int64_t)u->duration_min_s);
    json_ki64(j, "max_s", (int64_t)u->duration_max_s);
    json_end_object(j);
}

static void put_counts(struct json_out *j, const struct usage *u)
{
    struct usage_slot recent = sum(u, RECENT_SLOTS);

    json_key(j, "messages");
    json_begin_array(j);
    json_i64(j, sum(u, 60u / USAGE_SLOT_S).messages);
    json_i64(j, recent.messages);
    json_i64(j, sum(u, USAGE_SLOTS).messages);
    json_end_array(j);
    json_key(j, "recent");
    json_begin_object(j);
    json_ki64(j, "created", recent.created);
    json_ki64(j, "closed", recent.closed);
    json_ki64(j, "errors", recent.errors);
    json_end_object(j);
    put_latency(j, &recent);
}

/* A name may hold what no key of ours does: it is a string of the user's. */
static void put_entry(void *to, struct bytes name, uint32_t sockets)
{
    struct json_out *j = to;

    json_begin_array(j);
    json_str(j, name);
    json_i64(j, sockets);
    json_end_array(j);
}

int usage_report(struct usage *u, uint64_t mono_ms, const struct usage_listing *who,
                 struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    (void)slot_at(u, mono_ms);
    json_out_init(&j, out);
    json_begin_object(&j);
    json_ki64(&j, "v", USAGE_VERSION);
    json_ki64(&j, "started_ms", (int64_t)u->started_wall_ms);
    json_ki64(&j, "connections", (int64_t)who->connections);
    json_ki64(&j, "created", (int64_t)u->created);
    json_ki64(&j, "closed", (int64_t)u->closed);
    put_counts(&j, u);
    put_errors(&j, u);
    put_durations(&j, u);
    json_key(&j, "users");
    json_begin_array(&j);
    who->users(who->arg, put_entry, &j);
    json_end_array(&j);
    json_key(&j, "topics");
    json_begin_array(&j);
    who->topics(who->arg, put_entry, &j);
    json_end_array(&j);
    json_end_object(&j);
    if (j.err) {
        out->len = start;
    }
    return j.err;
}
