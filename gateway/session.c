/* SPDX-License-Identifier: MIT */
/* The state machine of one socket, as a table. Performs nothing: opening.c and closing.c do what
 * a plan says.
 *
 *     CONNECTING -> OPENING -> JOINING -> OPEN      (or CONNECTING -> LOCAL)
 *          |           |           |        |
 *          |           v           v        v
 *          |        CLOSING     LEAVING <---+         (ended by us)
 *          |           |           |
 *          +---------> GONE <------+                  (from every state, when the socket is gone)
 */
#include "gateway/session.h"

#include "common/log.h"

#define NO_STEP                                                                                    \
    {                                                                                              \
        SESSION_STATE_COUNT, 0                                                                     \
    }
#define TO(state, actions)                                                                         \
    {                                                                                              \
        SESSION_##state, (actions)                                                                 \
    }

/* clang-format off */
static const struct session_plan STEPS[SESSION_STATE_COUNT][SESSION_EVENT_COUNT] = {
    [SESSION_CONNECTING] = {
        [SESSION_ON_ACCEPTED]  = TO(OPENING, DO_SEND_OPEN),
        [SESSION_ON_LOCAL]     = TO(LOCAL, DO_READ),
        [SESSION_ON_GRANTED]   = NO_STEP,
        [SESSION_ON_JOINED]    = NO_STEP,
        [SESSION_ON_REFUSED]   = NO_STEP,
        [SESSION_ON_WAIT_OVER] = NO_STEP,
        [SESSION_ON_CUT]       = TO(CLOSING, DO_CLOSE),
        [SESSION_ON_PEER_GONE] = TO(GONE, DO_FREE),
    },
    [SESSION_OPENING] = {
        [SESSION_ON_ACCEPTED]  = NO_STEP,
        [SESSION_ON_LOCAL]     = NO_STEP,
        [SESSION_ON_GRANTED]   = TO(JOINING, DO_ENTER_USER | DO_SEND_JOIN),
        [SESSION_ON_JOINED]    = NO_STEP,
        [SESSION_ON_REFUSED]   = TO(CLOSING, DO_TELL | DO_CLOSE),
        [SESSION_ON_WAIT_OVER] = TO(CLOSING, DO_TELL | DO_CLOSE),
        [SESSION_ON_CUT]       = TO(CLOSING, DO_CLOSE),
        [SESSION_ON_PEER_GONE] = TO(GONE, DO_FREE),
    },
    [SESSION_JOINING] = {
        [SESSION_ON_ACCEPTED]  = NO_STEP,
        [SESSION_ON_LOCAL]     = NO_STEP,
        [SESSION_ON_GRANTED]   = NO_STEP,
        [SESSION_ON_JOINED]    = TO(OPEN, DO_ATTACH | DO_READ),
        [SESSION_ON_REFUSED]   = TO(LEAVING, DO_TELL | DO_CLOSE),
        [SESSION_ON_WAIT_OVER] = TO(LEAVING, DO_TELL | DO_CLOSE),
        [SESSION_ON_CUT]       = TO(LEAVING, DO_CLOSE),
        [SESSION_ON_PEER_GONE] = TO(GONE, DO_LEAVE | DO_FREE),
    },
    [SESSION_OPEN] = {
        [SESSION_ON_ACCEPTED]  = NO_STEP,
        [SESSION_ON_LOCAL]     = NO_STEP,
        [SESSION_ON_GRANTED]   = NO_STEP,
        [SESSION_ON_JOINED]    = NO_STEP,
        [SESSION_ON_REFUSED]   = NO_STEP,
        [SESSION_ON_WAIT_OVER] = NO_STEP,
        [SESSION_ON_CUT]       = TO(LEAVING, DO_DETACH | DO_CLOSE),
        [SESSION_ON_PEER_GONE] = TO(GONE, DO_DETACH | DO_LEAVE | DO_FREE),
    },
    [SESSION_LOCAL] = {
        [SESSION_ON_ACCEPTED]  = NO_STEP,
        [SESSION_ON_LOCAL]     = NO_STEP,
        [SESSION_ON_GRANTED]   = NO_STEP,
        [SESSION_ON_JOINED]    = NO_STEP,
        [SESSION_ON_REFUSED]   = NO_STEP,
        [SESSION_ON_WAIT_OVER] = NO_STEP,
        [SESSION_ON_CUT]       = TO(CLOSING, DO_CLOSE),
        [SESSION_ON_PEER_GONE] = TO(GONE, DO_FREE),
    },
    [SESSION_CLOSING] = {
        [SESSION_ON_ACCEPTED]  = NO_STEP,
        [SESSION_ON_LOCAL]     = NO_STEP,
        [SESSION_ON_GRANTED]   = TO(CLOSING, DO_GIVE_BACK),
        [SESSION_ON_JOINED]    = NO_STEP,
        [SESSION_ON_REFUSED]   = NO_STEP,
        [SESSION_ON_WAIT_OVER] = NO_STEP,
        [SESSION_ON_CUT]       = NO_STEP,
        [SESSION_ON_PEER_GONE] = TO(GONE, DO_FREE),
    },
    [SESSION_LEAVING] = {
        [SESSION_ON_ACCEPTED]  = NO_STEP,
        [SESSION_ON_LOCAL]     = NO_STEP,
        [SESSION_ON_GRANTED]   = NO_STEP,
        [SESSION_ON_JOINED]    = NO_STEP,
        [SESSION_ON_REFUSED]   = NO_STEP,
        [SESSION_ON_WAIT_OVER] = NO_STEP,
        [SESSION_ON_CUT]       = NO_STEP,
        [SESSION_ON_PEER_GONE] = TO(GONE, DO_LEAVE | DO_FREE),
    },
    /* A grant for a socket that is no more: the place must be given back. */
    [SESSION_GONE] = {
        [SESSION_ON_ACCEPTED]  = NO_STEP,
        [SESSION_ON_LOCAL]     = NO_STEP,
        [SESSION_ON_GRANTED]   = TO(GONE, DO_GIVE_BACK),
        [SESSION_ON_JOINED]    = NO_STEP,
        [SESSION_ON_REFUSED]   = NO_STEP,
        [SESSION_ON_WAIT_OVER] = NO_STEP,
        [SESSION_ON_CUT]       = NO_STEP,
        [SESSION_ON_PEER_GONE] = NO_STEP,
    },
};
/* clang-format on */

static const char *const STATE_NAMES[SESSION_STATE_COUNT] = {
#define SESSION_NAME(name) #name,
    SESSION_STATE_LIST(SESSION_NAME)};
static const char *const EVENT_NAMES[SESSION_EVENT_COUNT] = {SESSION_EVENT_LIST(SESSION_NAME)
#undef SESSION_NAME
};

int session_step(enum session_state state, enum session_event event, struct session_plan *out)
{
    if ((unsigned)state >= SESSION_STATE_COUNT || (unsigned)event >= SESSION_EVENT_COUNT ||
        STEPS[state][event].next == SESSION_STATE_COUNT) {
        return ERR_STATE;
    }
    *out = STEPS[state][event];
    return 0;
}

const char *session_state_name(enum session_state state)
{
    return (unsigned)state < SESSION_STATE_COUNT ? STATE_NAMES[state] : "?";
}

const char *session_event_name(enum session_event event)
{
    return (unsigned)event < SESSION_EVENT_COUNT ? EVENT_NAMES[event] : "?";
}

void session_set_state(struct session *s, enum session_state state)
{
    log_debug("session_state", LOG_ID("conn", s->id),
              LOG_STR("from", session_state_name(session_state(s))),
              LOG_STR("to", session_state_name(state)));
    s->state = (uint8_t)state;
}
