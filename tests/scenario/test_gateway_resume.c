/* SPDX-License-Identifier: MIT */
/* A gateway and those who come back: pages of what they missed before the live frames; and what
 * else a socket is told by time or by brokers: typing that ends, kicks, tokens that expire. */
#include "gateway_bench.h"

#include "common/io/clock.h"
#include "gateway/typing_watch.h"
#include "proto/limits.h"

#define HELLO "{\"type\":\"connection_established\"}"

static const char *const *env_of(void **state, const char *const *env)
{
    bench_tear_down(state);
    bench_env = env;
    bench_set_up(state);
    return env;
}

/* --- coming back ------------------------------------------------------------------------------ */

static uint64_t come_back(const char *query, uint64_t seq, bool is_resumed, struct ws_conn **out)
{
    uint64_t conn = bench_open_started(query, out);
    const struct down_item joined = {.kind = DOWN_JOINED,
                                     .conn = conn,
                                     .joined = {.topic = BYTES_LIT("chat:7"),
                                                .seq = seq,
                                                .is_resumed = is_resumed,
                                                .json = BYTES_LIT(HELLO)}};

    bench_grant(conn, 1, "chat:7");
    bench_deliver(0, 0, &joined, 1);
    return conn;
}

static void page(uint64_t conn, uint64_t after, uint64_t until, const char *frames)
{
    const struct down_item item = {.kind = DOWN_HISTORY,
                                   .conn = conn,
                                   .history = {.topic = BYTES_LIT("chat:7"),
                                               .after = after,
                                               .until = until,
                                               .frames = bytes_str(frames)}};

    bench_deliver(0, 0, &item, 1);
}

/* The order in which texts were written, each one once. */
static void assert_order(const struct ws_conn *c, const char *const *texts, size_t count)
{
    const char *at = c->written.data;

    for (size_t i = 0; i < count; i++) {
        size_t left = c->written.len - (size_t)(at - c->written.data);
        at = memmem(at, left, texts[i], strlen(texts[i]));
        assert_non_null(at);
        assert_int_equal(fake_ws_count(c, texts[i]), 1);
    }
}

static void test_pages_come_before_the_live_frames(void **state)
{
    static const char *const ORDER[] = {"established", "m5", "m6", "m7", "m8", "live9", "live10"};
    struct ws_conn *c;
    uint64_t conn = come_back("since=4", 8, true, &c);

    (void)state;
    assert_true(bench_last_up(UP_JOIN)->has_since);
    assert_int_equal(bench_last_up(UP_JOIN)->since, 4);
    assert_int_equal(bench_last_up(UP_HISTORY)->after, 4);
    assert_int_equal(bench_last_up(UP_HISTORY)->until, 8);
    assert_string_equal(bench_last_up(UP_HISTORY)->topic, "chat:7");
    bench_topic_frame("chat:7", 9, "{live9}");
    assert_int_equal(fake_ws_count(c, "live9"), 0);
    page(conn, 4, 6, "{m5}\n{m6}\n");
    assert_int_equal(fake_ws_count(c, "live9"), 0);
    assert_int_equal(bench_ups(UP_HISTORY), 2);
    assert_int_equal(bench_last_up(UP_HISTORY)->after, 6);
    page(conn, 4, 6, "{m5}\n{m6}\n"); /* a repeat of the broker's */
    page(conn, 6, 8, "{m7}\n{m8}\n");
    bench_topic_frame("chat:7", 10, "{live10}");
    bench_pass(100);
    assert_order(c, ORDER, 7);
    assert_int_equal(bench_ups(UP_HISTORY), 2);
    assert_false(c->is_closed);
}

static void test_nothing_missed_nothing_asked(void **state)
{
    struct ws_conn *up_to_date, *not_resumed, *first;

    (void)state;
    come_back("since=8", 8, true, &up_to_date);
    come_back("since=2", 8, false, &not_resumed);
    come_back("", 8, false, &first);
    assert_int_equal(bench_ups(UP_HISTORY), 0);
    assert_false(bench_last_up(UP_JOIN)->has_since);
    bench_topic_frame("chat:7", 9, "{live9}");
    bench_pass(100);
    assert_int_equal(fake_ws_count(up_to_date, "live9"), 1);
    assert_int_equal(fake_ws_count(not_resumed, "live9"), 1);
    assert_int_equal(fake_ws_count(first, "live9"), 1);
}

static void test_an_empty_page_goes_on(void **state)
{
    struct ws_conn *c;
    uint64_t conn = come_back("since=4", 8, true, &c);

    (void)state;
    page(conn, 4, 8, "");
    bench_topic_frame("chat:7", 9, "{live9}");
    bench_pass(100);
    assert_int_equal(fake_ws_count(c, "live9"), 1);
}

static void test_a_page_that_cannot_be_had_closes_for_resume(void **state)
{
    struct ws_conn *c;
    uint64_t conn = come_back("since=4", 8, true, &c);

    (void)state;
    page(conn, 4, 4, "");
    assert_int_equal(c->code, CLOSE_RESTART);
    bench_pass(100);
    assert_int_equal(bench_ups(UP_LEAVE), 1);
}

static void test_no_answer_is_asked_for_again_then_closes_for_resume(void **state)
{
    struct ws_conn *c;

    (void)state;
    come_back("since=4", 8, true, &c);
    bench_pass(2200);
    assert_int_equal(bench_ups(UP_HISTORY), 2);
    assert_false(c->is_closed);
    bench_pass(3000);
    assert_int_equal(c->code, CLOSE_RESTART);
}

static void test_pages_of_others_are_not_taken(void **state)
{
    struct ws_conn *c;
    uint64_t conn = come_back("since=4", 8, true, &c);
    struct down_item other = {.kind = DOWN_HISTORY,
                              .conn = conn,
                              .history = {.topic = BYTES_LIT("chat:9"),
                                          .after = 4,
                                          .until = 8,
                                          .frames = BYTES_LIT("{not mine}\n")}};

    (void)state;
    bench_deliver(0, 0, &other, 1);
    page(conn, 5, 8, "{not here}\n");
    page(conn + 1, 4, 8, "{nobody's}\n");
    assert_int_equal(fake_ws_count(c, "not"), 0);
    assert_false(c->is_closed);
    page(conn, 4, 9, "{too far}\n"); /* what is beyond the request would come twice */
    assert_int_equal(c->code, CLOSE_RESTART);
}

static void test_what_is_no_answer_ends_no_waiting(void **state)
{
    struct ws_conn *c;
    uint64_t conn = come_back("since=4", 8, true, &c);

    (void)state;
    page(conn, 0, 0, "");
    bench_pass(2200);
    assert_int_equal(bench_ups(UP_HISTORY), 2); /* asked for again */
    bench_pass(3000);
    assert_int_equal(c->code, CLOSE_RESTART);
}

static void test_who_leaves_while_waiting_leaves_nothing(void **state)
{
    struct ws_conn *c;
    uint64_t conn = come_back("since=4", 8, true, &c);

    (void)state;
    fake_ws_leave(c, false);
    page(conn, 4, 8, "{m5}\n");
    bench_pass(6000);
    assert_int_equal(bench_ups(UP_LEAVE), 1);
}

static void test_too_many_live_frames_close_for_resume(void **state)
{
    static const char *const env[] = {"CHANNEL_CAPACITY", "5", NULL};
    struct ws_conn *c, *other;

    env_of(state, env);
    other = bench_open(2, "chat:7", 8, "");
    come_back("since=4", 8, true, &c);
    for (uint64_t i = 9; i < 20; i++) {
        bench_topic_frame("chat:7", i, "{live}");
    }
    bench_pass(100);
    assert_int_equal(c->code, CLOSE_RESTART);
    assert_false(other->is_closed);
}

/* --- typing ------------------------------------------------------------------------------------
 */

static void typing(int64_t user_id, enum typing_change change)
{
    const struct down_item item = {.kind = DOWN_TYPING,
                                   .typing = {.topic = BYTES_LIT("chat:7"),
                                              .channel_id = 7,
                                              .user_id = user_id,
                                              .username = BYTES_LIT("ann"),
                                              .change = change}};

    bench_deliver(0, 0, &item, 1);
    bench_pass(50);
}

static void test_typing_ends_by_time_by_message_or_when_told(void **state)
{
    struct ws_conn *typist = bench_open(1, "chat:7", 0, ""),
                   *other = bench_open(2, "chat:7", 0, "");
    const struct down_item message = {
        .kind = DOWN_TOPIC,
        .topic = {
            .topic = BYTES_LIT("chat:7"), .seq = 1, .author = 1, .json = BYTES_LIT("{text}")}};

    (void)state;
    typing(1, TYPING_STOP); /* it was not on */
    assert_int_equal(fake_ws_count(other, "\"is_typing\":false"), 0);
    typing(1, TYPING_ON);
    bench_pass(TYPING_OFF_MS - 200);
    assert_int_equal(fake_ws_count(other, "\"is_typing\":false"), 0);
    bench_pass(400);
    assert_int_equal(fake_ws_count(other, "\"is_typing\":false"), 1);
    typing(1, TYPING_ON);
    bench_deliver(0, 0, &message, 1);
    bench_pass(50);
    assert_int_equal(fake_ws_count(other, "\"is_typing\":false"), 2);
    typing(1, TYPING_ON);
    typing(1, TYPING_STOP);
    typing(1, TYPING_OFF); /* said so by the client: shown anyhow */
    assert_int_equal(fake_ws_count(other, "\"is_typing\":false"), 4);
    bench_pass(TYPING_OFF_MS + 200);
    assert_int_equal(fake_ws_count(other, "\"is_typing\":false"), 4);
    assert_int_equal(fake_ws_count(other, "\"is_typing\":true"), 3);
    assert_int_equal(fake_ws_count(typist, "is_typing"), 0);
}

static void test_a_leave_tells_of_typing(void **state)
{
    struct ws_conn *typist = bench_open(1, "chat:7", 0, ""),
                   *other = bench_open(2, "chat:7", 0, "");

    (void)state;
    typing(1, TYPING_ON);
    fake_ws_leave(other, true);
    bench_pass(100);
    assert_false(bench_last_up(UP_LEAVE)->is_typing);
    fake_ws_leave(typist, true);
    bench_pass(100);
    assert_true(bench_last_up(UP_LEAVE)->is_typing);
}

/* Types in channel 7, or no more. */
static void type(struct ws_conn *c, bool is_typing)
{
    fake_ws_message(c, is_typing ? "{\"type\":\"typing\",\"is_typing\":true,\"channel_id\":7}"
                                 : "{\"type\":\"typing\",\"is_typing\":false,\"channel_id\":7}");
    bench_pass(50);
}

static uint32_t ups_when_gone(struct ws_conn *c)
{
    uint32_t before = bench_ups(UP_FRAME);

    fake_ws_leave(c, false);
    bench_pass(100);
    return bench_ups(UP_FRAME) - before;
}

static void test_a_status_socket_types_no_more_when_it_is_gone(void **state)
{
    struct ws_conn *typist = bench_open_status(1);

    (void)state;
    type(typist, true);
    assert_true(bench_last_up(UP_FRAME)->is_typing);
    assert_int_equal(ups_when_gone(typist), 1);
    assert_string_equal(bench_last_up(UP_FRAME)->topic, "chat:7");
    assert_false(bench_last_up(UP_FRAME)->is_typing);
    assert_int_equal(bench_last_up(UP_FRAME)->conn, bench_last_up(UP_LEAVE)->conn);
}

static void test_it_does_not_say_so_twice_nor_for_another(void **state)
{
    struct ws_conn *said = bench_open_status(1), *late = bench_open_status(2),
                   *one = bench_open_status(3), *two = bench_open_status(3),
                   *outside = bench_open_status(4);

    (void)state;
    bench_open(4, "chat:7", 0, "");
    type(said, true);
    type(said, false);
    assert_int_equal(ups_when_gone(said), 0);
    type(late, true);
    bench_pass(TYPING_OFF_MS);
    assert_int_equal(ups_when_gone(late), 0);
    type(one, true);
    type(two, true);
    assert_int_equal(ups_when_gone(one), 0); /* the other socket says the same */
    assert_int_equal(ups_when_gone(two), 1);
    type(outside, true);
    assert_int_equal(ups_when_gone(outside),
                     1); /* its user is in the room, and does not type there */
}

static void test_the_socket_that_types_switches_it_off(void **state)
{
    struct ws_conn *typist = bench_open(1, "chat:7", 0, ""), *idle = bench_open(1, "chat:7", 0, ""),
                   *sent = bench_open(1, "chat:7", 0, "");

    (void)state;
    type(typist, true);
    type(sent, true);
    fake_ws_message(sent, "{\"type\":\"chat_message\",\"message\":\"done\"}");
    bench_pass(50);
    assert_int_equal(ups_when_gone(sent), 0);
    assert_int_equal(ups_when_gone(idle), 0);
    assert_int_equal(ups_when_gone(typist), 1);
    assert_string_equal(bench_last_up(UP_FRAME)->topic, "chat:7");
    assert_false(bench_last_up(UP_FRAME)->is_typing);
}

/* --- kicks and tokens ---------------------------------------------------------------------------
 */

static struct ws_conn *granted(int64_t user_id, const char *topic, uint64_t login,
                               uint64_t as_of_ms, uint64_t expires_s)
{
    struct ws_conn *c;
    uint64_t conn = bench_open_started(user_id % 2 ? "since=0" : "", &c);
    const struct down_item item = {
        .kind = DOWN_GRANTED,
        .conn = conn,
        .granted = {.actor = {.user_id = user_id, .username = BYTES_LIT("someone")},
                    .topic = bytes_str(topic),
                    .as_of_ms = as_of_ms,
                    .login = login,
                    .expires_s = expires_s}};

    bench_deliver(0, 0, &item, 1);
    bench_join(conn, topic, 0, HELLO);
    return c;
}

static void kick(struct down_kick kick)
{
    const struct down_item item = {.kind = DOWN_KICK, .kick = kick};

    bench_deliver(0, 0, &item, 1);
    bench_pass(100);
}

static void test_a_kick_means_whom_it_describes(void **state)
{
    struct ws_conn *mine = granted(2, "chat:7", 5, 1000, 0);
    struct ws_conn *other_login = granted(2, "chat:7", 6, 1000, 0);
    struct ws_conn *newer = granted(2, "chat:7", 5, 2001, 0);
    struct ws_conn *other_topic = granted(2, "chat:8", 6, 1000, 0);
    struct ws_conn *other_user = granted(4, "chat:7", 7, 1000, 0);

    (void)state;
    kick((struct down_kick){
        .login = 5, .as_of_ms = 2000, .code = CODE_AUTHENTICATION_FAILED, .close = CLOSE_AUTH});
    assert_int_equal(mine->code, CLOSE_AUTH);
    assert_int_equal(fake_ws_count(mine, "AUTHENTICATION_FAILED"), 1);
    assert_false(newer->is_closed || other_login->is_closed || other_topic->is_closed);
    kick((struct down_kick){.user_id = 2,
                            .topic = BYTES_LIT("chat:7"),
                            .as_of_ms = 2000,
                            .code = CODE_PERMISSION_DENIED,
                            .close = CLOSE_DENIED});
    assert_int_equal(other_login->code, CLOSE_DENIED);
    assert_false(newer->is_closed || other_topic->is_closed || other_user->is_closed);
    kick((struct down_kick){.topic = BYTES_LIT("chat:7"),
                            .as_of_ms = 3000,
                            .code = CODE_CHANNEL_NOT_FOUND,
                            .close = CLOSE_NO_CHANNEL});
    assert_int_equal(newer->code, CLOSE_NO_CHANNEL);
    assert_int_equal(other_user->code, CLOSE_NO_CHANNEL);
    assert_false(other_topic->is_closed);
    assert_int_equal(bench_ups(UP_LEAVE), 4);
}

static void test_a_kick_without_a_code_closes_for_resume(void **state)
{
    struct ws_conn *with_since = granted(1, "chat:7", 0, 1000, 0);
    struct ws_conn *without = granted(2, "chat:7", 0, 1000, 0);

    (void)state;
    kick(
        (struct down_kick){.topic = BYTES_LIT("chat:7"), .as_of_ms = 2000, .close = CLOSE_RESTART});
    assert_int_equal(with_since->code, CLOSE_RESTART);
    assert_true(without->is_closed);
    assert_int_equal(without->code, CLOSE_NONE);
    assert_int_equal(fake_ws_count(without, "error"), 0);
}

static void test_a_token_that_expires_closes_when_that_is_wanted(void **state)
{
    static const char *const env[] = {"WEBSOCKET_CLOSE_ON_TOKEN_EXPIRY", "1", NULL};
    struct ws_conn *lasting, *expiring, *renewed;
    uint64_t now_s = FAKE_WALL_START_MS / 1000;
    struct down_item item = {.kind = DOWN_REFRESHED};

    lasting = granted(2, "chat:7", 0, 0, now_s + 3);
    bench_pass(5000);
    assert_false(lasting->is_closed); /* it is not wanted */

    env_of(state, env);
    now_s = clock_wall_ms() / 1000;
    lasting = granted(2, "chat:7", 0, 0, 0);
    expiring = granted(2, "chat:7", 0, 0, now_s + 3);
    renewed = granted(2, "chat:7", 0, 0, now_s + 3);
    fake_ws_message(renewed, "{\"type\":\"refresh_token\",\"token\":\"newer\"}");
    bench_pass(50);
    assert_string_equal(bench_last_up(UP_REFRESH)->text, "newer");
    item.conn = bench_last_up(UP_REFRESH)->conn;
    item.refreshed.frame_no = bench_last_up(UP_REFRESH)->frame_no;
    item.refreshed.login = 77;
    item.refreshed.expires_s = now_s + 100;
    bench_deliver(0, 0, &item, 1);
    bench_pass(5000);
    assert_int_equal(fake_ws_count(renewed, "token_refreshed"), 1);
    assert_int_equal(expiring->code, CLOSE_AUTH);
    assert_int_equal(fake_ws_count(expiring, "AUTHENTICATION_FAILED"), 1);
    assert_false(lasting->is_closed || renewed->is_closed);
    kick((struct down_kick){
        .login = 77, .as_of_ms = 1, .code = CODE_AUTHENTICATION_FAILED, .close = CLOSE_AUTH});
    assert_int_equal(renewed->code, CLOSE_AUTH); /* it lives by the newer token */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_pages_come_before_the_live_frames),
        TEST(test_nothing_missed_nothing_asked),
        TEST(test_an_empty_page_goes_on),
        TEST(test_a_page_that_cannot_be_had_closes_for_resume),
        TEST(test_no_answer_is_asked_for_again_then_closes_for_resume),
        TEST(test_pages_of_others_are_not_taken),
        TEST(test_what_is_no_answer_ends_no_waiting),
        TEST(test_who_leaves_while_waiting_leaves_nothing),
        TEST(test_too_many_live_frames_close_for_resume),
        TEST(test_typing_ends_by_time_by_message_or_when_told),
        TEST(test_a_leave_tells_of_typing),
        TEST(test_a_status_socket_types_no_more_when_it_is_gone),
        TEST(test_it_does_not_say_so_twice_nor_for_another),
        TEST(test_the_socket_that_types_switches_it_off),
        TEST(test_a_kick_means_whom_it_describes),
        TEST(test_a_kick_without_a_code_closes_for_resume),
        TEST(test_a_token_that_expires_closes_when_that_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
