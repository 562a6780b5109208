/* SPDX-License-Identifier: MIT */
/* A gateway and its clients: opening, refusals, limits, slow readers, silence, kicks, quotas, the
 * graceful end, HTTP. */
#include "gateway_bench.h"

#include <stdio.h>

#include "common/metrics.h"
#include "gateway/outbox.h"
#include "proto/limits.h"

#define HI "{\"type\":\"chat_message\",\"message\":\"hi\",\"client_id\":\"c\"}"

/* --- opening
 * ---------------------------------------------------------------------------------------- */

static void test_frames_that_come_early_wait_in_order(void **state)
{
    struct ws_conn *c;
    uint64_t conn = bench_open_started("", &c);

    (void)state;
    fake_ws_message(c, HI);
    fake_ws_message(c, "{\"type\":\"ping\"}");
    bench_pass(100);
    assert_int_equal(c->written.len, 0);
    bench_grant(conn, 1, "chat:7");
    assert_int_equal(bench_ups(UP_FRAME), 0);
    bench_join(conn, "chat:7", 0, "{\"type\":\"connection_established\"}");
    assert_int_equal(bench_ups(UP_FRAME), 1);
    assert_string_equal(bench_last_up(UP_FRAME)->topic, "chat:7");
    assert_int_equal(fake_ws_count(c, "pong"), 1);
    /* the very first frame, behind its two header bytes */
    assert_memory_equal(c->written.data + 2, "{\"type\":\"connection_established\"}", 20);
}

static void test_a_refusal_is_told_then_closed(void **state)
{
    struct down_item item = {.kind = DOWN_REFUSED,
                             .refused = {CODE_AUTHENTICATION_FAILED, CLOSE_AUTH}};
    struct ws_conn *c;

    (void)state;
    item.conn = bench_open_started("token=x", &c);
    bench_deliver(0, 0, &item, 1);
    assert_int_equal(fake_ws_count(c, "AUTHENTICATION_FAILED"), 1);
    assert_int_equal(c->code, CLOSE_AUTH);
    bench_pass(100);
    assert_int_equal(bench_ups(UP_LEAVE), 0); /* the broker holds nothing */
}

static void test_no_answer_goes_again_then_closes(void **state)
{
    struct ws_conn *c;
    uint64_t conn = bench_open_started("", &c);

    (void)state;
    bench_pass(2200);
    assert_int_equal(bench_ups(UP_OPEN), 2);
    assert_int_equal(bench_last_up(UP_OPEN)->conn, conn);
    bench_pass(3000);
    assert_int_equal(bench_ups(UP_OPEN), 2);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 1);
    assert_int_equal(c->code, CLOSE_TRY_LATER);
    /* the grant comes after all: its place is given back */
    bench_grant(conn, 1, "chat:7");
    assert_int_equal(bench_ups(UP_LEAVE), 1);
    assert_int_equal(bench_last_up(UP_LEAVE)->conn, conn);
}

static void test_a_second_grant_means_nothing(void **state)
{
    struct ws_conn *c;
    uint64_t conn = bench_open_started("", &c);

    (void)state;
    bench_grant(conn, 1, "chat:7");
    bench_grant(conn, 1, "chat:7");
    bench_join(conn, "chat:7", 0, "{\"type\":\"connection_established\"}");
    bench_grant(conn, 1, "chat:7");
    bench_join(conn, "chat:7", 0, "{\"type\":\"connection_established\"}");
    assert_int_equal(bench_ups(UP_JOIN), 1);
    assert_int_equal(bench_ups(UP_LEAVE), 0);
    assert_int_equal(fake_ws_count(c, "connection_established"), 1);
}

static void test_gone_while_opening_gives_back_when_granted(void **state)
{
    struct ws_conn *c;
    uint64_t conn = bench_open_started("", &c);

    (void)state;
    fake_ws_leave(c, true);
    bench_pass(100);
    assert_int_equal(bench_ups(UP_LEAVE), 0);
    bench_grant(conn, 1, "chat:7");
    assert_int_equal(bench_ups(UP_LEAVE), 1);
    assert_int_equal(bench_ups(UP_JOIN), 0);
}

static void test_sockets_per_address(void **state)
{
    static const char *const env[] = {"CONNECTIONS_PER_ADDRESS", "2", NULL};
    struct ws_conn *first, *second;
    int status;

    bench_tear_down(state);
    bench_env = env;
    bench_set_up(state);
    bench_open_started("", &first);
    bench_open_started("", &second);
    assert_null(fake_ws_open("/ws/chat/general/", "", &status));
    assert_int_equal(status, 429);
    fake_ws_leave(first, false);
    assert_non_null(fake_ws_open("/ws/chat/general/", "", &status));
}

/* --- limits
 * -------------------------------------------------------------------------------------------- */

static void test_sixty_a_minute_then_refused_then_flood(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    for (int i = 0; i < 70; i++) {
        fake_ws_message(c, HI);
    }
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 60);
    assert_int_equal(fake_ws_count(c, "{\"type\":\"error\",\"error\":\"Rate limit exceeded. Please "
                                      "slow down.\",\"code\":\"RATE_LIMIT_EXCEEDED\"}"),
                     10);
    for (int i = 0; i < 590 && !c->is_closed; i++) {
        fake_ws_message(c, HI);
        bench_pass(0);
    }
    assert_int_equal(c->code, CLOSE_FLOOD);
    assert_int_equal(fake_ws_count(c, "RATE_LIMIT_EXCEEDED"), 600);
}

static void test_a_users_credits_are_leased(void **state)
{
    struct ws_conn *a = bench_open(1, "chat:7", 0, ""), *b = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.quota = 3;
    bench.holds_quota = true;
    fake_ws_message(a, HI);
    assert_true(a->is_paused); /* it waits for Redis */
    fake_ws_message(a, HI);
    fake_ws_message(b, HI);
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 0);
    bench.holds_quota = false;
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 3);
    assert_int_equal(bench.quota_asked, 1);
    assert_false(a->is_paused);
    assert_false(b->is_paused);
    bench.quota = 0; /* used up over all gateways */
    fake_ws_message(a, HI);
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 3);
    assert_int_equal(fake_ws_count(a, "RATE_LIMIT_EXCEEDED"), 1);
    assert_false(a->is_paused);
}

#define PART "{\"type\":\"chat_message\",\"message\":\"hi\"}"

/* A batch of five, while the socket's window takes three more and the user's limit grants two at a
 * time. */
static void test_a_batch_waits_as_one_and_is_judged_by_all_of_it(void **state)
{
    static const char *const env[] = {"WEBSOCKET_RATE_LIMIT", "3", NULL};
    static const char BATCH[] =
        "{\"type\":\"batch_update\",\"updates\":[" PART "," PART "," PART "," PART "," PART "]}";
    struct ws_conn *c;

    bench_tear_down(state);
    bench_env = env;
    bench_set_up(state);
    c = bench_open(1, "chat:7", 0, "");
    bench.quota = 2;
    bench.holds_quota = true;
    fake_ws_message(c, BATCH);
    bench_pass(0);
    assert_int_equal(fake_ws_count(c, "RATE_LIMIT_EXCEEDED"), 2);
    assert_true(c->is_paused);
    bench.holds_quota = false;
    for (int turns = 0; turns < 100 && bench_ups(UP_FRAME) < 2; turns++) {
        bench_pass(0);
    }
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 3);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 0);
    assert_false(c->is_paused);
}

/* What the user's limit refuses has no place in the socket's window, and counts as a refusal. */
static void test_what_the_user_may_not_counts_nowhere(void **state)
{
    static const char *const env[] = {"WEBSOCKET_RATE_LIMIT", "1", NULL};
    struct ws_conn *c;

    bench_tear_down(state);
    bench_env = env;
    bench_set_up(state);
    c = bench_open(1, "chat:7", 0, "");
    bench.quota = 0;
    for (int i = 0; i < 599; i++) {
        fake_ws_message(c, HI);
        bench_pass(0);
    }
    assert_false(c->is_closed);
    bench.quota = 1;
    fake_ws_message(c, HI);
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 1);
    fake_ws_message(c, HI);
    bench_pass(0);
    assert_int_equal(c->code, CLOSE_FLOOD);
}

/* Two frames wait, credit is there for one: the socket is not read until both are decided. */
static void test_reading_goes_on_with_the_last_one_that_waits(void **state)
{
    static const char BATCH[] = "{\"type\":\"batch_update\",\"updates\":[" PART "," PART "]}";
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.quota = 1;
    bench.quota_holds_after = 1;
    fake_ws_message(c, BATCH);
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 1);
    assert_true(c->is_paused);
    bench.holds_quota = false;
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 2);
    assert_false(c->is_paused);
}

static void test_unused_credits_go_back_with_the_last_socket(void **state)
{
    struct ws_conn *a = bench_open(1, "chat:7", 0, ""), *b = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.quota = 10;
    fake_ws_message(a, HI);
    bench_pass(0);
    fake_ws_leave(a, true);
    bench_pass(0);
    assert_int_equal(bench.quota_returned, 0);
    fake_ws_leave(b, true);
    bench_pass(0);
    assert_int_equal(bench.quota_returned, 9);
}

static void test_redis_gone_while_a_lease_is_asked(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.holds_quota = true;
    fake_ws_message(c, HI);
    bench_pass(0);
    bench_redis_down();
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 1);
    assert_false(c->is_paused);
    fake_ws_message(c, HI); /* no link: at once */
    bench_pass(0);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 2);
}

static void test_malformed_binary_and_large(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    fake_ws_message(c, "rubbish");
    fake_ws_binary(c, HI);
    fake_ws_oversize(c);
    bench_pass(0);
    assert_int_equal(fake_ws_count(c, "INVALID_MESSAGE"), 2);
    assert_int_equal(fake_ws_count(c, "MESSAGE_TOO_LARGE"), 1);
    assert_int_equal(bench_ups(UP_FRAME), 0);
    assert_false(c->is_closed);
}

static void test_silence(void **state)
{
    struct ws_conn *quiet = bench_open(1, "chat:7", 0, ""), *busy = bench_open(2, "chat:7", 0, "");

    (void)state;
    for (int i = 0; i < 4; i++) {
        bench_pass(899000);
        fake_ws_message(busy, "{\"type\":\"ping\"}");
    }
    assert_false(quiet->is_closed);
    bench_pass(6000);
    assert_int_equal(quiet->code, CLOSE_IDLE);
    assert_false(busy->is_closed);
}

/* --- slow readers
 * ---------------------------------------------------------------------------------------- */

static void test_a_slow_reader_is_closed_and_disturbs_nobody(void **state)
{
    struct ws_conn *fast = bench_open(1, "chat:7", 0, ""), *slow = bench_open(2, "chat:7", 0, "");
    uint64_t seq = 0;

    (void)state;
    fake_ws_block(slow, true);
    while (!slow->is_closed && seq < 2000) {
        bench_topic_frame("chat:7", ++seq, "{\"n\":1}");
        bench_pass(2);
        assert_int_equal(fake_ws_count(fast, "{\"n\":1}"), seq);
    }
    assert_int_equal(slow->code, CLOSE_SLOW);
    assert_int_equal(seq, 1501); /* CHANNEL_CAPACITY may wait */
    assert_false(fast->is_closed);
}

static void test_a_reader_that_takes_nothing_for_long(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    fake_ws_block(c, true);
    bench_topic_frame("chat:7", 1, "{\"n\":1}");
    bench_pass(9000);
    assert_false(c->is_closed);
    fake_ws_block(c, false);
    bench_pass(0);
    assert_int_equal(fake_ws_count(c, "{\"n\":1}"), 1);
    fake_ws_block(c, true);
    bench_topic_frame("chat:7", 2, "{\"n\":2}");
    bench_pass(13000);
    assert_int_equal(c->code, CLOSE_SLOW);
}

static void test_a_blocked_reader_gets_all_in_order_later(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");
    const char *one, *two, *three;

    (void)state;
    fake_ws_block(c, true);
    bench_topic_frame("chat:7", 1, "{\"n\":1}");
    fake_ws_message(c, "{\"type\":\"ping\"}");
    bench_topic_frame("chat:7", 2, "{\"n\":2}");
    bench_pass(1000);
    assert_int_equal(fake_ws_count(c, "{\"n\":"), 0);
    fake_ws_block(c, false);
    bench_pass(0);
    assert_int_equal(buf_append_char(&c->written, '\0'), 0);
    one = memmem(c->written.data, c->written.len, "pong", 4);
    two = memmem(c->written.data, c->written.len, "{\"n\":1}", 7);
    three = memmem(c->written.data, c->written.len, "{\"n\":2}", 7);
    assert_true(one && two && three && one < two && two < three);
}

static void test_one_write_per_flush(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");
    struct down_item items[50];
    uint32_t writes = c->writes;

    (void)state;
    for (uint32_t i = 0; i < 50; i++) {
        items[i] = (struct down_item){.kind = DOWN_TOPIC,
                                      .topic = {.topic = BYTES_LIT("chat:7"),
                                                .seq = i + 1,
                                                .exclude_user = i % 2 ? 1 : 0,
                                                .json = BYTES_LIT("{\"n\":0}")}};
    }
    bench_deliver(0, 0, items, 50);
    assert_int_equal(c->writes - writes, 1);
    assert_int_equal(fake_ws_count(c, "{\"n\":0}"), 25); /* the others are not for user 1 */
}

static void test_an_overfull_outbox_is_a_slow_reader(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    fake_ws_block(c, true);
    for (int i = 0; i < (int)OUTBOX_FRAMES_MAX + 1; i++) {
        fake_ws_message(c, "{\"type\":\"ping\"}");
    }
    bench_pass(0);
    assert_int_equal(c->code, CLOSE_SLOW);
}

/* --- endings
 * -----------------------------------------------------------------------------------------------
 */

static void test_a_kick_closes_all_sockets_of_the_user(void **state)
{
    struct ws_conn *a = bench_open(1, "chat:7", 0, ""), *b = bench_open(1, "chat:8", 0, "");
    struct ws_conn *other = bench_open(2, "chat:7", 0, "");
    const struct down_item kick = {
        .kind = DOWN_KICK,
        .kick = {.user_id = 1, .code = CODE_AUTHENTICATION_FAILED, .close = CLOSE_AUTH}};

    (void)state;
    bench_deliver(0, 0, &kick, 1);
    assert_int_equal(a->code, CLOSE_AUTH);
    assert_int_equal(b->code, CLOSE_AUTH);
    assert_false(other->is_closed);
    assert_int_equal(bench_ups(UP_LEAVE), 2);
}

static void test_a_stop_moves_all_at_a_pace_and_ends_clean(void **state)
{
    struct ws_conn *conns[10];
    int status, closed = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        conns[i] = bench_open(i + 1, "chat:7", 0, i % 2 ? "since=0" : "");
    }
    gateway_stop(bench.gateway);
    assert_false(fake_ws_is_listening());
    assert_null(fake_ws_open("/ws/chat/general/", "", &status));
    assert_int_equal(status, 503);
    bench_pass(5000);
    for (int i = 0; i < 10; i++) {
        closed += conns[i]->is_closed;
    }
    assert_in_range(closed, 4, 6); /* half of the ten seconds, half of them */
    assert_false(fake_loop_is_stopped(bench.loop));
    bench_pass(5200);
    for (int i = 0; i < 10; i++) {
        assert_true(conns[i]->is_gone);
        assert_int_equal(conns[i]->code, i % 2 ? CLOSE_RESTART : CLOSE_NONE);
    }
    assert_int_equal(bench_ups(UP_LEAVE), 10);
    assert_int_equal(fake_redis_submitted("DEL"), 2);
    assert_true(fake_loop_is_stopped(bench.loop));
    assert_int_equal(gateway_exit_code(bench.gateway), 0);
}

static void test_a_stop_without_sockets_ends_at_once_and_twice_sooner(void **state)
{
    struct ws_conn *c;

    (void)state;
    gateway_stop(bench.gateway);
    bench_pass(60);
    assert_true(fake_loop_is_stopped(bench.loop));
    bench_tear_down(state);
    bench_set_up(state);
    c = bench_open(1, "chat:7", 0, "");
    gateway_stop(bench.gateway);
    gateway_stop(bench.gateway);
    assert_true(fake_loop_is_stopped(bench.loop));
    assert_false(c->is_gone);
}

/* --- HTTP
 * -----------------------------------------------------------------------------------------------------
 */

static void test_http(void **state)
{
    struct down_item item = {.kind = DOWN_HTTP,
                             .http = {.status = 200,
                                      .content_type = BYTES_LIT("application/json"),
                                      .body = BYTES_LIT("{\"ok\":1}")}};

    (void)state;
    fake_ws_http("GET", "/healthz", "anything");
    assert_int_equal(fake_ws_last_reply()->status, 200);
    fake_ws_http("GET", "/readyz", "anything");
    assert_int_equal(fake_ws_last_reply()->status, 200);
    fake_ws_http("POST", "/metrics", "anything");
    assert_int_equal(fake_ws_last_reply()->status, 405);
    fake_ws_http("GET", "/nothing", "localhost");
    assert_int_equal(fake_ws_last_reply()->status, 404);
    fake_ws_http("GET", "/api/channels/", "evil.example");
    assert_int_equal(fake_ws_last_reply()->status, 400);
    item.conn = fake_ws_http("GET", "/api/channels/", "localhost");
    bench_pass(0);
    assert_int_equal(bench_ups(UP_HTTP), 1);
    assert_string_equal(bench_last_up(UP_HTTP)->text, "/api/channels/");
    bench_deliver(0, 0, &item, 1);
    assert_int_equal(fake_ws_last_reply()->request, item.conn);
    assert_string_equal(fake_ws_last_reply()->body, "{\"ok\":1}");
    bench_deliver(0, 0, &item, 1);
    assert_int_equal(fake_ws_replies(), 6); /* once */
}

static void test_http_without_an_answer(void **state)
{
    uint64_t gone;
    unsigned replies;

    (void)state;
    fake_ws_http("GET", "/api/channels/", "localhost");
    gone = fake_ws_http("GET", "/api/channels/", "localhost");
    fake_ws_http_gone(gone);
    replies = fake_ws_replies();
    bench_pass(FRAME_WAIT_MS + 200);
    assert_int_equal(fake_ws_replies() - replies, 1);
    assert_int_equal(fake_ws_last_reply()->status, 503);
    assert_int_equal(fake_ws_last_reply()->request, gone - 1);
}

static void test_not_ready_without_broker(void **state)
{
    (void)state;
    bench.is_broker_alive = false;
    bench_pass(1100);
    fake_ws_http("GET", "/readyz", "x");
    assert_int_equal(fake_ws_last_reply()->status, 503);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_frames_that_come_early_wait_in_order),
        TEST(test_a_refusal_is_told_then_closed),
        TEST(test_no_answer_goes_again_then_closes),
        TEST(test_a_second_grant_means_nothing),
        TEST(test_gone_while_opening_gives_back_when_granted),
        TEST(test_sockets_per_address),
        TEST(test_sixty_a_minute_then_refused_then_flood),
        TEST(test_a_users_credits_are_leased),
        TEST(test_a_batch_waits_as_one_and_is_judged_by_all_of_it),
        TEST(test_what_the_user_may_not_counts_nowhere),
        TEST(test_reading_goes_on_with_the_last_one_that_waits),
        TEST(test_unused_credits_go_back_with_the_last_socket),
        TEST(test_redis_gone_while_a_lease_is_asked),
        TEST(test_malformed_binary_and_large),
        TEST(test_silence),
        TEST(test_a_slow_reader_is_closed_and_disturbs_nobody),
        TEST(test_a_reader_that_takes_nothing_for_long),
        TEST(test_a_blocked_reader_gets_all_in_order_later),
        TEST(test_one_write_per_flush),
        TEST(test_an_overfull_outbox_is_a_slow_reader),
        TEST(test_a_kick_closes_all_sockets_of_the_user),
        TEST(test_a_stop_moves_all_at_a_pace_and_ends_clean),
        TEST(test_a_stop_without_sockets_ends_at_once_and_twice_sooner),
        TEST(test_http),
        TEST(test_http_without_an_answer),
        TEST(test_not_ready_without_broker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
