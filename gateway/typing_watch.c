/* SPDX-License-Identifier: MIT */
/* A map by (topic, user) and one list of deadlines. Shows nothing itself; used by typing.c. */
#include "gateway/typing_watch.h"

#include <stddef.h>

#include "gateway/due_list.h"
#include "gateway/map.h"

struct typist_key {
    struct topic *topic;
    int64_t user_id;
};

struct typist {
    UT_hash_handle hh;
    struct due due;
    struct typist_key key;
    int64_t channel_id;
    size_t name_len;
    char name[];
};

struct typing_watch {
    struct typist *map;
    struct due_list due;
    struct typist *given; /* whose name the caller may still look at */
};

struct typing_watch *typing_watch_new(void)
{
    struct typing_watch *w = mem_zalloc(sizeof(*w));

    if (w) {
        due_list_init(&w->due, TYPING_OFF_MS);
    }
    return w;
}

static void take_out(struct typing_watch *w, struct typist *t)
{
    due_stop(&t->due);
    HASH_DEL(w->map, t);
}

void typing_watch_free(struct typing_watch *w)
{
    struct typist *t, *tmp;

    if (!w) {
        return;
    }
    HASH_ITER(hh, w->map, t, tmp) {
        take_out(w, t);
        mem_free(t);
    }
    mem_free(w->given);
    mem_free(w);
}

static struct typist *find(const struct typing_watch *w, const struct topic *topic, int64_t user_id)
{
    const struct typist_key key = {(struct topic *)(uintptr_t)topic, user_id};
    struct typist *t;

    HASH_FIND(hh, w->map, &key, sizeof(key), t);
    return t;
}

static struct typist *add(struct typing_watch *w, struct topic *topic,
                          const struct down_typing *typing)
{
    struct typist *t = NULL;

    if (HASH_COUNT(w->map) < TYPISTS_MAX) {
        t = mem_zalloc(sizeof(*t) + typing->username.len + 1);
    }
    if (!t) {
        return NULL;
    }
    t->key = (struct typist_key){topic, typing->user_id};
    t->channel_id = typing->channel_id;
    t->name_len = typing->username.len;
    if (t->name_len > 0) {
        memcpy(t->name, typing->username.ptr, t->name_len);
    }
    HASH_ADD(hh, w->map, key, sizeof(t->key), t);
    if (MAP_HAS_FAILED(t)) {
        mem_free(t);
        return NULL;
    }
    return t;
}

void typing_watch_on(struct typing_watch *w, struct topic *t, const struct down_typing *typing,
                     uint64_t now_ms)
{
    struct typist *typist = find(w, t, typing->user_id);

    if (!typist) {
        typist = add(w, t, typing);
    }
    if (typist) {
        due_start(&w->due, &typist->due, now_ms);
    }
}

bool typing_watch_is_on(const struct typing_watch *w, const struct topic *t, int64_t user_id)
{
    return find(w, t, user_id) != NULL;
}

static void give(struct typing_watch *w, struct typist *t, struct down_typing *out)
{
    take_out(w, t);
    mem_free(w->given);
    w->given = t;
    *out = (struct down_typing){.channel_id = t->channel_id,
                                .user_id = t->key.user_id,
                                .username = bytes_of(t->name, t->name_len),
                                .change = TYPING_OFF};
}

bool typing_watch_off(struct typing_watch *w, const struct topic *t, int64_t user_id,
                      struct down_typing *out_typing)
{
    struct typist *typist = find(w, t, user_id);

    if (typist) {
        give(w, typist, out_typing);
    }
    return typist != NULL;
}

bool typing_watch_due(struct typing_watch *w, uint64_t now_ms, struct topic **out_topic,
                      struct down_typing *out_typing)
{
    struct due *due = due_pop(&w->due, now_ms);
    struct typist *t;

    if (!due) {
        return false;
    }
    t = (struct typist *)((char *)due - offsetof(struct typist, due));
    *out_topic = t->key.topic;
    give(w, t, out_typing);
    return true;
}

void typing_watch_forget(struct typing_watch *w, const struct topic *t)
{
    struct typist *typist, *tmp;

    HASH_ITER(hh, w->map, typist, tmp) {
        if (typist->key.topic == t) {
            take_out(w, typist);
            mem_free(typist);
        }
    }
}
