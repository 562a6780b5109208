/* SPDX-License-Identifier: MIT */
/* From the last chunk to the message, and what is looked after later: the steps one by one, each
 * of them failing, who is told what, and how many files are put together at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fake/fake_clock.h"
#include "../fake/fake_egress.h"
#include "../fake/fake_later.h"
#include "../fake/fake_loop.h"
#include "../fake/fake_redis_link.h"
#include "../fake/fake_worker.h"
#include "broker/io/assemble.h"
#include "broker/upload_finish.h"
#include "broker/upload_keep.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/envelope.h"

#define GATEWAY "gw1.aa"
#define ROUND_MS 2000u

static struct {
    struct loop *loop;
    struct broker_conf conf;
    struct files files;
    /* what is answered */
    struct fake_fault fault; /* of the store */
    struct file_part parts[2];
    size_t part_count;
    enum upload_verdict verdict;
    struct finished_upload told;
    struct left_upload left[UPLOAD_CLAIM_MAX];
    size_t left_count;
    const char *garbage[GARBAGE_MAX];
    size_t garbage_count;
    int assemble_err, delete_err;
    unsigned lost; /* the part that is not there */
    /* what was asked */
    unsigned parts_asked, assembled, dones, refusals, reopenings, claims, expiries, takes, deleted;
    int64_t reopened[8];
    size_t reopened_count, garbage_done;
    char sha256[80], thumbnail_type[40];
    uint32_t thumbnail_bytes;
    char log[16384];
} bench;

/* ---- the store, the storage, the thread ---- */

struct answer {
    union {
        store_parts_fn *parts;
        store_finished_fn *finished;
        store_left_fn *left;
        store_done_fn *done;
        store_keys_fn *keys;
    } fn;
    void *arg;
    int err;
    enum upload_verdict verdict;
};

static int ask(struct answer answer, fake_later_fn *complete)
{
    struct answer *a;

    answer.err = fake_fault_next(&bench.fault);
    if (answer.err != 0 && bench.fault.at_submit) {
        return answer.err;
    }
    a = malloc(sizeof(*a));
    assert_non_null(a);
    *a = answer;
    fake_later(complete, a);
    return 0;
}

static struct answer take(void *arg)
{
    struct answer a = *(struct answer *)arg;

    free(arg);
    return a;
}

static void complete_parts(void *arg)
{
    const struct answer a = take(arg);
    const struct file_parts parts = {.user_id = 7,
                                     .channel_id = 3,
                                     .file_size = 30,
                                     .file_name = BYTES_LIT("a b.txt"),
                                     .file_type = BYTES_LIT("text/plain"),
                                     .storage_name = BYTES_LIT("sn"),
                                     .parts = bench.parts,
                                     .count = bench.part_count};

    a.fn.parts(a.arg, a.err, a.err == 0 ? &parts : NULL);
}

int store_upload_parts(struct store *s, struct bytes upload_id, store_parts_fn *fn, void *arg)
{
    (void)s;
    (void)upload_id;
    bench.parts_asked++;
    return ask((struct answer){.fn.parts = fn, .arg = arg}, complete_parts);
}

static void complete_finished(void *arg)
{
    const struct answer a = take(arg);
    struct finished_upload f = bench.told;

    f.verdict = a.verdict;
    a.fn.finished(a.arg, a.err, a.err == 0 ? &f : NULL);
}

int store_upload_done(struct store *s, struct bytes upload_id, struct bytes sha256,
                      struct bytes thumbnail_type, uint32_t thumbnail_bytes, uint32_t lease_ms,
                      store_finished_fn *fn, void *arg)
{
    (void)s;
    (void)upload_id;
    (void)lease_ms;
    bench.dones++;
    (void)snprintf(bench.sha256, sizeof(bench.sha256), "%.*s", BYTES_FMT(sha256));
    (void)snprintf(bench.thumbnail_type, sizeof(bench.thumbnail_type), "%.*s",
                   BYTES_FMT(thumbnail_type));
    bench.thumbnail_bytes = thumbnail_bytes;
    return ask((struct answer){.fn.finished = fn, .arg = arg, .verdict = bench.verdict},
               complete_finished);
}

int store_upload_refuse(struct store *s, struct bytes upload_id, store_finished_fn *fn, void *arg)
{
    (void)s;
    (void)upload_id;
    bench.refusals++;
    return ask((struct answer){.fn.finished = fn, .arg = arg}, complete_finished);
}

int store_upload_reopen(struct store *s, struct bytes upload_id, const int64_t *parts, size_t count,
                        store_finished_fn *fn, void *arg)
{
    (void)s;
    (void)upload_id;
    bench.reopenings++;
    bench.reopened_count = count;
    memcpy(bench.reopened, parts, count * sizeof(*parts));
    return ask((struct answer){.fn.finished = fn, .arg = arg}, complete_finished);
}

static void complete_left(void *arg)
{
    const struct answer a = take(arg);

    a.fn.left(a.arg, a.err, bench.left, a.err == 0 ? bench.left_count : 0);
}

int store_upload_claim(struct store *s, uint32_t lease_ms, uint32_t tries, store_left_fn *fn,
                       void *arg)
{
    (void)s;
    assert_int_equal(lease_ms, UPLOAD_LEASE_MS);
    assert_true(tries > 100);
    bench.claims++;
    return ask((struct answer){.fn.left = fn, .arg = arg}, complete_left);
}

static void complete_done(void *arg)
{
    const struct answer a = take(arg);

    a.fn.done(a.arg, a.err);
}

int store_upload_expire(struct store *s, uint32_t idle_s, uint32_t unused_s, store_done_fn *fn,
                        void *arg)
{
    (void)s;
    assert_int_equal(idle_s, 3600);
    assert_int_equal(unused_s, 86400);
    bench.expiries++;
    return ask((struct answer){.fn.done = fn, .arg = arg}, complete_done);
}

static void complete_keys(void *arg)
{
    const struct answer a = take(arg);
    struct bytes keys[GARBAGE_MAX];
    size_t count = a.err == 0 ? bench.garbage_count : 0;

    for (size_t i = 0; i < count; i++) {
        keys[i] = bytes_str(bench.garbage[i]);
    }
    bench.garbage_count = 0; /* leased */
    a.fn.keys(a.arg, a.err, keys, count);
}

int store_garbage_take(struct store *s, uint32_t lease_ms, store_keys_fn *fn, void *arg)
{
    (void)s;
    (void)lease_ms;
    bench.takes++;
    return ask((struct answer){.fn.keys = fn, .arg = arg}, complete_keys);
}

int store_garbage_done(struct store *s, const struct bytes *keys, size_t count, store_done_fn *fn,
                       void *arg)
{
    (void)s;
    (void)keys;
    bench.garbage_done += count;
    return ask((struct answer){.fn.done = fn, .arg = arg}, complete_done);
}

int storage_delete(struct storage *s, const char *key)
{
    (void)s;
    bench.deleted++;
    return strcmp(key, "part/bad/1") == 0 ? ERR_IO : bench.delete_err;
}

int assemble(const struct assembly_plan *plan, struct assembled_file *out)
{
    bench.assembled++;
    assert_string_equal(plan->storage_name, "sn");
    assert_string_equal(plan->declared_type, "text/plain");
    assert_int_equal(plan->part_count, bench.part_count);
    for (size_t i = 0; i < plan->part_count; i++) {
        plan->parts[i].is_lost = bench.lost == i + 1;
    }
    if (bench.assemble_err == 0) {
        (void)snprintf(out->sha256, sizeof(out->sha256), "ff");
        (void)snprintf(out->thumbnail_type, sizeof(out->thumbnail_type), "image/png");
        out->thumbnail_bytes = 99;
    }
    (void)snprintf(out->found_type, sizeof(out->found_type), "text/html");
    return bench.assemble_err;
}

/* ---- the bench ---- */

static void on_line(void *arg, struct bytes line)
{
    size_t used = strlen(bench.log);

    (void)arg;
    (void)snprintf(bench.log + used, sizeof(bench.log) - used, "%.*s", BYTES_FMT(line));
}

static void on_redis(void *arg, struct bytes run_id, bool is_new_server)
{
    (void)arg;
    (void)run_id;
    (void)is_new_server;
}

static void on_redis_down(void *arg)
{
    (void)arg;
}

static int set_up(void **state)
{
    static const struct redis_link_events events = {on_redis, on_redis_down};

    (void)state;
    memset(&bench, 0, sizeof(bench));
    log_set_sink(on_line, NULL);
    log_set_level(LOG_DEBUG);
    metrics_reset();
    fake_clock_reset();
    fake_redis_reset();
    fake_egress_reset();
    fake_worker_reset();
    bench.loop = loop_new();
    bench.conf = (struct broker_conf){.redis_prefix = (char *)(uintptr_t) "kb:",
                                      .partitions = 16,
                                      .upload_expiry_s = 3600,
                                      .attachment_expiry_s = 86400};
    bench.files.loop = bench.loop;
    bench.files.conf = &bench.conf;
    bench.files.redis = redis_link_new(bench.loop, &(struct redis_link_conf){0}, &events, NULL);
    bench.files.keep = upload_keep_new(&bench.files);
    fake_redis_up(0, "r", true);
    bench.parts[0] = (struct file_part){.part = 11, .size = 10};
    bench.parts[1] = (struct file_part){.part = 12, .size = 20};
    bench.part_count = 2;
    bench.told = (struct finished_upload){.attachment_id = 5,
                                          .gateway = BYTES_LIT(GATEWAY),
                                          .conn = 44,
                                          .is_posted = true,
                                          .username = BYTES_LIT("alice"),
                                          .avatar = BYTES_LIT("/a.png"),
                                          .is_staff = true};
    return bench.files.keep ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    upload_finish_stop(&bench.files);
    fake_run_all();
    upload_keep_free(bench.files.keep);
    redis_link_free(bench.files.redis);
    loop_free(bench.loop);
    fake_egress_reset();
    log_set_sink(NULL, NULL);
    return bench.files.finishing == 0 ? 0 : -1;
}

static void finish(void)
{
    upload_finish(&bench.files, BYTES_LIT("up1"));
    fake_run_all();
}

static const struct down_item *answer(void)
{
    assert_int_equal(fake_answers(), 1);
    assert_string_equal(fake_answer(0)->gateway, GATEWAY);
    return &fake_answer(0)->item;
}

static void assert_text(struct bytes text, const char *want)
{
    if (!bytes_eq_str(text, want)) {
        fail_msg("%.*s", BYTES_FMT(text));
    }
}

static bool logged(const char *text)
{
    return strstr(bench.log, text) != NULL;
}

/* ---- to its end ---- */

#define COMPLETE                                                                                   \
    "{\"type\":\"upload_complete\",\"upload_id\":\"up1\",\"attachment\":{\"id\":5,\"file_name\":"  \
    "\"a b.txt\",\"file_size\":30,\"file_type\":\"text/plain\",\"url\":"                           \
    "\"/media/attachments/5/a%20b.txt\",\"sha256\":\"ff\"}}"

/* The entry, as the pipeline of the channel's owner reads it. */
static void assert_posted(int64_t attachment_id)
{
    static const char *const words[] = {"XADD", "kb:in:{", "*", "n", "1", "gw", "-", "w", "0", "e"};
    struct fake_command *c = fake_redis_find(0, "XADD", NULL);
    struct up_envelope env;
    size_t used;

    assert_non_null(c);
    assert_int_equal(c->argc, 11);
    for (size_t i = 0; i < 10; i++) {
        assert_true(i == 1 ? bytes_has_prefix(c->argv[i], bytes_str(words[i]))
                           : bytes_eq_str(c->argv[i], words[i]));
    }
    assert_int_equal(up_envelope_decode(c->argv[10], &env, &used), 0);
    assert_int_equal(used, c->argv[10].len);
    assert_int_equal(env.kind, UP_FRAME);
    assert_int_equal(env.frame.frame_no, 0); /* nobody is answered */
    assert_true(env.frame.is_outside);       /* may they still? */
    assert_int_equal(env.frame.actor.user_id, 7);
    assert_text(env.frame.actor.username, "alice");
    assert_text(env.frame.actor.avatar, "/a.png");
    assert_true(env.frame.actor.is_staff);
    assert_text(env.frame.topic, "chat:3");
    assert_int_equal(env.frame.msg.kind, KIND_CHAT_MESSAGE);
    assert_int_equal(env.frame.msg.text.len, 0);
    assert_int_equal(env.frame.msg.attachment_count, 1);
    assert_int_equal(env.frame.msg.attachments[0], attachment_id);
    fake_redis_answer(0, c, 0, NULL);
}

static void test_complete(void **state)
{
    (void)state;
    finish();
    assert_int_equal(answer()->kind, DOWN_SEND);
    assert_int_equal(answer()->conn, 44);
    assert_text(answer()->send.json, COMPLETE);
    assert_string_equal(bench.sha256, "ff");
    assert_string_equal(bench.thumbnail_type, "image/png");
    assert_int_equal(bench.thumbnail_bytes, 99);
    assert_posted(5);
    assert_false(logged("a b.txt")); /* names of files are nobody's business */
}

static void test_complete_without_a_message(void **state)
{
    (void)state;
    bench.told.is_posted = false;
    finish();
    assert_text(answer()->send.json, COMPLETE);
    assert_null(fake_redis_find(0, "XADD", NULL));
}

static void test_complete_of_a_request(void **state)
{
    (void)state;
    bench.told.conn = (uint64_t)-44;
    finish();
    assert_int_equal(answer()->kind, DOWN_HTTP);
    assert_int_equal(answer()->conn, 44);
    assert_int_equal(answer()->http.status, 201);
    assert_text(answer()->http.body, COMPLETE);
    assert_text(answer()->http.content_type, "application/json");
    assert_posted(5);
}

static void test_done_by_another(void **state)
{
    (void)state;
    bench.verdict = UPLOAD_REPEAT;
    finish();
    assert_int_equal(fake_answers(), 0);
    assert_null(fake_redis_find(0, "XADD", NULL));
    bench.verdict = UPLOAD_UNKNOWN; /* its channel was deleted */
    finish();
    assert_int_equal(fake_answers(), 0);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    bench.part_count = 0;
    finish();
    assert_int_equal(bench.assembled, 0);
    assert_int_equal(bench.files.finishing, 0);
}

static void test_its_gateway_is_gone(void **state)
{
    (void)state;
    fake_egress_fault = (struct fake_fault){.nth = 1, .err = ERR_NOT_FOUND};
    finish();
    assert_int_equal(fake_answers(), 0);
    assert_posted(5);
}

static void test_redis_is_away(void **state)
{
    (void)state;
    fake_redis_down(0);
    finish();
    assert_text(answer()->send.json, COMPLETE);
    assert_true(logged("upload_not_posted")); /* upload_claim gives it again */
}

/* ---- to another end ---- */

static void test_it_is_not_what_it_says(void **state)
{
    (void)state;
    bench.assemble_err = ERR_TYPE;
    finish();
    assert_text(answer()->send.json,
                "{\"type\":\"error\",\"error\":\"The file is not what its type says.\",\"code\":"
                "\"INVALID_MESSAGE\",\"upload_id\":\"up1\"}");
    assert_int_equal(bench.refusals, 1);
    assert_int_equal(bench.dones, 0);
    fake_egress_reset();
    bench.told.conn = (uint64_t)-44;
    finish();
    assert_int_equal(answer()->http.status, 400);
    assert_text(answer()->http.body, "{\"detail\":\"The file is not what its type says.\",\"code\":"
                                     "\"INVALID_MESSAGE\"}");
    fake_egress_reset();
    bench.told.conn = 0; /* another broker was faster */
    finish();
    assert_int_equal(fake_answers(), 0);
}

static void test_parts_are_lost(void **state)
{
    (void)state;
    bench.assemble_err = ERR_CONFLICT;
    bench.lost = 2;
    finish();
    assert_int_equal(bench.reopened_count, 1);
    assert_int_equal(bench.reopened[0], 12);
    assert_text(answer()->send.json,
                "{\"type\":\"error\",\"error\":\"Parts of the file were lost. Please send them "
                "again.\",\"code\":\"SERVICE_UNAVAILABLE\",\"upload_id\":\"up1\"}");
    fake_egress_reset();
    bench.told.conn = (uint64_t)-44;
    finish();
    assert_int_equal(answer()->http.status, 503);
}

static void test_the_storage_is_away(void **state)
{
    static const int errs[] = {ERR_UNAVAILABLE, ERR_FULL, ERR_IO, ERR_DENIED, ERR_NOMEM};

    (void)state;
    for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
        bench.assemble_err = errs[i];
        finish();
    }
    fake_worker_fault = (struct fake_fault){.nth = 1, .err = ERR_BUSY};
    finish();
    fake_worker_is_stopping = true;
    finish();
    assert_int_equal(bench.dones + bench.refusals + bench.reopenings, 0);
    assert_int_equal(fake_answers(), 0); /* the lease ends, and somebody tries again */
    assert_true(logged("upload_not_finished"));
}

static void test_the_store_is_away(void **state)
{
    static const int ends[] = {0, ERR_TYPE, ERR_CONFLICT};

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        bench.assemble_err = ends[i / 4];
        bench.lost = 1;
        bench.fault =
            (struct fake_fault){.nth = 1 + i / 2 % 2, .at_submit = i % 2, .err = ERR_UNAVAILABLE};
        finish();
        assert_int_equal(bench.files.finishing, 0);
    }
    assert_int_equal(fake_answers(), 0);
    assert_null(fake_redis_find(0, "XADD", NULL));
}

static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth < 30 && fake_answers() == 0; nth++) {
        mem_fail_after(nth);
        finish();
        mem_fail_after(0);
        assert_int_equal(bench.files.finishing, 0);
    }
    assert_int_equal(fake_answers(), 1);
}

/* ---- many ---- */

static void test_some_at_a_time(void **state)
{
    char id[16];

    (void)state;
    for (int i = 0; i < 50; i++) {
        (void)snprintf(id, sizeof(id), "up%d", i);
        upload_finish(&bench.files, bytes_str(id));
        upload_finish(&bench.files, BYTES_LIT("up49")); /* claimed again and again */
    }
    assert_int_equal(bench.parts_asked, 2 * FINISH_THREADS);
    while (fake_run_one()) {
        assert_true(bench.files.finishing <= 2 * FINISH_THREADS);
    }
    assert_in_range(bench.parts_asked, 50, 52); /* it went first, and once more */
    assert_int_equal(fake_answers(), bench.parts_asked);
}

static void test_stops_with_some_waiting(void **state)
{
    char id[16];

    (void)state;
    for (int i = 0; i < 10; i++) {
        (void)snprintf(id, sizeof(id), "up%d", i);
        upload_finish(&bench.files, bytes_str(id));
    }
    upload_finish_stop(&bench.files);
    fake_run_all();
    assert_int_equal(bench.parts_asked, 2 * FINISH_THREADS);
    assert_int_equal(bench.files.finishing, 0);
}

/* ---- looked after ---- */

static void rounds(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fake_loop_pass(bench.loop, ROUND_MS);
        fake_run_all();
    }
}

static void test_rounds(void **state)
{
    (void)state;
    rounds(1);
    assert_int_equal(bench.claims, 0); /* not yet started */
    upload_keep_start(bench.files.keep);
    rounds(30);
    assert_int_equal(bench.claims, 30);
    assert_int_equal(bench.takes, 30);
    assert_int_equal(bench.expiries, 2);
    upload_keep_pause(bench.files.keep);
    rounds(5);
    assert_int_equal(bench.claims, 30);
}

/* A question that has no answer yet is not asked again. */
static void test_one_question_at_a_time(void **state)
{
    (void)state;
    upload_keep_start(bench.files.keep);
    for (int i = 0; i < 40; i++) {
        fake_loop_pass(bench.loop, ROUND_MS);
    }
    assert_int_equal(bench.claims, 1);
    assert_int_equal(bench.takes, 1);
    assert_int_equal(bench.expiries, 1);
    fake_run_all();
    rounds(1);
    assert_int_equal(bench.claims, 2);
}

static void test_what_was_left(void **state)
{
    (void)state;
    bench.left[0] = (struct left_upload){.upload_id = BYTES_LIT("up8")};
    bench.left[1] = (struct left_upload){.upload_id = BYTES_LIT("up9"),
                                         .is_done = true,
                                         .attachment_id = 6,
                                         .channel_id = 3,
                                         .user_id = 7,
                                         .username = BYTES_LIT("alice"),
                                         .avatar = BYTES_LIT("/a.png"),
                                         .is_staff = true};
    bench.left_count = 2;
    upload_keep_start(bench.files.keep);
    rounds(1);
    assert_int_equal(bench.assembled, 1);
    assert_posted(6);
    assert_posted(5); /* of the one that is put together now */
    assert_true(logged("upload_taken_up"));
    upload_keep_pause(bench.files.keep);
}

/* What is answered after the end has begun is left to others. */
static void test_paused_while_it_asks(void **state)
{
    (void)state;
    bench.left[0] = (struct left_upload){.upload_id = BYTES_LIT("up8")};
    bench.left_count = 1;
    upload_keep_start(bench.files.keep);
    fake_loop_pass(bench.loop, ROUND_MS);
    upload_keep_pause(bench.files.keep);
    fake_run_all();
    assert_int_equal(bench.assembled, 0);
}

static void test_the_store_is_away_from_rounds(void **state)
{
    (void)state;
    upload_keep_start(bench.files.keep);
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        bench.fault =
            (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = at_submit, .err = ERR_UNAVAILABLE};
        rounds(16);
    }
    assert_int_equal(bench.claims, 32);
    assert_false(logged("uploads_not_kept")); /* others say so */
    bench.fault.err = ERR_REMOTE;
    bench.fault.at_submit = false;
    rounds(1);
    assert_true(logged("uploads_not_kept"));
    bench.fault = (struct fake_fault){0};
    rounds(1);
    assert_int_equal(bench.claims, 34);
}

static void put_garbage(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bench.garbage[i] = "part/x/1";
    }
    bench.garbage_count = count;
}

static void test_garbage(void **state)
{
    (void)state;
    put_garbage(GARBAGE_MAX);
    bench.garbage[5] = "part/bad/1";
    upload_keep_start(bench.files.keep);
    rounds(1);
    assert_int_equal(bench.deleted, GARBAGE_MAX);
    assert_int_equal(bench.garbage_done, GARBAGE_MAX - 1); /* that one comes again */
    assert_int_equal(bench.takes, 2);                      /* at once, as there may be more */
}

static void test_garbage_when_the_storage_is_away(void **state)
{
    (void)state;
    upload_keep_start(bench.files.keep);
    put_garbage(10);
    bench.delete_err = ERR_UNAVAILABLE;
    rounds(1);
    assert_int_equal(bench.deleted, 1); /* so are the others */
    assert_int_equal(bench.garbage_done, 0);
    put_garbage(10);
    bench.delete_err = ERR_SYNTAX; /* no key at all: it cannot be there */
    rounds(1);
    assert_int_equal(bench.garbage_done, 10);
    put_garbage(10);
    bench.delete_err = 0;
    fake_worker_fault = (struct fake_fault){.nth = 1, .err = ERR_BUSY};
    rounds(1);
    put_garbage(10);
    fake_worker_is_stopping = true;
    rounds(1);
    fake_worker_is_stopping = false;
    assert_int_equal(bench.garbage_done, 10);
    put_garbage(10);
    bench.fault = (struct fake_fault){.nth = 3, .err = ERR_REMOTE};
    rounds(1); /* claim, take, and then it cannot be noted */
    put_garbage(10);
    rounds(1);
    assert_int_equal(bench.garbage_done, 30);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_complete),
        TEST(test_complete_without_a_message),
        TEST(test_complete_of_a_request),
        TEST(test_done_by_another),
        TEST(test_nothing_to_do),
        TEST(test_its_gateway_is_gone),
        TEST(test_redis_is_away),
        TEST(test_it_is_not_what_it_says),
        TEST(test_parts_are_lost),
        TEST(test_the_storage_is_away),
        TEST(test_the_store_is_away),
        TEST(test_without_memory),
        TEST(test_some_at_a_time),
        TEST(test_stops_with_some_waiting),
        TEST(test_rounds),
        TEST(test_one_question_at_a_time),
        TEST(test_what_was_left),
        TEST(test_paused_while_it_asks),
        TEST(test_the_store_is_away_from_rounds),
        TEST(test_garbage),
        TEST(test_garbage_when_the_storage_is_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
