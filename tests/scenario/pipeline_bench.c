/* SPDX-License-Identifier: MIT */
/* The fakes around a pipeline: the store, the gateways' streams and the table of requests. */
#include "tests/scenario/pipeline_bench.h"

#include <stdio.h>
#include <utlist.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/stream_keys.h"

struct bench bench;

static struct redis_clock bench_clock;

/* ---- the store ---- */

static struct op *op_new(enum op_kind kind, void (*fn)(void), void *arg)
{
    struct op *op = mem_zalloc(sizeof(*op));
    assert_non_null(op);
    op->kind = kind;
    op->fn = fn;
    op->arg = arg;
    DL_APPEND(bench.ops, op);
    return op;
}

int store_commit(struct store *s, const struct store_batch *batch, store_done_fn *fn, void *arg)
{
    struct op *op = op_new(OP_COMMIT, (void (*)(void))fn, arg);
    (void)s;
    assert_true(batch->position_count > 0 && batch->row_count > 0);
    op->position = batch->positions[0];
    op->position_count = batch->position_count;
    op->row_count = batch->row_count;
    op->first = batch->rows[0];
    return 0;
}

int store_claim(struct store *s, uint32_t partition, struct bytes owner, store_claim_fn *fn,
                void *arg)
{
    (void)s;
    (void)owner;
    op_new(OP_CLAIM, (void (*)(void))fn, arg)->id = partition;
    return 0;
}

int store_undelivered(struct store *s, uint32_t partition, struct entry_id after, int64_t from_id,
                      uint32_t limit, store_rows_fn *fn, void *arg)
{
    (void)s;
    (void)partition;
    (void)after;
    (void)limit;
    op_new(OP_ROWS, (void (*)(void))fn, arg)->id = from_id;
    return 0;
}

int store_find_clients(struct store *s, const struct client_key *keys, size_t count,
                       store_rows_fn *fn, void *arg)
{
    (void)s;
    (void)keys;
    op_new(OP_CLIENTS, (void (*)(void))fn, arg)->key_count = count;
    return 0;
}

/* Ids are always at hand; they come at the end of the turn, like everything. */
struct ids_request {
    struct loop_task task;
    store_ids_fn *fn;
    void *arg;
    uint32_t count;
};

static void give_ids(void *arg)
{
    struct ids_request *r = arg;
    int64_t *ids = mem_alloc(r->count * sizeof(*ids));
    assert_non_null(ids);
    for (uint32_t i = 0; i < r->count; i++) {
        ids[i] = bench.next_id++;
    }
    r->fn(r->arg, 0, ids, r->count);
    mem_free(ids);
    mem_free(r);
}

int store_take_ids(struct store *s, uint32_t count, store_ids_fn *fn, void *arg)
{
    struct ids_request *r = mem_zalloc(sizeof(*r));
    (void)s;
    assert_non_null(r);
    r->fn = fn;
    r->arg = arg;
    r->count = count;
    loop_task_init(&r->task, give_ids, r);
    loop_at_turn_end(bench.loop, &r->task);
    return 0;
}

int store_channel_by_id(struct store *s, int64_t id, int64_t user_id, store_channel_fn *fn,
                        void *arg)
{
    (void)s;
    (void)user_id;
    op_new(OP_CHANNEL, (void (*)(void))fn, arg)->id = id;
    return 0;
}

int store_target(struct store *s, int64_t channel_id, int64_t message_id, int64_t reader_id,
                 store_target_fn *fn, void *arg)
{
    (void)s;
    (void)channel_id;
    (void)reader_id;
    op_new(OP_EXISTS, (void (*)(void))fn, arg)->id = message_id;
    return 0;
}

int store_attachments_find(struct store *s, const int64_t *ids, size_t count, int64_t channel_id,
                           int64_t user_id, store_attachments_fn *fn, void *arg)
{
    (void)s;
    (void)channel_id;
    (void)user_id;
    op_new(OP_ATTACHMENTS, (void (*)(void))fn, arg)->row_count = count;
    bench_op(OP_ATTACHMENTS)->id = ids[0];
    return 0;
}

int store_user_ops(struct store *s, const struct user_op *ops, size_t count, uint32_t push_after_s,
                   store_user_ops_fn *fn, void *arg)
{
    struct op *op = op_new(OP_PEOPLE, (void (*)(void))fn, arg);
    (void)s;
    (void)push_after_s;
    op->row_count = count;
    op->what = (int)ops[0].kind;
    op->id = ops[0].notify ? notify_user(ops[0].notify, 0) : ops[0].user_id;
    return 0;
}

int store_presence(struct store *s, const struct presence_row *rows, size_t count,
                   store_done_fn *fn, void *arg)
{
    struct op *op = op_new(OP_PRESENCE, (void (*)(void))fn, arg);
    (void)s;
    op->row_count = count;
    op->id = rows[0].user_id;
    (void)snprintf(op->shown, sizeof(op->shown), "%.*s", BYTES_FMT(rows[0].shown));
    return 0;
}

int store_presence_shown(struct store *s, int64_t from_id, uint32_t limit, store_presence_fn *fn,
                         void *arg)
{
    (void)s;
    (void)limit;
    op_new(OP_SHOWN, (void (*)(void))fn, arg)->id = from_id;
    return 0;
}

unsigned bench_ops(enum op_kind kind)
{
    const struct op *op;
    unsigned n = 0;
    DL_FOREACH(bench.ops, op) {
        n += op->kind == kind;
    }
    return n;
}

struct op *bench_op(enum op_kind kind)
{
    struct op *op;
    DL_FOREACH(bench.ops, op) {
        if (op->kind == kind) {
            return op;
        }
    }
    fail_msg("no request of kind %d is under way", (int)kind);
    return NULL;
}

static struct op take(enum op_kind kind)
{
    struct op *op = bench_op(kind), copy = *op;
    DL_DELETE(bench.ops, op);
    mem_free(op);
    return copy;
}

void bench_forget(struct op *op)
{
    DL_DELETE(bench.ops, op);
    mem_free(op);
}

static void turn(void)
{
    fake_loop_pass(bench.loop, 0);
}

void bench_commit_done(int err)
{
    struct op op = take(OP_COMMIT);
    ((store_done_fn *)op.fn)(op.arg, err);
    turn();
}

void bench_claim_done(struct entry_id last, int64_t redeliver_from)
{
    static int64_t fence;
    struct op op = take(OP_CLAIM);
    const struct partition_claim claim = {++fence, last, redeliver_from};
    ((store_claim_fn *)op.fn)(op.arg, 0, &claim);
    turn();
}

void bench_rows_done(const struct content_row *rows, size_t count)
{
    struct op op = take(OP_ROWS);
    ((store_rows_fn *)op.fn)(op.arg, 0, rows, count);
    turn();
}

void bench_clients_done(const struct content_row *rows, size_t count)
{
    struct op op = take(OP_CLIENTS);
    ((store_rows_fn *)op.fn)(op.arg, 0, rows, count);
    turn();
}

/* The room's row, then its connections: one at the bench's gateway. */
void bench_channel_done(uint64_t last_seq)
{
    static const struct redis_value fields[] = {
        {.type = REDIS_STR, .text = {"gw.1/1", 6}},
        {.type = REDIS_STR, .text = {"10 ann", 6}},
    };
    const struct redis_value list = {.type = REDIS_LIST, .items = fields, .count = 2};
    struct op op = take(OP_CHANNEL);
    const struct channel_row row = {.id = op.id, .name = BYTES_LIT("room"), .last_seq = last_seq};
    struct fake_command *c;

    ((store_channel_fn *)op.fn)(op.arg, 0, &row);
    c = fake_redis_find(0, "HGETALL", NULL);
    assert_non_null(c);
    fake_redis_answer(0, c, 0, &list);
    turn();
}

/* ---- the gateways ---- */

#define WAITERS_MAX 64u
static struct {
    egress_done_fn *done;
    void *arg;
} waiters[WAITERS_MAX];

int egress_sections(struct egress *e, struct bytes gateway, struct bytes sections,
                    uint32_t section_count, egress_done_fn *done, void *arg)
{
    (void)e;
    (void)gateway;
    (void)sections;
    assert_true(bench.deliveries < WAITERS_MAX);
    bench.sections += section_count;
    waiters[bench.deliveries].done = done;
    waiters[bench.deliveries++].arg = arg;
    return 0;
}

bool egress_has_room(const struct egress *e, struct bytes gateway, size_t bytes)
{
    (void)e;
    (void)gateway;
    (void)bytes;
    return !bench.is_egress_full;
}

void bench_deliveries_done(int err)
{
    unsigned count = bench.deliveries;
    bench.deliveries = 0;
    for (unsigned i = 0; i < count; i++) {
        waiters[i].done(waiters[i].arg, err);
    }
    turn();
}

/* ---- requests ---- */

void requests_start(struct requests *r, struct bytes gateway, const struct up_envelope *env)
{
    (void)r;
    (void)gateway;
    (void)env;
}

void requests_connection_gone(struct requests *r, struct bytes gateway, uint64_t conn,
                              int64_t user_id)
{
    (void)r;
    (void)gateway;
    (void)conn;
    (void)user_id;
}

/* ---- the bench ---- */

static void on_room(void *arg)
{
    (void)arg;
    bench.room_calls++;
}

static void on_link(void *arg, struct bytes run_id, bool is_new_server)
{
    (void)arg;
    (void)run_id;
    (void)is_new_server;
}

static void on_link_down(void *arg)
{
    (void)arg;
}

static void quiet(void *arg, struct bytes line)
{
    (void)arg;
    (void)line;
}

int bench_set_up(void **state)
{
    static const struct redis_link_events events = {on_link, on_link_down};
    static char prefix[] = "kb:";
    (void)state;

    memset(&bench, 0, sizeof(bench));
    log_set_sink(quiet, NULL);
    fake_clock_reset();
    fake_redis_reset();
    bench.next_id = 1000;
    bench.loop = loop_new();
    bench.redis = redis_link_new(bench.loop, NULL, &events, NULL);
    fake_redis_up(0, "life", false);
    bench.conf = (struct broker_conf){.redis_prefix = prefix,
                                      .partitions = 2,
                                      .lease_ms = 3000,
                                      .message_max_chars = 100,
                                      .room_presence_limit = 10};
    bench.pl = pipeline_new(&(struct pipeline_deps){.loop = bench.loop,
                                                    .redis = bench.redis,
                                                    .conf = &bench.conf,
                                                    .clock = &bench_clock,
                                                    .owner = BYTES_LIT("me"),
                                                    .on_room = on_room});
    return bench.pl ? 0 : -1;
}

/* Like the broker's end: what is under way ends with errors after the pipeline has dropped all. */
int bench_tear_down(void **state)
{
    (void)state;
    pipeline_drop_all(bench.pl);
    redis_link_free(bench.redis);
    while (bench.ops) {
        struct op op = take(bench.ops->kind);
        switch (op.kind) {
        case OP_COMMIT:
            ((store_done_fn *)op.fn)(op.arg, ERR_UNAVAILABLE);
            break;
        case OP_CLAIM:
            ((store_claim_fn *)op.fn)(op.arg, ERR_UNAVAILABLE, NULL);
            break;
        case OP_ROWS:
        case OP_CLIENTS:
            ((store_rows_fn *)op.fn)(op.arg, ERR_UNAVAILABLE, NULL, 0);
            break;
        case OP_CHANNEL:
            ((store_channel_fn *)op.fn)(op.arg, ERR_UNAVAILABLE, NULL);
            break;
        case OP_PEOPLE:
            ((store_user_ops_fn *)op.fn)(op.arg, ERR_UNAVAILABLE, NULL, 0);
            break;
        case OP_PRESENCE:
            ((store_done_fn *)op.fn)(op.arg, ERR_UNAVAILABLE);
            break;
        case OP_SHOWN:
            ((store_presence_fn *)op.fn)(op.arg, ERR_UNAVAILABLE, NULL, 0);
            break;
        case OP_ATTACHMENTS:
            ((store_attachments_fn *)op.fn)(op.arg, ERR_UNAVAILABLE, NULL, 0);
            break;
        case OP_EXISTS:
            ((store_target_fn *)op.fn)(op.arg, ERR_UNAVAILABLE, NULL);
            break;
        }
    }
    bench_deliveries_done(ERR_UNAVAILABLE);
    pipeline_free(bench.pl);
    loop_free(bench.loop);
    log_set_sink(NULL, NULL);
    return 0;
}

struct partition *bench_partition(uint32_t id)
{
    return pipeline_partition(bench.pl, id);
}

void bench_answer(const char *word, const char *part, int err, const char *text)
{
    const struct redis_value v = {.type = REDIS_STR, .text = bytes_str(text)};
    struct fake_command *c = fake_redis_find(0, word, part);
    assert_non_null(c);
    fake_redis_answer(0, c, err, text ? &v : NULL);
    turn();
}

void bench_answer_int(const char *word, const char *part, int64_t n)
{
    const struct redis_value v = {.type = REDIS_INT, .num = n};
    struct fake_command *c = fake_redis_find(0, word, part);
    assert_non_null(c);
    fake_redis_answer(0, c, 0, &v);
    turn();
}

void bench_take(uint32_t partition)
{
    bench_partition(partition)->lease_until_ms = clock_mono_ms() + bench.conf.lease_ms;
    pipeline_take(bench.pl, bench_partition(partition));
    bench_answer("GET", "lease:", 0, "me");
}

void bench_streams_done(const char *watermark, const char *last_id)
{
    const struct redis_value group[] = {
        {.type = REDIS_STR, .text = BYTES_LIT("name")},
        {.type = REDIS_STR, .text = BYTES_LIT(STREAM_GROUP)},
        {.type = REDIS_STR, .text = BYTES_LIT("last-delivered-id")},
        {.type = REDIS_STR, .text = bytes_str(watermark)},
    };
    const struct redis_value groups[] = {{.type = REDIS_LIST, .items = group, .count = 4}};
    const struct redis_value list = {.type = REDIS_LIST, .items = groups, .count = 1};
    const struct redis_value info[] = {
        {.type = REDIS_STR, .text = BYTES_LIT("last-generated-id")},
        {.type = REDIS_STR, .text = bytes_str(last_id)},
    };
    const struct redis_value stream = {.type = REDIS_LIST, .items = info, .count = 2};

    bench_answer("XGROUP", "CREATE", 0, "OK");
    fake_redis_answer(0, fake_redis_find(0, "XINFO", "GROUPS"), 0, &list);
    fake_redis_answer(0, fake_redis_find(0, "XINFO", "STREAM"), 0, &stream);
}

void bench_own(uint32_t partition, struct entry_id last)
{
    char id[ENTRY_ID_TEXT_MAX];

    entry_id_format(last, id);
    bench_take(partition);
    bench_claim_done(last, 0);
    bench_streams_done(id, id);
    assert_int_equal(bench_partition(partition)->state, PARTITION_ACTIVE); /* nothing to read */
}

/* ---- entries ---- */

const char *bench_topic(uint32_t partition, unsigned n)
{
    static char topics[2][4][32];
    char *topic = topics[partition][n];
    unsigned seen = 0;

    for (unsigned id = 1;; id++) {
        (void)snprintf(topic, sizeof(topics[0][0]), "chat:%u", id);
        if (partition_of(bytes_str(topic), bench.conf.partitions) == partition && seen++ == n) {
            return topic;
        }
    }
}

static void submit(uint32_t partition, uint64_t entry, const struct up_envelope *env)
{
    struct partition *p = bench_partition(partition);
    struct batch *b = pipeline_new_batch(bench.pl);
    struct entry_fields fields = {.count = BYTES_LIT("1"), .gateway = BENCH_GATEWAY};
    struct entry_id id = {FAKE_WALL_START_MS + entry, 0};
    struct buf raw;

    buf_init(&raw, 65536);
    assert_int_equal(up_envelope_encode(env, &raw), 0);
    fields.envelopes = buf_bytes(&raw);
    assert_int_equal(batch_add_entry(b, p, id, &fields), 0);
    batch_part(b, p)->last = id;
    p->cursor = id;
    buf_done(&raw);
    pipeline_submit(bench.pl, b);
    turn();
    turn(); /* ids come at the end of the first */
}

void bench_say(uint32_t partition, uint64_t entry, const char *topic, const char *client_id)
{
    struct up_envelope env = {.kind = UP_FRAME, .conn = 1};

    env.frame.topic = bytes_str(topic);
    env.frame.frame_no = entry;
    env.frame.actor.user_id = 10;
    env.frame.actor.username = BYTES_LIT("ann");
    env.frame.msg.kind = KIND_CHAT_MESSAGE;
    env.frame.msg.text = BYTES_LIT("hello");
    env.frame.msg.client_id = bytes_str(client_id);
    submit(partition, entry, &env);
}

void bench_post(uint32_t partition, uint64_t entry, const char *topic, int64_t attachment_id)
{
    struct up_envelope env = {.kind = UP_FRAME, .conn = 1};

    env.frame.topic = bytes_str(topic);
    env.frame.is_outside = true;
    env.frame.actor.user_id = 10;
    env.frame.actor.username = BYTES_LIT("ann");
    env.frame.msg.kind = KIND_CHAT_MESSAGE;
    env.frame.msg.attachments[0] = attachment_id;
    env.frame.msg.attachment_count = 1;
    submit(partition, entry, &env);
}

void bench_join(uint32_t partition, uint64_t entry, const char *topic, uint64_t conn)
{
    struct up_envelope env = {.kind = UP_JOIN, .conn = conn};

    env.join.topic = bytes_str(topic);
    env.join.actor.user_id = 11;
    env.join.actor.username = BYTES_LIT("bob");
    submit(partition, entry, &env);
}

void bench_leave(uint32_t partition, uint64_t entry, const char *topic, uint64_t conn,
                 bool is_clean)
{
    struct up_envelope env = {.kind = UP_LEAVE, .conn = conn};

    env.leave.topic = bytes_str(topic);
    env.leave.user_id = 11;
    env.leave.username = BYTES_LIT("bob");
    env.leave.is_clean = is_clean;
    submit(partition, entry, &env);
}

void bench_choose(uint32_t partition, uint64_t entry, uint64_t conn, const char *status)
{
    struct up_envelope env = {.kind = UP_FRAME, .conn = conn};

    env.frame.topic = BYTES_LIT(TOPIC_STATUS);
    env.frame.frame_no = entry;
    env.frame.actor.user_id = 11;
    env.frame.actor.username = BYTES_LIT("bob");
    env.frame.msg.kind = KIND_STATUS_UPDATE;
    env.frame.msg.text = bytes_str(status);
    submit(partition, entry, &env);
}
