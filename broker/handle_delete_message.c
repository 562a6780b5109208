/* SPDX-License-Identifier: MIT */
/* A deletion, by the author or staff: the row stays, emptied, so that ids and seqs stay true; and
 * so does what a repeat of the message would be answered with. */
#include "broker/content.h"
#include "broker/frame_rules.h"

static enum client_code check_target(const struct work *work, bool is_there,
                                     const struct target_state *target)
{
    const struct actor *actor = &work->env.frame.actor;

    if (!is_there || target->is_deleted) {
        return CODE_INVALID_MESSAGE;
    }
    return target->author_id == actor->user_id || actor->is_staff ? CODE_NONE
                                                                  : CODE_PERMISSION_DENIED;
}

void handle_delete_message(struct world *w, struct work *work)
{
    struct content_row row = {.kind = CONTENT_DELETION,
                              .message_id = work->env.frame.msg.message_id};
    struct target_state target = {0};
    bool is_there = rule_target(w, work, &target);
    enum client_code code = check_target(work, is_there, &target);

    if (content_conclude(w, work, code, &row)) {
        target.is_deleted = true;
        targets_put(w->targets, work->origin.partition, row.channel_id, row.message_id, &target);
        recent_empty(w->recent, row.message_id);
    }
}
