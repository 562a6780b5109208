/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of the PostgreSQL store share: a migrated schema with a few people and channels,
 * a store that is up, and what its callbacks have told last. */
#include "tests/integration/pg_fixture.h"

#include "broker/io/store_pg.h"
#include "common/log.h"

#define KEPT_MAX 32

static struct {
    struct store *store;
    int ups, downs, done; /* done: completions of any kind */
    int errs[KEPT_MAX];   /* of each completion, in order */
    int err;              /* of the last one */
    bool is_row;          /* the last look-up found something */
    struct partition_claim claim;
    struct content_row rows[KEPT_MAX];
    char contents[KEPT_MAX][64];
    size_t row_count;
    int64_t ids[KEPT_MAX];
    size_t id_count;
    struct user_row user;
    struct channel_row channel;
    bool is_expired, is_there;
    struct target_row target;
    char text[8][256]; /* copies of the texts of the last row, in the struct's order */
    bool free_on_done;
} got;

static int64_t alice, bob;

static inline void completed(int err)
{
    if (got.done < KEPT_MAX) {
        got.errs[got.done] = err;
    }
    got.err = err;
    got.done++;
    if (got.free_on_done) {
        got.free_on_done = false;
        store_pg_free(got.store);
        got.store = NULL;
    }
}

static inline void copy_text(size_t i, struct bytes text)
{
    (void)snprintf(got.text[i], sizeof(got.text[i]), "%.*s", BYTES_FMT(text));
}

static inline void on_done(void *arg, int err)
{
    (void)arg;
    completed(err);
}

static inline void on_claim(void *arg, int err, const struct partition_claim *claim)
{
    (void)arg;
    if (claim) {
        got.claim = *claim;
    }
    completed(err);
}

static inline void on_messages(void *arg, int err, const struct content_row *rows, size_t count)
{
    (void)arg;
    got.row_count = count;
    for (size_t i = 0; i < count && i < KEPT_MAX; i++) {
        got.rows[i] = rows[i];
        (void)snprintf(got.contents[i], sizeof(got.contents[i]), "%.*s",
                       BYTES_FMT(rows[i].content));
    }
    if (count > 0) {
        copy_text(0, rows[0].author_username);
        copy_text(1, rows[0].author_avatar);
        copy_text(2, rows[0].content);
        copy_text(3, rows[0].client_id);
    }
    completed(err);
}

static inline void on_ids(void *arg, int err, const int64_t *ids, size_t count)
{
    (void)arg;
    got.id_count = count;
    for (size_t i = 0; i < count && i < KEPT_MAX; i++) {
        got.ids[i] = ids[i];
    }
    completed(err);
}

static inline void on_user(void *arg, int err, const struct user_row *user)
{
    (void)arg;
    got.is_row = user != NULL;
    if (user) {
        got.user = *user;
        copy_text(0, user->username);
        copy_text(1, user->password);
        copy_text(2, user->avatar);
    }
    completed(err);
}

static inline void on_session(void *arg, int err, const struct session_row *session)
{
    (void)arg;
    got.is_row = session != NULL;
    if (session) {
        got.is_expired = session->is_expired;
        copy_text(0, session->payload);
    }
    completed(err);
}

static inline void on_channel(void *arg, int err, const struct channel_row *channel)
{
    (void)arg;
    got.is_row = channel != NULL;
    if (channel) {
        got.channel = *channel;
        copy_text(0, channel->name);
    }
    completed(err);
}

static inline void on_target(void *arg, int err, const struct target_row *target)
{
    (void)arg;
    got.is_there = target != NULL;
    got.target = target ? *target : (struct target_row){0};
    completed(err);
}

static inline void on_store_up(void *arg)
{
    (void)arg;
    got.ups++;
}

static inline void on_store_down(void *arg)
{
    (void)arg;
    got.downs++;
}

/* Run until one more request than now has completed. */
static inline void next(void)
{
    fixture_wait(&got.done, got.done + 1);
}

static inline void quiet(void *arg, struct bytes line)
{
    (void)arg;
    (void)line;
}

static inline void seed(void)
{
    fixture_sql(
        "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email,"
        " is_staff, is_active, date_joined) VALUES"
        " ('pw-alice', false, 'alice', '', '', '', true, true, now()),"
        " ('pw-bob', false, 'bob', '', '', '', false, false, now()),"
        " ('pw-odd', false, 'o''dd \"name\"; --', '', '', '', false, true, now());"
        "INSERT INTO user_profile (user_id, avatar)"
        " SELECT id, '/media/a.png' FROM auth_user WHERE username = 'alice';"
        "INSERT INTO chat_channel (id, name, is_private) VALUES"
        " (1, 'general', false), (2, 'leads', true), (77, 'seventy', false), (78, '77', false);"
        "SELECT setval('chat_channel_id_seq', 1000);"
        "INSERT INTO chat_membership (channel_id, user_id)"
        " SELECT 2, id FROM auth_user WHERE username = 'alice'");
    alice = fixture_number("SELECT id FROM auth_user WHERE username = 'alice'");
    bob = fixture_number("SELECT id FROM auth_user WHERE username = 'bob'");
}

static inline int store_set_up(void **state)
{
    static const struct store_events events = {on_store_up, on_store_down};

    memset(&got, 0, sizeof(got));
    log_set_sink(quiet, NULL);
    if (fixture_set_up(state) != 0 || migrate_run(fx.dsn) != 0) {
        return -1;
    }
    seed();
    got.store = store_pg_new(fx.loop, fx.dsn, &events, NULL);
    if (!got.store) {
        return -1;
    }
    fixture_wait(&got.ups, 1);
    return 0;
}

static inline int store_tear_down(void **state)
{
    store_pg_free(got.store);
    got.store = NULL;
    log_set_sink(NULL, NULL);
    return fixture_tear_down(state);
}
