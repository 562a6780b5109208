/* SPDX-License-Identifier: MIT */
/* Push jobs from claim to end, over a table in memory that counts leases on the test's time: every
 * answer of FCM and of web push, every step failing, a broker's death, what is sent again and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fake/fake_clock.h"
#include "../fake/fake_http_client.h"
#include "../fake/fake_later.h"
#include "../fake/fake_loop.h"
#include "../fake/fake_redis_link.h"
#include "broker/push.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

#define TABLE_MAX 300u
#define LEASE_MS 60000u
#define CONCURRENCY 8u
#define SUBSCRIPTION                                                                               \
    "{\"endpoint\":\"https://push.example/x\",\"keys\":{\"p256dh\":"                               \
    "\"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4\"," \
    "\"auth\":\"BTBZMqHH6r4Tts7J_aSIgg\"}}"

struct job {
    bool is_there, is_device_gone;
    uint64_t due_ms;
    int64_t claim;
    uint32_t attempts;
    const char *token;
};

static struct {
    struct loop *loop;
    struct redis_link *redis;
    struct broker_conf conf;
    struct push_keys keys;
    struct push *push;
    struct job table[TABLE_MAX]; /* by id, from 1 */
    unsigned claims, settles;
    uint64_t dropped; /* told by the next claim */
    struct fake_fault claim_fault, settle_fault;
    char log[65536];
} bench;

/* ---- the store ---- */

struct answer {
    store_jobs_fn *jobs;
    store_done_fn *done;
    void *arg;
    int err;
    uint32_t at_most, lease_ms;
    struct push_settlement rows[PUSH_SETTLE_MAX];
    size_t count;
};

static void complete_claim(struct answer *a)
{
    struct push_job jobs[PUSH_CLAIM_MAX];
    size_t count = 0;

    for (size_t id = 1; id < TABLE_MAX && count < a->at_most; id++) {
        struct job *j = &bench.table[id];

        if (!j->is_there || j->due_ms > clock_mono_ms()) {
            continue;
        }
        j->due_ms = clock_mono_ms() + a->lease_ms;
        j->claim++;
        j->attempts++;
        jobs[count++] = (struct push_job){.id = (int64_t)id,
                                          .claim = j->claim,
                                          .attempts = j->attempts,
                                          .device_id = (int64_t)id + 1000,
                                          .notification_id = (int64_t)id + 2000,
                                          .user_id = 7,
                                          .device_type = BYTES_LIT("web"),
                                          .token = bytes_str(j->token),
                                          .title = BYTES_LIT("T"),
                                          .message = BYTES_LIT("M"),
                                          .category = BYTES_LIT("news"),
                                          .url = BYTES_LIT("/")};
    }
    a->jobs(a->arg, 0, jobs, count, bench.dropped);
    bench.dropped = 0;
}

static void complete_settle(struct answer *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct job *j = &bench.table[a->rows[i].job_id];

        if (!j->is_there || j->claim != a->rows[i].claim) {
            continue;
        }
        assert_int_equal(a->rows[i].device_id, a->rows[i].job_id + 1000);
        j->is_there = a->rows[i].action == PUSH_JOB_AGAIN;
        j->is_device_gone = a->rows[i].action == PUSH_JOB_DEVICE_GONE;
        j->due_ms = clock_mono_ms() + a->rows[i].delay_ms;
        j->claim++;
    }
    a->done(a->arg, 0);
}

static void complete(void *arg)
{
    struct answer *a = arg;

    if (a->err != 0 && a->jobs) {
        a->jobs(a->arg, a->err, NULL, 0, 0);
    } else if (a->err != 0) {
        a->done(a->arg, a->err);
    } else if (a->jobs) {
        complete_claim(a);
    } else {
        complete_settle(a);
    }
    free(a);
}

static int submit(struct answer *a, struct fake_fault *fault)
{
    int err = fake_fault_next(fault);

    if (err != 0 && fault->at_submit) {
        free(a);
        return err;
    }
    a->err = err;
    fake_later(complete, a);
    return 0;
}

int store_push_claim(struct store *s, uint32_t at_most, uint32_t lease_ms, store_jobs_fn *fn,
                     void *arg)
{
    struct answer *a = calloc(1, sizeof(*a));

    (void)s;
    bench.claims++;
    assert_in_range(at_most, 1, CONCURRENCY);
    a->jobs = fn;
    a->arg = arg;
    a->at_most = at_most;
    a->lease_ms = lease_ms;
    return submit(a, &bench.claim_fault);
}

int store_push_settle(struct store *s, const struct push_settlement *rows, size_t count,
                      store_done_fn *fn, void *arg)
{
    struct answer *a = calloc(1, sizeof(*a));

    (void)s;
    bench.settles++;
    a->done = fn;
    a->arg = arg;
    a->count = count;
    memcpy(a->rows, rows, count * sizeof(*rows));
    return submit(a, &bench.settle_fault);
}

/* ---- the bench ---- */

static void keep_log(void *arg, struct bytes line)
{
    size_t len = strlen(bench.log);

    (void)arg;
    (void)snprintf(bench.log + len, sizeof(bench.log) - len, "%.*s", BYTES_FMT(line));
}

static void ignore_up(void *arg, struct bytes run_id, bool is_new)
{
    (void)arg, (void)run_id, (void)is_new;
}

static void ignore_down(void *arg)
{
    (void)arg;
}

static EVP_PKEY *vapid, *rsa;

static struct fcm_account *new_account(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct fcm_account *account = NULL;
    char text[8192], *pem;
    size_t len;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, rsa, NULL, NULL, 0, NULL, NULL), 1);
    (void)BIO_get_mem_data(bio, &pem);
    len = (size_t)snprintf(text, sizeof(text),
                           "{\"client_email\":\"a@b\",\"project_id\":\"p\",\"token_uri\":"
                           "\"https://oauth.example/token\",\"private_key\":\"");
    for (; *pem != '\0' && strncmp(pem, "-----END PRIVATE KEY-----", 25) != 0; pem++) {
        len += (size_t)snprintf(text + len, 3, *pem == '\n' ? "\\n" : "%c", *pem);
    }
    (void)snprintf(text + len, sizeof(text) - len, "-----END PRIVATE KEY-----\\n\"}");
    assert_int_equal(fcm_account_read(bytes_str(text), &account), 0);
    BIO_free(bio);
    return account;
}

static int start(void)
{
    bench.push = push_new(&(struct push_deps){
        .loop = bench.loop, .redis = bench.redis, .conf = &bench.conf, .keys = &bench.keys});
    push_start(bench.push);
    return bench.push ? 0 : -1;
}

static int set_up(void **state)
{
    static char prefix[] = "kb:", url[] = "https://fcm.example", subject[] = "mailto:a@b";
    static const struct redis_link_events events = {ignore_up, ignore_down};

    (void)state;
    memset(&bench, 0, sizeof(bench));
    metrics_reset();
    fake_clock_reset();
    fake_redis_reset();
    fake_http_reset();
    log_set_sink(keep_log, NULL);
    bench.loop = loop_new();
    bench.redis = redis_link_new(bench.loop, NULL, &events, NULL);
    fake_redis_up(0, "life", false);
    bench.conf = (struct broker_conf){.redis_prefix = prefix,
                                      .fcm_url = url,
                                      .vapid_subject = subject,
                                      .push_concurrency = CONCURRENCY,
                                      .push_retry_ms = 1000,
                                      .push_lease_ms = LEASE_MS};
    EVP_PKEY_up_ref(vapid);
    bench.keys = (struct push_keys){.fcm = new_account(), .vapid = vapid};
    return start();
}

static int tear_down(void **state)
{
    (void)state;
    push_stop(bench.push);
    redis_link_free(bench.redis);
    fake_run_all();
    push_free(bench.push);
    push_keys_done(&bench.keys);
    loop_free(bench.loop);
    log_set_sink(NULL, NULL);
    return 0;
}

static int group_up(void **state)
{
    (void)state;
    vapid = EVP_EC_gen("P-256");
    rsa = EVP_RSA_gen(2048);
    return vapid && rsa ? 0 : -1;
}

static int group_down(void **state)
{
    (void)state;
    EVP_PKEY_free(vapid);
    EVP_PKEY_free(rsa);
    return 0;
}

/* ---- what tests do ---- */

static void put(size_t id, const char *token)
{
    bench.table[id] = (struct job){.is_there = true, .token = token};
}

static void settle(void)
{
    do {
        fake_loop_pass(bench.loop, 0);
        fake_run_all();
        fake_loop_pass(bench.loop, 0);
    } while (fake_waiting() > 0);
}

static void pass(uint32_t ms)
{
    for (; ms > 0; ms -= ms < 500 ? ms : 500) {
        fake_loop_pass(bench.loop, ms < 500 ? ms : 500);
        settle();
    }
}

static void give_access(const char *token)
{
    struct fake_http_request *r = fake_http_find("/token");
    char body[128];

    assert_non_null(r);
    (void)snprintf(body, sizeof(body), "{\"access_token\":\"%s\",\"expires_in\":3600}", token);
    fake_http_answer(r, 200, body, 0);
    settle();
}

/* Answer the oldest message to FCM or, when there is none, to a web push service. */
static void answer(uint32_t status, const char *body, uint32_t retry_after_s)
{
    struct fake_http_request *r = fake_http_find("messages:send");

    r = r ? r : fake_http_find("push.example");
    assert_non_null(r);
    fake_http_answer(r, status, body, retry_after_s);
    settle();
}

static void answer_all(uint32_t status)
{
    while (fake_http_find("messages:send") || fake_http_find("push.example")) {
        answer(status, "{}", 0);
    }
}

static double counted(const char *label)
{
    return metric_value(metric_counter("push_sent_total", "", "kind,result"), label);
}

static double under_way(void)
{
    return metric_value(metric_gauge("push_jobs", "", NULL), NULL);
}

/* The dead letter that waits for Redis' answer. */
static void bury(int err)
{
    struct fake_command *c = fake_redis_find(0, "XADD", "kb:jobs:dead");

    assert_non_null(c);
    fake_redis_answer(0, c, err, NULL);
    settle();
}

/* ---- tests ---- */

static void test_sent(void **state)
{
    (void)state;
    put(1, "a-token");
    put(2, SUBSCRIPTION);
    pass(1000);
    assert_int_equal(fake_http_count(), 2); /* the access token, the web push */
    assert_true(under_way() == 2);
    give_access("first");
    struct fake_http_request *r = fake_http_find("messages:send");
    assert_string_equal(r->url, "https://fcm.example/v1/projects/p/messages:send");
    assert_string_equal(r->headers[0], "Authorization: Bearer first");
    assert_int_equal(r->timeout_ms, LEASE_MS / 3);
    assert_false(r->is_public_only);
    assert_non_null(strstr(r->body, "\"collapse_key\":\"n-2001\""));
    r = fake_http_find("push.example");
    assert_true(r->is_public_only);
    assert_true(strncmp(r->headers[0], "Authorization: vapid t=", 23) == 0);
    assert_string_equal(r->headers[1], "TTL: 86400");
    assert_string_equal(r->headers[2], "Topic: n-2002");
    assert_string_equal(r->headers[4], "Content-Encoding: aes128gcm");
    answer(200, "{}", 0);
    assert_false(bench.table[1].is_there);
    answer(201, "", 0);
    assert_false(bench.table[2].is_there);
    assert_true(counted("fcm,sent") == 1 && counted("web,sent") == 1 && under_way() == 0);
    pass(LEASE_MS * 2);
    assert_int_equal(fake_http_count(), 3);
}

static void test_no_more_than_allowed_at_a_time(void **state)
{
    (void)state;
    for (size_t id = 1; id <= 100; id++) {
        put(id, SUBSCRIPTION);
    }
    pass(1000);
    assert_int_equal(fake_http_open(), CONCURRENCY);
    pass(5000);
    assert_int_equal(fake_http_open(), CONCURRENCY);
    answer(201, "", 0);
    answer(201, "", 0);
    assert_int_equal(fake_http_open(), CONCURRENCY); /* a quarter has ended: at once */
    answer_all(201);
    assert_int_equal(fake_http_count(), 100); /* without waiting for the next looks */
    for (size_t id = 1; id <= 100; id++) {
        assert_false(bench.table[id].is_there);
    }
}

static void test_gone(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    put(2, "{\"endpoint\":7}");
    pass(1000);
    assert_true(bench.table[2].is_device_gone); /* no subscription at all */
    answer(410, "", 0);
    assert_true(bench.table[1].is_device_gone);
    assert_true(counted("web,gone") == 2);
}

static void test_again_later(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    pass(1000);
    for (unsigned tries = 1; tries < PUSH_ATTEMPTS_MAX; tries++) {
        uint64_t asked_ms = clock_mono_ms();

        answer(503, "", 0);
        assert_true(bench.table[1].is_there);
        assert_in_range(bench.table[1].due_ms - asked_ms, 1000, 1000 + (1000u << (tries - 1)));
        pass((uint32_t)(bench.table[1].due_ms - asked_ms) + 1000);
        assert_int_equal(fake_http_count(), tries + 1);
    }
    answer(503, "", 0); /* the eighth */
    struct fake_command *c = fake_redis_find(0, "XADD", "kb:jobs:dead");
    assert_non_null(c);
    assert_true(bytes_eq_str(c->argv[2], "MAXLEN") && bytes_eq_str(c->argv[4], "1000"));
    assert_true(bytes_eq_str(c->argv[7], "1") && bytes_eq_str(c->argv[9], "2001"));
    assert_true(bytes_eq_str(c->argv[13], "1001") && bytes_eq_str(c->argv[15], "8"));
    assert_true(bytes_eq_str(c->argv[17], "HTTP 503"));
    assert_true(bench.table[1].is_there); /* until it is written */
    bury(0);
    assert_false(bench.table[1].is_there);
    assert_true(counted("web,dead") == 1);
}

static void test_as_long_as_asked(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    pass(1000);
    answer(429, "", 30);
    assert_in_range(bench.table[1].due_ms - clock_mono_ms(), 30000, 31000);
    pass(32000);
    answer(503, "", 1000000);
    assert_in_range(bench.table[1].due_ms - clock_mono_ms(), 3600000, 3601000);
}

static void test_network_errors(void **state)
{
    static const struct {
        int err;
        bool is_dead;
    } cases[] = {{ERR_UNAVAILABLE, false}, {ERR_TIMEOUT, false}, {ERR_REMOTE, false},
                 {ERR_NOMEM, false},       {ERR_DENIED, true},   {ERR_LIMIT, true}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put(i + 1, SUBSCRIPTION);
        pass(1000);
        fake_http_fail(fake_http_find("push.example"), cases[i].err);
        settle();
        assert_int_equal(fake_redis_count(0, "XADD", NULL), cases[i].is_dead);
        if (cases[i].is_dead) {
            bury(0);
        }
        assert_int_equal(bench.table[i + 1].is_there, !cases[i].is_dead);
        bench.table[i + 1].is_there = false;
    }
}

static void test_not_submitted(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    fake_http_fault = (struct fake_fault){.nth = 1, .err = ERR_BUSY};
    pass(1000);
    assert_int_equal(fake_http_count(), 0);
    assert_true(bench.table[1].is_there);
    pass(3000);
    answer(201, "", 0);
    assert_false(bench.table[1].is_there);
}

/* ---- the access token ---- */

static void test_one_renewal_at_a_time(void **state)
{
    (void)state;
    for (size_t id = 1; id <= 5; id++) {
        put(id, "a-token");
    }
    pass(1000);
    pass(1000);
    assert_int_equal(fake_http_count(), 1);
    give_access("first");
    assert_int_equal(fake_http_open(), 5);
    answer_all(200);
    pass(3300 * 1000 - 10000); /* renewed five minutes before its end */
    put(6, "a-token");
    pass(1000);
    answer_all(200);
    assert_int_equal(fake_http_count(), 7);
    pass(10000);
    put(7, "a-token");
    pass(1000);
    assert_non_null(fake_http_find("/token"));
    give_access("second");
    assert_string_equal(fake_http_find("messages:send")->headers[0],
                        "Authorization: Bearer second");
    answer_all(200);
}

static void test_renewed_once_for_a_refusal(void **state)
{
    (void)state;
    put(1, "a-token");
    put(2, "a-token");
    pass(1000);
    give_access("first");
    answer(401, "{\"error\":{\"status\":\"UNAUTHENTICATED\"}}", 0);
    answer(401, "{\"error\":{\"status\":\"UNAUTHENTICATED\"}}", 0);
    assert_int_equal(fake_http_open(), 1); /* one renewal for both */
    give_access("second");
    assert_int_equal(fake_http_open(), 2);
    answer(200, "{}", 0);
    assert_false(bench.table[1].is_there);
    answer(401, "", 0); /* again: later */
    assert_true(bench.table[2].is_there);
    assert_int_equal(fake_http_open(), 0);
    assert_true(counted("fcm,retry") == 1 && counted("fcm,sent") == 1);
}

static void test_no_access(void **state)
{
    static const struct {
        uint32_t status;
        const char *body;
    } cases[] = {{400, "{\"error\":\"invalid_grant\"}"},
                 {200, "{}"},
                 {200, "<html>"},
                 {200, "{\"access_token\":\"a\\nb\",\"expires_in\":3600}"},
                 {500, ""}};

    (void)state;
    put(1, "a-token");
    put(2, "a-token");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bench.table[1].due_ms = bench.table[2].due_ms = 0;
        pass(1000);
        fake_http_answer(fake_http_find("/token"), cases[i].status, cases[i].body, 0);
        settle();
        assert_int_equal(fake_http_open(), 0);
        assert_true(bench.table[1].is_there && bench.table[2].is_there);
    }
    bench.table[1].due_ms = bench.table[2].due_ms = 0;
    pass(1000);
    fake_http_fail(fake_http_find("/token"), ERR_TIMEOUT);
    settle();
    fake_http_fault = (struct fake_fault){.nth = 1, .err = ERR_UNAVAILABLE};
    bench.table[1].due_ms = bench.table[2].due_ms = 0;
    pass(1000);
    assert_int_equal(fake_http_open(), 0);
    assert_non_null(strstr(bench.log, "fcm_token_refused"));
    assert_null(strstr(bench.log, "invalid_grant"));
    bench.table[1].attempts = bench.table[2].attempts = 0;
    bench.table[1].due_ms = bench.table[2].due_ms = 0;
    pass(1000);
    give_access("at-last");
    answer_all(200);
    assert_false(bench.table[1].is_there || bench.table[2].is_there);
}

/* ---- steps that fail ---- */

static void test_claims_fail(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        bench.claim_fault =
            (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = at_submit, .err = ERR_UNAVAILABLE};
        pass(3000);
        assert_int_equal(fake_http_count(), 0);
    }
    bench.claim_fault = (struct fake_fault){.nth = 0};
    pass(1000);
    answer(201, "", 0);
    assert_false(bench.table[1].is_there);
}

static void test_settling_fails(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    pass(1000);
    bench.settle_fault = (struct fake_fault){.nth = FAKE_ALWAYS, .err = ERR_UNAVAILABLE};
    answer(201, "", 0);
    pass(5000);
    bench.settle_fault.at_submit = true;
    pass(5000);
    assert_true(bench.table[1].is_there && bench.settles > 5);
    bench.settle_fault = (struct fake_fault){.nth = 0};
    pass(1000);
    assert_false(bench.table[1].is_there);
    assert_int_equal(fake_http_count(), 1); /* sent once */
    assert_true(under_way() == 0);
}

/* The lease ends first: another one sends it again, and that one's end counts. */
static void test_settled_too_late(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    pass(1000);
    bench.settle_fault = (struct fake_fault){.nth = FAKE_ALWAYS, .err = ERR_UNAVAILABLE};
    answer(201, "", 0);
    pass(LEASE_MS + 1000);
    assert_int_equal(fake_http_count(), 2);
    bench.settle_fault = (struct fake_fault){.nth = 0};
    pass(1000);
    assert_true(bench.table[1].is_there);
    answer(201, "", 0);
    assert_false(bench.table[1].is_there);
}

static void test_refused_settlement(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    pass(1000);
    bench.settle_fault = (struct fake_fault){.nth = 1, .err = ERR_REMOTE};
    answer(201, "", 0);
    pass(2000);
    assert_true(under_way() == 0 && bench.settles == 1);
}

static void test_dead_letters_fail(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    pass(1000);
    answer(400, "", 0);
    bury(ERR_UNAVAILABLE);
    assert_true(bench.table[1].is_there);
    bench.table[1].attempts = PUSH_ATTEMPTS_MAX;
    fake_redis_down(0);
    pass(LEASE_MS + 1000);
    assert_int_equal(fake_http_count(), 1); /* too many attempts: not sent again */
    assert_true(bench.table[1].is_there);
    fake_redis_up(0, "life", false);
    pass(LEASE_MS + 1000);
    assert_true(bytes_eq_str(fake_redis_find(0, "XADD", NULL)->argv[17], "too many attempts"));
    bury(0);
    assert_false(bench.table[1].is_there);
}

static void test_a_brokers_death(void **state)
{
    (void)state;
    for (size_t id = 1; id <= 6; id++) {
        put(id, SUBSCRIPTION);
    }
    pass(1000);
    answer(201, "", 0);
    push_stop(bench.push); /* the others' requests end with it; nothing can be settled */
    bench.settle_fault = (struct fake_fault){.nth = FAKE_ALWAYS, .err = ERR_UNAVAILABLE};
    settle();
    push_free(bench.push);
    bench.settle_fault = (struct fake_fault){.nth = 0};
    assert_int_equal(start(), 0);
    pass(LEASE_MS - 5000);
    assert_int_equal(fake_http_open(), 0); /* the leases still run */
    pass(6000);
    assert_int_equal(fake_http_open(), 5);
    answer_all(201);
    for (size_t id = 1; id <= 6; id++) {
        assert_false(bench.table[id].is_there);
    }
    assert_int_equal(fake_http_count(), 11);
}

static void test_paused(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    pass(1000);
    push_pause(bench.push);
    put(2, SUBSCRIPTION);
    answer(201, "", 0); /* what is under way ends all the same */
    assert_false(bench.table[1].is_there);
    pass(5000);
    assert_int_equal(fake_http_count(), 1);
    push_start(bench.push);
    pass(1000);
    assert_int_equal(fake_http_count(), 2);
}

static void test_without_memory(void **state)
{
    (void)state;
    put(1, SUBSCRIPTION);
    put(2, "a-token");
    for (size_t nth = 1; nth < 12; nth++) {
        fake_loop_pass(bench.loop, 1000);
        mem_fail_after(nth);
        fake_run_all();
        fake_loop_pass(bench.loop, 0);
        mem_fail_after(0);
        settle();
        bench.table[1].due_ms = bench.table[2].due_ms = 0;
        bench.table[1].attempts = bench.table[2].attempts = 0;
        while (fake_http_open() > 0) {
            fake_http_fail(fake_http_find(""), ERR_UNAVAILABLE);
            settle();
        }
        bench.table[1].due_ms = bench.table[2].due_ms = 0;
        assert_true(bench.table[1].is_there && bench.table[2].is_there);
    }
    pass(1000);
    give_access("x");
    answer_all(200);
    assert_false(bench.table[1].is_there || bench.table[2].is_there);
}

static void test_not_configured(void **state)
{
    (void)state;
    push_stop(bench.push);
    push_free(bench.push);
    push_keys_done(&bench.keys);
    bench.log[0] = '\0';
    assert_int_equal(start(), 0);
    push_pause(bench.push);
    push_start(bench.push);
    char *said = strstr(bench.log, "push_not_configured");
    assert_non_null(said);
    assert_null(strstr(said + 1, "push_not_configured"));
    put(1, SUBSCRIPTION);
    put(2, "a-token");
    pass(1000);
    assert_false(bench.table[1].is_there || bench.table[2].is_there);
    assert_true(counted("web,unconfigured") == 1 && counted("fcm,unconfigured") == 1);
    assert_int_equal(fake_http_count(), 0);
}

static void test_dropped_are_counted(void **state)
{
    (void)state;
    bench.dropped = CONCURRENCY;
    pass(1000);
    assert_true(counted("any,dropped") == CONCURRENCY);
    assert_int_equal(bench.claims, 2); /* all were dropped: there may be more */
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_sent),
        CASE(test_no_more_than_allowed_at_a_time),
        CASE(test_gone),
        CASE(test_again_later),
        CASE(test_as_long_as_asked),
        CASE(test_network_errors),
        CASE(test_not_submitted),
        CASE(test_one_renewal_at_a_time),
        CASE(test_renewed_once_for_a_refusal),
        CASE(test_no_access),
        CASE(test_claims_fail),
        CASE(test_settling_fails),
        CASE(test_settled_too_late),
        CASE(test_refused_settlement),
        CASE(test_dead_letters_fail),
        CASE(test_a_brokers_death),
        CASE(test_paused),
        CASE(test_without_memory),
        CASE(test_not_configured),
        CASE(test_dropped_are_counted),
    };

    return cmocka_run_group_tests(tests, group_up, group_down);
}
