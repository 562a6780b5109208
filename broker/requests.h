/* SPDX-License-Identifier: MIT */
#pragma once
/* Work that needs no order among the messages of a channel: opening of sockets, newer tokens for
 * open ones, and HTTP API requests. Each runs on its own (database, Redis, worker thread) and ends
 * in exactly one answer to its gateway. Glue. */
#include "broker/broker_conf.h"
#include "broker/egress.h"
#include "broker/io/worker.h"
#include "broker/jwt_token.h"
#include "broker/redis_clock.h"
#include "broker/store.h"
#include "common/io/redis_link.h"
#include "proto/envelope.h"

#define REQUESTS_MAX 8192u /* under way in one broker; more is SERVICE_UNAVAILABLE / 503 */

/* All borrowed. Free the requests first: a completion that comes later, while the others are
 * freed, finds nothing. */
struct requests_deps {
    struct loop *loop;
    struct store *store;
    struct redis_link *redis;
    struct worker *worker;
    struct egress *egress;
    const struct broker_conf *conf;
    const struct redis_clock *clock;
    const struct token_keys *keys; /* io/token_key_files.h */
    struct files *files;           /* files.h */
    const char *vapid_public; /* what browsers subscribe with; "" or NULL: web push is not set up */
};
struct requests;
struct requests *requests_new(const struct requests_deps *deps); /* NULL without memory or keys */
/* What is under way ends without an answer. NULL is fine. */
void requests_free(struct requests *r);
/* Start an UP_OPEN, UP_HTTP or other request of `gateway`; everything needed is copied. Never
 * fails: what cannot be started is answered so. One that is under way already, by its gateway and
 * conn (and frame), is not started again: a repeat gets the one answer. */
void requests_start(struct requests *r, struct bytes gateway, const struct up_envelope *env);
/* The connection of a user has gone: its opening, if still under way, ends without an answer, and
 * its slot in the user's registry is given back (user_id 0: nobody was told whose it is). */
void requests_connection_gone(struct requests *r, struct bytes gateway, uint64_t conn,
                              int64_t user_id);
/* A user's row has changed: what is remembered of it is forgotten. */
void requests_forget_user(struct requests *r, int64_t user_id);
