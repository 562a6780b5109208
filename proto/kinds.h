/* SPDX-License-Identifier: MIT */
#pragma once
/* The table of what a client may send: one row a kind. Columns: enum name, the JSON "type", the
 * endpoints where it is legal (EP_ bits), where it is answered (gateway or broker), whether it
 * counts for the rate limit. A row is all that dispatch, metrics and tests need to know. */
#include <stdbool.h>
#include "common/bytes.h"

enum endpoint {
    ENDPOINT_NONE,
    ENDPOINT_CHAT,
    ENDPOINT_NOTIFICATIONS,
    ENDPOINT_STATUS,
    ENDPOINT_ECHO,
    ENDPOINT_COUNT
};
#define EP_CHAT (1u << ENDPOINT_CHAT)
#define EP_NOTIFICATIONS (1u << ENDPOINT_NOTIFICATIONS)
#define EP_STATUS (1u << ENDPOINT_STATUS)
#define EP_ALL (EP_CHAT | EP_NOTIFICATIONS | EP_STATUS)

enum kind_place { AT_GATEWAY, AT_BROKER };

/*    enum          type            endpoints  place       counts */
#define KIND_LIST(X)                                                                               \
    X(CHAT_MESSAGE, "chat_message", EP_CHAT, AT_BROKER, true)                                      \
    X(EDIT_MESSAGE, "edit_message", EP_CHAT, AT_BROKER, true)                                      \
    X(DELETE_MESSAGE, "delete_message", EP_CHAT, AT_BROKER, true)                                  \
    X(TYPING, "typing", EP_CHAT | EP_STATUS, AT_BROKER, true)                                      \
    X(READ_RECEIPT, "read_receipt", EP_CHAT, AT_BROKER, true)                                      \
    X(MARK_READ, "mark_read", EP_CHAT | EP_NOTIFICATIONS, AT_BROKER, true)                         \
    X(BATCH_UPDATE, "batch_update", EP_CHAT, AT_BROKER, true)                                      \
    X(MARK_ALL_READ, "mark_all_read", EP_NOTIFICATIONS, AT_BROKER, true)                           \
    X(DISMISS, "dismiss", EP_NOTIFICATIONS, AT_BROKER, true)                                       \
    X(STATUS_UPDATE, "status_update", EP_STATUS, AT_BROKER, true)                                  \
    X(UPLOAD_FILE, "upload_file", EP_CHAT, AT_BROKER, true)                                        \
    X(UPLOAD_CHUNK, "upload_chunk", EP_CHAT, AT_BROKER, false)                                     \
    X(CANCEL_UPLOAD, "cancel_upload", EP_CHAT, AT_BROKER, true)                                    \
    X(REFRESH_TOKEN, "refresh_token", EP_ALL, AT_BROKER, true)                                     \
    X(PING, "ping", EP_ALL, AT_GATEWAY, false)                                                     \
    X(HEARTBEAT, "heartbeat", EP_ALL, AT_GATEWAY, false)

enum client_kind {
    KIND_INVALID = 0,
#define KIND_ENUM(name, type, endpoints, place, counts) KIND_##name,
    KIND_LIST(KIND_ENUM)
#undef KIND_ENUM
        KIND_COUNT
};

struct kind_info {
    const char *type;
    unsigned endpoints;
    enum kind_place place;
    bool counts;
};

const struct kind_info *kind_info(enum client_kind kind); /* KIND_INVALID: type "invalid" */
enum client_kind kind_find(struct bytes type);            /* KIND_INVALID when unknown */
const char *endpoint_name(enum endpoint e);               /* "chat" */
