/* SPDX-License-Identifier: MIT */
/* Names and help texts of the gateway's metrics. Counting is done where things happen. */
#include "gateway/gateway_metrics.h"

struct gateway_metrics gateway_metrics;

static const double LATENCY_BOUNDS[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                        0.1,    0.2,   0.5,   1,     2,    5};
static const double FLUSH_BOUNDS[] = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3};
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static void init_sockets(struct gateway_metrics *m)
{
    m->connections_total = metric_counter("websocket_connections_total", "Accepted sockets.", NULL);
    m->connections = metric_gauge("websocket_connections", "Sockets now.", NULL);
    m->messages = metric_counter("websocket_messages_total", "Messages from clients.", "type");
    m->latency = metric_histogram("websocket_message_latency_seconds",
                                  "From receiving a frame to its sender's own copy written.",
                                  LATENCY_BOUNDS, COUNT_OF(LATENCY_BOUNDS));
    m->errors = metric_counter("websocket_errors_total", "Error frames to clients.", "code");
    m->closed = metric_counter("websocket_closed_total", "Sockets ended, by close code.", "code");
    m->evictions = metric_counter("websocket_evictions_total", "Slow readers closed.", "reason");
    m->resumes = metric_counter("websocket_resume_closes_total",
                                "Sockets closed so that they resume.", "reason");
    m->tls_connections = metric_gauge("gateway_tls_connections", "TLS connections now.", NULL);
    m->tls_handshakes =
        metric_counter("gateway_tls_handshakes_total", "TLS handshakes ended.", "outcome");
    m->topics = metric_gauge("websocket_topics", "Topics with sockets here.", NULL);
}

static void init_sending(struct gateway_metrics *m)
{
    m->frames_sent = metric_counter("websocket_frames_sent_total", "Frames written.", NULL);
    m->sends = metric_counter("websocket_sends_total", "Writes to sockets.", NULL);
    m->flush = metric_histogram("websocket_flush_seconds", "Duration of flush rounds.",
                                FLUSH_BOUNDS, COUNT_OF(FLUSH_BOUNDS));
}

static void init_links(struct gateway_metrics *m)
{
    m->uplink_entries =
        metric_counter("gateway_uplink_entries_total", "Stream entries written.", "outcome");
    m->uplink_envelopes =
        metric_counter("gateway_uplink_envelopes_total", "Envelopes accepted for brokers.", NULL);
    m->uplink_dropped =
        metric_counter("gateway_uplink_dropped_total", "Envelopes that never left.", "reason");
    m->uplink_waiting =
        metric_gauge("gateway_uplink_waiting", "Envelopes waiting for Redis now.", NULL);
    m->upload_bytes =
        metric_gauge("gateway_upload_bytes", "Bytes of files on their way to brokers now.", NULL);
    m->downloads = metric_gauge("gateway_downloads", "Files on their way to clients now.", NULL);
    m->downloads_cut = metric_counter("gateway_downloads_cut_total",
                                      "Downloads ended because a piece could not be had.", NULL);
    m->downlink_entries =
        metric_counter("gateway_downlink_entries_total", "Stream entries read.", NULL);
    m->downlink_items = metric_counter("gateway_downlink_items_total", "Items read.", "kind");
    m->downlink_repeats =
        metric_counter("gateway_downlink_repeats_total", "Items seen before, dropped.", NULL);
    m->downlink_bad =
        metric_counter("gateway_downlink_bad_total", "Entries that could not be decoded.", "err");
}

void gateway_metrics_init(void)
{
    init_sockets(&gateway_metrics);
    init_sending(&gateway_metrics);
    init_links(&gateway_metrics);
}
