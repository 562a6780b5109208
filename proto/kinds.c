/* SPDX-License-Identifier: MIT */
/* Look-ups in the table of client message kinds. The table itself is KIND_LIST; what a kind's
 * fields are is client_msg's matter. */
#include "proto/kinds.h"

static const struct kind_info KINDS[KIND_COUNT] = {
    [KIND_INVALID] = {"invalid", 0, AT_GATEWAY, true},
#define KIND_ROW(name, type, endpoints, place, counts)                                             \
    [KIND_##name] = {type, endpoints, place, counts},
    KIND_LIST(KIND_ROW)
#undef KIND_ROW
};

static const char *const ENDPOINT_NAMES[ENDPOINT_COUNT] = {
    [ENDPOINT_NONE] = "none",
    [ENDPOINT_CHAT] = "chat",
    [ENDPOINT_NOTIFICATIONS] = "notifications",
    [ENDPOINT_STATUS] = "status",
    [ENDPOINT_ECHO] = "echo",
};

const struct kind_info *kind_info(enum client_kind kind)
{
    return &KINDS[(unsigned)kind < KIND_COUNT ? kind : KIND_INVALID];
}

enum client_kind kind_find(struct bytes type)
{
    for (unsigned i = KIND_INVALID + 1; i < KIND_COUNT; i++) {
        if (bytes_eq_str(type, KINDS[i].type)) {
            return (enum client_kind)i;
        }
    }
    return KIND_INVALID;
}

const char *endpoint_name(enum endpoint e)
{
    return ENDPOINT_NAMES[(unsigned)e < ENDPOINT_COUNT ? e : ENDPOINT_NONE];
}
