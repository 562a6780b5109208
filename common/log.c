/* SPDX-License-Identifier: MIT */
/* Turns events into JSON lines in a fixed buffer on the stack, so that logging works when memory
 * does not, and hands each line to the sink. The sink and the settings are the process's only
 * logging state. Called by glue and main; pure code returns errors instead. */
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/json_quote.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void write_stdout(void *arg, struct bytes line);

static enum log_level least_level = LOG_INFO;
static char process_name[64];
static log_clock_fn *clock_fn;
static log_sink_fn *sink_fn = write_stdout;
static void *sink_arg;
/* Set by log_limit_pass() for the line that follows it. */
static _Thread_local uint32_t pending_suppressed;

/* Lines that standard output does not take are lost: there is nowhere left to say so. */
static void write_stdout(void *arg, struct bytes line)
{
    (void)arg;
    while (line.len > 0) {
        ssize_t n = write(STDOUT_FILENO, line.ptr, line.len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return;
        }
        line = bytes_skip(line, (size_t)n);
    }
}

static int append_time(struct buf *line, uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char text[32];

    if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        return ERR_RANGE;
    }
    return buf_printf(line, "\"ts\":\"%s.%03uZ\",", text, (unsigned)(wall_ms % 1000));
}

static int append_value(struct buf *line, const struct log_field *field)
{
    struct bytes text = field->str;

    switch (field->type) {
    case LOG_FIELD_STR:
        text.len = text.len < LOG_TEXT_MAX ? text.len : LOG_TEXT_MAX;
        return json_quote(line, text);
    case LOG_FIELD_U64:
        return buf_printf(line, "%llu", (unsigned long long)field->num);
    case LOG_FIELD_I64:
        return buf_append_i64(line, (int64_t)field->num);
    case LOG_FIELD_HEX:
        return buf_printf(line, "\"%016llx\"", (unsigned long long)field->num);
    }
    return ERR_TYPE;
}

/* Append the field whole or not at all. */
static int append_field(struct buf *line, const struct log_field *field)
{
    size_t len_before = line->len;
    int err = buf_append_char(line, ',');

    if (err == 0) {
        err = json_quote(line, bytes_str(field->key));
    }
    if (err == 0) {
        err = buf_append_char(line, ':');
    }
    if (err == 0) {
        err = append_value(line, field);
    }
    if (err != 0) {
        line->len = len_before;
    }
    return err;
}

static int append_head(struct buf *line, enum log_level level, const char *event)
{
    const struct log_field name = LOG_STR("event", event);
    const struct log_field process = LOG_STR("process", process_name);
    int err = buf_append_char(line, '{');

    if (err == 0 && clock_fn) {
        err = append_time(line, clock_fn());
    }
    if (err == 0) {
        err = buf_printf(line, "\"level\":\"%s\"", level_names[level]);
    }
    if (err == 0) {
        err = append_field(line, &name);
    }
    if (err == 0 && process_name[0] != '\0') {
        err = append_field(line, &process);
    }
    return err;
}

void log_event(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    static const struct bytes tail = {",\"truncated\":true}\n", 19};
    char room[LOG_LINE_MAX + 1];
    /* A buffer that cannot grow, because it is born at its maximum. */
    struct buf line = {
        .data = room, .cap = LOG_LINE_MAX - tail.len, .max = LOG_LINE_MAX - tail.len};
    const struct log_field suppressed = LOG_U64("suppressed", pending_suppressed);
    bool is_whole;

    pending_suppressed = 0;
    if (level < least_level) {
        return;
    }
    is_whole = append_head(&line, level, event) == 0;
    if (suppressed.num > 0) {
        is_whole = append_field(&line, &suppressed) == 0 && is_whole;
    }
    for (size_t i = 0; i < count; i++) {
        is_whole = append_field(&line, &fields[i]) == 0 && is_whole;
    }
    line.cap = line.max = LOG_LINE_MAX;
    if (buf_append(&line, is_whole ? BYTES_LIT("}\n") : tail) == 0) {
        sink_fn(sink_arg, buf_bytes(&line));
    }
}

void log_set_level(enum log_level level)
{
    least_level = level;
}

int log_level_parse(struct bytes name, enum log_level *out_level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (bytes_eq_str(name, level_names[i])) {
            *out_level = (enum log_level)i;
            return 0;
        }
    }
    return ERR_SYNTAX;
}

void log_set_clock(log_clock_fn *now_wall_ms)
{
    clock_fn = now_wall_ms;
}

void log_set_process(const char *name)
{
    (void)snprintf(process_name, sizeof(process_name), "%s", name);
}

void log_set_sink(log_sink_fn *sink, void *arg)
{
    sink_fn = sink ? sink : write_stdout;
    sink_arg = arg;
}

bool log_limit_pass(struct log_limit *l, uint64_t now_ms)
{
    uint64_t minute = now_ms / 60000;

    if (minute != l->minute) {
        l->minute = minute;
        l->used = 0;
    }
    if (l->used >= l->per_minute) {
        if (l->suppressed < UINT32_MAX) {
            l->suppressed++;
        }
        return false;
    }
    l->used++;
    pending_suppressed = l->suppressed;
    l->suppressed = 0;
    return true;
}
