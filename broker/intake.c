/* SPDX-License-Identifier: MIT */
/* XREAD COUNT 32 BLOCK 250 STREAMS in:{..}… from each partition's cursor. An entry that does not
 * decode is written to the dead-letter stream, counted and passed over. Called by broker.c. */
#include "broker/intake.h"

#include <stdio.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/stream_keys.h"

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
    struct metric *entries, *undecodable;
};

struct intake *intake_new(struct redis_link *read_link, struct redis_link *command_link,
                          struct pipeline *pipeline, const struct broker_conf *conf)
{
    struct intake *in = mem_zalloc(sizeof(*in));
    if (!in) {
        return NULL;
    }
    in->read_link = read_link;
    in->command_link = command_link;
    in->pipeline = pipeline;
    in->conf = conf;
    in->entries = metric_counter("broker_entries_total", "Stream entries read", NULL);
    in->undecodable = metric_counter("broker_undecodable_total",
                                     "Stream entries that could not be decoded", "error");
    return in;
}

void intake_free(struct intake *in)
{
    mem_free(in);
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
    struct entry_fields f = {field(fields, "n"), field(fields, "gw"), field(fields, "e")};
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

static void on_read(void *arg, int err, const struct redis_value *v)
{
    struct intake *in = arg;
    struct batch *b;

    in->is_reading = false;
    if (err == ERR_REMOTE) {
        log_error("read_failed", LOG_BYTES("reply", redis_value_bytes(v)));
    }
    if (err) {
        return; /* the link goes down, or the next poll tries again */
    }
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
    in->asked_count = 0;
    for (uint32_t i = 0; i < in->conf->partitions; i++) {
        struct partition *p = pipeline_partition(in->pipeline, i);
        struct asked *a = &in->asked[in->asked_count];
        if (p->state != PARTITION_ACTIVE) {
            continue;
        }
        a->p = p;
        a->generation = p->generation;
        a->key = key_in(in->conf->redis_prefix, i);
        entry_id_format(p->cursor, a->id);
        in->asked_count++;
    }
}

void intake_poll(struct intake *in)
{
    struct bytes argv[6 + 2 * PARTITIONS_MAX] = {BYTES_LIT("XREAD"),         BYTES_LIT("COUNT"),
                                                 BYTES_LIT(INTAKE_COUNT),    BYTES_LIT("BLOCK"),
                                                 BYTES_LIT(INTAKE_BLOCK_MS), BYTES_LIT("STREAMS")};
    if (in->is_reading || !pipeline_has_room(in->pipeline) || !redis_link_is_up(in->read_link)) {
        return;
    }
    ask(in);
    if (in->asked_count == 0) {
        return;
    }
    if (pipeline_wants_single_entries(in->pipeline)) {
        argv[2] = BYTES_LIT("1");
    }
    for (size_t i = 0; i < in->asked_count; i++) {
        argv[6 + i] = stream_key_bytes(&in->asked[i].key);
        argv[6 + in->asked_count + i] = bytes_str(in->asked[i].id);
    }
    in->is_reading =
        redis_link_command(in->read_link, argv, 6 + 2 * in->asked_count, on_read, in) == 0;
}

void intake_link_down(struct intake *in)
{
    in->is_reading = false;
}
