/* SPDX-License-Identifier: MIT */
#pragma once
/* A whole gateway over link-time fakes: time, Redis and sockets are played by the test. What the
 * gateway sends up is answered by a Redis that works unless it is told otherwise, and recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fake/fake_clock.h"
#include "../fake/fake_loop.h"
#include "../fake/fake_redis_link.h"
#include "../fake/fake_ws_port.h"
#include "gateway/gateway.h"
#include "proto/delivery.h"
#include "proto/envelope.h"

#define COMMANDS 0u /* numbers of the links */
#define READING 1u
#define BLOBS 2u
#define RECORDS_MAX 4096u

struct record { /* one envelope that reached Redis */
    enum up_kind kind;
    uint64_t conn, frame_no, received_us;
    uint32_t partition, entry; /* of which XADD, counted from 1 */
    bool is_rejoin, is_clean, is_typing, has_since;
    uint64_t since, after, until; /* JOIN; HISTORY */
    uint64_t blob, offset;        /* UPLOAD, PULL */
    uint32_t bytes, chunk_index;
    uint64_t body_bytes; /* HTTP */
    bool is_http, is_cancel;
    char topic[64], text[64], client_id[16];
};

struct gateway_bench {
    struct loop *loop;
    struct gateway_conf conf;
    struct gateway *gateway;
    bool holds_xadd; /* XADDs to input streams stay under way */
    bool is_broker_alive;
    bool holds_blobs;  /* commands of files stay under way */
    bool has_no_blobs; /* what is taken is not there */
    uint32_t blob_puts, blob_takes;
    bool holds_quota;
    uint32_t quota_holds_after; /* so many leases, holds_quota is set; 0 = never */
    int64_t lease_was;          /* what the lease script says was there; 1 after the first */
    int64_t quota;              /* what a lease of credits grants */
    uint64_t next_entry;        /* of the output stream */
    struct record records[RECORDS_MAX];
    uint32_t record_count, entries, dead_letters, quota_asked, quota_returned;
};
extern struct gateway_bench bench;

/* cmocka set-up and tear-down: Redis up, a broker alive, no sockets. `bench_env` may be set
 * before: pairs of setting and value, NULL at the end. */
extern const char *const *bench_env;
int bench_set_up(void **state);
int bench_tear_down(void **state);

void bench_pass(uint32_t ms); /* time passes; Redis answers, sockets move */
void bench_redis_down(void);
void bench_redis_up(bool is_new_server);

/* Envelopes recorded so far of a kind; the n-th (from 0) of a kind. */
uint32_t bench_ups(enum up_kind kind);
const struct record *bench_up(enum up_kind kind, uint32_t n);
const struct record *bench_last_up(enum up_kind kind);

/* One entry of the output stream with one section of these items. origin_ms 0 = of no entry. */
void bench_deliver(uint32_t partition, uint64_t origin_ms, const struct down_item *items,
                   uint32_t count);
void bench_deliver_raw(const char *id, struct bytes sections);
void bench_topic_frame(const char *topic, uint64_t seq, const char *json);
void bench_ephemeral(const char *topic, uint32_t partition, uint64_t origin_ms, const char *json);

/* A chat socket of this user, all the way in; `query` may be "". */
struct ws_conn *bench_open(int64_t user_id, const char *topic, uint64_t seq, const char *query);
struct ws_conn *bench_open_status(int64_t user_id);
uint64_t bench_open_started(const char *query, struct ws_conn **out_conn); /* gives the conn id */
void bench_grant(uint64_t conn, int64_t user_id, const char *topic);
void bench_join(uint64_t conn, const char *topic, uint64_t seq, const char *json);
void bench_ack(const struct record *frame);
