/* SPDX-License-Identifier: MIT */
/* Topics: subscribers on two lists, one log, the content position. No sockets, no clock; used by
 * deliver (append), flusher (write) and the closing of sockets (detach).
 *
 *     append -> log ---- ready ----> one contiguous span per socket and flush
 *                   \--- stuck ----> continues at its own place when the socket is writable
 *
 * The log keeps what the slowest subscriber lacks; topic_sub_lag() bounds how slow one may be, so
 * a slow reader costs the others nothing but that memory. */
#include "gateway/topic.h"

#include <utlist.h>

#include "gateway/map.h"

struct topic {
    UT_hash_handle hh;
    struct topic *news_next, *news_prev;
    bool is_in_news, was_used;
    uint64_t seq;
    struct topic_sub *ready, *stuck;
    uint32_t class_count[TOPIC_CLASSES];
    struct topic_log log;
    size_t name_len;
    char name[];
};

struct topic *topic_new(struct bytes name, uint64_t seq, size_t log_max_bytes)
{
    struct topic *t = mem_zalloc(sizeof(*t) + name.len + 1);

    if (!t) {
        return NULL;
    }
    t->seq = seq;
    t->name_len = name.len;
    memcpy(t->name, name.ptr, name.len);
    topic_log_init(&t->log, log_max_bytes);
    return t;
}

void topic_free(struct topic *t)
{
    if (t) {
        topic_log_done(&t->log);
        mem_free(t);
    }
}

struct bytes topic_name(const struct topic *t)
{
    return bytes_of(t->name, t->name_len);
}

enum topic_seq topic_check_seq(const struct topic *t, uint64_t seq)
{
    if (seq <= t->seq) {
        return SEQ_REPEAT;
    }
    return seq == t->seq + 1 ? SEQ_NEXT : SEQ_HOLE;
}

uint64_t topic_seq(const struct topic *t)
{
    return t->seq;
}

void topic_set_seq(struct topic *t, uint64_t seq)
{
    t->seq = seq;
}

/* --- subscribers -------------------------------------------------------------------------- */

static void list_add(struct topic_sub *sub)
{
    if (sub->is_stuck) {
        DL_APPEND(sub->topic->stuck, sub);
    } else {
        DL_APPEND(sub->topic->ready, sub);
    }
}

static void list_remove(struct topic_sub *sub)
{
    if (sub->is_stuck) {
        DL_DELETE(sub->topic->stuck, sub);
    } else {
        DL_DELETE(sub->topic->ready, sub);
    }
}

void topic_attach(struct topic *t, struct topic_sub *sub, int64_t user_id, uint64_t conn,
                  enum topic_class class)
{
    *sub = (struct topic_sub){.topic = t,
                              .next_no = topic_log_end(&t->log),
                              .user_id = user_id,
                              .conn = conn,
                              .class = (uint8_t) class};
    t->class_count[class]++;
    list_add(sub);
}

void topic_detach(struct topic_sub *sub)
{
    if (sub->topic) {
        list_remove(sub);
        sub->topic->class_count[sub->class]--;
        sub->topic = NULL;
    }
}

uint32_t topic_subscribers(const struct topic *t)
{
    return t->class_count[TOPIC_PLAIN] + t->class_count[TOPIC_DEFLATED];
}

bool topic_wants(const struct topic *t, enum topic_class class)
{
    return t->class_count[class] > 0;
}

int topic_append(struct topic *t, const struct topic_frame *frame)
{
    t->was_used = true;
    return topic_log_append(&t->log, frame);
}

struct topic_sub *topic_first_ready(const struct topic *t)
{
    return t->ready;
}

struct topic_sub *topic_first_stuck(const struct topic *t)
{
    return t->stuck;
}

void topic_set_stuck(struct topic_sub *sub, bool is_stuck, uint64_t now_ms)
{
    is_stuck = is_stuck || sub->is_held;
    if (sub->topic && sub->is_stuck != is_stuck) {
        list_remove(sub);
        sub->is_stuck = is_stuck;
        sub->progress_s = (uint32_t)(now_ms / 1000);
        list_add(sub);
    }
}

bool topic_sub_is_behind(const struct topic_sub *sub)
{
    return sub->topic && sub->next_no != topic_log_end(&sub->topic->log);
}

int topic_sub_span(const struct topic_sub *sub, size_t max_bytes, struct buf *scratch,
                   struct bytes *out_bytes, uint64_t *out_next)
{
    const struct topic_reader reader = {.class = (enum topic_class)sub->class,
                                        .no = sub->next_no,
                                        .user_id = sub->user_id,
                                        .conn = sub->conn,
                                        .is_lagging = sub->is_stuck};

    return topic_log_span(&sub->topic->log, &reader, max_bytes, scratch, out_bytes, out_next);
}

void topic_sub_advance(struct topic_sub *sub, uint64_t next, uint64_t now_ms)
{
    sub->next_no = next;
    sub->progress_s = (uint32_t)(now_ms / 1000);
}

/* --- laggards and memory ------------------------------------------------------------------ */

bool topic_may_lag(const struct topic *t, const struct topic_limits *limits)
{
    for (int c = 0; c < TOPIC_CLASSES; c++) {
        if (topic_log_bytes_from(&t->log, (enum topic_class)c, t->log.first_no) > limits->bytes) {
            return true;
        }
    }
    return t->log.count > limits->frames;
}

enum topic_lag topic_sub_lag(const struct topic_sub *sub, const struct topic_limits *limits,
                             uint64_t now_ms)
{
    const struct topic_log *log = &sub->topic->log;

    if (!sub->is_stuck) {
        return LAG_NONE;
    }
    if (topic_log_frames_from(log, sub->next_no) > limits->frames) {
        return LAG_FRAMES;
    }
    if (topic_log_bytes_from(log, (enum topic_class)sub->class, sub->next_no) > limits->bytes) {
        return LAG_BYTES;
    }
    /* Whole seconds: a started one does not count. */
    return (uint32_t)(now_ms / 1000) - sub->progress_s > limits->expiry_s ? LAG_TIME : LAG_NONE;
}

void topic_trim(struct topic *t)
{
    uint64_t least = topic_log_end(&t->log);
    const struct topic_sub *sub;

    DL_FOREACH(t->stuck, sub) {
        least = sub->next_no < least ? sub->next_no : least;
    }
    DL_FOREACH(t->ready, sub) {
        least = sub->next_no < least ? sub->next_no : least;
    }
    topic_log_trim(&t->log, least);
}

void topic_rest(struct topic *t)
{
    if (!t->was_used) {
        topic_trim(t);
        topic_log_shrink(&t->log);
    }
    t->was_used = false;
}

/* --- topics by name ------------------------------------------------------------------------ */

void topic_table_done(struct topic_table *table)
{
    struct topic *t, *next;

    HASH_ITER(hh, table->head, t, next) {
        topic_drop(table, t);
    }
}

struct topic *topic_find(const struct topic_table *table, struct bytes name)
{
    struct topic *t;

    HASH_FIND(hh, table->head, name.ptr, (unsigned)name.len, t);
    return t;
}

struct topic *topic_get(struct topic_table *table, struct bytes name, size_t log_max_bytes,
                        bool *out_is_new)
{
    struct topic *t = topic_find(table, name);

    *out_is_new = !t;
    if (t) {
        return t;
    }
    t = topic_new(name, 0, log_max_bytes);
    if (!t) {
        return NULL;
    }
    HASH_ADD(hh, table->head, name, (unsigned)t->name_len, t);
    if (MAP_HAS_FAILED(t)) {
        topic_free(t);
        return NULL;
    }
    return t;
}

void topic_drop(struct topic_table *table, struct topic *t)
{
    HASH_DEL(table->head, t);
    topic_free(t);
}

struct topic *topic_first(const struct topic_table *table)
{
    return table->head;
}

struct topic *topic_after(const struct topic *t)
{
    return t->hh.next;
}

/* --- news ---------------------------------------------------------------------------------- */

void topic_news_add(struct topic_news *news, struct topic *t)
{
    if (!t->is_in_news) {
        t->is_in_news = true;
        DL_APPEND2(news->head, t, news_prev, news_next);
    }
}

bool topic_has_news(const struct topic *t)
{
    return t->is_in_news;
}

struct topic *topic_news_take(struct topic_news *news)
{
    struct topic *t = news->head;

    if (t) {
        topic_news_remove(news, t);
    }
    return t;
}

void topic_news_remove(struct topic_news *news, struct topic *t)
{
    if (t->is_in_news) {
        t->is_in_news = false;
        DL_DELETE2(news->head, t, news_prev, news_next);
    }
}
