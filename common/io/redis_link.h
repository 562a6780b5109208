/* SPDX-License-Identifier: MIT */
#pragma once
/* One connection to Redis over hiredis: connects, reconnects with backoff, knows bytes and keys
 * only. Every accepted command is completed exactly once and never inside the submitting call;
 * when the connection breaks, all pending ones complete with ERR_UNAVAILABLE (their outcome is
 * unknown). While down, submitting returns ERR_UNAVAILABLE at once: queueing and repeating are
 * the caller's. A blocking read (XREAD BLOCK) needs a link of its own. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "common/io/loop.h"

#define REDIS_LINK_PENDING_MAX 65536u    /* commands under way; more is ERR_BUSY */
#define REDIS_LINK_OUT_MAX (32u << 20)   /* bytes not yet sent; more is ERR_BUSY */
#define REDIS_LINK_REPLY_MAX (64u << 20) /* bytes of one reply; more breaks the connection */

struct redis_link;
struct redis_value; /* one reply; borrowed for the duration of the callback */

enum redis_type { REDIS_NIL, REDIS_STR, REDIS_INT, REDIS_LIST, REDIS_STATUS, REDIS_ERROR };
enum redis_type redis_value_type(const struct redis_value *v); /* NULL is REDIS_NIL */
int64_t redis_value_int(const struct redis_value *v);          /* REDIS_INT, or digits; else 0 */
struct bytes redis_value_bytes(const struct redis_value *v);   /* STR, STATUS, ERROR; else none */
size_t redis_value_count(const struct redis_value *v);         /* LIST; else 0 */
const struct redis_value *redis_value_at(const struct redis_value *v, size_t i); /* NULL outside */

/* err: 0 (v is a reply that is no error), ERR_REMOTE (v is the error reply), ERR_UNAVAILABLE
 * (connection lost, v NULL), ERR_TIMEOUT (no answer in time: the link reconnects, v NULL). */
typedef void redis_reply_fn(void *arg, int err, const struct redis_value *v);

struct redis_link_conf {
    const char *url;     /* see common/redis_url.h */
    const char *prefix;  /* of all keys; only a Redis Cluster is asked for it */
    const char *name;    /* CLIENT SETNAME and logs: "gateway-1/read" */
    uint32_t timeout_ms; /* no answer to the oldest command for so long = broken; 0 = never.
                            A link for blocking reads gives more than its BLOCK time. */
};

struct redis_link_events {
    /* Up: `run_id` names this life of the server; is_new_server when it differs from the run_id
     * of the previous connection of this link (false on the first). */
    void (*on_up)(void *arg, struct bytes run_id, bool is_new_server);
    void (*on_down)(void *arg); /* after all pending commands were completed */
};

/* Keeps conf->name and url copies. NULL: no memory or a malformed url. Connects by itself. */
struct redis_link *redis_link_new(struct loop *loop, const struct redis_link_conf *conf,
                                  const struct redis_link_events *events, void *arg);
/* Completes pending with ERR_UNAVAILABLE first; then no callback follows. Legal in the link's own
 * callbacks. NULL is fine. */
void redis_link_free(struct redis_link *l);
bool redis_link_is_up(const struct redis_link *l);
/* argv is borrowed. Not for SUBSCRIBE and MONITOR, whose answers never end. fn NULL = the answer
 * does not matter (errors are counted and logged). Errors: ERR_UNAVAILABLE, ERR_BUSY, ERR_NOMEM. */
NODISCARD int redis_link_command(struct redis_link *l, const struct bytes *argv, size_t argc,
                                 redis_reply_fn *fn, void *arg);
size_t redis_link_pending(const struct redis_link *l);
