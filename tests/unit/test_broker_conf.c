/* SPDX-License-Identifier: MIT */
/* Tests of the broker's settings: every default, the bounds of every number, and each check that
 * goes across settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_conf.h"
#include "broker/sanitize.h"
#include "common/log.h"

#define SECRET_31 "0123456789012345678901234567890"
#define SECRET_32 SECRET_31 "1"
#define TEXT_128 SECRET_32 SECRET_32 SECRET_32 SECRET_32

#define ENV_MAX 8u

/* name, value, name, value, … NULL */
static const char *from_pairs(void *arg, const char *name)
{
    const char *const *pairs = arg;

    for (size_t i = 0; pairs[i]; i += 2) {
        if (strcmp(pairs[i], name) == 0) {
            return pairs[i + 1];
        }
    }
    return NULL;
}

static int load(const char *const *pairs, struct broker_conf *out, struct buf *problem)
{
    char *argv[] = {(char *)"kibray-broker", NULL};
    struct conf_input in = {
        .argc = 1, .argv = argv, .lookup = from_pairs, .lookup_arg = (void *)(uintptr_t)pairs};

    memset(out, 0, sizeof(*out));
    return conf_load(broker_conf_rows, broker_conf_row_count, out, &in, NULL, problem);
}

static void unload(struct broker_conf *conf)
{
    conf_free(broker_conf_rows, broker_conf_row_count, conf);
}

static void test_defaults(void **state)
{
    const char *none[] = {NULL};
    struct broker_conf c;

    (void)state;
    assert_int_equal(load(none, &c, NULL), 0);
    assert_string_equal(c.name, "");
    assert_string_equal(c.redis_url, "redis://127.0.0.1:6379/0");
    assert_string_equal(c.redis_prefix, "kb:");
    assert_string_equal(c.database_url, "");
    assert_int_equal(c.partitions, 16);
    assert_int_equal(c.lease_ms, 3000);
    assert_string_equal(c.metrics_address, "127.0.0.1");
    assert_int_equal(c.metrics_port, 0);
    assert_int_equal(c.log_level, LOG_INFO);
    assert_string_equal(c.secret_key, "");
    assert_int_equal(c.jwt_algorithm, 0);
    assert_string_equal(c.jwt_private_key_file, "");
    assert_string_equal(c.jwt_public_key_file, "");
    assert_int_equal(c.access_token_s, 3600);
    assert_int_equal(c.refresh_token_s, 86400);
    assert_int_equal(c.login_failures_per_minute, 10);
    assert_int_equal(c.sanitize_mode, SANITIZE_MARKUP);
    assert_int_equal(c.message_max_chars, 10000);
    assert_int_equal(c.connections_per_user, 50);
    assert_int_equal(c.room_presence_limit, 200);
    assert_false(c.channel_auto_create);
    assert_string_equal(c.fcm_credentials_file, "");
    assert_string_equal(c.fcm_url, "https://fcm.googleapis.com");
    assert_string_equal(c.vapid_private_key_file, "");
    assert_int_equal(c.push_concurrency, 32);
    assert_int_equal(c.push_retry_ms, 10000);
    assert_int_equal(c.push_lease_ms, 60000);
    assert_false(c.push_allow_private_endpoints);
    unload(&c);
}

struct value_case {
    const char *env, *value;
    int err;
};

static void test_bounds_of_values(void **state)
{
    static const struct value_case cases[] = {
        {"PARTITIONS", "0", ERR_RANGE},
        {"PARTITIONS", "1", 0},
        {"PARTITIONS", "256", 0},
        {"PARTITIONS", "257", ERR_RANGE},
        {"BROKER_LEASE_MS", "499", ERR_RANGE},
        {"BROKER_LEASE_MS", "500", 0},
        {"BROKER_LEASE_MS", "60000", 0},
        {"BROKER_LEASE_MS", "60001", ERR_RANGE},
        {"METRICS_PORT", "65535", 0},
        {"METRICS_PORT", "65536", ERR_RANGE},
        {"LOG_LEVEL", "error", 0},
        {"LOG_LEVEL", "loud", ERR_SYNTAX},
        {"JWT_ALGORITHM", "RS256", 0},
        {"JWT_ALGORITHM", "none", ERR_SYNTAX},
        {"JWT_ALGORITHM", "hs256", ERR_SYNTAX},
        {"ACCESS_TOKEN_LIFETIME", "0", ERR_RANGE},
        {"ACCESS_TOKEN_LIFETIME", "1", 0},
        {"REFRESH_TOKEN_LIFETIME", "0", ERR_RANGE},
        {"REFRESH_TOKEN_LIFETIME", "1", 0},
        {"LOGIN_FAILURES_PER_MINUTE", "0", 0},
        {"LOGIN_FAILURES_PER_MINUTE", "100000", 0},
        {"LOGIN_FAILURES_PER_MINUTE", "100001", ERR_RANGE},
        {"SANITIZE_MODE", "patterns", 0},
        {"SANITIZE_MODE", "escape", 0},
        {"SANITIZE_MODE", "off", ERR_SYNTAX},
        {"MESSAGE_MAX_CHARS", "0", ERR_RANGE},
        {"MESSAGE_MAX_CHARS", "1", 0},
        {"MESSAGE_MAX_CHARS", "1000000", 0},
        {"MESSAGE_MAX_CHARS", "1000001", ERR_RANGE},
        {"CONNECTIONS_PER_USER", "0", 0},
        {"CONNECTIONS_PER_USER", "10000", 0},
        {"CONNECTIONS_PER_USER", "10001", ERR_RANGE},
        {"ROOM_PRESENCE_LIMIT", "0", 0},
        {"ROOM_PRESENCE_LIMIT", "100001", ERR_RANGE},
        {"CHANNEL_AUTO_CREATE", "1", 0},
        {"CHANNEL_AUTO_CREATE", "maybe", ERR_SYNTAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *pairs[] = {cases[i].env, cases[i].value, NULL};
        struct broker_conf c;
        struct buf problem;
        int err;

        buf_init(&problem, 1024);
        err = load(pairs, &c, &problem);
        if (err != cases[i].err) {
            fail_msg("%s=%s: %s", cases[i].env, cases[i].value, err_name(err));
        }
        assert_int_equal(problem.len > 0, err != 0);
        unload(&c);
        buf_done(&problem);
    }
}

static void test_enums_are_in_order(void **state)
{
    const char *pairs[] = {"SANITIZE_MODE", "escape", "JWT_ALGORITHM", "RS256", "LOG_LEVEL",
                           "warn",          NULL};
    struct broker_conf c;

    (void)state;
    assert_int_equal(load(pairs, &c, NULL), 0);
    assert_int_equal(c.sanitize_mode, SANITIZE_ESCAPE);
    assert_int_equal(c.jwt_algorithm, 1);
    assert_int_equal(c.log_level, LOG_WARN);
    unload(&c);
}

struct check_case {
    const char *what;
    const char *pairs[2 * ENV_MAX + 1]; /* over the two that are always needed */
    int err;
    const char *named; /* must be in the sentence */
};

static const struct check_case CHECK_CASES[] = {
    {"enough", {NULL}, 0, NULL},
    {"no secret", {"SECRET_KEY", ""}, ERR_MISSING, "SECRET_KEY"},
    {"secret of 31 bytes", {"SECRET_KEY", SECRET_31}, ERR_RANGE, "SECRET_KEY"},
    {"short secret is enough for RS256",
     {"SECRET_KEY", "short", "JWT_ALGORITHM", "RS256", "JWT_PRIVATE_KEY_FILE", "/k",
      "JWT_PUBLIC_KEY_FILE", "/p"},
     0,
     NULL},
    {"RS256 needs a secret too",
     {"SECRET_KEY", "", "JWT_ALGORITHM", "RS256", "JWT_PRIVATE_KEY_FILE", "/k",
      "JWT_PUBLIC_KEY_FILE", "/p"},
     ERR_MISSING,
     "SECRET_KEY"},
    {"RS256 without private key",
     {"JWT_ALGORITHM", "RS256", "JWT_PUBLIC_KEY_FILE", "/p"},
     ERR_MISSING,
     "JWT_PRIVATE_KEY_FILE"},
    {"RS256 without public key",
     {"JWT_ALGORITHM", "RS256", "JWT_PRIVATE_KEY_FILE", "/k"},
     ERR_MISSING,
     "JWT_PUBLIC_KEY_FILE"},
    {"no database", {"DATABASE_URL", ""}, ERR_MISSING, "DATABASE_URL"},
    {"no such database", {"DATABASE_URL", "mysql://x/y"}, ERR_SYNTAX, "DATABASE_URL"},
    {"scheme alone", {"DATABASE_URL", "postgresql://"}, ERR_SYNTAX, "DATABASE_URL"},
    {"short scheme", {"DATABASE_URL", "postgres://u@h/d"}, 0, NULL},
    {"words for libpq", {"DATABASE_URL", "host=h dbname=d"}, 0, NULL},
    {"Redis by http", {"REDIS_URL", "http://h"}, ERR_SYNTAX, "REDIS_URL"},
    {"no Redis", {"REDIS_URL", ""}, ERR_SYNTAX, "REDIS_URL"},
    {"Redis by socket", {"REDIS_URL", "unix:///run/r"}, 0, NULL},
    {"prefix of 32 bytes", {"REDIS_PREFIX", SECRET_32}, 0, NULL},
    {"prefix of 33 bytes", {"REDIS_PREFIX", SECRET_32 "x"}, ERR_SYNTAX, "REDIS_PREFIX"},
    {"empty prefix", {"REDIS_PREFIX", ""}, 0, NULL},
    {"prefix with a brace", {"REDIS_PREFIX", "a{b"}, ERR_SYNTAX, "REDIS_PREFIX"},
    {"prefix with a blank", {"REDIS_PREFIX", "a b"}, ERR_SYNTAX, "REDIS_PREFIX"},
    {"prefix beyond ASCII", {"REDIS_PREFIX", "\xc3\xa4"}, ERR_SYNTAX, "REDIS_PREFIX"},
    {"name of 128 bytes", {"BROKER_NAME", TEXT_128}, 0, NULL},
    {"FCM without TLS", {"FCM_URL", "http://fcm"}, ERR_SYNTAX, "FCM_URL"},
    {"FCM with a slash", {"FCM_URL", "https://fcm/"}, ERR_SYNTAX, "FCM_URL"},
    {"no FCM", {"FCM_URL", ""}, ERR_SYNTAX, "FCM_URL"},
    {"VAPID without a subject", {"VAPID_PRIVATE_KEY_FILE", "f"}, ERR_MISSING, "VAPID_SUBJECT"},
    {"VAPID with a name",
     {"VAPID_PRIVATE_KEY_FILE", "f", "VAPID_SUBJECT", "me"},
     ERR_MISSING,
     "VAPID_SUBJECT"},
    {"VAPID", {"VAPID_PRIVATE_KEY_FILE", "f", "VAPID_SUBJECT", "mailto:a@b"}, 0, NULL},
    {"name of 129 bytes", {"BROKER_NAME", TEXT_128 "x"}, ERR_SYNTAX, "BROKER_NAME"},
};

/* The pairs of a case come first: the first match wins. */
static void fill_pairs(const struct check_case *k, const char **pairs)
{
    static const char *const needed[] = {"SECRET_KEY", SECRET_32, "DATABASE_URL",
                                         "postgresql://u@h/d"};
    size_t n = 0;

    for (; k->pairs[n]; n++) {
        pairs[n] = k->pairs[n];
    }
    for (size_t i = 0; i < 4; i++) {
        pairs[n++] = needed[i];
    }
    pairs[n] = NULL;
}

static void test_checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CHECK_CASES) / sizeof(CHECK_CASES[0]); i++) {
        const struct check_case *k = &CHECK_CASES[i];
        const char *pairs[2 * ENV_MAX + 8];
        struct broker_conf c;
        struct buf problem;
        int err;

        fill_pairs(k, pairs);
        assert_int_equal(load(pairs, &c, NULL), 0);
        buf_init(&problem, 1024);
        err = broker_conf_check(&c, &problem);
        if (err != k->err) {
            fail_msg("%s: %s", k->what, err_name(err));
        }
        if (k->named) {
            assert_non_null(memmem(problem.data, problem.len, k->named, strlen(k->named)));
        } else {
            assert_int_equal(problem.len, 0);
        }
        assert_int_equal(broker_conf_check(&c, NULL), k->err);
        buf_done(&problem);
        unload(&c);
    }
}

static void test_secrets_are_not_shown(void **state)
{
    const char *pairs[] = {"SECRET_KEY",
                           SECRET_32,
                           "REDIS_URL",
                           "redis://:hush-redis@h",
                           "DATABASE_URL",
                           "postgresql://u:hush-pg@h/d",
                           NULL};
    static const char *const hidden[] = {SECRET_32, "hush-redis", "hush-pg"};
    struct broker_conf c;
    struct buf dump;

    (void)state;
    buf_init(&dump, 65536);
    assert_int_equal(load(pairs, &c, NULL), 0);
    assert_int_equal(conf_dump_json(broker_conf_rows, broker_conf_row_count, &c, &dump), 0);
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        assert_null(memmem(dump.data, dump.len, hidden[i], strlen(hidden[i])));
    }
    buf_done(&dump);
    unload(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bounds_of_values),
        cmocka_unit_test(test_enums_are_in_order),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_secrets_are_not_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
