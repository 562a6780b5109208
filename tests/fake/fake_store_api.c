/* SPDX-License-Identifier: MIT */
/* The store's listings, without a store. */
#include "fake_store_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "fake_later.h"
#include "fake_store.h"

struct fake_store_api fake_store_api;

struct answer {
    union {
        store_profile_fn *profile;
        store_channels_fn *channels;
        store_made_fn *made;
        store_member_fn *member;
        store_page_fn *page;
    } fn;
    void *arg;
    int err;
};

void fake_store_api_reset(void)
{
    memset(&fake_store_api, 0, sizeof(fake_store_api));
}

/* 0 and an answer to fill in, or the error of the submit. */
static int submit(void *arg, struct answer **out)
{
    int err = fake_fault_next(&fake_store.fault);
    struct answer *a;

    fake_store_api.calls++;
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

static void keep_text(char *to, size_t size, struct bytes text)
{
    snprintf(to, size, "%.*s", BYTES_FMT(text));
}

static void complete_profile(void *arg)
{
    struct answer *a = arg;
    bool is_there = a->err == 0 && fake_store_api.has_profile;

    a->fn.profile(a->arg, a->err, is_there ? &fake_store_api.profile : NULL);
    free(a);
}

int store_profile(struct store *s, int64_t user_id, store_profile_fn *fn, void *arg)
{
    struct answer *a;
    int err = submit(arg, &a);

    (void)s;
    if (err == 0) {
        fake_store_api.user_id = user_id;
        a->fn.profile = fn;
        fake_later(complete_profile, a);
    }
    return err;
}

static void complete_channels(void *arg)
{
    struct answer *a = arg;

    a->fn.channels(a->arg, a->err, a->err == 0 ? fake_store_api.channels : NULL,
                   a->err == 0 ? fake_store_api.channel_count : 0);
    free(a);
}

int store_channels(struct store *s, int64_t user_id, store_channels_fn *fn, void *arg)
{
    struct answer *a;
    int err = submit(arg, &a);

    (void)s;
    if (err == 0) {
        fake_store_api.user_id = user_id;
        a->fn.channels = fn;
        fake_later(complete_channels, a);
    }
    return err;
}

static void complete_made(void *arg)
{
    struct answer *a = arg;

    a->fn.made(a->arg, a->err, a->err == 0 ? &fake_store_api.made : NULL);
    free(a);
}

int store_create_channel(struct store *s, const struct new_channel *channel, store_made_fn *fn,
                         void *arg)
{
    struct answer *a;
    int err = submit(arg, &a);

    (void)s;
    if (err != 0) {
        return err;
    }
    fake_store_api.user_id = channel->creator_id;
    fake_store_api.is_private = channel->is_private;
    fake_store_api.member_count = channel->member_count;
    keep_text(fake_store_api.name, sizeof(fake_store_api.name), channel->name);
    for (size_t i = 0; i < channel->member_count && i < FAKE_MEMBERS_MAX; i++) {
        fake_store_api.members[i] = channel->members[i];
    }
    a->fn.made = fn;
    fake_later(complete_made, a);
    return 0;
}

static void complete_member(void *arg)
{
    struct answer *a = arg;

    a->fn.member(a->arg, a->err, fake_store_api.verdict);
    free(a);
}

int store_set_member(struct store *s, const struct member_change *change, store_member_fn *fn,
                     void *arg)
{
    struct answer *a;
    int err = submit(arg, &a);

    (void)s;
    if (err == 0) {
        fake_store_api.change = *change;
        a->fn.member = fn;
        fake_later(complete_member, a);
    }
    return err;
}

static void complete_page(void *arg)
{
    struct answer *a = arg;
    bool is_there = a->err == 0 && fake_store_api.has_page;

    a->fn.page(a->arg, a->err, is_there ? &fake_store_api.page : NULL);
    free(a);
}

static int ask_page(const struct page_request *page, store_page_fn *fn, void *arg)
{
    struct answer *a;
    int err = submit(arg, &a);

    if (err == 0) {
        fake_store_api.page_request = *page;
        a->fn.page = fn;
        fake_later(complete_page, a);
    }
    return err;
}

int store_messages(struct store *s, const struct page_request *page, store_page_fn *fn, void *arg)
{
    (void)s;
    fake_store_api.is_search = false;
    return ask_page(page, fn, arg);
}

int store_search(struct store *s, const struct page_request *page, struct bytes words,
                 store_page_fn *fn, void *arg)
{
    (void)s;
    fake_store_api.is_search = true;
    keep_text(fake_store_api.words, sizeof(fake_store_api.words), words);
    return ask_page(page, fn, arg);
}
