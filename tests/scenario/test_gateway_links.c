/* SPDX-License-Identifier: MIT */
/* A gateway and Redis: batches, lost commands, no broker, holes, repeats, a server that was
 * replaced, a lease that was lost. */
#include "gateway_bench.h"

#include <stdio.h>

#include "common/metrics.h"
#include "proto/limits.h"

#define HI "{\"type\":\"chat_message\",\"message\":\"hi\",\"client_id\":\"c\"}"

static void send_numbered(struct ws_conn *c, int from, int to)
{
    for (int i = from; i < to; i++) {
        char text[80];
        snprintf(text, sizeof(text), "{\"type\":\"chat_message\",\"message\":\"m%d\"}", i);
        fake_ws_message(c, text);
    }
}

static void test_envelopes_gather_while_an_xadd_is_under_way(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");
    uint32_t entries = bench.entries;

    (void)state;
    bench.holds_xadd = true;
    send_numbered(c, 0, 1);
    bench_pass(0);
    assert_int_equal(fake_redis_count(COMMANDS, "XADD", "kb:in:"), 1);
    send_numbered(c, 1, 20);
    bench_pass(10);
    assert_int_equal(fake_redis_count(COMMANDS, "XADD", "kb:in:"), 1);
    bench.holds_xadd = false;
    bench_pass(0);
    assert_int_equal(bench.entries - entries, 2);
    assert_int_equal(bench_ups(UP_FRAME), 20);
    for (uint32_t i = 0; i < 20; i++) {
        char text[8];
        snprintf(text, sizeof(text), "m%u", i);
        assert_string_equal(bench_up(UP_FRAME, i)->text, text);
        assert_int_equal(bench_up(UP_FRAME, i)->frame_no, i + 1);
        assert_int_equal(bench_up(UP_FRAME, i)->entry, entries + (i == 0 ? 1 : 2));
    }
}

static void test_a_lost_xadd_is_not_repeated_but_told(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.holds_xadd = true;
    fake_ws_message(c, HI);
    bench_pass(0);
    bench_redis_down();
    bench.holds_xadd = false;
    bench_redis_up(false);
    bench_pass(FRAME_WAIT_MS - 200);
    assert_int_equal(bench_ups(UP_FRAME), 0);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 0);
    bench_pass(400);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 1);
    assert_int_equal(fake_ws_count(c, "\"client_id\":\"c\""), 1);
    assert_false(c->is_closed);
}

/* A gateway that stood still reads the answers that came meanwhile before it gives anything up. */
static void test_a_sleeper_reads_before_it_gives_up(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench_pass(200);
    fake_ws_message(c, HI);
    bench_pass(0);
    fake_clock_forward(FRAME_WAIT_MS + 1000);
    bench_pass(100);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 0);
    bench_ack(bench_last_up(UP_FRAME));
    bench_pass(2000);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 0);

    fake_ws_message(c, HI);
    bench_pass(0);
    fake_clock_forward(FRAME_WAIT_MS + 1000);
    bench_pass(100);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 0);
    bench_pass(1000);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 1);
}

static void test_a_lost_opening_goes_again(void **state)
{
    struct ws_conn *c;

    (void)state;
    bench.holds_xadd = true;
    bench_open_started("", &c);
    bench_redis_down();
    bench.holds_xadd = false;
    bench_redis_up(false);
    bench_pass(300);
    assert_int_equal(bench_ups(UP_OPEN), 1);
}

static void test_an_error_of_redis_is_tried_again(void **state)
{
    const struct redis_value full = {.type = REDIS_ERROR, .text = BYTES_LIT("OOM")};
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.holds_xadd = true;
    fake_ws_message(c, HI);
    bench_pass(0);
    fake_redis_answer(COMMANDS, fake_redis_find(COMMANDS, "XADD", "kb:in:"), ERR_REMOTE, &full);
    bench.holds_xadd = false;
    bench_pass(250);
    assert_int_equal(bench_ups(UP_FRAME), 1);
}

static void test_no_broker_nothing_is_sent_and_stale_frames_never(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.is_broker_alive = false;
    bench_pass(1100);
    fake_ws_message(c, HI);
    bench_pass(FRAME_WAIT_MS + 200);
    assert_int_equal(bench_ups(UP_FRAME), 0);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 1);
    bench.is_broker_alive = true;
    bench_pass(1500);
    assert_int_equal(bench_ups(UP_FRAME), 0);
    fake_ws_message(c, HI);
    bench_pass(0);
    assert_int_equal(bench_ups(UP_FRAME), 1);
    assert_false(c->is_closed);
}

static void test_frames_wait_for_a_broker(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.is_broker_alive = false;
    bench_pass(1100);
    fake_ws_message(c, HI);
    bench_pass(2000);
    bench.is_broker_alive = true;
    bench_pass(1100);
    assert_int_equal(bench_ups(UP_FRAME), 1);
    bench_ack(bench_last_up(UP_FRAME));
    bench_pass(FRAME_WAIT_MS);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 0);
}

static void test_leaves_outlive_an_outage(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.is_broker_alive = false;
    bench_pass(1100);
    fake_ws_leave(c, true);
    bench_pass(60000);
    assert_int_equal(bench_ups(UP_LEAVE), 0);
    bench.is_broker_alive = true;
    bench_pass(1100);
    assert_int_equal(bench_ups(UP_LEAVE), 1);
    assert_true(bench_last_up(UP_LEAVE)->is_clean);
    assert_string_equal(bench_last_up(UP_LEAVE)->topic, "chat:7");
}

static void test_an_answer_counts_once_and_not_after_its_time(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");
    struct down_item reply;

    (void)state;
    fake_ws_message(c, HI);
    bench_pass(0);
    reply = (struct down_item){.kind = DOWN_REPLY,
                               .conn = bench_last_up(UP_FRAME)->conn,
                               .reply = {.frame_no = bench_last_up(UP_FRAME)->frame_no,
                                         .json = BYTES_LIT("{\"answer\":1}")}};
    bench_deliver(0, 0, &reply, 1);
    bench_deliver(0, 0, &reply, 1);
    assert_int_equal(fake_ws_count(c, "\"answer\""), 1);
    fake_ws_message(c, HI);
    bench_pass(FRAME_WAIT_MS + 200);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 1);
    reply.reply.frame_no = bench_last_up(UP_FRAME)->frame_no;
    bench_deliver(0, 0, &reply, 1);
    assert_int_equal(fake_ws_count(c, "\"answer\""), 1);
}

/* --- holes and repeats
 * ----------------------------------------------------------------------------- */

static void test_repeats_are_dropped(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 4, "");

    (void)state;
    bench_topic_frame("chat:7", 4, "{\"n\":4}");
    bench_topic_frame("chat:7", 5, "{\"n\":5}");
    bench_topic_frame("chat:7", 5, "{\"n\":5}");
    bench_topic_frame("chat:7", 3, "{\"n\":3}");
    bench_topic_frame("chat:7", 6, "{\"n\":6}");
    assert_int_equal(fake_ws_count(c, "{\"n\":5}"), 1);
    assert_int_equal(fake_ws_count(c, "{\"n\":6}"), 1);
    assert_int_equal(fake_ws_count(c, "{\"n\":"), 2);
    assert_false(c->is_closed);
}

static void test_ephemeral_repeats_are_dropped_by_origin(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench_ephemeral("chat:7", 3, 100, "{\"e\":1}");
    bench_ephemeral("chat:7", 3, 100, "{\"e\":1}");
    bench_ephemeral("chat:7", 3, 99, "{\"e\":0}");
    bench_ephemeral("chat:7", 4, 99, "{\"e\":2}"); /* another partition */
    bench_ephemeral("chat:7", 3, 101, "{\"e\":3}");
    bench_ephemeral("chat:7", 3, 0, "{\"e\":4}"); /* made by no entry */
    bench_ephemeral("chat:7", 3, 0, "{\"e\":4}");
    assert_int_equal(fake_ws_count(c, "{\"e\":1}"), 1);
    assert_int_equal(fake_ws_count(c, "{\"e\":0}"), 0);
    assert_int_equal(fake_ws_count(c, "{\"e\":2}"), 1);
    assert_int_equal(fake_ws_count(c, "{\"e\":3}"), 1);
    assert_int_equal(fake_ws_count(c, "{\"e\":4}"), 2);
}

static void test_a_hole_closes_the_topic_for_resume_and_no_other(void **state)
{
    struct ws_conn *knows = bench_open(1, "chat:7", 4, "since=4");
    struct ws_conn *old = bench_open(2, "chat:7", 4, "");
    struct ws_conn *other = bench_open(3, "chat:8", 9, "since=9");
    unsigned retry_ms;

    (void)state;
    bench_topic_frame("chat:7", 6, "{\"n\":6}");
    assert_int_equal(fake_ws_count(knows, "{\"n\":6}"), 0);
    assert_int_equal(knows->code, CLOSE_RESTART);
    assert_int_equal(sscanf(knows->reason, "retry_ms=%u", &retry_ms), 1);
    assert_true(retry_ms < 10000);
    assert_true(old->is_closed);
    assert_int_equal(old->code, CLOSE_NONE);
    assert_false(other->is_closed);
    assert_int_equal(bench_ups(UP_LEAVE), 2);
    /* who comes back finds a topic that goes on behind the hole */
    old = bench_open(2, "chat:7", 6, "");
    bench_topic_frame("chat:7", 7, "{\"n\":7}");
    assert_int_equal(fake_ws_count(old, "{\"n\":7}"), 1);
}

/* A broker that slept answers from an old memory; its successor has shown 5 and 6 since. */
static void test_a_join_answered_from_the_past_is_not_entered(void **state)
{
    struct ws_conn *there = bench_open(1, "chat:7", 4, ""), *late;
    uint64_t conn;

    (void)state;
    bench_topic_frame("chat:7", 5, "{\"n\":5}");
    bench_topic_frame("chat:7", 6, "{\"n\":6}");
    conn = bench_open_started("", &late);
    bench_grant(conn, 2, "chat:7");
    bench_join(conn, "chat:7", 4, "{\"type\":\"connection_established\"}");
    assert_int_equal(fake_ws_count(late, "connection_established"), 0);
    assert_int_equal(late->code, CLOSE_TRY_LATER);
    assert_false(there->is_closed);
}

static void test_bad_entries_are_buried_and_reading_goes_on(void **state)
{
    static const char wrong_version[] = "\x95\x63\x00\x00\x00\x90";
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench_deliver_raw("900-0", BYTES_LIT("\xc1garbage"));
    bench_deliver_raw("901-0", bytes_of(wrong_version, 6));
    bench_deliver_raw("902-0", BYTES_NONE);
    bench_deliver_raw("no-id", BYTES_LIT("\x90"));
    assert_int_equal(bench.dead_letters, 4);
    bench.next_entry = 1000;
    bench_topic_frame("chat:7", 1, "{\"n\":1}");
    assert_int_equal(fake_ws_count(c, "{\"n\":1}"), 1);
}

static void test_reading_goes_on_where_it_was_and_trims(void **state)
{
    struct fake_command *c;

    (void)state;
    c = fake_redis_find(READING, "XREAD", NULL);
    assert_true(bytes_eq_str(c->argv[c->argc - 1], "0-0"));
    bench_deliver_raw("77-3", BYTES_LIT(""));
    c = fake_redis_find(READING, "XREAD", NULL);
    assert_true(bytes_eq_str(c->argv[c->argc - 1], "77-3"));
    bench_pass(3000);
    assert_int_equal(fake_redis_submitted("XTRIM"), 1);
    bench_redis_down();
    bench_redis_up(false);
    bench_pass(300);
    c = fake_redis_find(READING, "XREAD", NULL);
    assert_true(bytes_eq_str(c->argv[c->argc - 1], "77-3"));
    bench_redis_down();
    bench_redis_up(true);
    bench_pass(300);
    c = fake_redis_find(READING, "XREAD", NULL);
    assert_true(bytes_eq_str(c->argv[c->argc - 1], "0-0"));
}

/* --- a server that forgot
 * --------------------------------------------------------------------------- */

static void test_a_new_server_gets_all_registrations_and_gaps_are_found(void **state)
{
    struct ws_conn *a = bench_open(1, "chat:7", 5, "since=5");
    struct ws_conn *b = bench_open(2, "chat:8", 5, "since=5");
    uint64_t conn_a = bench_up(UP_OPEN, 0)->conn, conn_b = bench_up(UP_OPEN, 1)->conn;
    uint32_t joins = bench_ups(UP_JOIN);

    (void)state;
    bench_redis_down();
    bench.lease_was = 0;
    bench_redis_up(true);
    bench_pass(300);
    assert_int_equal(bench_ups(UP_JOIN) - joins, 2);
    assert_true(bench_last_up(UP_JOIN)->is_rejoin);
    bench_join(conn_a, "chat:7", 5, ""); /* nothing was missed */
    bench_join(conn_b, "chat:8", 6, ""); /* one was */
    assert_false(a->is_closed);
    assert_int_equal(b->code, CLOSE_RESTART);
    bench_topic_frame("chat:7", 6, "{\"n\":6}");
    assert_int_equal(fake_ws_count(a, "{\"n\":6}"), 1);
    bench_pass(5000);
    assert_false(fake_loop_is_stopped(bench.loop));
}

static void test_a_lost_lease_ends_this_life(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 5, "since=5");

    (void)state;
    bench.lease_was = 0; /* it ran out while nobody renewed it */
    bench_pass(2100);
    assert_int_equal(c->code, CLOSE_RESTART);
    bench_pass(4000);
    assert_true(fake_loop_is_stopped(bench.loop));
    assert_int_equal(gateway_exit_code(bench.gateway), GATEWAY_EXIT_AGAIN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_envelopes_gather_while_an_xadd_is_under_way),
        TEST(test_a_lost_xadd_is_not_repeated_but_told),
        TEST(test_a_sleeper_reads_before_it_gives_up),
        TEST(test_a_lost_opening_goes_again),
        TEST(test_an_error_of_redis_is_tried_again),
        TEST(test_no_broker_nothing_is_sent_and_stale_frames_never),
        TEST(test_frames_wait_for_a_broker),
        TEST(test_leaves_outlive_an_outage),
        TEST(test_an_answer_counts_once_and_not_after_its_time),
        TEST(test_repeats_are_dropped),
        TEST(test_ephemeral_repeats_are_dropped_by_origin),
        TEST(test_a_hole_closes_the_topic_for_resume_and_no_other),
        TEST(test_a_join_answered_from_the_past_is_not_entered),
        TEST(test_bad_entries_are_buried_and_reading_goes_on),
        TEST(test_reading_goes_on_where_it_was_and_trims),
        TEST(test_a_new_server_gets_all_registrations_and_gaps_are_found),
        TEST(test_a_lost_lease_ends_this_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
