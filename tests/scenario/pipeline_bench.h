/* SPDX-License-Identifier: MIT */
#pragma once
/* A pipeline over link-time fakes: the store's requests and the gateways' deliveries wait until
 * the test completes them, Redis' commands too (fake_redis_link.h), and time moves by
 * fake_loop_pass() alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/pipeline.h"
#include "broker/store_files.h"
#include "broker/store_people.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/fake_loop.h"
#include "tests/fake/fake_redis_link.h"

#define BENCH_GATEWAY BYTES_LIT("gw.1")
#define BENCH_ROWS_MAX 16u

enum op_kind {
    OP_COMMIT,
    OP_CLAIM,
    OP_ROWS,
    OP_CLIENTS,
    OP_CHANNEL,
    OP_EXISTS,
    OP_PEOPLE,
    OP_PRESENCE,
    OP_SHOWN,
    OP_ATTACHMENTS,
};

/* A request to the store under way. */
struct op {
    struct op *prev, *next;
    enum op_kind kind;
    void (*fn)(void); /* of the kind's type */
    void *arg;
    struct position_move position; /* commit: the first */
    size_t position_count, row_count, key_count;
    struct content_row first; /* commit: its first message, without texts */
    int64_t id;               /* channel, message, first person asked for or meant */
    int what;                 /* people: kind of the first operation */
    char shown[16];           /* presence: of the first */
};

struct bench {
    struct loop *loop;
    struct redis_link *redis;
    struct broker_conf conf;
    struct pipeline *pl;
    struct op *ops;
    int64_t next_id;
    unsigned room_calls;
    /* egress */
    bool is_egress_full;
    unsigned sections;   /* queued in all */
    unsigned deliveries; /* under way */
};
extern struct bench bench;

int bench_set_up(void **state);
int bench_tear_down(void **state);

struct partition *bench_partition(uint32_t id);
unsigned bench_ops(enum op_kind kind);
struct op *bench_op(enum op_kind kind); /* the oldest under way; fails the test without one */

void bench_forget(struct op *op); /* it is completed by the caller */

/* Complete the oldest of its kind, and let the turn end. */
void bench_commit_done(int err);
void bench_claim_done(struct entry_id last, int64_t redeliver_from);
void bench_rows_done(const struct content_row *rows, size_t count);
void bench_clients_done(const struct content_row *rows, size_t count);
void bench_channel_done(uint64_t last_seq);
void bench_deliveries_done(int err); /* all under way */
/* Answer the oldest command that begins with `word` and contains `part`. */
void bench_answer(const char *word, const char *part, int err, const char *text);
void bench_answer_int(const char *word, const char *part, int64_t n);

/* The lease was granted: everything up to the claim; up to the rows; all of it. */
void bench_take(uint32_t partition);
void bench_streams_done(const char *watermark, const char *last_id);
void bench_own(uint32_t partition, struct entry_id last);

/* One entry with one envelope, read from the stream of its partition. */
void bench_say(uint32_t partition, uint64_t entry, const char *topic, const char *client_id);
/* A message of nobody's socket with this attachment, as upload_finish.c asks for it. */
void bench_post(uint32_t partition, uint64_t entry, const char *topic, int64_t attachment_id);
void bench_join(uint32_t partition, uint64_t entry, const char *topic, uint64_t conn);
void bench_leave(uint32_t partition, uint64_t entry, const char *topic, uint64_t conn,
                 bool is_clean);
void bench_choose(uint32_t partition, uint64_t entry, uint64_t conn, const char *status);
/* A topic "chat:<id>" of that partition, the n-th. */
const char *bench_topic(uint32_t partition, unsigned n);
