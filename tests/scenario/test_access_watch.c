/* SPDX-License-Identifier: MIT */
/* Changes of access on their way from the table to the gateways: who is told what, twice, with the
 * time of the first reading; what is deleted when; every step failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../fake/fake_clock.h"
#include "../fake/fake_egress.h"
#include "../fake/fake_later.h"
#include "../fake/fake_loop.h"
#include "../fake/fake_redis_link.h"
#include "broker/access_watch.h"
#include "common/mem.h"
#include "common/metrics.h"

#define TABLE_MAX 2000u
#define OFFSET_MS 7000

static struct {
    struct loop *loop;
    struct redis_link *redis;
    struct broker_conf conf;
    struct redis_clock clock;
    struct access_watch *watch;
    struct access_change table[TABLE_MAX]; /* id 0 = deleted */
    size_t table_count, reads, deleted, trims;
    int64_t trim_after, forgotten_user;
    int err; /* of the store's answers */
    bool at_submit, is_owner;
} bench;

/* ---- the store ---- */

struct answer {
    store_changes_fn *changes;
    store_done_fn *done;
    store_trimmed_fn *trimmed;
    void *arg;
    int err;
    struct access_change rows[ACCESS_CHANGES_MAX];
    size_t row_count;
    int64_t ids[ACCESS_PENDING_MAX];
    size_t id_count;
};

static void complete(void *arg)
{
    struct answer *a = arg;

    for (size_t i = 0; a->done && a->err == 0 && i < a->id_count; i++) {
        for (size_t k = 0; k < bench.table_count; k++) {
            bench.deleted += bench.table[k].id == a->ids[i];
            bench.table[k].id = bench.table[k].id == a->ids[i] ? 0 : bench.table[k].id;
        }
    }
    if (a->changes) {
        a->changes(a->arg, a->err, a->rows, a->err == 0 ? a->row_count : 0);
    } else if (a->done) {
        a->done(a->arg, a->err);
    } else {
        a->trimmed(a->arg, a->err, 77);
    }
    mem_free(a);
}

static int submit(const struct answer *answer)
{
    struct answer *a;

    if (bench.err != 0 && bench.at_submit) {
        return bench.err;
    }
    a = mem_alloc(sizeof(*a));
    *a = *answer;
    a->err = bench.err;
    fake_later(complete, a);
    return 0;
}

static bool is_among(int64_t id, const int64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

int store_access_changes(struct store *s, const int64_t *but_ids, size_t count,
                         store_changes_fn *fn, void *arg)
{
    static struct answer a;

    (void)s;
    a = (struct answer){.changes = fn, .arg = arg};
    bench.reads++;
    for (size_t i = 0; i < bench.table_count && a.row_count < ACCESS_CHANGES_MAX; i++) {
        if (bench.table[i].id != 0 && !is_among(bench.table[i].id, but_ids, count)) {
            a.rows[a.row_count++] = bench.table[i];
        }
    }
    return submit(&a);
}

int store_access_forget(struct store *s, const int64_t *ids, size_t count, store_done_fn *fn,
                        void *arg)
{
    static struct answer a;

    (void)s;
    a = (struct answer){.done = fn, .arg = arg, .id_count = count};
    memcpy(a.ids, ids, count * sizeof(*ids));
    return submit(&a);
}

int store_trim(struct store *s, int64_t after_channel, store_trimmed_fn *fn, void *arg)
{
    static struct answer a;

    (void)s;
    a = (struct answer){.trimmed = fn, .arg = arg};
    bench.trims++;
    bench.trim_after = after_channel;
    return submit(&a);
}

/* ---- the bench ---- */

static bool is_owner(void *arg)
{
    (void)arg;
    return bench.is_owner;
}

static void forget_user(void *arg, int64_t user_id)
{
    (void)arg;
    bench.forgotten_user = user_id;
}

static void ignore_up(void *arg, struct bytes run_id, bool is_new)
{
    (void)arg, (void)run_id, (void)is_new;
}

static void ignore_down(void *arg)
{
    (void)arg;
}

static int set_up(void **state)
{
    static char prefix[] = "kb:";
    const struct redis_link_events events = {ignore_up, ignore_down};

    (void)state;
    memset(&bench, 0, sizeof(bench));
    metrics_reset();
    fake_clock_reset();
    fake_redis_reset();
    fake_egress_reset();
    bench.loop = loop_new();
    bench.redis = redis_link_new(bench.loop, NULL, &events, NULL);
    fake_redis_up(0, "life", false);
    bench.conf.redis_prefix = prefix;
    bench.clock.offset_ms = OFFSET_MS;
    bench.is_owner = true;
    bench.watch = access_watch_new(&(struct access_watch_deps){.loop = bench.loop,
                                                               .redis = bench.redis,
                                                               .conf = &bench.conf,
                                                               .clock = &bench.clock,
                                                               .is_owner = is_owner,
                                                               .forget_user = forget_user});
    access_watch_start(bench.watch);
    return bench.watch ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    redis_link_free(bench.redis);
    fake_run_all();
    access_watch_free(bench.watch);
    loop_free(bench.loop);
    fake_egress_reset();
    return 0;
}

static void change(struct access_change row)
{
    row.id = (int64_t)++bench.table_count;
    bench.table[bench.table_count - 1] = row;
}

/* Answer all that is asked of the store and of Redis, where two gateways beat. */
static void settle(void)
{
    const struct redis_value names[] = {{.type = REDIS_STR, .text = BYTES_LIT("gw1.a")},
                                        {.type = REDIS_STR, .text = BYTES_LIT("gw2.b")}};
    const struct redis_value list = {.type = REDIS_LIST, .items = names, .count = 2};
    struct fake_command *c;

    do {
        fake_run_all();
        c = fake_redis_find(0, "ZRANGE", "kb:gateways");
        if (c) {
            fake_redis_answer(0, c, 0, &list);
        }
    } while (c || fake_waiting() > 0);
}

static void pass(uint32_t ms)
{
    for (; ms >= 100; ms -= 100) {
        fake_loop_pass(bench.loop, 100);
        settle();
    }
}

static const struct down_kick *kick(size_t i)
{
    assert_true(i < fake_answers());
    assert_int_equal(fake_answer(i)->item.kind, DOWN_KICK);
    return &fake_answer(i)->item.kick;
}

/* ---- tests ---- */

static void test_told_twice_then_deleted(void **state)
{
    (void)state;
    pass(900);
    change((struct access_change){.kind = ACCESS_USER, .user_id = 5});
    pass(100);
    assert_int_equal(fake_answers(), 2);
    assert_string_equal(fake_answer(0)->gateway, "gw1.a");
    assert_string_equal(fake_answer(1)->gateway, "gw2.b");
    assert_int_equal(kick(0)->user_id, 5);
    assert_int_equal(kick(0)->as_of_ms, FAKE_WALL_START_MS + 1000 + OFFSET_MS);
    assert_int_equal(bench.forgotten_user, 5);
    pass(2900);
    assert_int_equal(fake_answers(), 2);
    assert_int_equal(bench.deleted, 0);
    pass(100);
    assert_int_equal(fake_answers(), 4);
    assert_int_equal(kick(3)->as_of_ms, kick(0)->as_of_ms);
    assert_int_equal(bench.deleted, 1);
    pass(10000);
    assert_int_equal(fake_answers(), 4);
    assert_int_equal(fake_redis_submitted("ZRANGE"), 2); /* nothing to tell, nobody is asked for */
    assert_true(metric_value(metric_counter("access_kicks_total", "", NULL), NULL) == 1);
}

static void test_each_kind(void **state)
{
    static const struct {
        struct access_change change;
        enum client_code code;
        enum close_code close;
        const char *topic;
    } cases[] = {
        {{.kind = ACCESS_USER, .user_id = 5}, CODE_AUTHENTICATION_FAILED, CLOSE_AUTH, ""},
        {{.kind = ACCESS_RIGHTS, .user_id = 5}, CODE_NONE, CLOSE_RESTART, ""},
        {{.kind = ACCESS_MEMBER, .user_id = 5, .channel_id = 7},
         CODE_PERMISSION_DENIED,
         CLOSE_DENIED,
         "chat:7"},
        {{.kind = ACCESS_CHANNEL, .channel_id = 7},
         CODE_CHANNEL_NOT_FOUND,
         CLOSE_NO_CHANNEL,
         "chat:7"},
        {{.kind = ACCESS_PRIVATE, .channel_id = 7}, CODE_NONE, CLOSE_RESTART, "chat:7"},
        {{.kind = ACCESS_LOGIN, .login = UINT64_MAX}, CODE_AUTHENTICATION_FAILED, CLOSE_AUTH, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        change(cases[i].change);
    }
    pass(1000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct down_kick *k = kick(2 * i);

        assert_int_equal(k->user_id, cases[i].change.user_id);
        assert_true(k->login == cases[i].change.login);
        assert_true(bytes_eq_str(k->topic, cases[i].topic));
        assert_int_equal(k->code, cases[i].code);
        assert_int_equal(k->close, cases[i].close);
    }
}

/* Nothing that would fit everybody, whatever stands in the table. */
static void test_what_is_not_understood_kicks_nobody(void **state)
{
    (void)state;
    change((struct access_change){.kind = ACCESS_NONE, .user_id = 5});
    change((struct access_change){.kind = ACCESS_USER});
    change((struct access_change){.kind = ACCESS_LOGIN});
    pass(4000);
    assert_int_equal(fake_answers(), 0);
    assert_int_equal(bench.deleted, 3);
}

static void test_only_the_owner_looks(void **state)
{
    (void)state;
    bench.is_owner = false;
    change((struct access_change){.kind = ACCESS_USER, .user_id = 5});
    pass(5000);
    assert_int_equal(bench.reads, 0);
    bench.is_owner = true;
    pass(1000);
    assert_int_equal(fake_answers(), 2);
    bench.is_owner = false; /* the next owner begins anew */
    pass(5000);
    assert_int_equal(fake_answers(), 2);
    assert_int_equal(bench.deleted, 0);
    bench.is_owner = true;
    pass(4000);
    assert_int_equal(fake_answers(), 6);
    assert_int_equal(bench.deleted, 1);
}

static void test_many_at_once(void **state)
{
    (void)state;
    for (int64_t i = 1; i <= 1200; i++) {
        change((struct access_change){.kind = ACCESS_USER, .user_id = i});
    }
    pass(1000);
    assert_int_equal(fake_answers(), 2400);
    pass(3000);
    assert_int_equal(fake_answers(), 4800);
    assert_int_equal(bench.deleted, 1200);
}

static void test_changes_while_others_wait(void **state)
{
    (void)state;
    change((struct access_change){.kind = ACCESS_USER, .user_id = 1});
    pass(1000);
    change((struct access_change){.kind = ACCESS_USER, .user_id = 2});
    pass(1000);
    assert_int_equal(fake_answers(), 4);
    assert_int_equal(kick(2)->user_id, 2);
    assert_int_equal(kick(2)->as_of_ms, kick(0)->as_of_ms + 1000);
    pass(2000);
    assert_int_equal(fake_answers(), 6);
    assert_int_equal(bench.deleted, 1);
    pass(1000);
    assert_int_equal(bench.deleted, 2);
}

/* A gateway that cannot be told now is told later; the others hear it again. */
static void test_a_gateway_that_is_full(void **state)
{
    (void)state;
    change((struct access_change){.kind = ACCESS_USER, .user_id = 1});
    fake_egress_fault = (struct fake_fault){.nth = 2, .err = ERR_FULL};
    pass(1000);
    assert_int_equal(fake_answers(), 1);
    pass(1000);
    assert_int_equal(fake_answers(), 3);
    pass(3000);
    assert_int_equal(fake_answers(), 5);
    assert_int_equal(bench.deleted, 1);
}

static void test_store_away(void **state)
{
    (void)state;
    change((struct access_change){.kind = ACCESS_USER, .user_id = 1});
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        bench.at_submit = at_submit;
        bench.err = ERR_UNAVAILABLE;
        pass(2000);
        assert_int_equal(fake_answers(), 0);
    }
    bench.err = 0;
    pass(1000);
    assert_int_equal(fake_answers(), 2);
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        bench.at_submit = at_submit;
        bench.err = ERR_UNAVAILABLE;
        pass(4000);
    }
    assert_int_equal(bench.deleted, 0);
    bench.err = 0;
    pass(4000);
    assert_int_equal(fake_answers(), 4); /* twice, however often it was tried to delete it */
    assert_int_equal(bench.deleted, 1);
}

static void test_redis_away(void **state)
{
    (void)state;
    change((struct access_change){.kind = ACCESS_USER, .user_id = 1});
    fake_loop_pass(bench.loop, 1000);
    fake_run_all();
    assert_int_equal(fake_redis_count(0, "ZRANGE", NULL), 1);
    access_watch_pause(bench.watch);
    fake_redis_down(0);
    fake_redis_up(0, "life", false);
    pass(3000);
    assert_int_equal(fake_answers(), 0);
    access_watch_start(bench.watch);
    pass(1000);
    assert_int_equal(fake_answers(), 2);
    pass(3000);
    assert_int_equal(bench.deleted, 1);
}

static void test_paused_while_an_answer_is_under_way(void **state)
{
    (void)state;
    change((struct access_change){.kind = ACCESS_USER, .user_id = 1});
    fake_loop_pass(bench.loop, 1000);
    access_watch_pause(bench.watch);
    access_watch_start(bench.watch);
    fake_run_all(); /* the answer to before the pause */
    assert_int_equal(fake_redis_submitted("ZRANGE"), 0);
    pass(1000);
    assert_int_equal(fake_answers(), 2);
}

static void test_without_memory(void **state)
{
    (void)state;
    change((struct access_change){.kind = ACCESS_USER, .user_id = 1});
    fake_loop_pass(bench.loop, 1000);
    mem_fail_after(1);
    fake_run_all();
    mem_fail_after(0);
    settle();
    assert_int_equal(fake_answers(), 0);
    pass(1000);
    assert_int_equal(fake_answers(), 2);
}

static void test_housekeeping(void **state)
{
    (void)state;
    pass(59000);
    assert_int_equal(bench.trims, 0);
    pass(1000);
    assert_int_equal(bench.trims, 1);
    assert_int_equal(bench.trim_after, 0);
    pass(60000);
    assert_int_equal(bench.trims, 2);
    assert_int_equal(bench.trim_after, 77); /* where the first one ended */
    bench.err = ERR_UNAVAILABLE;
    pass(60000);
    bench.err = 0;
    pass(60000);
    assert_int_equal(bench.trims, 4);
    assert_int_equal(bench.trim_after, 77);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_told_twice_then_deleted),
        CASE(test_each_kind),
        CASE(test_what_is_not_understood_kicks_nobody),
        CASE(test_only_the_owner_looks),
        CASE(test_many_at_once),
        CASE(test_changes_while_others_wait),
        CASE(test_a_gateway_that_is_full),
        CASE(test_store_away),
        CASE(test_redis_away),
        CASE(test_paused_while_an_answer_is_under_way),
        CASE(test_without_memory),
        CASE(test_housekeeping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
