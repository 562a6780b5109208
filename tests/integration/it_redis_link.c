/* SPDX-License-Identifier: MIT */
/* Tests of the Redis link while the server is well: order, types, errors, limits, login. Each test
 * starts a redis-server for itself; the first also meets the one of KIBRAY_TEST_REDIS_URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/mem.h"
#include "common/redis_url.h"
#include "common/metrics.h"
#include "tests/integration/link_probe.h"

static void answers_come_in_order_and_later(void **state)
{
    const char *given = getenv("KIBRAY_TEST_REDIS_URL");
    struct redis_link *l;

    (void)state;
    if (!given) {
        redis_child_start(&server, "--appendonly", "no");
    }
    l = open_link(given ? given : url, 1000);
    assert_int_equal(command(l, "PING", NULL, NULL), ERR_UNAVAILABLE);
    wait_for(&seen.ups, 1);
    assert_true(redis_link_is_up(l));
    assert_false(seen.is_new_server);
    assert_true(strlen(seen.run_id) >= 8);
    for (int i = 0; i < 1000; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(command(l, "ECHO", text, NULL), 0);
    }
    assert_int_equal(seen.replies, 0);
    assert_int_equal(redis_link_pending(l), 1000);
    wait_for(&seen.replies, 1000);
    assert_string_equal(seen.text, "999");
    assert_int_equal(seen.last_err, 0);
    assert_int_equal(command(l, "CLIENT", "GETNAME", NULL), 0);
    wait_for(&seen.replies, 1001);
    assert_string_equal(seen.text, "it/link");
}

static void on_typed_list(void *arg, int err, const struct redis_value *v)
{
    const struct redis_value *inner = redis_value_at(v, 3);

    (void)arg;
    seen.replies++;
    assert_int_equal(err, 0);
    assert_int_equal(redis_value_type(v), REDIS_LIST);
    assert_int_equal(redis_value_count(v), 5);
    assert_int_equal(redis_value_int(redis_value_at(v, 0)), -7);
    assert_int_equal(redis_value_int(redis_value_at(v, 1)), 42); /* digits in a string */
    assert_true(bytes_eq_str(redis_value_bytes(redis_value_at(v, 1)), "42"));
    assert_int_equal(redis_value_type(redis_value_at(v, 2)), REDIS_NIL);
    assert_int_equal(redis_value_count(inner), 1);
    assert_true(bytes_eq_str(redis_value_bytes(redis_value_at(inner, 0)), "deep"));
    assert_int_equal(redis_value_type(redis_value_at(v, 4)), REDIS_STATUS);
    assert_null(redis_value_at(v, 5));
    assert_int_equal(redis_value_count(inner ? redis_value_at(inner, 0) : NULL), 0);
    assert_int_equal(redis_value_int(redis_value_at(inner, 0)), 0);
    assert_int_equal(redis_value_type(NULL), REDIS_NIL);
}

static void replies_keep_their_types(void **state)
{
    const struct bytes argv[] = {BYTES_LIT("EVAL"),
                                 BYTES_LIT("return {-7,'42',false,{'deep'},{ok='fine'}}"),
                                 BYTES_LIT("0")};
    struct redis_link *l;

    (void)state;
    redis_child_start(&server, "--appendonly", "no");
    l = open_link(url, 1000);
    wait_for(&seen.ups, 1);
    assert_int_equal(redis_link_command(l, argv, 3, on_typed_list, NULL), 0);
    wait_for(&seen.replies, 1);
    assert_int_equal(command(l, "GET", "absent", NULL), 0);
    wait_for(&seen.replies, 2);
    assert_int_equal(seen.last_err, 0);
}

static void errors_are_told_or_counted(void **state)
{
    struct metric *errors = metric_counter("redis_link_errors_total", "", "link");
    struct redis_link *l;
    double before;

    (void)state;
    redis_child_start(&server, "--appendonly", "no");
    l = open_link(url, 1000);
    wait_for(&seen.ups, 1);
    assert_int_equal(command(l, "NOSUCH", NULL, NULL), 0);
    wait_for(&seen.replies, 1);
    assert_int_equal(seen.last_err, ERR_REMOTE);
    assert_int_equal(strncmp(seen.text, "ERR ", 4), 0);
    before = metric_value(errors, "it/link");
    assert_int_equal(redis_link_command(l, &BYTES_LIT("NOSUCH"), 1, NULL, NULL), 0);
    assert_int_equal(command(l, "PING", NULL, NULL), 0);
    wait_for(&seen.replies, 2);
    assert_true(metric_value(errors, "it/link") == before + 1);
}

static void large_values_pass_and_too_large_ones_are_refused(void **state)
{
    static char large[4 << 20];
    const struct bytes set[] = {BYTES_LIT("SET"), BYTES_LIT("k"), {large, sizeof(large)}};
    struct bytes huge[] = {BYTES_LIT("ECHO"), BYTES_NONE};
    char *room = mem_zalloc(REDIS_LINK_OUT_MAX);
    struct redis_link *l;

    (void)state;
    memset(large, 'x', sizeof(large));
    redis_child_start(&server, "--appendonly", "no");
    l = open_link(url, 5000);
    wait_for(&seen.ups, 1);
    assert_int_equal(redis_link_command(l, set, 3, on_reply, NULL), 0);
    assert_int_equal(command(l, "STRLEN", "k", NULL), 0);
    assert_int_equal(command(l, "GET", "k", NULL), 0);
    wait_for(&seen.replies, 3);
    assert_int_equal(seen.last_err, 0);
    huge[1] = bytes_of(room, REDIS_LINK_OUT_MAX);
    assert_int_equal(redis_link_command(l, huge, 2, on_reply, NULL), ERR_BUSY);
    huge[1] = bytes_of(room, REDIS_LINK_OUT_MAX / 2);
    assert_int_equal(redis_link_command(l, huge, 2, on_reply, NULL), 0);
    assert_int_equal(redis_link_command(l, huge, 2, on_reply, NULL), ERR_BUSY);
    assert_int_equal(redis_link_pending(l), 1);
    wait_for(&seen.replies, 4);
    mem_free(room);
}

static void what_is_under_way_is_bounded(void **state)
{
    struct redis_link *l;

    (void)state;
    redis_child_start(&server, "--appendonly", "no");
    l = open_link(url, 10000);
    wait_for(&seen.ups, 1);
    for (unsigned i = 0; i < REDIS_LINK_PENDING_MAX; i++) {
        assert_int_equal(command(l, "PING", NULL, NULL), 0);
    }
    assert_int_equal(command(l, "PING", NULL, NULL), ERR_BUSY);
    wait_for(&seen.replies, (int)REDIS_LINK_PENDING_MAX);
    assert_int_equal(command(l, "PING", NULL, NULL), 0);
}

static void malformed_urls_are_refused(void **state)
{
    struct redis_link_events events = {on_up, on_down};
    struct redis_link_conf conf = {.url = "unix://", .name = "x"};

    (void)state;
    assert_null(redis_link_new(loop, &conf, &events, NULL));
    assert_int_equal(redis_url_check("unix://"), ERR_SYNTAX);
    assert_int_equal(redis_url_check("redis://:p@h:1/2"), 0);
}

static void login_and_database(void **state)
{
    static const struct {
        const char *login, *database, *shown; /* shown NULL: does not come up */
    } rows[] = {
        {"", "", NULL},
        {":wrong@", "", NULL},
        {":se%20cret@", "/3", " db=3 "},
        {"default:se%20cret@", "", " db=0 "},
    };

    (void)state;
    redis_child_start(&server, "--requirepass", "se cret");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int ups_before = seen.ups;
        char full[128];

        (void)snprintf(full, sizeof(full), "redis://%s127.0.0.1:%s%s", rows[i].login, server.port,
                       rows[i].database);
        (void)open_link(full, 1000);
        if (rows[i].shown) {
            wait_for(&seen.ups, ups_before + 1);
            assert_int_equal(command(seen.link, "CLIENT", "INFO", NULL), 0);
            wait_for(&seen.replies, seen.replies + 1);
            assert_non_null(strstr(seen.text, rows[i].shown));
        } else {
            loop_timer_start(tick, 300, 0);
            loop_run(loop);
            assert_int_equal(seen.ups, ups_before);
        }
        drop(&seen.link);
    }
}

static void allocations_may_fail(void **state)
{
    struct redis_link_events events = {on_up, on_down};
    struct redis_link_conf conf = {.url = url, .name = "x"};
    int err;

    (void)state;
    for (size_t nth = 1; !seen.link; nth++) {
        assert_true(nth < 100);
        (void)mem_fail_after(nth);
        seen.link = redis_link_new(loop, &conf, &events, NULL);
        (void)mem_fail_after(0);
    }
    redis_child_start(&server, "--appendonly", "no");
    wait_for(&seen.ups, 1);
    (void)mem_fail_after(1);
    err = command(seen.link, "ECHO", "x", NULL);
    (void)mem_fail_after(0);
    /* The buffers of the greeting are large enough: no allocation of ours is needed. */
    assert_int_equal(err, 0);
    wait_for(&seen.replies, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(answers_come_in_order_and_later),
        LINK_TEST(replies_keep_their_types),
        LINK_TEST(errors_are_told_or_counted),
        LINK_TEST(large_values_pass_and_too_large_ones_are_refused),
        LINK_TEST(what_is_under_way_is_bounded),
        LINK_TEST(malformed_urls_are_refused),
        LINK_TEST(login_and_database),
        LINK_TEST(allocations_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
