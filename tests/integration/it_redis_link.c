/* SPDX-License-Identifier: MIT */
/* Tests of the Redis link against a redis-server that each test starts for itself on a unix socket,
 * so that it can be killed; the first test also meets the server of KIBRAY_TEST_REDIS_URL. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/redis_link.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

static struct loop *loop;
static struct loop_timer *tick;
static char folder[64];
static char url[128];
static pid_t server;

/* What the link under test has reported. */
static struct {
    struct redis_link *link;
    int ups, downs, replies, last_err;
    size_t pending_at_down;
    bool is_new_server;
    char run_id[65];
    char text[64];
    struct redis_link **free_on_up, **free_on_down, **free_on_reply;
} seen;

static void drop(struct redis_link **link)
{
    if (link && *link) {
        redis_link_free(*link);
        *link = NULL;
    }
}

static void on_up(void *arg, struct bytes run_id, bool is_new_server)
{
    (void)arg;
    seen.ups++;
    seen.is_new_server = is_new_server;
    (void)snprintf(seen.run_id, sizeof(seen.run_id), "%.*s", BYTES_FMT(run_id));
    drop(seen.free_on_up);
}

static void on_down(void *arg)
{
    (void)arg;
    seen.downs++;
    seen.pending_at_down = redis_link_pending(seen.link);
    drop(seen.free_on_down);
}

static void on_reply(void *arg, int err, const struct redis_value *v)
{
    (void)arg;
    seen.replies++;
    seen.last_err = err;
    (void)snprintf(seen.text, sizeof(seen.text), "%.*s", BYTES_FMT(redis_value_bytes(v)));
    drop(seen.free_on_reply);
}

static void on_tick(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* Run the loop until *counter has the value, 10 s at the most. */
static void wait_for(const int *counter, int value)
{
    uint64_t end_ms = clock_mono_ms() + 10000;

    loop_timer_start(tick, 1, 1);
    while (*counter < value && clock_mono_ms() < end_ms) {
        loop_run(loop);
    }
    loop_timer_stop(tick);
    assert_int_equal(*counter, value);
}

static void start_server(const char *extra_flag, const char *extra_value)
{
    char socket_path[96], dir[80];

    (void)snprintf(socket_path, sizeof(socket_path), "%s/redis.sock", folder);
    (void)snprintf(dir, sizeof(dir), "%s", folder);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        int null = open("/dev/null", O_WRONLY);

        (void)dup2(null, STDOUT_FILENO);
        (void)execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path,
                     "--dir", dir, "--save", "", extra_flag, extra_value, (char *)NULL);
        _exit(127);
    }
}

static void kill_server(void)
{
    if (server > 0) {
        (void)kill(server, SIGKILL);
        (void)waitpid(server, NULL, 0);
        server = 0;
    }
}

static void ignore_line(void *arg, struct bytes line)
{
    (void)arg;
    (void)line;
}

static int set_up(void **state)
{
    (void)state;
    log_set_sink(ignore_line, NULL);
    memset(&seen, 0, sizeof(seen));
    (void)snprintf(folder, sizeof(folder), "/tmp/it_redis_link.XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    (void)snprintf(url, sizeof(url), "unix://%s/redis.sock", folder);
    loop = loop_new();
    tick = loop_timer_new(loop, on_tick, NULL);
    return 0;
}

static int tear_down(void **state)
{
    char path[96];

    (void)state;
    drop(&seen.link);
    kill_server();
    loop_timer_free(tick);
    loop_free(loop);
    (void)snprintf(path, sizeof(path), "%s/redis.sock", folder);
    (void)unlink(path);
    return rmdir(folder);
}

static struct redis_link *open_link(const char *to, uint32_t timeout_ms)
{
    struct redis_link_conf conf = {.url = to, .name = "it/link", .timeout_ms = timeout_ms};
    struct redis_link_events events = {on_up, on_down};

    seen.link = redis_link_new(loop, &conf, &events, NULL);
    assert_non_null(seen.link);
    return seen.link;
}

static int command(struct redis_link *l, const char *name, const char *a, const char *b)
{
    struct bytes argv[3] = {bytes_str(name), bytes_str(a), bytes_str(b)};

    return redis_link_command(l, argv, b ? 3 : a ? 2 : 1, on_reply, NULL);
}

static void answers_come_in_order_and_later(void **state)
{
    const char *given = getenv("KIBRAY_TEST_REDIS_URL");
    struct redis_link *l;

    (void)state;
    if (!given) {
        start_server("--appendonly", "no");
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
    start_server("--appendonly", "no");
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
    start_server("--appendonly", "no");
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
    start_server("--appendonly", "no");
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
    start_server("--appendonly", "no");
    l = open_link(url, 10000);
    wait_for(&seen.ups, 1);
    for (unsigned i = 0; i < REDIS_LINK_PENDING_MAX; i++) {
        assert_int_equal(command(l, "PING", NULL, NULL), 0);
    }
    assert_int_equal(command(l, "PING", NULL, NULL), ERR_BUSY);
    wait_for(&seen.replies, (int)REDIS_LINK_PENDING_MAX);
    assert_int_equal(command(l, "PING", NULL, NULL), 0);
}

static void a_killed_server_is_noticed_and_its_successor_known(void **state)
{
    struct redis_link *l;
    char first_id[65];

    (void)state;
    start_server("--appendonly", "no");
    l = open_link(url, 0);
    wait_for(&seen.ups, 1);
    memcpy(first_id, seen.run_id, sizeof(first_id));
    assert_int_equal(command(l, "BLPOP", "nothing", "0"), 0);
    assert_int_equal(command(l, "PING", NULL, NULL), 0);
    kill_server();
    wait_for(&seen.downs, 1);
    assert_int_equal(seen.replies, 2);
    assert_int_equal(seen.last_err, ERR_UNAVAILABLE);
    assert_int_equal(seen.pending_at_down, 0);
    assert_false(redis_link_is_up(l));
    assert_int_equal(command(l, "PING", NULL, NULL), ERR_UNAVAILABLE);
    start_server("--appendonly", "no");
    wait_for(&seen.ups, 2);
    assert_true(seen.is_new_server);
    assert_string_not_equal(seen.run_id, first_id);
    assert_int_equal(command(l, "PING", NULL, NULL), 0);
    wait_for(&seen.replies, 3);
    assert_int_equal(seen.last_err, 0);
}

static void a_cut_connection_is_not_a_new_server(void **state)
{
    struct redis_link *l;

    (void)state;
    start_server("--appendonly", "no");
    l = open_link(url, 1000);
    wait_for(&seen.ups, 1);
    assert_int_equal(command(l, "QUIT", NULL, NULL), 0);
    wait_for(&seen.ups, 2);
    assert_int_equal(seen.downs, 1);
    assert_false(seen.is_new_server);
}

static void a_command_without_answer_breaks_the_connection(void **state)
{
    struct redis_link *l;
    uint64_t start_ms;

    (void)state;
    start_server("--appendonly", "no");
    l = open_link(url, 150);
    wait_for(&seen.ups, 1);
    start_ms = clock_mono_ms();
    assert_int_equal(command(l, "BLPOP", "nothing", "0"), 0);
    wait_for(&seen.downs, 1);
    assert_true(clock_mono_ms() - start_ms >= 150);
    assert_int_equal(seen.replies, 1);
    assert_int_equal(seen.last_err, ERR_TIMEOUT);
    wait_for(&seen.ups, 2);
}

static void login_and_database(void **state)
{
    struct redis_link_events events = {on_up, on_down};
    struct redis_link_conf conf = {.url = "unix://", .name = "x"};
    char with_db[160];
    int loops = 0;

    (void)state;
    assert_null(redis_link_new(loop, &conf, &events, NULL));
    assert_int_equal(redis_url_check("unix://"), ERR_SYNTAX);
    assert_int_equal(redis_url_check("redis://:p@h:1/2"), 0);
    start_server("--requirepass", "se cret");
    /* Without the password the server answers, but the link must not come up. */
    (void)open_link(url, 1000);
    loop_timer_start(tick, 50, 50);
    while (loops++ < 10) {
        loop_run(loop);
    }
    assert_int_equal(seen.ups, 0);
    drop(&seen.link);
    kill_server();
    start_server("--databases", "4");
    (void)snprintf(with_db, sizeof(with_db), "%s?db=3", url);
    (void)open_link(with_db, 1000);
    wait_for(&seen.ups, 1);
    assert_int_equal(command(seen.link, "CLIENT", "INFO", NULL), 0);
    wait_for(&seen.replies, 1);
    assert_int_equal(command(seen.link, "SET", "k", "v"), 0);
    assert_int_equal(command(seen.link, "SELECT", "0", NULL), 0);
    assert_int_equal(command(seen.link, "GET", "k", NULL), 0);
    wait_for(&seen.replies, 4);
    assert_string_equal(seen.text, ""); /* it went to database 3 */
}

static void freed_in_its_callbacks(void **state)
{
    (void)state;
    start_server("--appendonly", "no");
    seen.free_on_up = &seen.link;
    (void)open_link(url, 1000);
    wait_for(&seen.ups, 1);
    assert_null(seen.link);
    seen.free_on_up = NULL;

    (void)open_link(url, 1000);
    wait_for(&seen.ups, 2);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(command(seen.link, "PING", NULL, NULL), 0);
    }
    seen.free_on_reply = &seen.link;
    wait_for(&seen.replies, 5); /* the first frees; the others complete at once */
    assert_null(seen.link);
    assert_int_equal(seen.last_err, ERR_UNAVAILABLE);
    assert_int_equal(seen.downs, 0);
    seen.free_on_reply = NULL;

    (void)open_link(url, 1000);
    wait_for(&seen.ups, 3);
    seen.free_on_down = &seen.link;
    kill_server();
    wait_for(&seen.downs, 1);
    assert_null(seen.link);
}

static void freeing_completes_what_is_pending(void **state)
{
    (void)state;
    start_server("--appendonly", "no");
    (void)open_link(url, 1000);
    wait_for(&seen.ups, 1);
    assert_int_equal(command(seen.link, "PING", NULL, NULL), 0);
    assert_int_equal(command(seen.link, "PING", NULL, NULL), 0);
    drop(&seen.link);
    assert_int_equal(seen.replies, 2);
    assert_int_equal(seen.last_err, ERR_UNAVAILABLE);
    redis_link_free(NULL);
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
    start_server("--appendonly", "no");
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
#define LINK_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LINK_TEST(answers_come_in_order_and_later),
        LINK_TEST(replies_keep_their_types),
        LINK_TEST(errors_are_told_or_counted),
        LINK_TEST(large_values_pass_and_too_large_ones_are_refused),
        LINK_TEST(what_is_under_way_is_bounded),
        LINK_TEST(a_killed_server_is_noticed_and_its_successor_known),
        LINK_TEST(a_cut_connection_is_not_a_new_server),
        LINK_TEST(a_command_without_answer_breaks_the_connection),
        LINK_TEST(login_and_database),
        LINK_TEST(freed_in_its_callbacks),
        LINK_TEST(freeing_completes_what_is_pending),
        LINK_TEST(allocations_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
