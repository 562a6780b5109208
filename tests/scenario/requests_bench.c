/* SPDX-License-Identifier: MIT */
/* Sets up the requests and their fakes anew for every test. */
#include "requests_bench.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "broker/django_password.h"
#include "broker/django_session.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

#define SECRET "a secret key of the tests, long enough for HS256"
#define TEXTS_MAX 256u
#define ITERATIONS 1000u
#define LOGGED_MAX (1u << 20)

struct bench bench;

static char *texts[TEXTS_MAX];
static size_t text_count;
static size_t answers_seen;
static struct buf logged;

static const char *keep(struct bytes text)
{
    assert_true(text_count < TEXTS_MAX);
    texts[text_count] = mem_dup_str(text);
    assert_non_null(texts[text_count]);
    return texts[text_count++];
}

static void on_line(void *arg, struct bytes line)
{
    (void)arg;
    assert_int_equal(buf_append(&logged, line), 0);
}

bool bench_logged(const char *text)
{
    return memmem(logged.data, logged.len, text, strlen(text)) != NULL;
}

const char *bench_hash(const char *name)
{
    static const unsigned char random[PASSWORD_RANDOM_BYTES] = "salt of no worth";
    char password[64];
    struct buf hash;
    const char *kept;

    snprintf(password, sizeof(password), "%s-password", name);
    buf_init(&hash, PASSWORD_HASH_MAX_BYTES);
    assert_int_equal(django_password_make(bytes_str(password), ITERATIONS, random, &hash), 0);
    kept = keep(buf_bytes(&hash));
    buf_done(&hash);
    return kept;
}

static void put_people(void)
{
    fake_store_put_user(1, "alice", bench_hash("alice"), true);
    fake_store_put_user(2, "bob", bench_hash("bob"), true);
    fake_store_put_user(3, "dave", bench_hash("dave"), false);
    fake_store_put_user(4, "admin", bench_hash("admin"), true);
    fake_store_set_staff(4);
    fake_store_put_channel(1, "general", false);
    fake_store_put_channel(2, "leads", true);
    fake_store_put_member(2, 1);
}

static void start(void)
{
    struct requests_deps deps = {.conf = &bench.conf,
                                 .clock = &bench.clock,
                                 .keys = bench.keys,
                                 .files = fake_files_object(&bench.conf),
                                 .vapid_public = bench.vapid_public};

    bench.requests = requests_new(&deps);
    assert_non_null(bench.requests);
}

void bench_restart(void)
{
    requests_free(bench.requests);
    start();
}

int bench_setup(void **state)
{
    struct token_settings settings = {.algorithm = TOKEN_HS256, .secret = BYTES_LIT(SECRET)};
    char *room;

    (void)state;
    buf_init(&logged, LOGGED_MAX);
    assert_int_equal(buf_reserve(&logged, LOGGED_MAX, &room), 0); /* also while memory is short */
    log_set_sink(on_line, NULL);
    log_set_level(LOG_DEBUG);
    metrics_reset();
    fake_clock_reset();
    fake_store_reset();
    fake_store_api_reset();
    fake_store_devices_reset();
    fake_files_reset();
    fake_store_access_reset();
    bench.clock.offset_ms = 0;
    fake_redis_reset();
    fake_egress_reset();
    fake_worker_reset();
    fake_redis_set("kb:gw:{" GATEWAY "}");
    answers_seen = 0;
    put_people();
    bench.conf = (struct broker_conf){.redis_prefix = (char *)(uintptr_t) "kb:",
                                      .partitions = 16,
                                      .secret_key = (char *)(uintptr_t)SECRET,
                                      .access_token_s = ACCESS_S,
                                      .refresh_token_s = REFRESH_S,
                                      .session_cookie_age_s = 1209600,
                                      .session_cookie_secure = true,
                                      .login_failures_per_minute = 3,
                                      .connections_per_user = 50};
    if (token_keys_new(&settings, &bench.keys) != 0) {
        return -1;
    }
    start();
    return 0;
}

int bench_teardown(void **state)
{
    (void)state;
    mem_fail_after(0);
    requests_free(bench.requests);
    fake_run_all();
    token_keys_free(bench.keys);
    fake_egress_reset();
    while (text_count > 0) {
        mem_free(texts[--text_count]);
    }
    log_set_sink(NULL, NULL);
    buf_done(&logged);
    return 0;
}

/* ---- credentials ---- */

const char *bench_token_with(const struct token_keys *keys, const struct token_claims *claims)
{
    struct buf token;
    const char *kept;

    buf_init(&token, TOKEN_MAX_BYTES);
    assert_int_equal(token_issue(keys, claims, &token), 0);
    kept = keep(buf_bytes(&token));
    buf_done(&token);
    return kept;
}

const char *bench_token_of(const struct token_keys *keys, int64_t user_id, enum token_type type,
                           int64_t expires_in_s)
{
    uint64_t now_s = FAKE_WALL_START_MS / 1000;
    struct token_claims claims = {.type = type,
                                  .user_id = user_id,
                                  .expires_at_s = (uint64_t)((int64_t)now_s + expires_in_s),
                                  .issued_at_s = now_s - 100,
                                  .jti = "0123456789abcdef0123456789abcdef"};

    return bench_token_with(keys, &claims);
}

const char *bench_token(int64_t user_id, enum token_type type)
{
    return bench_token_of(bench.keys, user_id, type, ACCESS_S);
}

const char *bench_bearer(const char *token)
{
    struct buf header;
    const char *kept;

    buf_init(&header, 8192);
    assert_int_equal(buf_printf(&header, "Bearer %s", token), 0);
    kept = keep(buf_bytes(&header));
    buf_done(&header);
    return kept;
}

const char *bench_session(int64_t user_id, const char *password_hash, const char *secret,
                          bool is_expired)
{
    static unsigned sessions;
    struct django_session session = {.user_id = user_id};
    struct bytes secret_key = bytes_str(secret ? secret : SECRET);
    char key[SESSION_KEY_BYTES + 1], header[96];
    struct buf payload;

    snprintf(key, sizeof(key), "session%025u", ++sessions);
    snprintf(header, sizeof(header), "x=y; sessionid=%s", key);
    assert_int_equal(
        django_session_auth_hash(bytes_str(password_hash), secret_key, session.auth_hash), 0);
    buf_init(&payload, 4096);
    assert_int_equal(django_session_encode(&session, secret_key, FAKE_WALL_START_MS, &payload), 0);
    fake_store_put_session(key, buf_bytes(&payload), is_expired);
    buf_done(&payload);
    return keep(bytes_str(header));
}

/* ---- requests and answers ---- */

void bench_open(uint64_t conn, const struct credentials *cred, const char *room)
{
    struct up_envelope env = {.kind = UP_OPEN, .conn = conn};

    env.open.endpoint = ENDPOINT_CHAT;
    env.open.cred = *cred;
    env.open.room = bytes_str(room);
    env.open.address = BYTES_LIT("192.0.2.1");
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
}

void bench_http(uint64_t conn, const struct bench_http *http)
{
    bench_ask(conn, http, "", NULL);
}

void bench_ask(uint64_t conn, const struct bench_http *http, const char *query,
               const char *authorization)
{
    struct up_envelope env = {.kind = UP_HTTP, .conn = conn};

    env.http.method = bytes_str(http->method);
    env.http.path = bytes_str(http->path);
    env.http.content_type = bytes_str(http->type);
    env.http.body = bytes_str(http->body);
    env.http.query = bytes_str(query);
    env.http.cred.authorization = bytes_str(authorization);
    env.http.address = BYTES_LIT("192.0.2.1");
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
}

void bench_post_with_cookie(uint64_t conn, const char *path, const char *cookie)
{
    struct up_envelope env = {.kind = UP_HTTP, .conn = conn};

    env.http.method = BYTES_LIT("POST");
    env.http.path = bytes_str(path);
    env.http.address = BYTES_LIT("192.0.2.1");
    env.http.cred.cookie = bytes_str(cookie);
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
}

void bench_post(uint64_t conn, const char *path, const char *body)
{
    bench_http(conn, &(struct bench_http){"POST", path, "application/json", body});
}

const struct down_item *bench_answer(uint64_t conn)
{
    const struct fake_answer *answer;

    fake_run_all();
    assert_int_equal(fake_answers(), answers_seen + 1);
    answer = fake_answer(answers_seen++);
    assert_string_equal(answer->gateway, GATEWAY);
    assert_int_equal(answer->item.conn, conn);
    return &answer->item;
}

void bench_no_answer(void)
{
    fake_run_all();
    assert_int_equal(fake_answers(), answers_seen);
}
