/* SPDX-License-Identifier: MIT */
/* Revoked names in memory; what is done to sessions and direct channels is done in fake_store. */
#include "fake_store_access.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_later.h"

#define NAMES_MAX 16u

struct fake_store_access fake_store_access;

static char names[NAMES_MAX][80];
static size_t name_count;

/* One accepted request. */
struct answer {
    store_done_fn *done;
    store_revoked_fn *revoked;
    void *arg;
    int err;
    bool is_revoked;
};

void fake_store_access_reset(void)
{
    memset(&fake_store_access, 0, sizeof(fake_store_access));
    name_count = 0;
}

void fake_store_revoke(const char *name)
{
    if (name_count == NAMES_MAX) {
        abort();
    }
    snprintf(names[name_count++], sizeof(names[0]), "%s", name);
}

static bool has(struct bytes name)
{
    for (size_t i = 0; i < name_count; i++) {
        if (bytes_eq_str(name, names[i])) {
            return true;
        }
    }
    return false;
}

bool fake_store_has_revoked(const char *name)
{
    return has(bytes_str(name));
}

static void complete(void *arg)
{
    struct answer *a = arg;

    if (a->done) {
        a->done(a->arg, a->err);
    } else {
        a->revoked(a->arg, a->err, a->is_revoked);
    }
    free(a);
}

static int submit(const struct answer *answer)
{
    int err = fake_fault_next(&fake_store.fault);
    struct answer *a;

    if (err != 0 && fake_store.fault.at_submit) {
        return err;
    }
    a = malloc(sizeof(*a));
    if (!a) {
        abort();
    }
    *a = *answer;
    a->err = err;
    fake_later(complete, a);
    return 0;
}

static void keep(char *to, size_t size, struct bytes text)
{
    if (text.len >= size) {
        abort();
    }
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

int store_session_put(struct store *s, const struct new_session *session, store_done_fn *fn,
                      void *arg)
{
    struct fake_store_access *f = &fake_store_access;

    (void)s;
    f->sessions_put++;
    f->session_age_s = session->age_s;
    keep(f->session_key, sizeof(f->session_key), session->key);
    keep(f->session_payload, sizeof(f->session_payload), session->payload);
    fake_store_put_session(f->session_key, session->payload, false);
    return submit(&(struct answer){.done = fn, .arg = arg});
}

int store_session_delete(struct store *s, struct bytes key, store_done_fn *fn, void *arg)
{
    (void)s;
    fake_store_access.sessions_deleted++;
    keep(fake_store_access.session_key, sizeof(fake_store_access.session_key), key);
    return submit(&(struct answer){.done = fn, .arg = arg});
}

int store_is_revoked(struct store *s, const struct token_names *n, store_revoked_fn *fn, void *arg)
{
    (void)s;
    fake_store_access.asked++;
    return submit(
        &(struct answer){.revoked = fn, .arg = arg, .is_revoked = has(n->jti) || has(n->family)});
}

int store_revoke(struct store *s, const struct token_names *n, uint64_t expires_s,
                 store_revoked_fn *fn, void *arg)
{
    bool was_revoked = has(n->jti) || has(n->family);
    char name[80];
    int err = submit(&(struct answer){.revoked = fn, .arg = arg, .is_revoked = was_revoked});

    (void)s;
    if (err != 0 || was_revoked) {
        return err;
    }
    fake_store_access.revoked++;
    fake_store_access.revoked_until_s = expires_s;
    keep(name, sizeof(name), n->jti);
    fake_store_revoke(name);
    keep(name, sizeof(name), n->family);
    fake_store_revoke(name);
    return 0;
}

int store_direct_channel(struct store *s, int64_t user_id, int64_t other_id, store_channel_fn *fn,
                         void *arg)
{
    int64_t low = user_id < other_id ? user_id : other_id;
    int64_t high = user_id < other_id ? other_id : user_id;
    char name[64];

    snprintf(name, sizeof(name), "direct:%" PRId64 ":%" PRId64, low, high);
    if (user_id == other_id || !fake_store_is_active(other_id)) {
        snprintf(name, sizeof(name), "none:");
    } else if (!fake_store_has_channel(name)) {
        int64_t id = 1000 * low + high;

        fake_store_put_channel(id, name, true);
        fake_store_put_member(id, low);
        fake_store_put_member(id, high);
    }
    return store_channel(s, bytes_str(name), user_id, false, fn, arg);
}
