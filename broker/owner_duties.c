/* SPDX-License-Identifier: MIT */
/* Builds and steers the watches; each asks by itself whether it is its broker's turn. Called by
 * broker.c. */
#include "broker/owner_duties.h"

#include "broker/access_watch.h"
#include "broker/notify_watch.h"
#include "broker/retention.h"
#include "broker/usage_watch.h"
#include "common/mem.h"

struct owner_duties {
    struct access_watch *access;
    struct notify_watch *notify;
    struct retention *retention;
    struct usage_watch *usage;
};

static bool build(struct owner_duties *d, const struct owner_duties_deps *deps)
{
    d->access = access_watch_new(&(struct access_watch_deps){.loop = deps->loop,
                                                             .redis = deps->redis,
                                                             .store = deps->store,
                                                             .egress = deps->egress,
                                                             .conf = deps->conf,
                                                             .clock = deps->clock,
                                                             .is_owner = deps->is_owner,
                                                             .forget_user = deps->forget_user,
                                                             .arg = deps->arg});
    d->notify = notify_watch_new(&(struct notify_watch_deps){.loop = deps->loop,
                                                             .redis = deps->redis,
                                                             .store = deps->store,
                                                             .conf = deps->conf,
                                                             .is_owner = deps->is_owner,
                                                             .arg = deps->arg});
    d->retention = retention_new(&(struct retention_deps){.loop = deps->loop,
                                                          .store = deps->store,
                                                          .conf = deps->conf,
                                                          .is_owner = deps->is_owner,
                                                          .arg = deps->arg});
    d->usage = usage_watch_new(&(struct usage_watch_deps){.loop = deps->loop,
                                                          .redis = deps->redis,
                                                          .store = deps->store,
                                                          .conf = deps->conf,
                                                          .is_owner = deps->is_owner,
                                                          .arg = deps->arg});
    return d->access && d->notify && d->retention && d->usage;
}

struct owner_duties *owner_duties_new(const struct owner_duties_deps *deps)
{
    struct owner_duties *d = mem_zalloc(sizeof(*d));

    if (d && !build(d, deps)) {
        owner_duties_free(d);
        return NULL;
    }
    return d;
}

void owner_duties_free(struct owner_duties *d)
{
    if (d) {
        access_watch_free(d->access);
        notify_watch_free(d->notify);
        retention_free(d->retention);
        usage_watch_free(d->usage);
        mem_free(d);
    }
}

void owner_duties_start(struct owner_duties *d)
{
    access_watch_start(d->access);
    notify_watch_start(d->notify);
    retention_start(d->retention);
    usage_watch_start(d->usage);
}

void owner_duties_pause(struct owner_duties *d)
{
    access_watch_pause(d->access);
    notify_watch_pause(d->notify);
    retention_pause(d->retention);
    usage_watch_pause(d->usage);
}
