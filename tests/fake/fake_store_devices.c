/* SPDX-License-Identifier: MIT */
/* The store's notifications, preferences and devices, without a store. */
#include "fake_store_devices.h"

#include <stdio.h>
#include <stdlib.h>

#include "fake_later.h"
#include "fake_store.h"

struct fake_store_devices fake_store_devices;

struct answer {
    union {
        store_notifications_fn *notifications;
        store_preferences_fn *preferences;
        store_preference_fn *preference;
        store_devices_fn *devices;
        store_done_fn *done;
        store_count_fn *count;
    } fn;
    void *arg;
    int err;
};

void fake_store_devices_reset(void)
{
    memset(&fake_store_devices, 0, sizeof(fake_store_devices));
    fake_store_devices.preferences = (struct preferences){
        .push_enabled = true, .categories = BYTES_LIT("{}"), .time_zone = BYTES_LIT("UTC")};
}

/* 0 with the answer under way, or the error of the submit. */
static int submit(const struct answer *answer, fake_later_fn *complete)
{
    int err = fake_fault_next(&fake_store.fault);
    struct answer *a;

    fake_store_devices.calls++;
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

static void keep_text(char *to, size_t size, struct bytes text)
{
    (void)snprintf(to, size, "%.*s", BYTES_FMT(text));
}

static void complete_notifications(void *arg)
{
    struct answer *a = arg;
    bool is_ok = a->err == 0;

    a->fn.notifications(a->arg, a->err, is_ok ? fake_store_devices.notifications : NULL,
                        is_ok ? fake_store_devices.notification_count : 0);
    free(a);
}

int store_notifications(struct store *s, const struct notification_request *request,
                        store_notifications_fn *fn, void *arg)
{
    (void)s;
    fake_store_devices.request = *request;
    return submit(&(struct answer){.fn.notifications = fn, .arg = arg}, complete_notifications);
}

static void complete_preferences(void *arg)
{
    struct answer *a = arg;

    a->fn.preferences(a->arg, a->err, a->err == 0 ? &fake_store_devices.preferences : NULL);
    free(a);
}

int store_preferences(struct store *s, int64_t user_id, store_preferences_fn *fn, void *arg)
{
    (void)s;
    fake_store_devices.user_id = user_id;
    return submit(&(struct answer){.fn.preferences = fn, .arg = arg}, complete_preferences);
}

static void complete_preference(void *arg)
{
    struct answer *a = arg;

    a->fn.preference(a->arg, a->err, fake_store_devices.verdict);
    free(a);
}

int store_set_preferences(struct store *s, const struct preference_change *c,
                          store_preference_fn *fn, void *arg)
{
    struct fake_store_devices *f = &fake_store_devices;

    (void)s;
    f->change = *c;
    keep_text(f->categories, sizeof(f->categories), c->categories);
    keep_text(f->quiet_start, sizeof(f->quiet_start), c->quiet_start);
    keep_text(f->quiet_end, sizeof(f->quiet_end), c->quiet_end);
    keep_text(f->time_zone, sizeof(f->time_zone), c->time_zone);
    return submit(&(struct answer){.fn.preference = fn, .arg = arg}, complete_preference);
}

static void complete_devices(void *arg)
{
    struct answer *a = arg;
    bool is_ok = a->err == 0;

    a->fn.devices(a->arg, a->err, is_ok ? fake_store_devices.devices : NULL,
                  is_ok ? fake_store_devices.device_count : 0);
    free(a);
}

int store_devices(struct store *s, int64_t user_id, store_devices_fn *fn, void *arg)
{
    (void)s;
    fake_store_devices.user_id = user_id;
    return submit(&(struct answer){.fn.devices = fn, .arg = arg}, complete_devices);
}

int store_add_device(struct store *s, int64_t user_id, struct bytes device_type, struct bytes token,
                     store_devices_fn *fn, void *arg)
{
    struct fake_store_devices *f = &fake_store_devices;

    (void)s;
    f->user_id = user_id;
    keep_text(f->device_type, sizeof(f->device_type), device_type);
    keep_text(f->token, sizeof(f->token), token);
    return submit(&(struct answer){.fn.devices = fn, .arg = arg}, complete_devices);
}

static void complete_done(void *arg)
{
    struct answer *a = arg;

    a->fn.done(a->arg, a->err);
    free(a);
}

int store_remove_device(struct store *s, int64_t user_id, struct bytes token, store_done_fn *fn,
                        void *arg)
{
    (void)s;
    fake_store_devices.user_id = user_id;
    keep_text(fake_store_devices.token, sizeof(fake_store_devices.token), token);
    return submit(&(struct answer){.fn.done = fn, .arg = arg}, complete_done);
}

static void complete_count(void *arg)
{
    struct answer *a = arg;

    a->fn.count(a->arg, a->err, fake_store_devices.count);
    free(a);
}

int store_push_test(struct store *s, int64_t user_id, struct bytes title, struct bytes message,
                    store_count_fn *fn, void *arg)
{
    (void)s;
    (void)title;
    (void)message;
    fake_store_devices.user_id = user_id;
    return submit(&(struct answer){.fn.count = fn, .arg = arg}, complete_count);
}
