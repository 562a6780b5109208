/* SPDX-License-Identifier: MIT */
/* Tests of the Redis link against a server that misbehaves: a plain socket on the same loop that
 * greets as told and answers the first command with the bytes of the table. The link must break
 * the connection, complete the command, and come back; never crash, never believe. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
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

#define GOOD_GREETING "+OK\r\n+PONG\r\n$23\r\n# Server\r\nrun_id:0123\r\n\r\n"

static struct loop *loop;
static struct loop_timer *tick;
static struct redis_link *link_under_test;
static char folder[64], path[96], url[128];

static struct {
    const char *greeting, *answer;
    int listen_fd, fd;
    struct loop_fd *listen_watch, *watch;
    int accepted_count;
    bool has_greeted;
} server;

static int ups, downs, replies, last_err;

static void on_up(void *arg, struct bytes run_id, bool is_new_server)
{
    (void)arg;
    assert_true(bytes_eq_str(run_id, "0123"));
    assert_false(is_new_server);
    ups++;
}

static void on_down(void *arg)
{
    (void)arg;
    downs++;
}

static void on_reply(void *arg, int err, const struct redis_value *v)
{
    (void)arg;
    (void)v;
    replies++;
    last_err = err;
}

static void on_tick(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void wait_for(const int *counter, int value)
{
    uint64_t end_ms = clock_mono_ms() + 10000;

    loop_timer_start(tick, 1, 1);
    while (*counter < value && clock_mono_ms() < end_ms) {
        loop_run(loop);
    }
    loop_timer_stop(tick);
    assert_true(*counter >= value);
}

static void hang_up(void)
{
    if (server.watch) {
        loop_fd_free(server.watch);
        (void)close(server.fd);
        server.watch = NULL;
    }
}

static void on_bytes(void *arg, int events)
{
    char in[4096];
    ssize_t n = recv(server.fd, in, sizeof(in), MSG_DONTWAIT);
    const char *out = NULL;

    (void)arg;
    (void)events;
    if (n <= 0) {
        hang_up();
        return;
    }
    if (server.has_greeted) {
        out = server.answer;
    } else if (memmem(in, (size_t)n, "INFO", 4)) {
        out = server.greeting;
        server.has_greeted = true;
    }
    if (out) {
        assert_int_equal(send(server.fd, out, strlen(out), MSG_NOSIGNAL), strlen(out));
    }
}

static void on_accept(void *arg, int events)
{
    (void)arg;
    (void)events;
    hang_up();
    server.fd = accept(server.listen_fd, NULL, NULL);
    assert_true(server.fd >= 0);
    server.accepted_count++;
    server.has_greeted = false;
    server.watch = loop_fd_new(loop, server.fd, on_bytes, NULL);
    loop_fd_set(server.watch, LOOP_READ);
}

static void ignore_line(void *arg, struct bytes line)
{
    (void)arg;
    (void)line;
}

static int set_up(void **state)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct redis_link_events events = {on_up, on_down};
    struct redis_link_conf conf = {.url = url, .name = "it/hostile", .timeout_ms = 2000};

    (void)state;
    log_set_sink(ignore_line, NULL);
    memset(&server, 0, sizeof(server));
    ups = downs = replies = last_err = 0;
    server.greeting = GOOD_GREETING;
    (void)snprintf(folder, sizeof(folder), "/tmp/it_redis_hostile.XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    (void)snprintf(url, sizeof(url), "unix://%s", path);
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    loop = loop_new();
    tick = loop_timer_new(loop, on_tick, NULL);
    server.listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server.listen_fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        listen(server.listen_fd, 10) != 0) {
        return -1;
    }
    server.listen_watch = loop_fd_new(loop, server.listen_fd, on_accept, NULL);
    loop_fd_set(server.listen_watch, LOOP_READ);
    link_under_test = redis_link_new(loop, &conf, &events, NULL);
    return link_under_test ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    redis_link_free(link_under_test);
    hang_up();
    loop_fd_free(server.listen_watch);
    (void)close(server.listen_fd);
    loop_timer_free(tick);
    loop_free(loop);
    (void)unlink(path);
    return rmdir(folder);
}

static void bad_answers_break_the_connection(void **state)
{
    static const struct {
        const char *answer;
        int replies_ok; /* answers that come before the break */
    } rows[] = {
        {"?what\r\n", 0},                       /* no RESP */
        {"$-5\r\n", 0},                         /* negative length */
        {"$abc\r\n", 0},                        /* no number */
        {":99999999999999999999999999\r\n", 0}, /* more than 64 bits */
        {"*-7\r\n", 0},                         /* negative count */
        {"*99999999999999\r\n", 0},             /* more than an int */
        {"*100000000\r\n", 0},                  /* more than a reply may hold */
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", 0}, /* too deep */
        {"+OK\r\n+unasked\r\n", 1},
        {"+OK\r\n-ERR max number of clients reached\r\n", 1},
        {"+OK\r\n$3\r\nabc\r\n", 1},
        {"+OK\r\n*2\r\n:1\r\n:2\r\n", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int replies_before = replies, downs_before = downs;

        server.answer = rows[i].answer;
        wait_for(&ups, downs_before + 1);
        assert_int_equal(redis_link_command(link_under_test, &BYTES_LIT("X"), 1, on_reply, NULL),
                         0);
        wait_for(&downs, downs_before + 1);
        assert_int_equal(replies, replies_before + 1);
        assert_int_equal(last_err, rows[i].replies_ok ? 0 : ERR_UNAVAILABLE);
        assert_int_equal(redis_link_pending(link_under_test), 0);
    }
}

static void bad_greetings_never_come_up(void **state)
{
    static const char *const greetings[] = {
        "+OK\r\n-LOADING Redis is loading the dataset in memory\r\n",
        "+OK\r\n-NOAUTH Authentication required.\r\n$0\r\n\r\n",
        "+OK\r\n+PONG\r\n$0\r\n\r\n",
        "+OK\r\n+PONG\r\n$20\r\n# Server\r\nrun_id:XY\r\n",
        "+OK\r\n+PONG\r\n:5\r\n",
        "+OK\r\n+PONG\r\n$-1\r\n",
        "+OK\r\n+PONG\r\n*-1\r\n",
        "+OK\r\n+PONG\r\n-NOPERM no\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
        int accepted_before = server.accepted_count;

        server.greeting = greetings[i];
        wait_for(&server.accepted_count, accepted_before + 1);
        assert_int_equal(ups, 0);
        assert_int_equal(downs, 0);
        assert_false(redis_link_is_up(link_under_test));
    }
    server.greeting = GOOD_GREETING;
    wait_for(&ups, 1);
}

static void a_name_that_is_refused_does_no_harm(void **state)
{
    (void)state;
    server.greeting = "-ERR no names here\r\n+PONG\r\n$23\r\n# Server\r\nrun_id:0123\r\n\r\n";
    wait_for(&ups, 1);
}

static void a_silent_server_is_given_up(void **state)
{
    uint64_t start_ms = clock_mono_ms();

    (void)state;
    server.greeting = "+OK\r\n";
    wait_for(&server.accepted_count, 2);
    assert_true(clock_mono_ms() - start_ms >= 4900);
    assert_int_equal(ups, 0);
}

static void an_answer_in_pieces_is_whole(void **state)
{
    static const char answer[] = "*2\r\n$5\r\nhello\r\n:12\r\n";

    (void)state;
    wait_for(&ups, 1);
    server.answer = NULL;
    assert_int_equal(redis_link_command(link_under_test, &BYTES_LIT("X"), 1, on_reply, NULL), 0);
    for (size_t i = 0; i < sizeof(answer) - 1; i++) {
        assert_int_equal(replies, 0);
        assert_int_equal(send(server.fd, answer + i, 1, MSG_NOSIGNAL), 1);
        loop_timer_start(tick, 2, 0);
        loop_run(loop);
    }
    wait_for(&replies, 1);
    assert_int_equal(last_err, 0);
    assert_int_equal(downs, 0);
}

int main(void)
{
#define HOSTILE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(bad_answers_break_the_connection),
        HOSTILE_TEST(bad_greetings_never_come_up),
        HOSTILE_TEST(a_name_that_is_refused_does_no_harm),
        HOSTILE_TEST(a_silent_server_is_given_up),
        HOSTILE_TEST(an_answer_in_pieces_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
