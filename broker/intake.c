/* SPDX-License-Identifier: MIT */
/* XREAD COUNT n BLOCK 250 STREAMS in:{..}… from each partition's cursor. An entry that does not
 * decode is written to the dead-letter stream, counted and passed over. Called by broker.c. */
#include "broker/intake.h"

#include <stdio.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/stream_keys.h"

#define ENTRY_BYTES_GUESS 65536u
#define ENTRY_BYTES_MAX (16u * INTAKE_BYTES)
#define RETRY_MS 200u

struct asked {
    struct partition *p;
    uint32_t generation;
    struct stream_key key;
    char id[ENTRY_ID_TEXT_MAX];
};

struct intake {
    struct redis_link *read_link, *command_link;
    struct pipeline *pipeline;
    const struct broker_conf *conf;
    bool is_reading;
    struct asked asked[PARTITIONS_MAX];
    size_t asked_count;
    uint32_t first;     /* partition that the next read begins with: a full batch is no reason to
                           serve always the same ones */
    size_t entry_bytes; /* of an entry, as of the last reads */
    struct loop_timer *retry;
    struct metric *entries, *undecodable;
};

static void poll_again(void *arg)
{
    intake_poll(arg);
}

struct intake *intake_new(struct loop *loop, struct redis_link *read_link,
                          struct redis_link *command_link, struct pipeline *pipeline,
                          const struct broker_conf *conf)
{
    struct intake *in = mem_zalloc(sizeof(*in));
    if (!in) {
        return NULL;
    }
    in->retry = loop_timer_new(loop, poll_again, in);
    if (!in->retry) {
        mem_free(in);
        return NULL;
    }
    in->read_link = read_link;
    in->command_link = command_link;
    in->pipeline = pipeline;
    in->conf = conf;
    in->entry_bytes = ENTRY_BYTES_GUESS;
    in->entries = metric_counter("broker_entries_total", "Stream entries read", NULL);
    in->undecodable = metric_counter("broker_undecodable_total",
                                     "Stream entries that could not be decoded", "error");
    return in;
}

void intake_free(struct intake *in)
{
    if (in) {
        loop_timer_free(in->retry);
        mem_free(in);
    }
}

static struct bytes field(const struct redis_value *fields, const char *name)
{
    for (size_t i = 0; i + 1 < redis_value_count(fields); i += 2) {
        if (bytes_eq_str(redis_value_bytes(redis_value_at(fields, i)), name)) {
            return redis_value_bytes(redis_value_at(fields, i + 1));
        }
    }
    return BYTES_NONE;
}

static void bury(struct intake *in, const struct asked *a, struct entry_id id, int reason,
                 const struct entry_fields *f)
{
    static struct log_limit limit = {.per_minute = 30};
    char key[REDIS_PREFIX_MAX + 16], text[ENTRY_ID_TEXT_MAX];
    int len = snprintf(key, sizeof(key), "%sdead:in", in->conf->redis_prefix);
    int err;

    entry_id_format(id, text);
    metric_add_label(in->undecodable, err_name(reason), 1);
    if (log_limit_pass(&limit, id.ms)) {
        log_error("entry_undecodable", LOG_U64("partition", a->p->id), LOG_STR("entry", text),
                  LOG_ERR(reason), LOG_U64("bytes", f->envelopes.len));
    }
    err = redis_link_command(
        in->command_link,
        (struct bytes[]){BYTES_LIT("XADD"), bytes_of(key, (size_t)len), BYTES_LIT("MAXLEN"),
                         BYTES_LIT("~"), BYTES_LIT("1000"), BYTES_LIT("*"), BYTES_LIT("stream"),
                         stream_key_bytes(&a->key), BYTES_LIT("entry"), bytes_str(text),
                         BYTES_LIT("reason"), bytes_str(err_name(reason)), BYTES_LIT("gw"),
                         f->gateway, BYTES_LIT("e"), f->envelopes},
        16, NULL, NULL);
    (void)err; /* counted and logged above */
}

/* Returns false when the batch can take no more. */
static bool add_entry(struct intake *in, struct batch *b, const struct asked *a,
                      const struct redis_value *entry)
{
    const struct redis_value *fields = redis_value_at(entry, 1);
    struct entry_fields f = {field(fields, "n"), field(fields, "gw"), field(fields, "w"),
                             field(fields, "e")};
    struct entry_id id;
    int err;

    if (b->work_count >= BATCH_ENVELOPES_MAX || b->bytes >= BATCH_BYTES_MAX ||
        (b->entry_count >= 1 && pipeline_wants_single_entries(in->pipeline))) {
        return false;
    }
    if (entry_id_parse(redis_value_bytes(redis_value_at(entry, 0)), &id) ||
        entry_id_cmp(id, a->p->cursor) <= 0) {
        return true;
    }
    err = batch_add_entry(b, a->p, id, &f);
    if (err == ERR_NOMEM) {
        return false;
    }
    if (err) {
        bury(in, a, id, err, &f);
    }
    metric_add(in->entries, 1);
    a->p->cursor = id;
    batch_part(b, a->p)->last = id;
    return true;
}

static void add_stream(struct intake *in, struct batch *b, const struct redis_value *stream)
{
    struct bytes name = redis_value_bytes(redis_value_at(stream, 0));
    const struct redis_value *entries = redis_value_at(stream, 1);

    for (size_t i = 0; i < in->asked_count; i++) {
        const struct asked *a = &in->asked[i];
        if (!bytes_eq(stream_key_bytes(&a->key), name) || a->p->generation != a->generation ||
            a->p->state != PARTITION_ACTIVE) {
            continue;
        }
        for (size_t k = 0; k < redis_value_count(entries); k++) {
            if (!add_entry(in, b, a, redis_value_at(entries, k))) {
                return;
            }
        }
    }
}

/* The next read asks for fewer entries when these were large. */
static void note_sizes(struct intake *in, const struct redis_value *v)
{
    size_t count = 0, bytes = 0;

    for (size_t i = 0; i < redis_value_count(v); i++) {
        const struct redis_value *entries = redis_value_at(redis_value_at(v, i), 1);
        for (size_t k = 0; k < redis_value_count(entries); k++) {
            bytes += field(redis_value_at(redis_value_at(entries, k), 1), "e").len;
            count++;
        }
    }
    if (count) {
        in->entry_bytes = (3 * in->entry_bytes + bytes / count) / 4 + 1;
    } else {
        in->entry_bytes = in->entry_bytes / 2 + 1;
    }
}

static void on_read_failed(struct intake *in, int err, const struct redis_value *v)
{
    static struct log_limit limit = {.per_minute = 30};

    if (err == ERR_REMOTE) {
        if (log_limit_pass(&limit, clock_mono_ms())) {
            log_error("read_failed", LOG_BYTES("reply", redis_value_bytes(v)));
        }
    } else if (in->entry_bytes < ENTRY_BYTES_MAX) {
        in->entry_bytes *= 4; /* perhaps the reply was larger than the link takes */
    }
    loop_timer_start(in->retry, RETRY_MS, 0);
}

static void on_read(void *arg, int err, const struct redis_value *v)
{
    struct intake *in = arg;
    struct batch *b;

    in->is_reading = false;
    if (err) {
        on_read_failed(in, err, v);
        return;
    }
    note_sizes(in, v);
    if (redis_value_count(v)) {
        b = pipeline_new_batch(in->pipeline);
        if (b) {
            for (size_t i = 0; i < redis_value_count(v); i++) {
                add_stream(in, b, redis_value_at(v, i));
            }
            pipeline_submit(in->pipeline, b);
        }
    }
    intake_poll(in);
}

static void ask(struct intake *in)
{
    size_t max = INTAKE_BYTES / in->entry_bytes;
    uint32_t count = in->conf->partitions;

    in->asked_count = 0;
    in->first = (in->first + 1) % count;
    for (uint32_t i = 0; i < count && in->asked_count < (max ? max : 1); i++) {
        struct partition *p = pipeline_partition(in->pipeline, (in->first + i) % count);
        struct asked *a = &in->asked[in->asked_count];
        if (p->state != PARTITION_ACTIVE) {
            continue;
        }
        a->p = p;
        a->generation = p->generation;
        a->key = key_in(in->conf->redis_prefix, p->id);
        entry_id_format(p->cursor, a->id);
        in->asked_count++;
    }
}

static void format_count(const struct intake *in, char out[12])
{
    size_t count = INTAKE_BYTES / (in->asked_count * in->entry_bytes);

    if (count > INTAKE_COUNT_MAX) {
        count = INTAKE_COUNT_MAX;
    }
    if (count == 0 || pipeline_wants_single_entries(in->pipeline)) {
        count = 1;
    }
    (void)snprintf(out, 12, "%u", (unsigned)count);
}

void intake_poll(struct intake *in)
{
    struct bytes argv[6 + 2 * PARTITIONS_MAX] = {
        BYTES_LIT("XREAD"), BYTES_LIT("COUNT"),         BYTES_NONE,
        BYTES_LIT("BLOCK"), BYTES_LIT(INTAKE_BLOCK_MS), BYTES_LIT("STREAMS")};
    char count[12];

    if (in->is_reading || !pipeline_has_room(in->pipeline) || !redis_link_is_up(in->read_link)) {
        return;
    }
    ask(in);
    if (in->asked_count == 0) {
        return;
    }
    format_count(in, count);
    argv[2] = bytes_str(count);
    for (size_t i = 0; i < in->asked_count; i++) {
        argv[6 + i] = stream_key_bytes(&in->asked[i].key);
        argv[6 + in->asked_count + i] = bytes_str(in->asked[i].id);
    }
    in->is_reading =
        redis_link_command(in->read_link, argv, 6 + 2 * in->asked_count, on_read, in) == 0;
    if (!in->is_reading) {
        loop_timer_start(in->retry, RETRY_MS, 0);
    }
}

void intake_link_down(struct intake *in)
{
    in->is_reading = false;
}
