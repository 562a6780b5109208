/* SPDX-License-Identifier: MIT */
#pragma once
/* What a client is told: error codes with their sentence, and close codes. */
#include "common/bytes.h"

#define CODE_LIST(X)                                                                               \
    X(AUTHENTICATION_FAILED, "Authentication failed. Please sign in again.")                       \
    X(RATE_LIMIT_EXCEEDED, "Rate limit exceeded. Please slow down.")                               \
    X(INVALID_MESSAGE, "The message is malformed.")                                                \
    X(PERMISSION_DENIED, "You do not have permission to do this.")                                 \
    X(CHANNEL_NOT_FOUND, "This channel does not exist.")                                           \
    X(MESSAGE_TOO_LARGE, "The message is too large.")                                              \
    X(SERVICE_UNAVAILABLE, "The service is unavailable at the moment. Nothing was stored.")        \
    X(INTERNAL_ERROR, "Something went wrong on our side.")

enum client_code {
    CODE_NONE = 0,
#define CODE_ENUM(name, sentence) CODE_##name,
    CODE_LIST(CODE_ENUM)
#undef CODE_ENUM
        CODE_COUNT
};

const char *code_name(enum client_code code); /* "INVALID_MESSAGE"; "" for CODE_NONE */
const char *code_sentence(enum client_code code);

/* WebSocket close codes: RFC 6455 §7.4 and ours from the private range. 1000 is never sent. */
enum close_code {
    CLOSE_NONE = 0, /* cut: no close frame */
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL_ERROR = 1002,
    CLOSE_BAD_DATA = 1007,
    CLOSE_POLICY = 1008, /* too many fragments */
    CLOSE_TOO_BIG = 1009,
    CLOSE_INTERNAL = 1011,
    CLOSE_RESTART = 1012,   /* reason "retry_ms=<n>" */
    CLOSE_TRY_LATER = 1013, /* no broker answered the opening */
    CLOSE_AUTH = 4401,
    CLOSE_DENIED = 4403,
    CLOSE_NO_CHANNEL = 4404,
    CLOSE_IDLE = 4408,
    CLOSE_SLOW = 4413,
    CLOSE_FLOOD = 4429,
};

/* The close code that follows a refused opening. */
enum close_code code_close(enum client_code code);
