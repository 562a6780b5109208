/* SPDX-License-Identifier: MIT */
/* Rules of channel names and numbers. Used by the store for rooms of paths and by the command
 * line for new channels. */
#include "broker/channel_name.h"

#include "proto/limits.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

int channel_name_check(struct bytes name)
{
    bool is_all_digits = true;

    if (name.len == 0 || name.len > ROOM_NAME_MAX) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_char(name.ptr[i])) {
            return ERR_SYNTAX;
        }
        is_all_digits = is_all_digits && is_digit(name.ptr[i]);
    }
    return is_all_digits ? ERR_SYNTAX : 0;
}

int channel_number_parse(struct bytes room, int64_t *out_id)
{
    int64_t id = 0;

    if (room.len == 0 || (room.len > 1 && room.ptr[0] == '0')) {
        return ERR_SYNTAX; /* ids are written in one way only */
    }
    for (size_t i = 0; i < room.len; i++) {
        if (!is_digit(room.ptr[i])) {
            return ERR_SYNTAX;
        }
        /* Stays above the maximum once it is, and far from overflow. */
        if (id <= ID_MAX) {
            id = id * 10 + (room.ptr[i] - '0');
        }
    }
    if (id < 1 || id > ID_MAX) {
        return ERR_RANGE;
    }
    *out_id = id;
    return 0;
}
