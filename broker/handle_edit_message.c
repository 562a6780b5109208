/* SPDX-License-Identifier: MIT */
/* An edit: its author only, never of what is deleted. Nothing is compared with the old text: an
 * edit that changes nothing is one, too. */
#include "broker/content.h"
#include "broker/frame_rules.h"

static enum client_code check_target(const struct world *w, const struct work *work)
{
    struct target_state target;

    if (!rule_target(w, work, &target) || target.is_deleted) {
        return CODE_INVALID_MESSAGE;
    }
    return target.author_id == work->env.frame.actor.user_id ? CODE_NONE : CODE_PERMISSION_DENIED;
}

void handle_edit_message(struct world *w, struct work *work)
{
    struct content_row row = {.kind = CONTENT_EDIT, .message_id = work->env.frame.msg.message_id};
    enum client_code code = check_target(w, work);

    if (code == CODE_NONE) {
        code = rule_text(w, work, &row.content);
    }
    content_conclude(w, work, code, &row);
}
