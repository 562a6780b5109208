/* SPDX-License-Identifier: MIT */
#pragma once
/* Who is where: for every topic with connections, which gateways want its frames and which users
 * are in it. Pure index; its truth is in Redis (key_sub), from which a room is rebuilt. */
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>
#include "common/bytes.h"
#include "common/err.h"
#include "proto/limits.h"

/* What a topic is: "chat:<channel id>", "user:<user id>", "status". */
enum topic_kind { TOPIC_KIND_NONE, TOPIC_KIND_CHAT, TOPIC_KIND_USER, TOPIC_KIND_STATUS };
#define TOPIC_STATUS "status"

#define ROOM_CONNECTIONS_MAX 1000000u /* of one room in one broker's memory */

struct room_gateway {
    struct room_gateway *next, *prev;
    uint32_t connections;
    size_t name_len;
    char name[GATEWAY_NAME_MAX];
};

struct room_user {
    UT_hash_handle hh;
    int64_t user_id;
    uint32_t connections;
    int64_t read_id; /* how far the user has read, as far as known here; 0 = unknown */
    size_t name_len;
    char username[];
};

struct room_connection;

struct room {
    UT_hash_handle hh; /* in struct rooms, by topic */
    int64_t owner_id;  /* the channel or user that the topic names */
    int64_t channel_id;
    uint64_t last_seq;     /* as of everything handled so far, committed or not */
    uint64_t log_renew_ms; /* when the expiry of its log in Redis is next moved on */
    enum topic_kind kind;
    bool is_loaded, is_loading, is_missing;
    bool is_private; /* a channel for its members alone */
    struct room_gateway *gateways;
    struct room_user *users;
    struct room_connection *connections;
    struct bytes name; /* channel's name, owned */
    size_t topic_len;
    char topic[TOPIC_MAX_BYTES];
};

struct rooms {
    struct room *table;
    /* The rooms of users have one record in Redis together, read when the first is wanted. */
    bool are_users_loaded, are_users_loading;
};

struct room *rooms_find(const struct rooms *r, struct bytes topic);
struct room *rooms_get(struct rooms *r, struct bytes topic); /* makes it; NULL without memory */
void rooms_drop(struct rooms *r, struct room *room);
void rooms_clear(struct rooms *r);

NODISCARD int room_set_name(struct room *room, struct bytes name);

/* Add a connection. *out_is_first: the user has no other connection in the room (also when this
 * very one was there already: running an input again gives the same answer).
 * Errors: ERR_NOMEM, ERR_LIMIT. */
NODISCARD int room_add(struct room *room, struct bytes gateway, uint64_t conn, int64_t user_id,
                       struct bytes username, bool *out_is_first);
/* Remove a connection. Gives whether it was there, and whether it was the user's last. */
bool room_remove(struct room *room, struct bytes gateway, uint64_t conn, bool *out_is_last);

/* Remove all connections of a gateway; `gone` is called for each user who was only there. */
typedef void room_gone_fn(void *arg, struct room *room, int64_t user_id, struct bytes username);
void room_remove_gateway(struct room *room, struct bytes gateway, room_gone_fn *gone, void *arg);
bool room_has_gateway(const struct room *room, struct bytes gateway);
bool room_has_user(const struct room *room, int64_t user_id);
struct room_user *room_find_user(const struct room *room, int64_t user_id); /* NULL: not there */
bool room_is_empty(const struct room *room);
uint32_t room_user_count(const struct room *room);

/* The name of its record in Redis (key_sub): the rooms of users share one a partition. */
#define ROOM_RECORD_USERS "users"
struct bytes room_record(const struct room *room);
static inline struct bytes room_topic(const struct room *room)
{
    return (struct bytes){room->topic, room->topic_len};
}
static inline struct bytes room_gateway_name(const struct room_gateway *g)
{
    return (struct bytes){g->name, g->name_len};
}
/* *out_id: of the channel or user, else 0. TOPIC_KIND_NONE: no topic of ours. */
enum topic_kind topic_kind(struct bytes topic, int64_t *out_id);
/* The channel of a topic "chat:<id>"; ERR_SYNTAX for others. */
NODISCARD int topic_channel(struct bytes topic, int64_t *out_channel_id);
