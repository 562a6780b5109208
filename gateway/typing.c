/* SPDX-License-Identifier: MIT */
/* Typing in a topic: shown to all but the typist, switched off when a message of the typist
 * comes, when it is said so, or when nothing more is said. Called by deliver.c, upkeep.c, for what
 * a socket says of itself by receiving.c, and when it goes by session_run.c. */
#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "common/io/clock.h"
#include "gateway/gateway_glue.h"
#include "proto/server_msg.h"
#include "proto/stream_keys.h"

#define CHANNEL_DIGITS_MAX 16u /* of 2^53 */

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

/* 0: the topic is no channel. */
static int64_t channel_of(struct bytes topic)
{
    const struct bytes prefix = BYTES_LIT("chat:");
    struct bytes digits = bytes_skip(topic, prefix.len);
    int64_t id = 0;

    if (!bytes_has_prefix(topic, prefix) || digits.len > CHANNEL_DIGITS_MAX) {
        return 0;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9') {
            return 0;
        }
        id = id * 10 + (digits.ptr[i] - '0');
    }
    return id;
}

void typing_note(struct session *s, const struct up_frame *frame)
{
    const struct client_msg *msg = &frame->msg;
    int64_t channel_id;

    if (msg->kind != KIND_TYPING && (msg->kind != KIND_CHAT_MESSAGE || !s->typing)) {
        return;
    }
    channel_id = frame->is_outside ? msg->channel_id : channel_of(frame->topic);
    if (channel_id != 0) {
        typing_places_note(&s->typing, channel_id, msg->kind == KIND_TYPING && msg->is_typing,
                           clock_mono_ms());
    }
}

/* Has another socket of the user said so, too? That one still stands for it. */
static bool has_other(const struct session *s, int64_t channel_id)
{
    const struct session *other;

    DL_FOREACH2(s->user->sessions, other, user_next)
    {
        if (other != s && session_state(other) == SESSION_OPEN &&
            typing_places_has(other->typing, channel_id, clock_mono_ms())) {
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
                  .is_outside = !bytes_eq_str(topic, s->topic_name),
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
        if (!has_other(s, channels[i])) {
            say_off(s, channels[i], topic);
        }
    }
}
