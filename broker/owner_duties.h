/* SPDX-License-Identifier: MIT */
#pragma once
/* What one broker does for the whole system: the owner of partition 0 tells gateways whom they must
 * put out, people what chats and services have for them, removes what is old, and writes the
 * history of use. Glue. */
#include <stdbool.h>
#include "broker/broker_conf.h"
#include "broker/egress.h"
#include "broker/redis_clock.h"
#include "broker/store.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"

struct owner_duties_deps { /* all borrowed */
    struct loop *loop;
    struct redis_link *redis;
    struct store *store;
    struct egress *egress;
    const struct broker_conf *conf;
    const struct redis_clock *clock;
    bool (*is_owner)(void *arg); /* of partition 0, now */
    void (*forget_user)(void *arg, int64_t user_id);
    void *arg;
};
struct owner_duties;
struct owner_duties *owner_duties_new(const struct owner_duties_deps *deps); /* NULL: no memory */
void owner_duties_free(struct owner_duties *d); /* after links and store; NULL is fine */
void owner_duties_start(struct owner_duties *d);
void owner_duties_pause(struct owner_duties *d);
