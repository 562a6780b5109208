/* SPDX-License-Identifier: MIT */
/* A connection has gone; the others are told when it was the user's last one in the room. */
#include "broker/dispatch.h"

void handle_leave(struct world *w, struct work *work)
{
    const struct up_leave *leave = &work->env.leave;
    bool is_last = false;

    if (room_remove(work->room, work->gateway, work->env.conn, &is_last) && is_last) {
        announce_presence(w, work->room, false, leave->user_id, leave->username);
    }
}
