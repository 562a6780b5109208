/* SPDX-License-Identifier: MIT */
/* People, sessions and channels in memory, with faults on request. */
#include "fake_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_later.h"

#define ROWS_MAX 16u
#define TEXT_MAX 1024u

struct fake_user {
    int64_t id;
    char name[TEXT_MAX], password[TEXT_MAX];
    bool is_active, is_staff;
};
struct fake_session {
    char key[TEXT_MAX], payload[TEXT_MAX];
    size_t payload_len;
    bool is_expired;
};
struct fake_channel {
    int64_t id;
    char name[TEXT_MAX];
    bool is_private;
    int64_t members[ROWS_MAX];
    size_t member_count;
};

struct fake_store fake_store;

static struct fake_user users[ROWS_MAX];
static struct fake_session sessions[ROWS_MAX];
static struct fake_channel channels[ROWS_MAX];
static size_t user_count, session_count, channel_count;

/* One accepted request: which callback, and a copy of the row it will see. */
struct answer {
    union {
        store_user_fn *user;
        store_session_fn *session;
        store_channel_fn *channel;
        store_rows_fn *rows;
    } fn;
    void *arg;
    int err;
    bool is_there;
    struct fake_user user;
    struct fake_session session;
    struct fake_channel channel;
    int64_t asked_by;
    const struct content_row *rows;
    size_t row_count;
};

void fake_store_reset(void)
{
    memset(&fake_store, 0, sizeof(fake_store));
    user_count = session_count = channel_count = 0;
}

static void put_text(char *to, struct bytes text)
{
    if (text.len >= TEXT_MAX) {
        abort();
    }
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

void fake_store_put_user(int64_t id, const char *name, const char *password_hash, bool is_active)
{
    struct fake_user *u = &users[0];

    for (; u < users + user_count && u->id != id; u++) {
    }
    user_count += u == users + user_count;
    *u = (struct fake_user){.id = id, .is_active = is_active};
    put_text(u->name, bytes_str(name));
    put_text(u->password, bytes_str(password_hash));
}

void fake_store_set_staff(int64_t id)
{
    for (size_t i = 0; i < user_count; i++) {
        users[i].is_staff = users[i].is_staff || users[i].id == id;
    }
}

void fake_store_put_session(const char *key, struct bytes payload, bool is_expired)
{
    struct fake_session *s = &sessions[session_count++];

    put_text(s->key, bytes_str(key));
    put_text(s->payload, payload);
    s->payload_len = payload.len;
    s->is_expired = is_expired;
}

void fake_store_put_channel(int64_t id, const char *name, bool is_private)
{
    struct fake_channel *c = &channels[channel_count++];

    *c = (struct fake_channel){.id = id, .is_private = is_private};
    put_text(c->name, bytes_str(name));
}

void fake_store_put_member(int64_t channel_id, int64_t user_id)
{
    for (size_t i = 0; i < channel_count; i++) {
        if (channels[i].id == channel_id) {
            channels[i].members[channels[i].member_count++] = user_id;
        }
    }
}

bool fake_store_is_active(int64_t user_id)
{
    for (size_t i = 0; i < user_count; i++) {
        if (users[i].id == user_id) {
            return users[i].is_active;
        }
    }
    return false;
}

bool fake_store_has_channel(const char *name)
{
    for (size_t i = 0; i < channel_count; i++) {
        if (strcmp(channels[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- completions ---- */

/* 0 and an answer to fill in, or the error of the submit. */
static int submit(void *arg, struct answer **out)
{
    int err = fake_fault_next(&fake_store.fault);
    struct answer *a;

    if (err != 0 && fake_store.fault.at_submit) {
        return err;
    }
    a = calloc(1, sizeof(*a));
    if (!a) {
        abort();
    }
    a->arg = arg;
    a->err = err;
    *out = a;
    return 0;
}

static void complete_user(void *arg)
{
    struct answer *a = arg;
    struct user_row row = {.id = a->user.id,
                           .username = bytes_str(a->user.name),
                           .password = bytes_str(a->user.password),
                           .avatar = BYTES_LIT("/media/a.jpg"),
                           .is_active = a->user.is_active,
                           .is_staff = a->user.is_staff};

    a->fn.user(a->arg, a->err, a->err == 0 && a->is_there ? &row : NULL);
    free(a);
}

static int find_user(store_user_fn *fn, void *arg, int64_t id, struct bytes name)
{
    struct answer *a;
    int err = submit(arg, &a);

    if (err != 0) {
        return err;
    }
    a->fn.user = fn;
    for (size_t i = 0; i < user_count && !a->is_there; i++) {
        a->is_there = name.ptr ? bytes_eq_str(name, users[i].name) : users[i].id == id;
        a->user = users[i];
    }
    fake_later(complete_user, a);
    return 0;
}

int store_user_by_id(struct store *s, int64_t id, store_user_fn *fn, void *arg)
{
    (void)s;
    fake_store.by_id++;
    return find_user(fn, arg, id, BYTES_NONE);
}

int store_user_by_name(struct store *s, struct bytes username, store_user_fn *fn, void *arg)
{
    (void)s;
    fake_store.by_name++;
    return find_user(fn, arg, 0, username);
}

static void complete_session(void *arg)
{
    struct answer *a = arg;
    struct session_row row = {.payload = bytes_of(a->session.payload, a->session.payload_len),
                              .is_expired = a->session.is_expired};

    a->fn.session(a->arg, a->err, a->err == 0 && a->is_there ? &row : NULL);
    free(a);
}

int store_session(struct store *s, struct bytes key, store_session_fn *fn, void *arg)
{
    struct answer *a;
    int err = submit(arg, &a);

    (void)s;
    fake_store.sessions++;
    if (err != 0) {
        return err;
    }
    a->fn.session = fn;
    for (size_t i = 0; i < session_count && !a->is_there; i++) {
        a->is_there = bytes_eq_str(key, sessions[i].key);
        a->session = sessions[i];
    }
    fake_later(complete_session, a);
    return 0;
}

static void complete_channel(void *arg)
{
    struct answer *a = arg;
    struct channel_row row = {.id = a->channel.id,
                              .name = bytes_str(a->channel.name),
                              .is_private = a->channel.is_private};

    for (size_t i = 0; i < a->channel.member_count; i++) {
        row.is_member = row.is_member || a->channel.members[i] == a->asked_by;
    }
    a->fn.channel(a->arg, a->err, a->err == 0 && a->is_there ? &row : NULL);
    free(a);
}

int store_channel(struct store *s, struct bytes room, int64_t user_id, bool auto_create,
                  store_channel_fn *fn, void *arg)
{
    struct answer *a;
    int err = submit(arg, &a);
    char number[32];

    (void)s;
    fake_store.channels++;
    if (err != 0) {
        return err;
    }
    a->fn.channel = fn;
    a->asked_by = user_id;
    for (size_t i = 0; i < channel_count && !a->is_there; i++) {
        snprintf(number, sizeof(number), "%" PRId64, channels[i].id);
        a->is_there = bytes_eq_str(room, channels[i].name) || bytes_eq_str(room, number);
        a->channel = channels[i];
    }
    if (!a->is_there && auto_create && a->err == 0) {
        a->is_there = true;
        a->channel = (struct fake_channel){.id = 1000};
        put_text(a->channel.name, room);
    }
    fake_later(complete_channel, a);
    return 0;
}

static void complete_rows(void *arg)
{
    struct answer *a = arg;

    a->fn.rows(a->arg, a->err, a->err ? NULL : a->rows, a->err ? 0 : a->row_count);
    free(a);
}

int store_content(struct store *s, int64_t channel_id, uint64_t after, uint64_t until,
                  uint32_t limit, store_rows_fn *fn, void *arg)
{
    struct answer *a;
    int err = submit(arg, &a);

    (void)s;
    (void)channel_id;
    fake_store.contents++;
    if (err != 0) {
        return err;
    }
    a->fn.rows = fn;
    for (size_t i = 0; i < fake_store.content_count; i++) {
        const struct content_row *row = &fake_store.content[i];
        if (row->seq > after && row->seq <= until && a->row_count < limit) {
            a->rows = a->rows ? a->rows : row;
            a->row_count++;
        }
    }
    fake_later(complete_rows, a);
    return 0;
}

void store_note_login(struct store *s, int64_t user_id)
{
    (void)s;
    fake_store.logins++;
    fake_store.last_login = user_id;
}
