/* SPDX-License-Identifier: MIT */
/* Names, sentences and close codes of the client-visible errors. The tables come from CODE_LIST;
 * which of them follows from an internal error is decided by the gateway and the broker. */
#include "proto/codes.h"

struct code_text {
    const char *name, *sentence;
};

static const struct code_text CODE_TEXTS[CODE_COUNT] = {[CODE_NONE] = {"", ""},
#define CODE_TEXT(name, sentence) [CODE_##name] = {#name, sentence},
                                                        CODE_LIST(CODE_TEXT)
#undef CODE_TEXT
};

static const struct code_text *code_text(enum client_code code)
{
    return &CODE_TEXTS[(unsigned)code < CODE_COUNT ? code : CODE_NONE];
}

const char *code_name(enum client_code code)
{
    return code_text(code)->name;
}

const char *code_sentence(enum client_code code)
{
    return code_text(code)->sentence;
}

enum close_code code_close(enum client_code code)
{
    switch (code) {
    case CODE_AUTHENTICATION_FAILED:
        return CLOSE_AUTH;
    case CODE_RATE_LIMIT_EXCEEDED:
        return CLOSE_FLOOD;
    case CODE_INVALID_MESSAGE:
        return CLOSE_POLICY;
    case CODE_PERMISSION_DENIED:
        return CLOSE_DENIED;
    case CODE_CHANNEL_NOT_FOUND:
        return CLOSE_NO_CHANNEL;
    case CODE_MESSAGE_TOO_LARGE:
        return CLOSE_TOO_BIG;
    case CODE_SERVICE_UNAVAILABLE:
        return CLOSE_TRY_LATER;
    case CODE_INTERNAL_ERROR:
        return CLOSE_INTERNAL;
    case CODE_NONE:
    case CODE_COUNT:
        break;
    }
    return CLOSE_NONE;
}
