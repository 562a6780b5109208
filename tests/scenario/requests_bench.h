/* SPDX-License-Identifier: MIT */
#pragma once
/* The broker's requests over link-time fakes, for the tests of openings and of the token routes:
 * real tokens, sessions and password hashes; fake database, Redis, worker, streams and time.
 *
 * Users: alice 1, bob 2, dave 3 (deactivated), admin 4 (staff); passwords "<name>-password".
 * Channels: general 1, leads 2 (private: alice). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fake/fake_clock.h"
#include "../fake/fake_egress.h"
#include "../fake/fake_files.h"
#include "../fake/fake_later.h"
#include "../fake/fake_redis_kv.h"
#include "../fake/fake_store_access.h"
#include "../fake/fake_store_api.h"
#include "../fake/fake_store_devices.h"
#include "../fake/fake_worker.h"
#include "broker/jwt_token.h"
#include "broker/requests.h"

#define GATEWAY "gw1.00000000000000aa"
#define ALICE_PLACES "kb:user:{u1}"
#define ACCESS_S 3600u
#define REFRESH_S 86400u

struct bench {
    struct broker_conf conf;
    struct token_keys *keys;
    struct redis_clock clock;
    struct requests *requests;
    const char *vapid_public; /* for bench_restart() */
};
extern struct bench bench;

int bench_setup(void **state); /* everything new; answers false when it cannot */
int bench_teardown(void **state);
void bench_restart(void); /* with bench.conf as it is now; fakes keep their contents */

/* All of these give texts that live until the next test. */
const char *bench_token(int64_t user_id, enum token_type type);
const char *bench_token_of(const struct token_keys *keys, int64_t user_id, enum token_type type,
                           int64_t expires_in_s);
const char *bench_token_with(const struct token_keys *keys, const struct token_claims *claims);
/* "Bearer <token>" */
const char *bench_bearer(const char *token);
/* Puts a session of the user into the database; gives its cookie header. */
const char *bench_session(int64_t user_id, const char *password_hash, const char *secret,
                          bool is_expired);
const char *bench_hash(const char *name); /* of the user's password */

/* Also for the routes that look at a cookie. */
void bench_post_with_cookie(uint64_t conn, const char *path, const char *cookie);
void bench_open(uint64_t conn, const struct credentials *cred, const char *room);
struct bench_http {
    const char *method, *path, *type, *body;
};
void bench_http(uint64_t conn, const struct bench_http *http);
/* With a query and, unless it is NULL, an Authorization header. */
void bench_ask(uint64_t conn, const struct bench_http *http, const char *query,
               const char *authorization);
/* POST of a JSON body. */
void bench_post(uint64_t conn, const char *path, const char *body);

/* Let everything complete; there must be exactly one answer since the last call, to `conn`. */
const struct down_item *bench_answer(uint64_t conn);
void bench_no_answer(void);

/* What was logged so far has this text in it. */
bool bench_logged(const char *text);
