/* SPDX-License-Identifier: MIT */
/* Rooms as they were before this broker had them: the row of the channel, and who is connected, as
 * Redis knows it (key_sub); of the status room also what everybody is shown as. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/prefetch_impl.h"
#include "broker/presence.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "proto/stream_keys.h"

struct connection { /* "<gateway>/<conn hex>" -> "<user id> <username>" */
    struct bytes gateway, username;
    uint64_t conn;
    int64_t user_id;
};

static bool read_connection(struct bytes field, struct bytes value, struct connection *out)
{
    const char *slash = field.len ? memrchr(field.ptr, '/', field.len) : NULL;
    const char *space = value.len ? memchr(value.ptr, ' ', value.len) : NULL;
    char number[24] = {0};
    struct bytes conn, user;

    if (!slash || !space) {
        return false;
    }
    out->gateway = bytes_of(field.ptr, (size_t)(slash - field.ptr));
    conn = bytes_skip(field, out->gateway.len + 1);
    user = bytes_of(value.ptr, (size_t)(space - value.ptr));
    if (conn.len == 0 || conn.len > 16 || user.len == 0 || user.len > 16) {
        return false;
    }
    memcpy(number, conn.ptr, conn.len);
    out->conn = strtoull(number, NULL, 16);
    memset(number, 0, sizeof(number));
    memcpy(number, user.ptr, user.len);
    out->user_id = strtoll(number, NULL, 10);
    out->username = bytes_skip(value, user.len + 1);
    return out->conn && out->user_id > 0 && out->username.len <= USERNAME_MAX_BYTES;
}

/* Of one room, or of the rooms of users. */
static void add_connection(struct lookup *l, struct bytes field, struct bytes value)
{
    struct room *room = l->room;
    struct connection c;
    char topic[32];
    bool is_first;

    if (!read_connection(field, value, &c)) {
        return;
    }
    if (l->rooms) {
        int len = snprintf(topic, sizeof(topic), "user:%lld", (long long)c.user_id);
        room = rooms_get(l->rooms, bytes_of(topic, (size_t)len));
    }
    if (!room || room_add(room, c.gateway, c.conn, c.user_id, c.username, &is_first)) {
        log_warn("room_connection_not_loaded", LOG_I64("user", c.user_id));
    }
}

static void add_connections(struct lookup *l, const struct redis_value *v)
{
    for (size_t i = 0; i + 1 < redis_value_count(v); i += 2) {
        add_connection(l, redis_value_bytes(redis_value_at(v, i)),
                       redis_value_bytes(redis_value_at(v, i + 1)));
    }
}

static void on_connections(void *arg, int err, const struct redis_value *v)
{
    struct lookup *l = arg;
    struct room *room = l->room;

    if (!l->b->is_dropped) {
        room->is_loading = false;
        if (!err) {
            add_connections(l, v);
            room->is_loaded = true;
        }
    }
    lookup_end(l, err);
}

/* A log that knows more than the database is of another life of it (a backup, a replica that was
 * behind): it would answer with what never happened, and take no new frame. */
static void check_log(const struct lookup *l)
{
    static const char script[] =
        "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1] "
        "if last and tonumber(string.match(last[1], '^%d+')) > tonumber(ARGV[1]) then "
        "return redis.call('DEL', KEYS[1]) end return 0";
    uint32_t partition = partition_of(room_topic(l->room), l->deps->partitions);
    struct stream_key key = key_log(l->deps->prefix, partition, room_topic(l->room));
    char last_seq[24];
    int err;

    snprintf(last_seq, sizeof(last_seq), "%llu", (unsigned long long)l->room->last_seq);
    err = redis_link_command(l->deps->redis,
                             (struct bytes[]){BYTES_LIT("EVAL"), bytes_str(script), BYTES_LIT("1"),
                                              stream_key_bytes(&key), bytes_str(last_seq)},
                             5, NULL, NULL);
    if (err) {
        log_debug("log_not_checked", LOG_ERR(err));
    }
}

static int load_connections(struct lookup *l, redis_reply_fn *fn)
{
    uint32_t partition = partition_of(room_topic(l->room), l->deps->partitions);
    struct stream_key key = key_sub(l->deps->prefix, partition, room_record(l->room));
    struct bytes argv[] = {BYTES_LIT("HGETALL"), stream_key_bytes(&key)};
    return redis_link_command(l->deps->redis, argv, 2, fn, l);
}

/* ---- the rooms of users ---- */

static void on_users(void *arg, int err, const struct redis_value *v)
{
    struct lookup *l = arg;

    if (!l->b->is_dropped) {
        l->rooms->are_users_loading = false;
        if (!err) {
            add_connections(l, v);
            l->rooms->are_users_loaded = true;
        }
    }
    lookup_end(l, err);
}

void prefetch_users(const struct prefetch_deps *deps, struct batch *b, struct partition *p)
{
    struct stream_key key = key_sub(deps->prefix, p->id, BYTES_LIT(ROOM_RECORD_USERS));
    struct bytes argv[] = {BYTES_LIT("HGETALL"), stream_key_bytes(&key)};
    struct lookup *l;
    int err;

    if (p->rooms.are_users_loaded || p->rooms.are_users_loading) {
        return;
    }
    l = lookup_begin(deps, b, NULL, NULL);
    if (!l) {
        return;
    }
    l->rooms = &p->rooms;
    p->rooms.are_users_loading = true;
    err = redis_link_command(deps->redis, argv, 2, on_users, l);
    if (err) {
        p->rooms.are_users_loading = false;
        lookup_cancel(l, err);
    }
}

/* ---- the room of those who see each other's status ---- */

static void on_shown(void *arg, int err, const struct presence_row *rows, size_t count);

static void status_loaded(struct lookup *l, int err)
{
    const struct room_user *u;

    if (!l->b->is_dropped) {
        l->room->is_loading = false;
        l->room->is_loaded = err == 0;
        for (u = err ? NULL : l->room->users; u; u = u->hh.next) {
            presence_sockets(l->deps->presence, u->user_id, bytes_of(u->username, u->name_len),
                             u->connections, false, clock_wall_ms());
        }
    }
    lookup_end(l, err);
}

static void load_shown(struct lookup *l)
{
    int err = l->b->is_dropped
                  ? 0
                  : store_presence_shown(l->deps->store, l->from_id, PRESENCE_PAGE, on_shown, l);
    if (err || l->b->is_dropped) {
        status_loaded(l, err);
    }
}

static void on_shown(void *arg, int err, const struct presence_row *rows, size_t count)
{
    struct lookup *l = arg;

    for (size_t i = 0; i < count && !err && !l->b->is_dropped; i++) {
        err = presence_load(l->deps->presence, &rows[i], clock_wall_ms());
        l->from_id = rows[i].user_id + 1;
    }
    if (!err && count == PRESENCE_PAGE) {
        load_shown(l);
    } else {
        status_loaded(l, err);
    }
}

static void on_status_connections(void *arg, int err, const struct redis_value *v)
{
    struct lookup *l = arg;

    if (err || l->b->is_dropped) {
        status_loaded(l, err);
        return;
    }
    presence_clear(l->deps->presence);
    add_connections(l, v);
    load_shown(l);
}

/* ---- a room ---- */

static void on_channel(void *arg, int err, const struct channel_row *channel)
{
    struct lookup *l = arg;

    if (err || l->b->is_dropped) {
        if (!l->b->is_dropped) {
            l->room->is_loading = false;
        }
        lookup_end(l, err);
        return;
    }
    l->room->is_missing = channel == NULL;
    if (channel) {
        l->room->last_seq = channel->last_seq;
        l->room->is_private = channel->is_private;
        err = room_set_name(l->room, channel->name);
        check_log(l);
    }
    err = err ? err : load_connections(l, on_connections);
    if (err) {
        l->room->is_loading = false;
        lookup_end(l, err);
    }
}

void prefetch_room(const struct prefetch_deps *deps, struct batch *b, struct room *room)
{
    struct lookup *l;
    int err;

    if (room->is_loaded || room->is_loading) {
        return;
    }
    if (room->kind == TOPIC_KIND_NONE) {
        room->is_missing = true;
        room->is_loaded = true;
        return;
    }
    l = lookup_begin(deps, b, room, NULL);
    if (!l) {
        return;
    }
    room->is_loading = true;
    if (room->kind == TOPIC_KIND_CHAT) {
        room->channel_id = room->owner_id;
        err = store_channel_by_id(deps->store, room->channel_id, 0, on_channel, l);
    } else {
        err = load_connections(l, on_status_connections);
    }
    if (err) {
        room->is_loading = false;
        lookup_cancel(l, err);
    }
}
