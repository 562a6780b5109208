/* SPDX-License-Identifier: MIT */
/* Somebody types. Nothing is stored or remembered here: each gateway switches it off for its own
 * sockets when no more comes (gateway/typing_watch.c). */
#include "broker/frame_rules.h"

void announce_typing(struct world *w, const struct room *room, int64_t user_id,
                     struct bytes username, enum typing_change change)
{
    struct down_item item = {.kind = DOWN_TYPING};

    item.typing = (struct down_typing){.topic = room_topic(room),
                                       .channel_id = room->channel_id,
                                       .user_id = user_id,
                                       .username = username,
                                       .change = change};
    effects_publish(w->fx, room, &item);
}

void handle_typing(struct world *w, struct work *work)
{
    const struct up_frame *frame = &work->env.frame;
    enum client_code code = rule_channel(work);

    if (code != CODE_NONE) {
        reply_error(w, work, code, NULL);
        return;
    }
    announce_typing(w, work->room, frame->actor.user_id, frame->actor.username,
                    frame->msg.is_typing ? TYPING_ON : TYPING_OFF);
    reply_ack(w, work);
}
