/* SPDX-License-Identifier: MIT */
/* A map of people, a list of those who may have changed, and a list of those whose grace runs. All
 * graces are equally long, so the list is in order of running out. Used by handle_status.c and the
 * prefetch. */
#include "broker/presence.h"

#include <uthash.h>
#include <utlist.h>

#include "common/mem.h"

enum status { STATUS_OFFLINE, STATUS_ONLINE, STATUS_AWAY, STATUS_BUSY, STATUS_COUNT };

static const char *const NAMES[STATUS_COUNT] = {"offline", "online", "away", "busy"};

struct person {
    UT_hash_handle hh;
    struct person *prev, *next;             /* changed */
    struct person *grace_prev, *grace_next; /* without a socket, not yet offline */
    int64_t user_id;
    uint64_t last_seen_ms, offline_at_ms;
    uint32_t sockets;
    enum status chosen, told;
    bool is_said; /* chosen just now: is told even if it was so before */
    bool is_changed, is_in_grace;
    size_t name_len;
    char name[];
};

struct presence {
    struct person *people, *changed, *grace;
    struct person *given; /* whose name the caller may still look at */
    uint32_t grace_ms, said_count;
};

struct presence *presence_new(uint32_t grace_ms)
{
    struct presence *p = mem_zalloc(sizeof(*p));

    if (p) {
        p->grace_ms = grace_ms;
    }
    return p;
}

static void set_changed(struct presence *p, struct person *x, bool is_changed)
{
    if (x->is_changed != is_changed) {
        x->is_changed = is_changed;
        if (is_changed) {
            DL_APPEND(p->changed, x);
        } else {
            DL_DELETE(p->changed, x);
        }
    }
}

static void set_grace(struct presence *p, struct person *x, bool is_in_grace)
{
    if (x->is_in_grace != is_in_grace) {
        x->is_in_grace = is_in_grace;
        if (is_in_grace) {
            DL_APPEND2(p->grace, x, grace_prev, grace_next);
        } else {
            DL_DELETE2(p->grace, x, grace_prev, grace_next);
        }
    }
}

static void set_said(struct presence *p, struct person *x, bool is_said)
{
    if (x->is_said != is_said) {
        x->is_said = is_said;
        p->said_count = is_said ? p->said_count + 1 : p->said_count - 1;
    }
}

static void take_out(struct presence *p, struct person *x)
{
    set_said(p, x, false);
    set_changed(p, x, false);
    set_grace(p, x, false);
    HASH_DEL(p->people, x);
}

void presence_clear(struct presence *p)
{
    struct person *x, *tmp;

    HASH_ITER(hh, p->people, x, tmp) {
        take_out(p, x);
        mem_free(x);
    }
    mem_free(p->given);
    p->given = NULL;
}

void presence_free(struct presence *p)
{
    if (p) {
        presence_clear(p);
        mem_free(p);
    }
}

static struct person *find(const struct presence *p, int64_t user_id)
{
    struct person *x;

    HASH_FIND(hh, p->people, &user_id, sizeof(user_id), x);
    return x;
}

static struct person *get(struct presence *p, int64_t user_id, struct bytes username)
{
    struct person *x = find(p, user_id);

    if (x || !(x = mem_zalloc(sizeof(*x) + username.len + 1))) {
        return x;
    }
    x->user_id = user_id;
    x->chosen = STATUS_ONLINE;
    x->name_len = username.len;
    if (username.len > 0) {
        memcpy(x->name, username.ptr, username.len);
    }
    HASH_ADD(hh, p->people, user_id, sizeof(x->user_id), x);
    return x;
}

static enum status status_of(struct bytes name)
{
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        if (bytes_eq_str(name, NAMES[i])) {
            return (enum status)i;
        }
    }
    return STATUS_ONLINE;
}

static void begin_grace(struct presence *p, struct person *x, uint64_t grace_ms, uint64_t now_ms)
{
    set_grace(p, x, false);
    x->offline_at_ms = now_ms + grace_ms;
    if (grace_ms > 0) {
        set_grace(p, x, true);
    } else {
        set_changed(p, x, true);
    }
}

int presence_load(struct presence *p, const struct presence_row *row, uint64_t now_ms)
{
    struct person *x = find(p, row->user_id) ? NULL : get(p, row->user_id, row->username);

    if (!x) {
        return find(p, row->user_id) ? 0 : ERR_NOMEM;
    }
    x->chosen = status_of(row->chosen);
    x->told = status_of(row->shown);
    x->last_seen_ms = row->last_seen_ms;
    begin_grace(p, x, p->grace_ms, now_ms); /* until a socket shows */
    return 0;
}

void presence_sockets(struct presence *p, int64_t user_id, struct bytes username, uint32_t sockets,
                      bool is_clean, uint64_t now_ms)
{
    struct person *x = sockets ? get(p, user_id, username) : find(p, user_id);

    if (!x) {
        return;
    }
    if (sockets && x->sockets == 0 && !x->is_in_grace) {
        x->chosen = STATUS_ONLINE;
    }
    if (sockets == 0 && x->sockets > 0) {
        begin_grace(p, x, is_clean ? 0 : p->grace_ms, now_ms);
    }
    if (sockets) {
        set_grace(p, x, false);
    }
    x->sockets = sockets;
    x->last_seen_ms = now_ms;
    set_changed(p, x, x->is_changed || !x->is_in_grace);
}

void presence_choose(struct presence *p, int64_t user_id, struct bytes status, uint64_t now_ms)
{
    struct person *x = find(p, user_id);

    if (x && x->sockets > 0) {
        x->chosen = status_of(status);
        set_said(p, x, true);
        x->last_seen_ms = now_ms;
        set_changed(p, x, true);
    }
}

static enum status what_is(const struct person *x)
{
    return x->sockets > 0 || x->is_in_grace ? x->chosen : STATUS_OFFLINE;
}

static bool is_news(const struct person *x)
{
    return x->is_said || what_is(x) != x->told;
}

static bool is_grace_over(const struct presence *p, uint64_t now_ms)
{
    return p->grace && now_ms >= p->grace->offline_at_ms;
}

bool presence_is_due(const struct presence *p, uint64_t now_ms)
{
    const struct person *x;

    DL_FOREACH(p->changed, x) {
        if (is_news(x)) {
            return true;
        }
    }
    return is_grace_over(p, now_ms);
}

static void give(struct presence *p, struct person *x, struct presence_row *out)
{
    *out = (struct presence_row){.user_id = x->user_id,
                                 .username = bytes_of(x->name, x->name_len),
                                 .chosen = bytes_str(NAMES[x->chosen]),
                                 .shown = bytes_str(NAMES[x->told]),
                                 .last_seen_ms = x->last_seen_ms};
    if (x->sockets == 0 && !x->is_in_grace) {
        out->chosen = bytes_str(NAMES[STATUS_ONLINE]); /* a choice ends with the last socket */
        take_out(p, x);
        mem_free(p->given);
        p->given = x;
    }
}

bool presence_has_choice(const struct presence *p)
{
    return p->said_count > 0;
}

bool presence_next(struct presence *p, uint64_t now_ms, struct presence_row *out_row)
{
    while (is_grace_over(p, now_ms)) {
        struct person *x = p->grace;
        set_grace(p, x, false);
        set_changed(p, x, true);
    }
    while (p->changed) {
        struct person *x = p->changed;
        bool is_to_be_told = is_news(x);
        set_changed(p, x, false);
        x->told = what_is(x);
        set_said(p, x, false);
        if (is_to_be_told) {
            give(p, x, out_row);
            return true;
        }
        if (x->sockets == 0 && !x->is_in_grace) {
            take_out(p, x);
            mem_free(x);
        }
    }
    return false;
}

size_t presence_list(const struct presence *p, struct presence_row *out_rows)
{
    size_t count = 0;

    for (const struct person *x = p->people; x && count < PRESENCE_LIST_MAX; x = x->hh.next) {
        if (x->told != STATUS_OFFLINE) {
            out_rows[count++] = (struct presence_row){.user_id = x->user_id,
                                                      .username = bytes_of(x->name, x->name_len),
                                                      .shown = bytes_str(NAMES[x->told]),
                                                      .last_seen_ms = x->last_seen_ms};
        }
    }
    return count;
}
