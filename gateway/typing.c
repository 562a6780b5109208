/* SPDX-License-Identifier: MIT */
/* Typing in a topic: shown to all but the typist, switched off when a message of the typist
 * comes, when it is said so, or when nothing more is said. Called by deliver.c and upkeep.c. */
#include "common/io/clock.h"
#include "gateway/gateway_glue.h"
#include "proto/server_msg.h"

static void show(struct gateway *g, struct topic *t, const struct down_typing *typing, bool is_on)
{
    const struct typing frame = {.channel_id = typing->channel_id,
                                 .user_id = typing->user_id,
                                 .username = typing->username,
                                 .is_typing = is_on};
    struct down_topic item = {.exclude_user = typing->user_id};

    buf_reset(&g->json);
    if (server_typing(&frame, &g->json) == 0) {
        item.json = buf_bytes(&g->json);
        deliver_append(g, t, &item, PASSING_TYPING(typing->user_id));
    }
}

void typing_deliver(struct gateway *g, const struct down_typing *typing)
{
    struct topic *t = topic_find(&g->topics, typing->topic);
    struct down_typing was;
    bool was_on;

    if (!t) {
        return;
    }
    if (typing->change == TYPING_ON) {
        typing_watch_on(g->typing, t, typing, clock_mono_ms());
        show(g, t, typing, true);
        return;
    }
    was_on = typing_watch_off(g->typing, t, typing->user_id, &was);
    if (was_on || typing->change == TYPING_OFF) {
        show(g, t, typing, false);
    }
}

void typing_stop(struct gateway *g, struct topic *t, int64_t user_id)
{
    struct down_typing was;

    if (typing_watch_off(g->typing, t, user_id, &was)) {
        show(g, t, &was, false);
    }
}

void typing_tick(struct gateway *g, uint64_t now_ms)
{
    struct down_typing was;
    struct topic *t;

    while (typing_watch_due(g->typing, now_ms, &t, &was)) {
        show(g, t, &was, false);
    }
}
