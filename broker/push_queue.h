/* SPDX-License-Identifier: MIT */
#pragma once
/* Sends what push_job says: takes due jobs for PUSH_LEASE_MS, hands them to the senders, and
 * settles what became of them. Every broker does; a job is taken by one of them at a time. One that
 * dies leaves its jobs to be due again, so that each is sent at least once. Glue.
 *
 * A job that fails is tried again after PUSH_RETRY_MS and more; one that has failed
 * PUSH_ATTEMPTS_MAX times, or cannot be sent at all, goes to the stream <prefix>jobs:dead. */
#include "broker/broker_conf.h"
#include "broker/push_fcm.h"
#include "broker/push_web.h"
#include "broker/store_push.h"
#include "common/io/redis_link.h"

#define PUSH_QUEUE_INTERVAL_MS 1000u
#define PUSH_ATTEMPTS_MAX 8u

struct push_queue_deps { /* all borrowed */
    struct loop *loop;
    struct redis_link *redis;
    struct store *store;
    const struct broker_conf *conf;
    struct push_fcm *fcm; /* NULL: not configured */
    struct push_web *web; /* NULL: not configured */
};

struct push_queue;
struct push_queue *push_queue_new(const struct push_queue_deps *deps); /* NULL: no memory */
/* After the ports and the senders were freed, which ends what is under way. NULL is fine. */
void push_queue_free(struct push_queue *q);
void push_queue_start(struct push_queue *q);
/* Take no more. What is under way goes on and is settled when that is possible. */
void push_queue_pause(struct push_queue *q);
bool push_queue_is_idle(const struct push_queue *q); /* nothing is under way */
