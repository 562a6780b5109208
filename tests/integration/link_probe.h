/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of the Redis link share: a loop, a server, a link, and what the link has reported.
 */
#include "common/io/clock.h"
#include "common/io/redis_link.h"
#include "common/log.h"
#include "tests/integration/redis_child.h"

static struct loop *loop;
static struct loop_timer *tick;
static struct redis_child server;
static const char *const url = server.unix_url;

/* What the link under test has reported. */
static struct {
    struct redis_link *link;
    int ups, downs, replies, last_err;
    size_t pending_at_down;
    bool is_new_server;
    char run_id[65];
    char text[512];
    struct redis_link **free_on_up, **free_on_down, **free_on_reply;
} seen;

static inline void drop(struct redis_link **link)
{
    if (link && *link) {
        redis_link_free(*link);
        *link = NULL;
    }
}

static inline void on_up(void *arg, struct bytes run_id, bool is_new_server)
{
    (void)arg;
    seen.ups++;
    seen.is_new_server = is_new_server;
    (void)snprintf(seen.run_id, sizeof(seen.run_id), "%.*s", BYTES_FMT(run_id));
    drop(seen.free_on_up);
}

static inline void on_down(void *arg)
{
    (void)arg;
    seen.downs++;
    seen.pending_at_down = redis_link_pending(seen.link);
    drop(seen.free_on_down);
}

static inline void on_reply(void *arg, int err, const struct redis_value *v)
{
    (void)arg;
    seen.replies++;
    seen.last_err = err;
    (void)snprintf(seen.text, sizeof(seen.text), "%.*s", BYTES_FMT(redis_value_bytes(v)));
    drop(seen.free_on_reply);
}

static inline void on_tick(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* Run the loop until *counter has the value, 10 s at the most. */
static inline void wait_for(const int *counter, int value)
{
    uint64_t end_ms = clock_mono_ms() + 10000;

    loop_timer_start(tick, 1, 1);
    while (*counter < value && clock_mono_ms() < end_ms) {
        loop_run(loop);
    }
    loop_timer_stop(tick);
    assert_int_equal(*counter, value);
}

static inline void ignore_line(void *arg, struct bytes line)
{
    (void)arg;
    (void)line;
}

static inline int set_up(void **state)
{
    (void)state;
    log_set_sink(ignore_line, NULL);
    memset(&seen, 0, sizeof(seen));
    loop = loop_new();
    tick = loop_timer_new(loop, on_tick, NULL);
    return redis_child_init(&server);
}

static inline int tear_down(void **state)
{
    (void)state;
    drop(&seen.link);
    loop_timer_free(tick);
    loop_free(loop);
    return redis_child_done(&server);
}

static inline struct redis_link *open_link(const char *to, uint32_t timeout_ms)
{
    struct redis_link_conf conf = {.url = to, .name = "it/link", .timeout_ms = timeout_ms};
    struct redis_link_events events = {on_up, on_down};

    seen.link = redis_link_new(loop, &conf, &events, NULL);
    assert_non_null(seen.link);
    return seen.link;
}

static inline int command(struct redis_link *l, const char *name, const char *a, const char *b)
{
    struct bytes argv[3] = {bytes_str(name), bytes_str(a), bytes_str(b)};

    return redis_link_command(l, argv, b ? 3 : a ? 2 : 1, on_reply, NULL);
}

#define LINK_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
