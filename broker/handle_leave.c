/* SPDX-License-Identifier: MIT */
/* A connection has gone; the others are told when the user has no other one in the room, and that
 * the user types no more, which another connection may still do. So they are when the connection is
 * not there any more: a run before this one may have removed it from the room's record without
 * having told them. */
#include "broker/dispatch.h"

void handle_leave(struct world *w, struct work *work)
{
    const struct up_leave *leave = &work->env.leave;
    bool is_last;

    room_remove(work->room, work->gateway, work->env.conn, &is_last);
    if (leave->user_id != 0 && !room_has_user(work->room, leave->user_id)) {
        if (leave->is_typing) {
            announce_typing(w, work->room, leave->user_id, leave->username, TYPING_STOP);
        }
        announce_presence(w, work->room, false, leave->user_id, leave->username);
    }
}
