/* SPDX-License-Identifier: MIT */
#pragma once
/* JSON lines on a sink (stdout by default): {"ts","level","event",fields…}.
 * Never log payloads, tokens or SQL parameters: ids, names and sizes only. */
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_field_type { LOG_FIELD_STR, LOG_FIELD_U64, LOG_FIELD_I64, LOG_FIELD_HEX };
struct log_field {
    const char *key;
    enum log_field_type type;
    struct bytes str;
    uint64_t num;
};

#define LOG_STR(k, s) ((struct log_field){(k), LOG_FIELD_STR, bytes_str(s), 0})
#define LOG_BYTES(k, b) ((struct log_field){(k), LOG_FIELD_STR, (b), 0})
#define LOG_U64(k, n) ((struct log_field){(k), LOG_FIELD_U64, BYTES_NONE, (uint64_t)(n)})
#define LOG_I64(k, n) ((struct log_field){(k), LOG_FIELD_I64, BYTES_NONE, (uint64_t)(int64_t)(n)})
#define LOG_ID(k, n) ((struct log_field){(k), LOG_FIELD_HEX, BYTES_NONE, (uint64_t)(n)})
#define LOG_ERR(e) LOG_STR("err", err_name(e))

/* Write one line. Borrows everything. Limits: a line has at most LOG_LINE_MAX bytes, a text
 * LOG_TEXT_MAX; what does not fit is left out and the line says "truncated". Never fails. */
#define LOG_LINE_MAX 4096u
#define LOG_TEXT_MAX 512u
void log_event(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

/* LOG_END closes the list (and is not counted), so that an event without fields is plain C11. */
#define LOG_END ((struct log_field){NULL, LOG_FIELD_STR, BYTES_NONE, 0})
#define LOG_LINE(level, event, ...)                                                                \
    log_event((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field) - 1)
#define LOG_AT(level, ...) LOG_LINE(level, __VA_ARGS__, LOG_END)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

void log_set_level(enum log_level level);
/* debug, info, warn, error; else ERR_SYNTAX. */
NODISCARD int log_level_parse(struct bytes name, enum log_level *out_level);
/* Where "ts" comes from: UTC milliseconds since 1970 (main passes clock_wall_ms). NULL = no "ts".
 */
typedef uint64_t log_clock_fn(void);
void log_set_clock(log_clock_fn *now_wall_ms);
/* Added to every line: "gateway-1", "broker-2". Copied. */
void log_set_process(const char *name);
/* Where finished lines go (with the newline); NULL = stdout. For tests. */
typedef void log_sink_fn(void *arg, struct bytes line);
void log_set_sink(log_sink_fn *sink, void *arg);

/* For lines that a peer can cause: at most `per_minute` of this call site pass each minute; the
 * line logged next after the first pass of a new minute carries "suppressed".
 * Use: static struct log_limit l = {60}; if (log_limit_pass(&l, now_ms)) { log_warn(…); } */
struct log_limit {
    uint32_t per_minute, used, suppressed;
    uint64_t minute;
};
bool log_limit_pass(struct log_limit *l, uint64_t now_ms);
