/* SPDX-License-Identifier: MIT */
/* Follows the stream "notify". Each entry is one chain of steps; the next begins only when it has
 * ended. Called by broker.c.
 *
 *   first entry of the stream -> whom a chat means -> XADD to the partition of each of them
 *      -> XDEL -> what is the first now
 *
 * There is no consumer group: what is in the stream has still to be done. Two owners, one of whom
 * does not know yet that it is none, do the same twice, which is told once. An entry that makes no
 * sense, or is too large to be looked at, is logged, counted and passed over. */
#include "broker/notify_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/notice.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/delivery.h"
#include "proto/stream_keys.h"

#define ENVELOPE_ROOM (NOTIFY_USERS_MAX * 8u + 64u * 1024u)

struct notify_watch {
    struct notify_watch_deps deps;
    struct loop_timer *timer;
    struct stream_key key;
    uint32_t generation, busy_generation; /* a pause makes answers that are under way void */
    bool is_running, is_busy;
    unsigned sending; /* partitions that have not answered */
    int send_err;
    /* the entry that is under way */
    char id[ENTRY_ID_TEXT_MAX];
    struct notice notice;
    struct buf kept, people, chunk, envelope;
    struct metric *entries;
};

static void read_next(struct notify_watch *w);

/* First thing in every answer. Ends the chain on an error: all is read again with the next tick. */
static bool goes_on(struct notify_watch *w, int err, const char *step)
{
    static struct log_limit limit = {.per_minute = 6};
    bool is_ours =
        w->is_running && w->generation == w->busy_generation && w->deps.is_owner(w->deps.arg);

    if (err != 0 && is_ours && log_limit_pass(&limit, clock_mono_ms())) {
        log_warn("notify_step_failed", LOG_STR("step", step), LOG_ERR(err));
    }
    w->is_busy = err == 0 && is_ours;
    return w->is_busy;
}

/* ---- the end of an entry ---- */

static void on_finished(void *arg, int err, const struct redis_value *v)
{
    struct notify_watch *w = arg;

    (void)v;
    if (goes_on(w, err, "delete")) {
        read_next(w);
    }
}

static void finish_entry(struct notify_watch *w)
{
    const struct bytes argv[] = {BYTES_LIT("XDEL"), stream_key_bytes(&w->key), bytes_str(w->id)};
    int err = redis_link_command(w->deps.redis, argv, 3, on_finished, w);

    if (err != 0) {
        goes_on(w, err, "delete");
    }
}

/* ---- to the partitions ---- */

static void on_sent(void *arg, int err, const struct redis_value *v)
{
    struct notify_watch *w = arg;

    (void)v;
    w->send_err = w->send_err ? w->send_err : err;
    if (--w->sending == 0 && goes_on(w, w->send_err, "send")) {
        finish_entry(w);
    }
}

static int make_envelope(struct notify_watch *w, struct bytes users)
{
    const struct notice *n = &w->notice;
    const struct up_envelope env = {
        .kind = UP_NOTIFY,
        .conn = 1, /* of no connection */
        .notify = {.source = n->is_chat ? BYTES_NONE : bytes_str(w->id),
                   .channel_id = n->chat.channel_id,
                   .message_id = n->chat.message_id,
                   .created_ms = n->is_chat ? n->chat.at_ms : clock_wall_ms(),
                   .title = n->title,
                   .message = n->message,
                   .category = n->category,
                   .url = n->url,
                   .users = users}};

    buf_reset(&w->envelope);
    return up_envelope_encode(&env, &w->envelope);
}

static int send_to(struct notify_watch *w, uint32_t partition, struct bytes users)
{
    struct stream_key key = key_in(w->deps.conf->redis_prefix, partition);
    int err = make_envelope(w, users);

    if (err != 0) {
        return err;
    }
    const struct bytes argv[] = {BYTES_LIT("XADD"), stream_key_bytes(&key), BYTES_LIT("*"),
                                 BYTES_LIT("n"),    BYTES_LIT("1"),         BYTES_LIT("gw"),
                                 BYTES_LIT("-"),    BYTES_LIT("w"),         BYTES_LIT("0"),
                                 BYTES_LIT("e"),    buf_bytes(&w->envelope)};
    err = redis_link_command(w->deps.redis, argv, sizeof(argv) / sizeof(argv[0]), on_sent, w);
    w->sending += err == 0;
    return err;
}

static uint32_t partition_of_user(const struct notify_watch *w, const char *eight_bytes)
{
    const struct up_notify one = {.users = bytes_of(eight_bytes, 8)};
    char topic[32];
    int len = snprintf(topic, sizeof(topic), "user:%" PRId64, notify_user(&one, 0));

    return partition_of(bytes_of(topic, (size_t)len), w->deps.conf->partitions);
}

/* How many people fit into one envelope, so that their frames do. */
static size_t people_at_once(const struct notice *n)
{
    const struct up_notify one = {.title = n->title,
                                  .message = n->message,
                                  .category = n->category,
                                  .url = n->url,
                                  .users = bytes_of("one user", 8)};
    size_t fit = NOTIFY_FRAMES_MAX_BYTES / notify_frames_bytes(&one);

    return fit < NOTIFY_USERS_MAX ? fit : NOTIFY_USERS_MAX;
}

/* Those of w->people who belong to the partition, in as many envelopes as it takes. */
static int send_partition(struct notify_watch *w, uint32_t partition)
{
    const size_t most = people_at_once(&w->notice) * 8;
    int err = 0;

    buf_reset(&w->chunk);
    for (size_t i = 0; i + 8 <= w->people.len && err == 0; i += 8) {
        if (partition_of_user(w, w->people.data + i) != partition) {
            continue;
        }
        err = buf_append(&w->chunk, bytes_of(w->people.data + i, 8));
        if (err == 0 && w->chunk.len >= most) {
            err = send_to(w, partition, buf_bytes(&w->chunk));
            buf_reset(&w->chunk);
        }
    }
    return err == 0 && w->chunk.len > 0 ? send_to(w, partition, buf_bytes(&w->chunk)) : err;
}

static void send_all(struct notify_watch *w)
{
    int err = 0;

    w->sending = 1; /* ours: nothing ends before all are on their way */
    w->send_err = 0;
    for (uint32_t p = 0; p < w->deps.conf->partitions && err == 0 && w->people.len > 0; p++) {
        err = send_partition(w, p);
    }
    on_sent(w, err, NULL);
}

/* ---- whom a chat means ---- */

static void on_audience(void *arg, int err, const int64_t *ids, size_t count)
{
    struct notify_watch *w = arg;
    char eight_bytes[8];

    if (!goes_on(w, err, "audience")) {
        return;
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        notify_user_put(eight_bytes, ids[i]);
        err = buf_append(&w->people, bytes_of(eight_bytes, sizeof(eight_bytes)));
    }
    if (goes_on(w, err, "audience")) {
        send_all(w);
    }
}

static void ask_audience(struct notify_watch *w)
{
    const struct notice_chat *chat = &w->notice.chat;
    struct chat_audience audience = {.channel_id = chat->channel_id,
                                     .author_id = chat->author_id,
                                     .has_members = chat->has_members,
                                     .here = chat->here,
                                     .limit = NOTIFY_AUDIENCE_MAX};
    struct bytes rest = chat->names;
    int err;

    while (audience.name_count < MENTIONS_MAX &&
           bytes_next_line(&rest, &audience.names[audience.name_count])) {
        audience.name_count++;
    }
    err = store_chat_audience(w->deps.store, &audience, on_audience, w);
    if (err != 0) {
        goes_on(w, err, "audience");
    }
}

/* ---- reading ---- */

static struct bytes field_of(const void *arg, const char *name)
{
    const struct redis_value *fields = arg;

    for (size_t i = 0; i + 1 < redis_value_count(fields); i += 2) {
        if (bytes_eq_str(redis_value_bytes(redis_value_at(fields, i)), name)) {
            return redis_value_bytes(redis_value_at(fields, i + 1));
        }
    }
    return BYTES_NONE;
}

static void begin_entry(struct notify_watch *w, const struct redis_value *entry)
{
    static struct log_limit limit = {.per_minute = 30};
    int err = notice_read(field_of, redis_value_at(entry, 1),
                          (enum sanitize_mode)w->deps.conf->sanitize_mode, &w->kept, &w->notice);

    buf_reset(&w->people);
    if (err == 0 && !w->notice.is_chat) {
        err = buf_append(&w->people, w->notice.users);
    }
    if (err == ERR_NOMEM) {
        goes_on(w, err, "read");
    } else if (err != 0) {
        if (log_limit_pass(&limit, clock_mono_ms())) {
            log_error("notify_entry_refused", LOG_STR("entry", w->id), LOG_ERR(err));
        }
        metric_add_label(w->entries, "refused", 1);
        finish_entry(w);
    } else {
        metric_add_label(w->entries, w->notice.is_chat ? "chat" : "service", 1);
        if (w->notice.is_chat) {
            ask_audience(w);
        } else {
            send_all(w);
        }
    }
}

static void on_read(void *arg, int err, const struct redis_value *v)
{
    struct notify_watch *w = arg;
    struct entry_id id;

    if (!goes_on(w, err, "read")) {
        return;
    }
    if (redis_value_count(v) == 0) {
        w->is_busy = false;
        return;
    }
    err = entry_id_parse(redis_value_bytes(redis_value_at(v, 0)), &id);
    if (goes_on(w, err, "read")) {
        entry_id_format(id, w->id);
        begin_entry(w, v);
    }
}

static void read_next(struct notify_watch *w)
{
    static const char script[] = "local e = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1] "
                                 "if not e then return {} end "
                                 "local n = 0 "
                                 "for _, s in ipairs(e[2]) do n = n + #s end "
                                 "if n > tonumber(ARGV[1]) then e[2] = {} end "
                                 "return e";
    char most[16];
    const struct bytes argv[] = {
        BYTES_LIT("EVAL"), bytes_str(script), BYTES_LIT("1"), stream_key_bytes(&w->key),
        bytes_of(most, (size_t)snprintf(most, sizeof(most), "%u", NOTICE_BYTES_MAX))};
    int err;

    w->is_busy = true;
    w->busy_generation = w->generation;
    err = redis_link_command(w->deps.redis, argv, 5, on_read, w);
    if (err != 0) {
        goes_on(w, err, "read");
    }
}

/* ---- life ---- */

static void tick(void *arg)
{
    struct notify_watch *w = arg;

    if (!w->is_busy && w->deps.is_owner(w->deps.arg)) {
        read_next(w);
    }
}

struct notify_watch *notify_watch_new(const struct notify_watch_deps *deps)
{
    struct notify_watch *w = mem_zalloc(sizeof(*w));

    if (!w) {
        return NULL;
    }
    w->deps = *deps;
    w->key = key_notify(deps->conf->redis_prefix);
    buf_init(&w->kept, NOTICE_BYTES_MAX);
    buf_init(&w->people, (size_t)NOTIFY_AUDIENCE_MAX * 8);
    buf_init(&w->chunk, NOTIFY_USERS_MAX * 8u);
    buf_init(&w->envelope, ENVELOPE_ROOM);
    w->entries = metric_counter("notify_entries_total", "Entries of the stream notify", "source");
    w->timer = loop_timer_new(deps->loop, tick, w);
    if (!w->timer) {
        mem_free(w);
        return NULL;
    }
    return w;
}

void notify_watch_free(struct notify_watch *w)
{
    if (!w) {
        return;
    }
    notify_watch_pause(w);
    loop_timer_free(w->timer);
    buf_done(&w->kept);
    buf_done(&w->people);
    buf_done(&w->chunk);
    buf_done(&w->envelope);
    mem_free(w);
}

void notify_watch_start(struct notify_watch *w)
{
    w->is_running = true;
    loop_timer_start(w->timer, NOTIFY_WATCH_INTERVAL_MS, NOTIFY_WATCH_INTERVAL_MS);
}

void notify_watch_pause(struct notify_watch *w)
{
    w->is_running = false;
    w->generation++;
    loop_timer_stop(w->timer);
}
