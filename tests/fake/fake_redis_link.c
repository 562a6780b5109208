/* SPDX-License-Identifier: MIT */
/* Redis links by hand: keeps what was submitted, completes what the test says. */
#include "fake_redis_link.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/mem.h"

#define WORDS_MAX 32u

struct redis_link {
    struct redis_link_events events;
    void *arg;
    bool is_up;
    struct fake_command *commands;
};

static struct redis_link *links[FAKE_REDIS_LINKS];
static unsigned link_count;
static struct {
    char word[16];
    unsigned count;
} submitted[WORDS_MAX];

void fake_redis_reset(void)
{
    link_count = 0;
    memset(links, 0, sizeof(links));
    memset(submitted, 0, sizeof(submitted));
}

struct redis_link *fake_redis_link(unsigned number)
{
    return number < link_count ? links[number] : NULL;
}

struct redis_link *redis_link_new(struct loop *loop, const struct redis_link_conf *conf,
                                  const struct redis_link_events *events, void *arg)
{
    struct redis_link *l = link_count < FAKE_REDIS_LINKS ? mem_zalloc(sizeof(*l)) : NULL;

    (void)loop;
    (void)conf;
    if (l) {
        l->events = *events;
        l->arg = arg;
        links[link_count++] = l;
    }
    return l;
}

static void complete(struct redis_link *l, struct fake_command *c, int err,
                     const struct redis_value *v)
{
    DL_DELETE(l->commands, c);
    if (c->fn) {
        c->fn(c->arg, err, v);
    }
    for (size_t i = 0; i < c->argc; i++) {
        mem_free((char *)c->argv[i].ptr);
    }
    mem_free(c);
}

static void complete_all(struct redis_link *l)
{
    while (l->commands) {
        complete(l, l->commands, ERR_UNAVAILABLE, NULL);
    }
}

void redis_link_free(struct redis_link *l)
{
    if (!l) {
        return;
    }
    l->is_up = false;
    complete_all(l);
    for (unsigned i = 0; i < link_count; i++) {
        links[i] = links[i] == l ? NULL : links[i];
    }
    mem_free(l);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->is_up;
}

static void note(struct bytes word)
{
    for (unsigned i = 0; i < WORDS_MAX; i++) {
        if (submitted[i].word[0] == '\0' && word.len < sizeof(submitted[i].word)) {
            memcpy(submitted[i].word, word.ptr, word.len);
        }
        if (bytes_eq_str(word, submitted[i].word)) {
            submitted[i].count++;
            return;
        }
    }
}

unsigned fake_redis_submitted(const char *word)
{
    for (unsigned i = 0; i < WORDS_MAX; i++) {
        if (strcmp(submitted[i].word, word) == 0) {
            return submitted[i].count;
        }
    }
    return 0;
}

int redis_link_command(struct redis_link *l, const struct bytes *argv, size_t argc,
                       redis_reply_fn *fn, void *arg)
{
    struct fake_command *c;

    if (!l->is_up) {
        return ERR_UNAVAILABLE;
    }
    c = mem_zalloc(sizeof(*c));
    if (!c || argc > FAKE_REDIS_ARGS) {
        abort();
    }
    note(argv[0]);
    c->argc = argc;
    c->fn = fn;
    c->arg = arg;
    for (size_t i = 0; i < argc; i++) {
        c->argv[i] = bytes_of(mem_dup_str(argv[i]), argv[i].len);
    }
    DL_APPEND(l->commands, c);
    return 0;
}

size_t redis_link_pending(const struct redis_link *l)
{
    size_t count = 0;
    const struct fake_command *c;

    DL_COUNT(l->commands, c, count);
    return count;
}

/* --- what the test does ---------------------------------------------------------------------- */

void fake_redis_up(unsigned number, const char *run_id, bool is_new_server)
{
    links[number]->is_up = true;
    links[number]->events.on_up(links[number]->arg, bytes_str(run_id), is_new_server);
}

void fake_redis_down(unsigned number)
{
    links[number]->is_up = false;
    complete_all(links[number]);
    links[number]->events.on_down(links[number]->arg);
}

static bool has_part(const struct fake_command *c, const char *part)
{
    for (size_t i = 0; part && i < c->argc; i++) {
        if (memmem(c->argv[i].ptr, c->argv[i].len, part, strlen(part))) {
            return true;
        }
    }
    return !part;
}

struct fake_command *fake_redis_find(unsigned number, const char *word, const char *part)
{
    struct fake_command *c;

    DL_FOREACH(links[number]->commands, c) {
        if (bytes_eq_str(c->argv[0], word) && has_part(c, part)) {
            return c;
        }
    }
    return NULL;
}

unsigned fake_redis_count(unsigned number, const char *word, const char *part)
{
    unsigned count = 0;
    struct fake_command *c;

    DL_FOREACH(links[number]->commands, c) {
        count += bytes_eq_str(c->argv[0], word) && has_part(c, part);
    }
    return count;
}

void fake_redis_answer(unsigned number, struct fake_command *c, int err,
                       const struct redis_value *v)
{
    complete(links[number], c, err, v);
}

/* --- values ------------------------------------------------------------------------------------
 */

enum redis_type redis_value_type(const struct redis_value *v)
{
    return v ? v->type : REDIS_NIL;
}

int64_t redis_value_int(const struct redis_value *v)
{
    return v && v->type == REDIS_INT ? v->num : 0;
}

struct bytes redis_value_bytes(const struct redis_value *v)
{
    return v && v->type != REDIS_INT && v->type != REDIS_LIST ? v->text : BYTES_NONE;
}

size_t redis_value_count(const struct redis_value *v)
{
    return v && v->type == REDIS_LIST ? v->count : 0;
}

const struct redis_value *redis_value_at(const struct redis_value *v, size_t i)
{
    return i < redis_value_count(v) ? &v->items[i] : NULL;
}
