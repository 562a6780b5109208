/* SPDX-License-Identifier: MIT */
#pragma once
/* The settings of kibray-gateway, one table. */
#include <stdbool.h>
#include <stdint.h>
#include "common/conf.h"

struct gateway_conf {
    char *name;           /* GATEWAY_NAME; empty = host name, set by main */
    char *listen_address; /* LISTEN_ADDRESS */
    uint32_t port;        /* PORT */
    uint32_t workers;     /* WORKERS */
    char *redis_url, *redis_prefix;
    uint32_t partitions;
    char *metrics_address;
    uint32_t metrics_port; /* 0 = off; worker i uses +i */
    uint32_t log_level;    /* enum log_level */

    char *allowed_hosts;              /* ALLOWED_HOSTS, as Django's */
    char *csrf_trusted_origins;       /* CSRF_TRUSTED_ORIGINS: whole origins */
    uint32_t rate_limit;              /* WEBSOCKET_RATE_LIMIT per socket and 60 s; 0 = none */
    uint32_t upload_bytes_per_second; /* UPLOAD_BYTES_PER_SECOND; 0 = no limit */
    char *user_rate_limit;            /* USER_RATE_LIMIT; empty = 5 x rate_limit */
    uint32_t message_max_bytes;       /* WEBSOCKET_MESSAGE_MAX_SIZE */
    uint32_t idle_timeout_s;          /* WEBSOCKET_CONNECTION_TIMEOUT; 0 = never */
    uint32_t channel_capacity;        /* CHANNEL_CAPACITY: frames waiting for one reader */
    uint32_t channel_buffer_bytes;    /* CHANNEL_BUFFER_BYTES: bytes waiting for one reader */
    uint32_t channel_expiry_s;        /* CHANNEL_EXPIRY */
    uint32_t connections_per_address; /* 0 = none */
    uint32_t compress_min_bytes;      /* COMPRESS_MIN; 0 = never compress */
    uint32_t ping_interval_s, pong_timeout_s;
    uint32_t drain_s;          /* DRAIN_SECONDS */
    char *trusted_proxies;     /* TRUSTED_PROXIES; parsed by client_address */
    char *web_root;            /* WEB_ROOT; empty = no web application */
    char *web_connect_sources; /* WEB_CONNECT_SOURCES */
    char *tls_cert, *tls_key;  /* TLS_CERT, TLS_KEY; both or none */
    bool is_echo_enabled;      /* ECHO_ENDPOINT */
    bool is_closed_on_expiry;  /* WEBSOCKET_CLOSE_ON_TOKEN_EXPIRY */
};

extern const struct conf_row gateway_conf_rows[];
extern const size_t gateway_conf_row_count;

/* Checks that go across settings or need more than a range: the name's characters, the prefix,
 * USER_RATE_LIMIT. Errors: ERR_SYNTAX, ERR_RANGE, ERR_LIMIT with one sentence. */
NODISCARD int gateway_conf_check(const struct gateway_conf *c, struct buf *out_problem);
/* Frames per user and 60 s over all gateways; 0 = none. The settings must have been checked. */
uint32_t gateway_conf_user_limit(const struct gateway_conf *c);
/* A copy of `name` in which every byte that a gateway's name must not have is '-': for host
 * names. Gives; NULL without memory. */
char *gateway_name_clean(struct bytes name);
