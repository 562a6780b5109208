/* SPDX-License-Identifier: MIT */
#pragma once
/* The state that the glue files of a gateway share. Only glue knows it; pure modules do not. */
#include <stdbool.h>
#include <stdint.h>
#include "common/arena.h"
#include "common/buf.h"
#include "common/health.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"
#include "common/io/status_http.h"
#include "gateway/address_count.h"
#include "gateway/broker_watch.h"
#include "gateway/deflate.h"
#include "gateway/downlink.h"
#include "gateway/flush_pace.h"
#include "gateway/gateway.h"
#include "gateway/handshake.h"
#include "gateway/inbound.h"
#include "gateway/inflight.h"
#include "gateway/io/ws_port.h"
#include "gateway/registry.h"
#include "gateway/session.h"
#include "gateway/session_table.h"
#include "gateway/topic.h"
#include "gateway/typing_places.h"
#include "gateway/typing_watch.h"
#include "gateway/upload_budget.h"
#include "gateway/uplink.h"
#include "gateway/usage.h"
#include "gateway/users.h"
#include "gateway/web_files.h"
#include "proto/delivery.h"

#define SEND_MAX_BYTES (256u * 1024u) /* of one write */
#define SEND_SLOW_MAX_BYTES                                                                        \
    (64u * 1024u) /* of one write to a socket that was blocked: what it                            \
                     takes in CHANNEL_EXPIRY shows that it lives */
#define PENDING_ACKS_MAX 1024u

struct flusher {
    struct flush_pace pace;
    struct topic_news news;
    struct loop_task task;
    struct loop_timer *timer;
    uint64_t acks_us[PENDING_ACKS_MAX]; /* received times of frames whose sender's copy goes
                                           with the next round */
    uint32_t ack_count;
};

struct drain {
    bool is_on;
    bool is_leaving; /* the registry was told */
    struct loop_timer *timer;
    uint64_t started_ms;
    uint64_t all_closed_ms, leaving_ms; /* after the start */
    uint32_t window_ms;                 /* the closing is spread over this */
    uint32_t open, open_at_start;       /* sockets not closed yet */
};

struct gateway {
    struct loop *loop;
    const struct gateway_conf *conf;
    uint32_t worker, user_limit;
    char name[GATEWAY_NAME_MAX + 1]; /* the incarnation: "<name>.<16 hex>" */
    char address[64];                /* "0.0.0.0:8001" */
    struct handshake_policy policy;
    struct trusted_proxies proxies;
    struct topic_limits topic_limits;

    struct ws_port *port;
    struct ws_tls_stats tls_seen; /* at the last scrape */
    struct status_http *status;
    struct redis_link *commands;
    struct registry *registry;
    struct broker_watch *brokers;
    struct uplink *uplink;
    struct downlink *downlink;
    struct health health;

    struct session_table *sessions;
    struct user_table users;
    struct topic_table topics;
    struct address_table addresses;
    struct inflight *inflight;
    struct typing_watch *typing;
    struct blobs *blobs;
    struct web_files *web; /* NULL: none is served */
    struct upload_budget upload_budget;
    struct loop_timer *upload_timer;
    struct http_upload *uploads;     /* http_upload.c: bodies on their way to brokers, by request */
    struct http_download *downloads; /* http_download.c: files on their way to clients */
    uint64_t blob_serial;            /* the last one used */
    struct session *idle;            /* all sessions, the longest silent first */
    struct session *dead;            /* freed at the end of the turn */
    struct loop_task sweep;

    struct usage usage;
    struct flusher flusher;
    struct drain drain;
    struct arena *arena; /* of the message at hand */
    struct deflate_ctx *deflate;
    struct buf out;   /* bytes for one write */
    struct buf frame; /* a frame being made */
    struct buf deflated;
    struct buf json;
    struct buf envelope;
    struct loop_timer *tick;
    uint32_t ticks;
    uint64_t last_tick_ms, awake_ms; /* upkeep: after a sleep nothing is given up before awake_ms */
    uint64_t random;
    int exit_code;
};
