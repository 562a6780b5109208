/* SPDX-License-Identifier: MIT */
/* Typing in a topic: shown to all but the typist, switched off when a message of the typist
 * comes, when it is said so, or when nothing more is said. Called by deliver.c, upkeep.c and, when
 * a socket goes that typed in a channel it is not in, by session_run.c. */
#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "common/io/clock.h"
#include "gateway/gateway_glue.h"
#include "proto/server_msg.h"
#include "proto/stream_keys.h"

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

struct bytes typing_topic(int64_t channel_id, char out[TOPIC_MAX_BYTES])
{
    int n = snprintf(out, TOPIC_MAX_BYTES, "chat:%" PRId64, channel_id);

    return bytes_of(out, (size_t)n);
}

/* May another socket of the user have said so, too? That one still stands for it. */
static bool has_other(const struct session *s, int64_t channel_id, struct bytes topic)
{
    const struct session *other;

    DL_FOREACH2(s->user->sessions, other, user_next)
    {
        if (other != s && session_state(other) == SESSION_OPEN &&
            (bytes_eq_str(topic, other->topic_name) ||
             typing_places_has(other->typing, channel_id, clock_mono_ms()))) {
            return true;
        }
    }
    return false;
}

/* As if the socket had said so with its last breath; its answer finds nobody. */
static void say_off(const struct session *s, int64_t channel_id, struct bytes topic)
{
    struct gateway *g = s->gateway;
    const struct up_envelope env = {
        .kind = UP_FRAME,
        .conn = s->id,
        .frame = {.frame_no = s->frame_no + 1,
                  .received_us = clock_mono_us(),
                  .actor = user_actor(s->user),
                  .topic = topic,
                  .is_outside = true,
                  .msg = {.kind = KIND_TYPING, .channel_id = channel_id, .is_typing = false}}};
    /* Without room for it: gateways switch it off by time. */
    int ignored = gateway_send_up(g, partition_of(topic, g->conf->partitions), UPLINK_ONCE, &env);

    (void)ignored;
}

void typing_leave(struct session *s)
{
    int64_t channels[TYPING_PLACES_MAX];
    size_t count = typing_places_list(s->typing, clock_mono_ms(), channels);

    for (size_t i = 0; i < count; i++) {
        char name[TOPIC_MAX_BYTES];
        struct bytes topic = typing_topic(channels[i], name);
        if (!has_other(s, channels[i], topic)) {
            say_off(s, channels[i], topic);
        }
    }
}
