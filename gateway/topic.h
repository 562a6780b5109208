/* SPDX-License-Identifier: MIT */
#pragma once
/* A topic of this gateway: its subscribers and the one log of ready frames they all read from. A
 * subscriber is a place in the log. Those that can take bytes are on the `ready` list; those whose
 * socket is blocked, or that have private frames to be sent first, are on `stuck`, so that a flush
 * touches only sockets that it can write to. Pure: the flusher writes, this says what. */
#include <stdbool.h>
#include <stdint.h>
#include "gateway/topic_log.h"

struct topic;

struct topic_sub { /* embedded in its session */
    struct topic_sub *next, *prev;
    struct topic *topic; /* NULL = not attached */
    uint64_t next_no;    /* the first frame that it has not got */
    int64_t user_id;
    uint64_t conn;       /* as frames name it that are not for it */
    uint32_t progress_s; /* when it last took something, while stuck */
    uint8_t class;       /* enum topic_class */
    bool is_stuck;
    bool is_held; /* stuck until it has what it missed before it came */
};

/* Names of passing states, see topic_log.h. */
#define PASSING_TYPING(user_id) ((user_id)*2 + 1)
#define PASSING_PRESENCE(user_id) ((user_id)*2)

struct topic_limits { /* of what may wait for one subscriber */
    uint32_t frames, expiry_s;
    size_t bytes;
};

enum topic_lag { LAG_NONE, LAG_FRAMES, LAG_BYTES, LAG_TIME };

struct topic *topic_new(struct bytes name, uint64_t seq, size_t log_max_bytes);
void topic_free(struct topic *t); /* no subscribers must be left; NULL is fine */
struct bytes topic_name(const struct topic *t);

/* Content: what a frame's seq means. SEQ_NEXT must be appended and topic_set_seq() called. */
enum topic_seq { SEQ_NEXT, SEQ_REPEAT, SEQ_HOLE };
enum topic_seq topic_check_seq(const struct topic *t, uint64_t seq);
uint64_t topic_seq(const struct topic *t);
void topic_set_seq(struct topic *t, uint64_t seq);

/* Enter at the end of the log, ready. */
void topic_attach(struct topic *t, struct topic_sub *sub, int64_t user_id, uint64_t conn,
                  enum topic_class class);
void topic_detach(struct topic_sub *sub); /* not attached: nothing */
uint32_t topic_subscribers(const struct topic *t);
/* Has the class subscribers? Frames need the bytes of these classes only. */
bool topic_wants(const struct topic *t, enum topic_class class);
/* Errors: ERR_FULL, ERR_NOMEM (nothing appended). */
NODISCARD int topic_append(struct topic *t, const struct topic_frame *frame);

/* Lists, for the flusher: take `next` before a subscriber is moved or detached. */
struct topic_sub *topic_first_ready(const struct topic *t);
struct topic_sub *topic_first_stuck(const struct topic *t);
/* Move between the lists. A subscriber that gets stuck starts its CHANNEL_EXPIRY now. */
void topic_set_stuck(struct topic_sub *sub, bool is_stuck, uint64_t now_ms);

bool topic_sub_is_behind(const struct topic_sub *sub);
/* What to write next for a subscriber: see topic_log_span(). */
NODISCARD int topic_sub_span(const struct topic_sub *sub, size_t max_bytes, struct buf *scratch,
                             struct bytes *out_bytes, uint64_t *out_next);
/* The bytes up to frame `next` were handed to the socket. */
void topic_sub_advance(struct topic_sub *sub, uint64_t next, uint64_t now_ms);

/* Is anything kept for so long or so large that a stuck subscriber may be over a limit? Cheap. */
bool topic_may_lag(const struct topic *t, const struct topic_limits *limits);
enum topic_lag topic_sub_lag(const struct topic_sub *sub, const struct topic_limits *limits,
                             uint64_t now_ms);
/* Forget frames that everybody has. */
void topic_trim(struct topic *t);
/* Once in a while: gives memory back when nothing was appended since the last call. */
void topic_rest(struct topic *t);

/* Topics by name, and those with news. */
struct topic_table {
    struct topic *head;
};
void topic_table_done(struct topic_table *table); /* all topics must be without subscribers */
struct topic *topic_find(const struct topic_table *table, struct bytes name);
/* Finds or makes. NULL without memory. A new one has seq 0 and *out_is_new. */
struct topic *topic_get(struct topic_table *table, struct bytes name, size_t log_max_bytes,
                        bool *out_is_new);
void topic_drop(struct topic_table *table, struct topic *t);
struct topic *topic_first(const struct topic_table *table);
struct topic *topic_after(const struct topic *t);

/* The flusher's list of topics with news, threaded through the topics. */
struct topic_news {
    struct topic *head;
};
void topic_news_add(struct topic_news *news, struct topic *t); /* twice is once */
struct topic *topic_news_take(struct topic_news *news);        /* NULL = none */
bool topic_has_news(const struct topic *t);
void topic_news_remove(struct topic_news *news, struct topic *t);
