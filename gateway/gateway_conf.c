/* SPDX-License-Identifier: MIT */
/* The settings table of kibray-gateway and the checks that a row cannot express. Reads no
 * environment itself; common/conf does the parsing. Used by main and the tests. */
#include "gateway/gateway_conf.h"

#include "common/mem.h"
#include "common/ratelim.h"
#include "common/redis_url.h"
#include "gateway/client_address.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

#define AT(member) offsetof(struct gateway_conf, member)
#define USER_LIMIT_FACTOR 5u
#define NAME_MAX_BYTES (GATEWAY_NAME_MAX - 17u) /* "." and 16 hex digits follow */
#define MIB (1024u * 1024u)

/* clang-format off */
const struct conf_row gateway_conf_rows[] = {
    {"allowed-hosts", "ALLOWED_HOSTS", CONF_LIST, AT(allowed_hosts), "",
     "localhost,127.0.0.1,[::1]", 0, 0, NULL, false, false,
     "Host names that requests may carry, as in Django: exact, \".example.com\" with subdomains, or \"*\"."},
    {"channel-buffer-bytes", "CHANNEL_BUFFER_BYTES", CONF_U32, AT(channel_buffer_bytes), "bytes",
     "8388608", 65536, 256 * MIB, NULL, false, false,
     "Bytes that may wait for one slow reader before it is closed with 4413."},
    {"channel-capacity", "CHANNEL_CAPACITY", CONF_U32, AT(channel_capacity), "frames",
     "1500", 1, 1000000, NULL, false, false,
     "Frames that may wait for one slow reader before it is closed with 4413."},
    {"channel-expiry", "CHANNEL_EXPIRY", CONF_U32, AT(channel_expiry_s), "s",
     "10", 1, 3600, NULL, false, false,
     "A reader that takes nothing for so long while frames wait for it is closed with 4413."},
    {"compress-min", "COMPRESS_MIN", CONF_U32, AT(compress_min_bytes), "bytes",
     "1024", 0, 16 * MIB, NULL, false, false,
     "Frames of at least this size are compressed for clients that can; 0 switches compression off."},
    {"connections-per-address", "CONNECTIONS_PER_ADDRESS", CONF_U32, AT(connections_per_address),
     "", "200", 0, 1000000, NULL, false, false,
     "Sockets that one peer address may hold in one process; 0 is no limit."},
    {"csrf-trusted-origins", "CSRF_TRUSTED_ORIGINS", CONF_LIST, AT(csrf_trusted_origins), "",
     "", 0, 0, NULL, false, false,
     "Origins (scheme://host[:port]) allowed besides the one that equals the Host header."},
    {"drain-seconds", "DRAIN_SECONDS", CONF_U32, AT(drain_s), "s",
     "10", 0, 3600, NULL, false, false,
     "A graceful stop moves the clients away over this time."},
    {"echo-endpoint", "ECHO_ENDPOINT", CONF_BOOL, AT(is_echo_enabled), "",
     "0", 0, 0, NULL, false, false,
     "Serve /ws/echo/, which sends every message back; for conformance tests."},
    {"gateway-name", "GATEWAY_NAME", CONF_STR, AT(name), "",
     "", 0, 0, NULL, false, false,
     "Name of this gateway in Redis and in logs (letters, digits, '.', '_', '-'); empty is the host name."},
    {"listen-address", "LISTEN_ADDRESS", CONF_STR, AT(listen_address), "",
     "0.0.0.0", 0, 0, NULL, false, false,
     "Address that the client port listens on."},
    {"log-level", "LOG_LEVEL", CONF_ENUM, AT(log_level), "",
     "info", 0, 0, "debug|info|warn|error", false, false,
     "Lines below this level are not written."},
    {"metrics-address", "METRICS_ADDRESS", CONF_STR, AT(metrics_address), "",
     "127.0.0.1", 0, 0, NULL, false, false,
     "Address that the metrics port listens on."},
    {"metrics-port", "METRICS_PORT", CONF_U32, AT(metrics_port), "",
     "0", 0, 65535, NULL, false, false,
     "Port for /metrics, /healthz and /readyz; worker i uses this plus i; 0 is none."},
    {"partitions", "PARTITIONS", CONF_U32, AT(partitions), "",
     "16", 1, PARTITIONS_MAX, NULL, false, false,
     "Number of input streams; the same for all gateways and brokers."},
    {"ping-interval", "PING_INTERVAL", CONF_U32, AT(ping_interval_s), "s",
     "30", 1, 3600, NULL, false, false,
     "A silent client is pinged after this time."},
    {"pong-timeout", "PONG_TIMEOUT", CONF_U32, AT(pong_timeout_s), "s",
     "20", 1, 3600, NULL, false, false,
     "A client that leaves a ping unanswered for so long is dropped."},
    {"port", "PORT", CONF_U32, AT(port), "",
     "8001", 1, 65535, NULL, false, false,
     "Port for clients."},
    {"redis-prefix", "REDIS_PREFIX", CONF_STR, AT(redis_prefix), "",
     "kb:", 0, 0, NULL, false, false,
     REDIS_PREFIX_HELP},
    {"redis-url", "REDIS_URL", CONF_STR, AT(redis_url), "",
     "redis://127.0.0.1:6379/0", 0, 0, NULL, true, false,
     REDIS_URL_HELP},
    {"tls-cert", "TLS_CERT", CONF_STR, AT(tls_cert), "", "", 0, 0, NULL, false, false,
     "PEM file with the certificate chain of the client port, the server's own first; SIGHUP reads it "
     "anew. Empty is no TLS."},
    {"tls-key", "TLS_KEY", CONF_STR, AT(tls_key), "", "", 0, 0, NULL, false, false,
     "PEM file with the private key of TLS_CERT."},
    {"trusted-proxies", "TRUSTED_PROXIES", CONF_LIST, AT(trusted_proxies), "", "", 0, 0, NULL, false,
     false,
     "Addresses and networks (10.0.0.0/8) of the proxies whose X-Forwarded-For is believed; all others "
     "count as the client themselves."},
    {"upload-bytes-per-second", "UPLOAD_BYTES_PER_SECOND", CONF_U32, AT(upload_bytes_per_second),
     "bytes/s", "8388608", 0, UINT32_MAX, NULL, false, false,
     "Bytes of files that one process takes in a second, so that uploads leave the processor to chats; "
     "0 is no limit."},
    {"user-rate-limit", "USER_RATE_LIMIT", CONF_STR, AT(user_rate_limit), "messages/60s",
     "", 0, 0, NULL, false, false,
     "Messages of one user over all gateways; 0 is no limit, empty is five times WEBSOCKET_RATE_LIMIT."},
    {"web-connect-sources", "WEB_CONNECT_SOURCES", CONF_STR, AT(web_connect_sources), "", "", 0, 0,
     NULL, false, false,
     "Origins that the web application may reach beside this server, with blanks between them: that of "
     "S3_PUBLIC_URL, when downloads are sent there."},
    {"web-root", "WEB_ROOT", CONF_STR, AT(web_root), "", "", 0, 0, NULL, false, false,
     "Directory with the built web application, read at start-up and served at /; empty is none."},
    {"websocket-close-on-token-expiry", "WEBSOCKET_CLOSE_ON_TOKEN_EXPIRY", CONF_BOOL,
     AT(is_closed_on_expiry), "", "0", 0, 0, NULL, false, false,
     "Close a socket with 4401 when its access token expires, unless a newer one came in a refresh_token frame."},
    {"websocket-connection-timeout", "WEBSOCKET_CONNECTION_TIMEOUT", CONF_U32, AT(idle_timeout_s),
     "s", "3600", 0, 31536000, NULL, false, false,
     "A socket without a message from its client for so long is closed with 4408; 0 is never."},
    {"websocket-message-max-size", "WEBSOCKET_MESSAGE_MAX_SIZE", CONF_U32, AT(message_max_bytes),
     "bytes", "1048576", 1024, MESSAGE_MAX_BYTES, NULL, false, false,
     "Largest message a client may send, after inflating and joining."},
    {"websocket-rate-limit", "WEBSOCKET_RATE_LIMIT", CONF_U32, AT(rate_limit), "messages/60s",
     "60", 0, RATELIM_MAX_LIMIT, NULL, false, false,
     "Messages of one socket in any 60 seconds; 0 is no limit for sockets and users."},
    {"workers", "WORKERS", CONF_U32, AT(workers), "",
     "1", 1, 256, NULL, false, false,
     "Processes that share the port; one per core that the gateway may use."},
};
/* clang-format on */
const size_t gateway_conf_row_count = sizeof(gateway_conf_rows) / sizeof(gateway_conf_rows[0]);

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* Decimal digits only; ERR_RANGE above the largest limit. */
static int parse_limit(const char *text, uint32_t *out_limit)
{
    uint32_t limit = 0;

    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return ERR_SYNTAX;
        }
        limit = limit * 10 + (uint32_t)(*text - '0');
        if (limit > RATELIM_MAX_LIMIT) {
            return ERR_RANGE;
        }
    }
    *out_limit = limit;
    return 0;
}

/* The problem is for people: when there is no memory for the sentence, the code must do. */
static int problem(struct buf *out, int err, const char *sentence, const char *value)
{
    int ignored = buf_printf(out, "%s: \"%s\"", sentence, value);

    (void)ignored;
    return err;
}

int gateway_conf_check(const struct gateway_conf *c, struct buf *out_problem)
{
    struct trusted_proxies ignored;
    size_t name_len = strlen(c->name);
    uint32_t limit;
    int err;

    if (name_len > NAME_MAX_BYTES) {
        return problem(out_problem, ERR_LIMIT, "GATEWAY_NAME is too long", c->name);
    }
    for (size_t i = 0; i < name_len; i++) {
        if (!is_name_byte(c->name[i])) {
            return problem(out_problem, ERR_SYNTAX,
                           "GATEWAY_NAME has other characters than letters, digits, '.', '_', '-'",
                           c->name);
        }
    }
    err = redis_url_check(c->redis_url);
    if (err != 0) {
        return problem(out_problem, err, redis_url_problem(err), "REDIS_URL");
    }
    if (redis_prefix_problem(c->redis_url, c->redis_prefix)) {
        return problem(out_problem, ERR_SYNTAX, redis_prefix_problem(c->redis_url, c->redis_prefix),
                       c->redis_prefix);
    }
    if (trusted_proxies_parse(c->trusted_proxies, &ignored) != 0) {
        return problem(
            out_problem, ERR_SYNTAX,
            "TRUSTED_PROXIES must be up to 64 addresses or networks, with commas between",
            c->trusted_proxies);
    }
    if ((c->tls_cert[0] == '\0') != (c->tls_key[0] == '\0')) {
        return problem(out_problem, ERR_MISSING, "TLS_CERT and TLS_KEY are needed together",
                       c->tls_cert[0] ? c->tls_cert : c->tls_key);
    }
    if (parse_limit(c->user_rate_limit, &limit) != 0) {
        return problem(out_problem, ERR_RANGE, "USER_RATE_LIMIT must be empty or 0 to 1000000",
                       c->user_rate_limit);
    }
    if (c->metrics_port > 0 && c->metrics_port + c->workers - 1 > UINT16_MAX) {
        return problem(out_problem, ERR_RANGE, "METRICS_PORT leaves no ports for all WORKERS",
                       c->metrics_address);
    }
    return 0;
}

uint32_t gateway_conf_user_limit(const struct gateway_conf *c)
{
    uint32_t limit = 0;

    if (c->rate_limit == 0) {
        return 0;
    }
    if (c->user_rate_limit[0] == '\0') {
        limit = c->rate_limit * USER_LIMIT_FACTOR;
        return limit < RATELIM_MAX_LIMIT ? limit : RATELIM_MAX_LIMIT;
    }
    return parse_limit(c->user_rate_limit, &limit) == 0 ? limit : 0;
}

char *gateway_name_clean(struct bytes name)
{
    char *copy;

    name.len = name.len < NAME_MAX_BYTES ? name.len : NAME_MAX_BYTES;
    copy = mem_dup_str(name.len > 0 ? name : BYTES_LIT("gateway"));
    for (char *c = copy; c && *c; c++) {
        *c = is_name_byte(*c) ? *c : '-';
    }
    return copy;
}
