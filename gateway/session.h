/* SPDX-License-Identifier: MIT */
#pragma once
/* One client socket and its state machine. Kept small: what only busy sockets need is allocated
 * when it is needed. */
#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"
#include "gateway/topic.h"
#include "proto/kinds.h"

/* CONNECTING   accepted, nothing sent yet
 * OPENING      the broker was asked who this is
 * JOINING      granted: the broker holds a place of the user, the topic's partition was asked in
 * OPEN         attached to its topic; frames are read
 * LOCAL        open, served by this gateway alone: brokers know nothing of it
 * CLOSING      we have closed; the broker holds nothing of it
 * LEAVING      we have closed; the broker must be told when it is gone
 * GONE         the socket is no more */
#define SESSION_STATE_LIST(X)                                                                      \
    X(CONNECTING) X(OPENING) X(JOINING) X(OPEN) X(LOCAL) X(CLOSING) X(LEAVING) X(GONE)

/* ACCEPTED     the upgrade is done, the endpoint needs a broker
 * LOCAL        the upgrade is done, the endpoint is served here
 * GRANTED, JOINED, REFUSED   answers of brokers
 * WAIT_OVER    no answer in FRAME_WAIT_MS
 * CUT          we end it: kick, slow reader, flood, silence, restart
 * PEER_GONE    the port has no socket any more, whoever ended it */
#define SESSION_EVENT_LIST(X)                                                                      \
    X(ACCEPTED) X(LOCAL) X(GRANTED) X(JOINED) X(REFUSED) X(WAIT_OVER) X(CUT) X(PEER_GONE)

enum session_state {
#define SESSION_ENUM(name) SESSION_##name,
    SESSION_STATE_LIST(SESSION_ENUM)
#undef SESSION_ENUM
        SESSION_STATE_COUNT
};
enum session_event {
#define SESSION_ENUM(name) SESSION_ON_##name,
    SESSION_EVENT_LIST(SESSION_ENUM)
#undef SESSION_ENUM
        SESSION_EVENT_COUNT
};

enum session_action { /* what the caller has to do, in this order */
                      DO_SEND_OPEN = 1u << 0,
                      DO_ENTER_USER = 1u << 1, /* remember who it is */
                      DO_SEND_JOIN = 1u << 2,
                      DO_ATTACH = 1u << 3, /* first frame, then the topic's frames */
                      DO_READ = 1u << 4,   /* go on reading */
                      DO_TELL = 1u << 5,   /* error frame */
                      DO_DETACH = 1u << 6,
                      DO_CLOSE = 1u << 7,
                      DO_GIVE_BACK = 1u << 8, /* a grant that came too late: UP_LEAVE for it */
                      DO_LEAVE = 1u << 9,     /* UP_LEAVE for what the session holds */
                      DO_FREE = 1u << 10,
};

struct session_plan {
    enum session_state next;
    unsigned actions;
};

/* The transition. Pure. Errors: ERR_STATE the event is not legal or means nothing now (a repeated
 * answer); *out untouched. */
NODISCARD int session_step(enum session_state state, enum session_event event,
                           struct session_plan *out);
const char *session_state_name(enum session_state state);
const char *session_event_name(enum session_event event);

struct gateway;
struct ws_conn;
struct user;
struct address_count;
struct outbox;
struct inbound_meter;
struct resume;
struct upload_window;
struct typing_places;

struct session {
    uint64_t id; /* of the session table; never 0 */
    struct gateway *gateway;
    struct ws_conn *conn;
    struct topic_sub sub;
    struct session *idle_prev, *idle_next; /* all sessions, the longest silent first */
    struct session *user_prev, *user_next; /* all sockets of the user */
    struct user *user;                     /* from GRANTED on */
    char *topic_name;                      /* from GRANTED on; owned */
    struct address_count *address;
    struct outbox *outbox;            /* NULL = empty */
    struct inbound_meter *meter;      /* NULL until something was counted */
    struct typing_places *typing;     /* where its user types by it; NULL: nowhere yet */
    struct resume *resume;            /* since= was given and is not done with; resume.c */
    struct upload_window *uploads;    /* NULL until it sends a file; uploading.c */
    uint64_t as_of_ms, login;         /* of its grant: whom a kick means */
    uint64_t expires_s;               /* when its token does; 0 = never */
    uint64_t opened_ms, last_data_ms; /* opened: 0 = never was */
    uint64_t frame_no;                /* of the last frame forwarded */
    uint32_t quota_waiting; /* frames that wait for the user's credits; reading is paused */
    uint8_t state, endpoint;
    bool wants_resume; /* since= was given: told of a restart by 1012 */
};

/* The only writer of the state. */
void session_set_state(struct session *s, enum session_state state);
static inline enum session_state session_state(const struct session *s)
{
    return (enum session_state)s->state;
}
