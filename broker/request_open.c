/* SPDX-License-Identifier: MIT */
/* The opening of a socket: may this person come in, and to which topic? Does not enter the room:
 * that is the join, which the pipeline orders with the room's messages. Called by requests.c.
 *
 *   credential -> active user -> channel -> access -> place among the user's sockets -> GRANTED
 *        |             |            |         |              |
 *       4401          4401        4404      4403           4429           1013: a part is away
 *
 * "direct/<user id>" is the channel of the user and that other one. */
#include "broker/requests_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "broker/access_watch.h"
#include "broker/channel_name.h"
#include "broker/rooms.h"
#include "common/io/clock.h"

#define OPEN_DATA_MAX_MS (KICK_REPEAT_MS - 300) /* the rest is for the way to the gateway */

static void count(struct request *req, const char *result)
{
    metric_add_label(req->owner->metrics.opened, result, 1);
}

void request_open_refuse(struct request *req, enum client_code code)
{
    struct down_item item = {.kind = DOWN_REFUSED};

    item.refused.code = code;
    item.refused.close = code_close(code);
    count(req, code_name(code));
    request_answer(req, &item);
}

/* What ends a right is told to the gateways a second time after KICK_REPEAT_MS. What was read
 * before must have become a socket by then, or it would never hear of it. */
static bool is_outdated(const struct request *req)
{
    return clock_mono_ms() - req->read_ms > OPEN_DATA_MAX_MS;
}

static void give_back_place(struct request *req)
{
    struct user_slot slot = {
        .gateway = request_gateway(req), .conn = req->conn, .user_id = req->work.open.user_id};

    user_registry_give_back(&req->owner->registry, &slot);
}

static void grant(struct request *req)
{
    const struct open_work *w = &req->work.open;
    struct down_item item = {.kind = DOWN_GRANTED};

    if (is_outdated(req)) {
        give_back_place(req);
        request_open_refuse(req, CODE_SERVICE_UNAVAILABLE);
        return;
    }
    item.granted.as_of_ms =
        redis_clock_ms(req->owner->deps.clock) - (clock_mono_ms() - req->read_ms);
    item.granted.login = req->login;
    item.granted.expires_s = req->expires_s;
    item.granted.actor = (struct actor){.user_id = w->user_id,
                                        .username = bytes_of(w->username, w->username_len),
                                        .avatar = bytes_of(w->avatar, w->avatar_len),
                                        .is_staff = w->is_staff};
    item.granted.topic = bytes_of(w->topic, w->topic_len);
    count(req, "GRANTED");
    request_answer(req, &item);
}

static void on_place(void *arg, int err)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err == 0) {
        grant(req);
    } else {
        request_open_refuse(req,
                            err == ERR_LIMIT ? CODE_RATE_LIMIT_EXCEEDED : CODE_SERVICE_UNAVAILABLE);
    }
}

static void take_place(struct request *req)
{
    const struct open_work *w = &req->work.open;
    struct user_slot slot = {
        .gateway = request_gateway(req), .conn = req->conn, .user_id = w->user_id};
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = user_registry_take(&req->owner->registry, &slot, bytes_of(w->topic, w->topic_len),
                                 on_place, step);
    }
    if (err != 0) {
        step_end(step);
        request_open_refuse(req, CODE_SERVICE_UNAVAILABLE);
    }
}

/* Public channels are open to every active user, private ones to their members; being staff
 * opens nothing. */
static bool may_enter(const struct channel_row *channel)
{
    return !channel->is_private || channel->is_member;
}

static void on_channel(void *arg, int err, const struct channel_row *channel)
{
    struct request *req = step_end(arg);
    struct open_work *w;

    if (!req) {
        return;
    }
    if (err != 0 && err != ERR_NOT_FOUND) {
        request_store_error(err, "channel");
        request_open_refuse(req, CODE_SERVICE_UNAVAILABLE);
        return;
    }
    if (err != 0 || !channel) {
        request_open_refuse(req, CODE_CHANNEL_NOT_FOUND);
        return;
    }
    if (!may_enter(channel)) {
        request_open_refuse(req, CODE_PERMISSION_DENIED);
        return;
    }
    w = &req->work.open;
    w->topic_len = (size_t)snprintf(w->topic, sizeof(w->topic), "chat:%" PRId64, channel->id);
    take_place(req);
}

static void find_channel(struct request *req)
{
    const struct requests_deps *deps = &req->owner->deps;
    const struct open_work *w = &req->work.open;
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = w->direct_id != 0
                  ? store_direct_channel(deps->store, w->user_id, w->direct_id, on_channel, step)
                  : store_channel(deps->store, bytes_of(w->room, w->room_len), w->user_id,
                                  deps->conf->channel_auto_create, on_channel, step);
    }
    if (err != 0) {
        step_end(step);
        request_store_error(err, "channel");
        request_open_refuse(req, CODE_SERVICE_UNAVAILABLE);
    }
}

static bool is_room(struct bytes room)
{
    int64_t id;

    return channel_name_check(room) == 0 || channel_number_parse(room, &id) == 0;
}

/* The user of "direct/<id>"; 0 = it is something else. */
static int64_t direct_of(struct bytes room)
{
    const struct bytes prefix = BYTES_LIT(DIRECT_ROOM_PREFIX);
    int64_t id;

    if (!bytes_has_prefix(room, prefix) ||
        channel_number_parse(bytes_skip(room, prefix.len), &id) != 0) {
        return 0;
    }
    return id;
}

static size_t copy(char *to, size_t room, struct bytes from)
{
    size_t len = from.len <= room ? from.len : 0;

    if (len > 0) {
        memcpy(to, from.ptr, len);
    }
    return len;
}

/* Of the endpoints without rooms: a person's notifications, or everybody's status. */
static size_t own_topic(const struct open_work *w, char *to, size_t room)
{
    int n = 0;

    if (w->endpoint == ENDPOINT_NOTIFICATIONS) {
        n = snprintf(to, room, "user:%" PRId64, w->user_id);
    } else if (w->endpoint == ENDPOINT_STATUS) {
        n = snprintf(to, room, "%s", TOPIC_STATUS);
    }
    return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static void on_user(struct request *req, int err, const struct user_row *user)
{
    struct open_work *w = &req->work.open;

    if (err != 0) {
        request_open_refuse(req, err == ERR_DENIED ? CODE_AUTHENTICATION_FAILED
                                                   : CODE_SERVICE_UNAVAILABLE);
        return;
    }
    if (w->endpoint == ENDPOINT_CHAT && w->room_len == 0 && w->direct_id == 0) {
        /* said only to those who are somebody */
        request_open_refuse(req, CODE_CHANNEL_NOT_FOUND);
        return;
    }
    w->user_id = user->id;
    w->is_staff = user->is_staff;
    w->username_len = copy(w->username, sizeof(w->username), user->username);
    w->avatar_len = copy(w->avatar, sizeof(w->avatar), user->avatar); /* too long: none */
    if (w->username_len == 0) {
        request_open_refuse(req, CODE_INTERNAL_ERROR);
        return;
    }
    if (w->endpoint == ENDPOINT_CHAT) {
        find_channel(req);
        return;
    }
    w->topic_len = own_topic(w, w->topic, sizeof(w->topic));
    if (w->topic_len == 0) { /* an endpoint that is not known here */
        request_open_refuse(req, CODE_CHANNEL_NOT_FOUND);
        return;
    }
    take_place(req);
}

void request_open_start(struct request *req, const struct up_open *open)
{
    struct open_work *w = &req->work.open;

    w->endpoint = open->endpoint;
    if (open->endpoint == ENDPOINT_CHAT) {
        w->direct_id = direct_of(open->room);
        w->room_len = is_room(open->room) ? copy(w->room, sizeof(w->room), open->room) : 0;
    }
    request_authenticate(req, &open->cred, on_user);
}
