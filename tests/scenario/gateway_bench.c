/* SPDX-License-Identifier: MIT */
/* The play of everything around a gateway. See gateway_bench.h. */
#include "gateway_bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/mp_read.h"

#define ROUNDS_MAX 10000

struct gateway_bench bench;
const char *const *bench_env;

static const char *look_up(void *arg, const char *name)
{
    (void)arg;
    for (const char *const *e = bench_env; e && e[0]; e += 2) {
        if (strcmp(e[0], name) == 0) {
            return e[1];
        }
    }
    return NULL;
}

static void no_log(void *arg, struct bytes line)
{
    (void)arg;
    (void)line;
}

int bench_set_up(void **state)
{
    char *argv[] = {
        "kibray-gateway", "--gateway-name", "gw1", "--upload-bytes-per-second", "0", NULL};
    const struct conf_input input = {5, argv, look_up, NULL};
    struct conf_words words;
    struct buf problem;
    int err = 0;

    (void)state;
    bench = (struct gateway_bench){.is_broker_alive = true, .quota = 100, .next_entry = 1};
    fake_clock_reset();
    fake_redis_reset();
    metrics_reset();
    log_set_sink(no_log, NULL);
    buf_init(&problem, 4096);
    assert_int_equal(
        conf_load(gateway_conf_rows, gateway_conf_row_count, &bench.conf, &input, &words, &problem),
        0);
    buf_done(&problem);
    bench.loop = loop_new();
    bench.gateway = gateway_new(bench.loop, &bench.conf, 0, &err);
    assert_non_null(bench.gateway);
    bench_redis_up(false);
    return 0;
}

int bench_tear_down(void **state)
{
    (void)state;
    gateway_free(bench.gateway);
    conf_free(gateway_conf_rows, gateway_conf_row_count, &bench.conf);
    loop_free(bench.loop);
    fake_ws_reset();
    bench_env = NULL;
    return 0;
}

/* --- Redis -------------------------------------------------------------------------------------
 */

static void copy_text(char *to, size_t size, struct bytes from)
{
    snprintf(to, size, "%.*s", BYTES_FMT(from));
}

static void record(const struct up_envelope *env, uint32_t partition)
{
    struct record *r = &bench.records[bench.record_count++];

    assert_true(bench.record_count <= RECORDS_MAX);
    *r = (struct record){
        .kind = env->kind, .conn = env->conn, .partition = partition, .entry = bench.entries};
    if (env->kind == UP_JOIN) {
        r->is_rejoin = env->join.is_rejoin;
        r->has_since = env->join.has_since;
        r->since = env->join.since;
        copy_text(r->topic, sizeof(r->topic), env->join.topic);
    } else if (env->kind == UP_LEAVE) {
        r->is_clean = env->leave.is_clean;
        r->is_typing = env->leave.is_typing;
        copy_text(r->topic, sizeof(r->topic), env->leave.topic);
    } else if (env->kind == UP_FRAME) {
        r->frame_no = env->frame.frame_no;
        r->received_us = env->frame.received_us;
        r->is_typing = env->frame.msg.is_typing;
        copy_text(r->topic, sizeof(r->topic), env->frame.topic);
        copy_text(r->text, sizeof(r->text), env->frame.msg.text);
        copy_text(r->client_id, sizeof(r->client_id), env->frame.msg.client_id);
    } else if (env->kind == UP_HTTP) {
        copy_text(r->text, sizeof(r->text), env->http.path);
        r->body_bytes = env->http.body_bytes;
    } else if (env->kind == UP_UPLOAD) {
        r->frame_no = env->upload.frame_no;
        r->received_us = env->upload.received_us;
        r->blob = env->upload.blob;
        r->bytes = env->upload.chunk_bytes;
        r->chunk_index = env->upload.chunk_index;
        r->is_http = env->upload.is_http;
        r->is_cancel = env->upload.action == UPLOAD_CANCEL;
        copy_text(r->topic, sizeof(r->topic), env->upload.topic);
        copy_text(r->text, sizeof(r->text), env->upload.upload_id);
    } else if (env->kind == UP_PULL) {
        r->blob = env->pull.blob;
        r->offset = env->pull.offset;
        r->bytes = env->pull.bytes;
        copy_text(r->text, sizeof(r->text), env->pull.ref);
    } else if (env->kind == UP_HISTORY) {
        r->after = env->history.after;
        r->until = env->history.until;
        copy_text(r->topic, sizeof(r->topic), env->history.topic);
    } else if (env->kind == UP_REFRESH) {
        r->frame_no = env->refresh.frame_no;
        r->received_us = env->refresh.received_us;
        copy_text(r->text, sizeof(r->text), env->refresh.token);
    }
}

/* XADD kb:in:{p} * n <count> gw <name> e <envelopes> */
static void record_entry(const struct fake_command *c)
{
    struct bytes envelopes = c->argv[c->argc - 1];
    uint32_t partition = (uint32_t)strtoul(strchr(c->argv[1].ptr, '{') + 1, NULL, 10);
    uint32_t count = (uint32_t)strtoul(c->argv[4].ptr, NULL, 10);

    bench.entries++;
    for (uint32_t i = 0; i < count; i++) {
        struct up_envelope env;
        size_t used;
        assert_int_equal(up_envelope_decode(envelopes, &env, &used), 0);
        record(&env, partition);
        envelopes = bytes_skip(envelopes, used);
    }
    assert_int_equal(envelopes.len, 0);
}

static void answer_int(struct fake_command *c, int64_t n)
{
    const struct redis_value v = {.type = REDIS_INT, .num = n};

    fake_redis_answer(COMMANDS, c, 0, &v);
}

static bool answer_eval(void)
{
    const struct redis_value quota[] = {{.type = REDIS_INT, .num = bench.quota},
                                        {.type = REDIS_INT, .num = 1700000000}};
    const struct redis_value list = {.type = REDIS_LIST, .items = quota, .count = 2};
    struct fake_command *c;

    if ((c = fake_redis_find(COMMANDS, "EVAL", "ZCOUNT"))) {
        answer_int(c, bench.is_broker_alive);
    } else if ((c = fake_redis_find(COMMANDS, "EVAL", "EXISTS"))) {
        int64_t was = bench.lease_was;
        bench.lease_was = 1;
        answer_int(c, was);
    } else if ((c = fake_redis_find(COMMANDS, "EVAL", "ZADD"))) {
        answer_int(c, 0);
    } else if (!bench.holds_quota && (c = fake_redis_find(COMMANDS, "EVAL", "HGETALL"))) {
        bench.quota_asked++;
        bench.holds_quota = bench.quota_asked == bench.quota_holds_after;
        fake_redis_answer(COMMANDS, c, 0, &list);
    } else if ((c = fake_redis_find(COMMANDS, "EVAL", "HGET"))) {
        if (memmem(c->argv[1].ptr, c->argv[1].len, "HGETALL", 7)) {
            return false;
        }
        bench.quota_returned += (uint32_t)strtoul(c->argv[5].ptr, NULL, 10);
        answer_int(c, 0);
    } else {
        return false;
    }
    return true;
}

static bool answer_one(void)
{
    static const char *const simple[] = {"XTRIM", "DEL", "ZREM"};
    const struct redis_value id = {.type = REDIS_STR, .text = BYTES_LIT("1-0")};
    struct fake_command *c;

    for (size_t i = 0; i < 3; i++) {
        if ((c = fake_redis_find(COMMANDS, simple[i], NULL))) {
            answer_int(c, 1);
            return true;
        }
    }
    if ((c = fake_redis_find(COMMANDS, "XADD", "kb:dead:out"))) {
        bench.dead_letters++;
        fake_redis_answer(COMMANDS, c, 0, &id);
        return true;
    }
    if (!bench.holds_xadd && (c = fake_redis_find(COMMANDS, "XADD", "kb:in:"))) {
        record_entry(c);
        fake_redis_answer(COMMANDS, c, 0, &id);
        return true;
    }
    return answer_eval();
}

/* Bytes of files: a piece that is taken consists of as many letters as its envelope asked for. */
static bool answer_blob(void)
{
    const struct redis_value ok = {.type = REDIS_STR, .text = BYTES_LIT("OK")};
    const struct redis_value nothing = {.type = REDIS_NIL};
    struct fake_command *c;

    if (bench.holds_blobs || !fake_redis_link(BLOBS)) {
        return false;
    }
    if ((c = fake_redis_find(BLOBS, "EVAL", NULL))) {
        bench.blob_puts++;
        fake_redis_answer(BLOBS, c, 0, &ok);
    } else if ((c = fake_redis_find(BLOBS, "GETDEL", NULL))) {
        uint64_t blob = strtoull(strrchr(c->argv[1].ptr, '/') + 1, NULL, 16);
        struct redis_value data = {.type = REDIS_STR};
        char *letters = NULL;
        for (uint32_t i = 0; i < bench.record_count; i++) {
            if (bench.records[i].kind == UP_PULL && bench.records[i].blob == blob) {
                data.text.len = bench.records[i].bytes;
            }
        }
        letters = mem_alloc(data.text.len);
        memset(letters, 'a' + (int)(blob % 26), data.text.len);
        data.text.ptr = letters;
        bench.blob_takes++;
        fake_redis_answer(BLOBS, c, 0, bench.has_no_blobs ? &nothing : &data);
        mem_free(letters);
    } else if ((c = fake_redis_find(BLOBS, "UNLINK", NULL))) {
        fake_redis_answer(BLOBS, c, 0, &ok);
    } else {
        return false;
    }
    return true;
}

static void settle(void)
{
    bool did = true;

    for (int i = 0; did; i++) {
        assert_true(i < ROUNDS_MAX);
        fake_loop_pass(bench.loop, 0);
        did = fake_redis_link(COMMANDS) && answer_one();
        did = answer_blob() || did;
        did = fake_ws_turn() || did;
    }
}

void bench_pass(uint32_t ms)
{
    settle();
    while (ms > 0) {
        uint32_t step = ms < 50 ? ms : 50;
        fake_loop_pass(bench.loop, step);
        settle();
        ms -= step;
    }
}

void bench_redis_down(void)
{
    fake_redis_down(COMMANDS);
    fake_redis_down(READING);
    fake_redis_down(BLOBS);
    settle();
}

void bench_redis_up(bool is_new_server)
{
    fake_redis_up(COMMANDS, "run", is_new_server);
    fake_redis_up(READING, "run", is_new_server);
    fake_redis_up(BLOBS, "run", is_new_server);
    settle();
}

/* --- what went up --------------------------------------------------------------------------------
 */

uint32_t bench_ups(enum up_kind kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < bench.record_count; i++) {
        count += bench.records[i].kind == kind;
    }
    return count;
}

const struct record *bench_up(enum up_kind kind, uint32_t n)
{
    for (uint32_t i = 0; i < bench.record_count; i++) {
        if (bench.records[i].kind == kind && n-- == 0) {
            return &bench.records[i];
        }
    }
    fail_msg("no such envelope");
    return NULL;
}

const struct record *bench_last_up(enum up_kind kind)
{
    return bench_up(kind, bench_ups(kind) - 1);
}

/* --- what comes down
 * ------------------------------------------------------------------------------- */

void bench_deliver_raw(const char *id, struct bytes sections)
{
    const struct redis_value fields[] = {{.type = REDIS_STR, .text = BYTES_LIT("n")},
                                         {.type = REDIS_STR, .text = BYTES_LIT("1")},
                                         {.type = REDIS_STR, .text = BYTES_LIT("e")},
                                         {.type = REDIS_STR, .text = sections}};
    const struct redis_value entry[] = {
        {.type = REDIS_STR, .text = bytes_str(id)},
        {.type = REDIS_LIST, .items = fields, .count = sections.ptr ? 4 : 2}};
    const struct redis_value entries[] = {{.type = REDIS_LIST, .items = entry, .count = 2}};
    const struct redis_value stream[] = {{.type = REDIS_STR, .text = BYTES_LIT("key")},
                                         {.type = REDIS_LIST, .items = entries, .count = 1}};
    const struct redis_value streams[] = {{.type = REDIS_LIST, .items = stream, .count = 2}};
    const struct redis_value v = {.type = REDIS_LIST, .items = streams, .count = 1};
    struct fake_command *c = fake_redis_find(READING, "XREAD", NULL);

    assert_non_null(c);
    fake_redis_answer(READING, c, 0, &v);
    settle();
}

void bench_deliver(uint32_t partition, uint64_t origin_ms, const struct down_item *items,
                   uint32_t count)
{
    const struct down_section section = {partition, {origin_ms, 0}, count};
    struct buf out;
    char id[32];

    buf_init(&out, 16u << 20);
    assert_int_equal(down_section_encode(&section, &out), 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(down_item_encode(&items[i], &out), 0);
    }
    snprintf(id, sizeof(id), "%llu-0", (unsigned long long)bench.next_entry++);
    bench_deliver_raw(id, buf_bytes(&out));
    buf_done(&out);
}

void bench_topic_frame(const char *topic, uint64_t seq, const char *json)
{
    const struct down_item item = {
        .kind = DOWN_TOPIC,
        .topic = {.topic = bytes_str(topic), .seq = seq, .json = bytes_str(json)}};

    bench_deliver(0, 0, &item, 1);
}

void bench_ephemeral(const char *topic, uint32_t partition, uint64_t origin_ms, const char *json)
{
    const struct down_item item = {.kind = DOWN_TOPIC,
                                   .topic = {.topic = bytes_str(topic), .json = bytes_str(json)}};

    bench_deliver(partition, origin_ms, &item, 1);
}

void bench_grant(uint64_t conn, int64_t user_id, const char *topic)
{
    const struct down_item item = {
        .kind = DOWN_GRANTED,
        .conn = conn,
        .granted = {.actor = {.user_id = user_id, .username = BYTES_LIT("someone")},
                    .topic = bytes_str(topic)}};

    bench_deliver(0, 0, &item, 1);
}

void bench_join(uint64_t conn, const char *topic, uint64_t seq, const char *json)
{
    const struct down_item item = {
        .kind = DOWN_JOINED,
        .conn = conn,
        .joined = {.topic = bytes_str(topic), .seq = seq, .json = bytes_str(json)}};

    bench_deliver(0, 0, &item, 1);
}

void bench_ack(const struct record *frame)
{
    const struct down_item item = {
        .kind = DOWN_ACK, .conn = frame->conn, .ack = {frame->frame_no, frame->received_us}};

    bench_deliver(0, 0, &item, 1);
}

static uint64_t open_started(const char *path, const char *query, struct ws_conn **out_conn)
{
    uint32_t before = bench_ups(UP_OPEN);
    int status;

    *out_conn = fake_ws_open(path, query, &status);
    assert_int_equal(status, 0);
    settle();
    return bench_ups(UP_OPEN) > before ? bench_last_up(UP_OPEN)->conn : 0;
}

uint64_t bench_open_started(const char *query, struct ws_conn **out_conn)
{
    return open_started("/ws/chat/general/", query, out_conn);
}

static void let_in(struct ws_conn *c, uint64_t conn, int64_t user_id, const char *topic,
                   uint64_t seq)
{
    assert_true(conn != 0);
    bench_grant(conn, user_id, topic);
    assert_int_equal(bench_last_up(UP_JOIN)->conn, conn);
    bench_join(conn, topic, seq, "{\"type\":\"connection_established\"}");
    assert_int_equal(fake_ws_count(c, "connection_established"), 1);
}

struct ws_conn *bench_open(int64_t user_id, const char *topic, uint64_t seq, const char *query)
{
    struct ws_conn *c;
    uint64_t conn = bench_open_started(query, &c);

    let_in(c, conn, user_id, topic, seq);
    return c;
}

struct ws_conn *bench_open_status(int64_t user_id)
{
    struct ws_conn *c;
    uint64_t conn = open_started("/ws/status/", "", &c);

    let_in(c, conn, user_id, "status", 0);
    return c;
}
