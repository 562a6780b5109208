/* SPDX-License-Identifier: MIT */
/* The index of connections, users and gateways per topic. No I/O: callers load it from Redis and
 * write its changes back. Used by the pipeline and its handlers. */
#include "broker/rooms.h"

#include <utlist.h>

#include "common/mem.h"

struct connection_key {
    struct room_gateway *gateway;
    uint64_t conn;
};

struct room_connection {
    UT_hash_handle hh;
    struct connection_key key;
    struct room_user *user;
};

struct room *rooms_find(const struct rooms *r, struct bytes topic)
{
    struct room *room;
    HASH_FIND(hh, r->table, topic.ptr, topic.len, room);
    return room;
}

struct room *rooms_get(struct rooms *r, struct bytes topic)
{
    struct room *room = rooms_find(r, topic);
    if (room || topic.len == 0 || topic.len > TOPIC_MAX_BYTES) {
        return room;
    }
    room = mem_zalloc(sizeof(*room));
    if (!room) {
        return NULL;
    }
    memcpy(room->topic, topic.ptr, topic.len);
    room->topic_len = topic.len;
    room->kind = topic_kind(topic, &room->owner_id);
    HASH_ADD_KEYPTR(hh, r->table, room->topic, room->topic_len, room);
    return room;
}

static void connection_free(struct room *room, struct room_connection *c)
{
    HASH_DEL(room->connections, c);
    mem_free(c);
}

void rooms_drop(struct rooms *r, struct room *room)
{
    struct room_connection *c, *c_tmp;
    struct room_user *u, *u_tmp;
    struct room_gateway *g, *g_tmp;

    HASH_ITER(hh, room->connections, c, c_tmp) {
        connection_free(room, c);
    }
    HASH_ITER(hh, room->users, u, u_tmp) {
        HASH_DEL(room->users, u);
        mem_free(u);
    }
    DL_FOREACH_SAFE(room->gateways, g, g_tmp) {
        DL_DELETE(room->gateways, g);
        mem_free(g);
    }
    HASH_DEL(r->table, room);
    mem_free((void *)(uintptr_t)room->name.ptr);
    mem_free(room);
}

void rooms_clear(struct rooms *r)
{
    struct room *room, *tmp;
    HASH_ITER(hh, r->table, room, tmp) {
        rooms_drop(r, room);
    }
    r->are_users_loaded = r->are_users_loading = false;
}

int room_set_name(struct room *room, struct bytes name)
{
    char *copy = mem_dup_str(name);
    if (!copy) {
        return ERR_NOMEM;
    }
    mem_free((void *)(uintptr_t)room->name.ptr);
    room->name = bytes_of(copy, name.len);
    return 0;
}

static struct room_gateway *gateway_find(const struct room *room, struct bytes name)
{
    struct room_gateway *g;
    DL_FOREACH(room->gateways, g) {
        if (bytes_eq(room_gateway_name(g), name)) {
            return g;
        }
    }
    return NULL;
}

static struct room_gateway *gateway_get(struct room *room, struct bytes name)
{
    struct room_gateway *g = gateway_find(room, name);
    if (g || name.len == 0 || name.len > GATEWAY_NAME_MAX) {
        return g;
    }
    g = mem_zalloc(sizeof(*g));
    if (g) {
        memcpy(g->name, name.ptr, name.len);
        g->name_len = name.len;
        DL_APPEND(room->gateways, g);
    }
    return g;
}

static void gateway_drop_if_unused(struct room *room, struct room_gateway *g)
{
    if (g->connections == 0) {
        DL_DELETE(room->gateways, g);
        mem_free(g);
    }
}

static struct room_user *user_get(struct room *room, int64_t user_id, struct bytes username)
{
    struct room_user *u = room_find_user(room, user_id);
    if (u) {
        return u;
    }
    u = mem_zalloc(sizeof(*u) + username.len + 1);
    if (u) {
        u->user_id = user_id;
        u->name_len = username.len;
        if (username.len) {
            memcpy(u->username, username.ptr, username.len);
        }
        HASH_ADD(hh, room->users, user_id, sizeof(u->user_id), u);
    }
    return u;
}

static void user_drop_if_unused(struct room *room, struct room_user *u)
{
    if (u->connections == 0) {
        HASH_DEL(room->users, u);
        mem_free(u);
    }
}

static struct room_connection *connection_find(const struct room *room, struct room_gateway *g,
                                               uint64_t conn)
{
    struct connection_key key;
    struct room_connection *c;
    memset(&key, 0, sizeof(key));
    key.gateway = g;
    key.conn = conn;
    HASH_FIND(hh, room->connections, &key, sizeof(key), c);
    return c;
}

int room_add(struct room *room, struct bytes gateway, uint64_t conn, int64_t user_id,
             struct bytes username, bool *out_is_first)
{
    struct room_gateway *g = gateway_get(room, gateway);
    struct room_connection *c = g ? connection_find(room, g, conn) : NULL;
    struct room_user *u;

    if (!g) {
        return gateway.len == 0 || gateway.len > GATEWAY_NAME_MAX ? ERR_LIMIT : ERR_NOMEM;
    }
    if (c) {
        *out_is_first = c->user->connections == 1;
        return 0;
    }
    if (HASH_COUNT(room->connections) >= ROOM_CONNECTIONS_MAX) {
        gateway_drop_if_unused(room, g);
        return ERR_LIMIT;
    }
    u = user_get(room, user_id, username);
    c = u ? mem_zalloc(sizeof(*c)) : NULL;
    if (!c) {
        if (u) {
            user_drop_if_unused(room, u);
        }
        gateway_drop_if_unused(room, g);
        return ERR_NOMEM;
    }
    c->key.gateway = g;
    c->key.conn = conn;
    c->user = u;
    HASH_ADD(hh, room->connections, key, sizeof(c->key), c);
    g->connections++;
    u->connections++;
    *out_is_first = u->connections == 1;
    return 0;
}

bool room_remove(struct room *room, struct bytes gateway, uint64_t conn, bool *out_is_last)
{
    struct room_gateway *g = gateway_find(room, gateway);
    struct room_connection *c = g ? connection_find(room, g, conn) : NULL;
    struct room_user *u;

    *out_is_last = false;
    if (!c) {
        return false;
    }
    u = c->user;
    connection_free(room, c);
    u->connections--;
    g->connections--;
    *out_is_last = u->connections == 0;
    user_drop_if_unused(room, u);
    gateway_drop_if_unused(room, g);
    return true;
}

void room_remove_gateway(struct room *room, struct bytes gateway, room_gone_fn *gone, void *arg)
{
    struct room_gateway *g = gateway_find(room, gateway);
    struct room_connection *c, *tmp;
    struct room_user *u, *u_tmp;

    if (!g) {
        return;
    }
    HASH_ITER(hh, room->connections, c, tmp) {
        if (c->key.gateway == g) {
            c->user->connections--;
            connection_free(room, c);
        }
    }
    DL_DELETE(room->gateways, g);
    mem_free(g);
    HASH_ITER(hh, room->users, u, u_tmp) {
        if (u->connections == 0) {
            HASH_DEL(room->users, u);
            gone(arg, room, u->user_id, bytes_of(u->username, u->name_len));
            mem_free(u);
        }
    }
}

bool room_has_gateway(const struct room *room, struct bytes gateway)
{
    return gateway_find(room, gateway) != NULL;
}

struct room_user *room_find_user(const struct room *room, int64_t user_id)
{
    struct room_user *u;
    HASH_FIND(hh, room->users, &user_id, sizeof(user_id), u);
    return u;
}

bool room_has_user(const struct room *room, int64_t user_id)
{
    return room_find_user(room, user_id) != NULL;
}

bool room_is_empty(const struct room *room)
{
    return room->connections == NULL;
}

uint32_t room_user_count(const struct room *room)
{
    return HASH_COUNT(room->users);
}

/* The number behind a prefix; 0 when there is none. */
static int64_t id_behind(struct bytes topic, struct bytes prefix)
{
    int64_t id = 0;

    if (!bytes_has_prefix(topic, prefix) || topic.len == prefix.len || topic.len > 21) {
        return 0;
    }
    for (size_t i = prefix.len; i < topic.len; i++) {
        if (topic.ptr[i] < '0' || topic.ptr[i] > '9') {
            return 0;
        }
        id = id * 10 + (topic.ptr[i] - '0');
    }
    return id <= ID_MAX ? id : 0;
}

enum topic_kind topic_kind(struct bytes topic, int64_t *out_id)
{
    *out_id = id_behind(topic, BYTES_LIT("chat:"));
    if (*out_id) {
        return TOPIC_KIND_CHAT;
    }
    *out_id = id_behind(topic, BYTES_LIT("user:"));
    if (*out_id) {
        return TOPIC_KIND_USER;
    }
    return bytes_eq_str(topic, TOPIC_STATUS) ? TOPIC_KIND_STATUS : TOPIC_KIND_NONE;
}

int topic_channel(struct bytes topic, int64_t *out_channel_id)
{
    int64_t id;

    if (topic_kind(topic, &id) != TOPIC_KIND_CHAT) {
        return ERR_SYNTAX;
    }
    *out_channel_id = id;
    return 0;
}

struct bytes room_record(const struct room *room)
{
    return room->kind == TOPIC_KIND_USER ? BYTES_LIT(ROOM_RECORD_USERS) : room_topic(room);
}
