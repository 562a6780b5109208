/* SPDX-License-Identifier: MIT */
/* Users with sockets here, by id. Decides nothing; used by opening, closing, kicks and quotas. */
#include "gateway/users.h"

#include <utlist.h>

struct user *user_find(const struct user_table *t, int64_t user_id)
{
    struct user *u;

    HASH_FIND(hh, t->head, &user_id, sizeof(user_id), u);
    return u;
}

static void copy(char *to, struct bytes from)
{
    if (from.len > 0) {
        memcpy(to, from.ptr, from.len);
    }
}

static int set_texts(struct user *u, const struct actor *actor)
{
    char *texts = mem_alloc(actor->username.len + actor->avatar.len);

    if (!texts) {
        return ERR_NOMEM;
    }
    copy(texts, actor->username);
    copy(texts + actor->username.len, actor->avatar);
    mem_free(u->texts);
    u->texts = texts;
    u->username_len = actor->username.len;
    u->avatar_len = actor->avatar.len;
    return 0;
}

static bool is_renewed(const struct user *u, const struct actor *actor)
{
    struct actor known = user_actor(u);

    return u->texts && bytes_eq(known.username, actor->username) &&
           bytes_eq(known.avatar, actor->avatar);
}

static struct user *user_new(struct user_table *t, const struct actor *actor)
{
    struct user *u = mem_zalloc(sizeof(*u));

    if (!u) {
        return NULL;
    }
    u->user_id = actor->user_id;
    if (set_texts(u, actor) != 0) {
        mem_free(u);
        return NULL;
    }
    HASH_ADD(hh, t->head, user_id, sizeof(u->user_id), u);
    if (MAP_HAS_FAILED(u)) {
        mem_free(u->texts);
        mem_free(u);
        return NULL;
    }
    return u;
}

int user_enter(struct user_table *t, struct session *s, const struct actor *actor)
{
    struct user *u = user_find(t, actor->user_id);

    if (!u) {
        u = user_new(t, actor);
    } else if (!is_renewed(u, actor) && set_texts(u, actor) != 0) {
        return ERR_NOMEM;
    }
    if (!u) {
        return ERR_NOMEM;
    }
    u->is_staff = actor->is_staff;
    u->session_count++;
    s->user = u;
    DL_APPEND2(u->sessions, s, user_prev, user_next);
    return 0;
}

struct user *user_leave(struct session *s)
{
    struct user *u = s->user;

    if (!u) {
        return NULL;
    }
    DL_DELETE2(u->sessions, s, user_prev, user_next);
    s->user = NULL;
    return --u->session_count == 0 ? u : NULL;
}

void user_remove(struct user_table *t, struct user *u)
{
    HASH_DEL(t->head, u);
    quota_done(&u->quota);
    mem_free(u->texts);
    mem_free(u);
}

struct actor user_actor(const struct user *u)
{
    return (struct actor){.user_id = u->user_id,
                          .username = bytes_of(u->texts, u->username_len),
                          .avatar = bytes_of(u->texts + u->username_len, u->avatar_len),
                          .is_staff = u->is_staff};
}

void user_table_done(struct user_table *t)
{
    struct user *u, *next;

    HASH_ITER(hh, t->head, u, next) {
        user_remove(t, u);
    }
}
