/* SPDX-License-Identifier: MIT */
/* A set-associative cache, as in a processor: an id belongs to one set of four places, and only
 * the four compete. No lists to keep, a put and a get look at four places, and the whole is
 * bounded by construction. Knows no clock and asks nobody; request_user.c does.
 *
 *     id --hash--> set:  [ user | user |      | user ]     full: the oldest of the four goes */
#include "broker/user_cache.h"

#include "broker/openssl.h"
#include "common/mem.h"
#include "proto/limits.h"

#define WAYS 4u

struct place {
    struct user_row row; /* its texts lie in `texts` */
    uint64_t read_ms;
    char *texts; /* NULL = empty place */
    size_t texts_len;
};

struct user_cache {
    size_t set_count; /* a power of two */
    uint32_t ttl_ms;
    struct place places[];
};

struct user_cache *user_cache_new(size_t max_users, uint32_t ttl_ms)
{
    size_t set_count = 1;
    struct user_cache *c;

    while (set_count * WAYS < max_users && set_count < SIZE_MAX / WAYS / sizeof(struct place) / 4) {
        set_count *= 2;
    }
    c = mem_zalloc(sizeof(*c) + set_count * WAYS * sizeof(struct place));
    if (c) {
        c->set_count = set_count;
        c->ttl_ms = ttl_ms;
    }
    return c;
}

static void empty(struct place *p)
{
    if (p->texts) {
        OPENSSL_cleanse(p->texts, p->texts_len); /* a password hash is among them */
        mem_free(p->texts);
    }
    *p = (struct place){.texts = NULL};
}

void user_cache_free(struct user_cache *c)
{
    if (!c) {
        return;
    }
    for (size_t i = 0; i < c->set_count * WAYS; i++) {
        empty(&c->places[i]);
    }
    mem_free(c);
}

/* The index of the first place of the id's set. */
static size_t set_of(const struct user_cache *c, int64_t id)
{
    uint64_t hash = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);

    return ((size_t)(hash >> 32) & (c->set_count - 1)) * WAYS;
}

/* The index of the user's place, or -1. */
static ptrdiff_t find(const struct user_cache *c, int64_t id)
{
    size_t first = set_of(c, id);

    for (size_t i = first; i < first + WAYS; i++) {
        if (c->places[i].texts && c->places[i].row.id == id) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

void user_cache_drop(struct user_cache *c, int64_t id)
{
    ptrdiff_t i = find(c, id);

    if (i >= 0) {
        empty(&c->places[i]);
    }
}

const struct user_row *user_cache_get(const struct user_cache *c, int64_t id, uint64_t now_ms)
{
    ptrdiff_t i = find(c, id);

    if (i < 0 || now_ms - c->places[i].read_ms >= c->ttl_ms) {
        return NULL;
    }
    return &c->places[i].row;
}

uint64_t user_cache_read_ms(const struct user_cache *c, int64_t id)
{
    ptrdiff_t i = find(c, id);

    return i >= 0 ? c->places[i].read_ms : 0;
}

/* An empty place of the set, else its oldest. */
static struct place *choose(struct user_cache *c, int64_t id)
{
    size_t first = set_of(c, id);
    struct place *chosen = &c->places[first];

    for (size_t i = first; i < first + WAYS && chosen->texts; i++) {
        if (!c->places[i].texts || c->places[i].read_ms < chosen->read_ms) {
            chosen = &c->places[i];
        }
    }
    return chosen;
}

static struct bytes copy_to(char **end, struct bytes text)
{
    struct bytes copy = bytes_of(*end, text.len);

    if (text.len > 0) {
        memcpy(*end, text.ptr, text.len);
    }
    *end += text.len;
    return copy;
}

int user_cache_put(struct user_cache *c, const struct user_row *user, uint64_t read_ms)
{
    size_t len = user->username.len + user->avatar.len + user->password.len;
    struct place *place;
    char *texts, *end;

    if (user->username.len > USERNAME_MAX_BYTES || user->avatar.len > AVATAR_MAX_BYTES ||
        user->password.len > PASSWORD_HASH_MAX_BYTES) {
        user_cache_drop(c, user->id);
        return ERR_LIMIT;
    }
    /* Copied before the old row goes: `user` may be that row. */
    texts = mem_alloc(len);
    if (!texts) {
        user_cache_drop(c, user->id);
        return ERR_NOMEM;
    }
    end = texts;
    struct user_row copy = *user;
    copy.username = copy_to(&end, user->username);
    copy.avatar = copy_to(&end, user->avatar);
    copy.password = copy_to(&end, user->password);
    user_cache_drop(c, copy.id);
    place = choose(c, copy.id);
    empty(place);
    *place = (struct place){.row = copy, .read_ms = read_ms, .texts = texts, .texts_len = len};
    return 0;
}
