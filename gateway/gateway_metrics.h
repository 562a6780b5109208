/* SPDX-License-Identifier: MIT */
#pragma once
/* The metrics of a gateway process, registered in one place. */
#include "common/metrics.h"

struct gateway_metrics {
    struct metric *connections_total; /* websocket_connections_total */
    struct metric *connections;       /* websocket_connections */
    struct metric *messages;          /* websocket_messages_total{type} */
    struct metric *latency;           /* websocket_message_latency_seconds */
    struct metric *errors;            /* websocket_errors_total{code} */
    struct metric *frames_sent;       /* websocket_frames_sent_total */
    struct metric *sends;             /* websocket_sends_total */
    struct metric *flush;             /* websocket_flush_seconds */
    struct metric *evictions;         /* websocket_evictions_total{reason} */
    struct metric *closed;            /* websocket_closed_total{code} */
    struct metric *resumes;           /* websocket_resume_closes_total{reason} */
    struct metric *tls_connections;   /* gateway_tls_connections */
    struct metric *tls_handshakes;    /* gateway_tls_handshakes_total{outcome} */
    struct metric *topics;            /* websocket_topics */
    struct metric *uplink_entries;    /* gateway_uplink_entries_total{outcome} */
    struct metric *uplink_envelopes;  /* gateway_uplink_envelopes_total */
    struct metric *uplink_dropped;    /* gateway_uplink_dropped_total{reason} */
    struct metric *upload_bytes;      /* gateway_upload_bytes */
    struct metric *downloads;         /* gateway_downloads */
    struct metric *downloads_cut;     /* gateway_downloads_cut_total */
    struct metric *uplink_waiting;    /* gateway_uplink_waiting */
    struct metric *downlink_entries;  /* gateway_downlink_entries_total */
    struct metric *downlink_items;    /* gateway_downlink_items_total{kind} */
    struct metric *downlink_repeats;  /* gateway_downlink_repeats_total */
    struct metric *downlink_bad;      /* gateway_downlink_bad_total{err} */
};

extern struct gateway_metrics gateway_metrics;
/* Register all; again is nothing. */
void gateway_metrics_init(void);
