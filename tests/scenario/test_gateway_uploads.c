/* SPDX-License-Identifier: MIT */
/* A gateway and files that sockets send in chunks: the window of each, the budget of all, answers
 * that do not come, a Redis that is down. */
#include "gateway_bench.h"

#include <stdio.h>

#include "common/mem.h"
#include "gateway/upload_budget.h"
#include "proto/limits.h"

#define WINDOW 8
#define LARGE 1050000u /* characters of base64: nearly what one message takes */
#define LARGE_BYTES (LARGE / 4 * 3)

/* A chunk of so many characters of base64, a multiple of 4. */
static void send_chunk(struct ws_conn *c, unsigned index, size_t chars)
{
    static const char head[] =
        "{\"type\":\"upload_chunk\",\"upload_id\":\"up1\",\"client_id\":\"c\","
        "\"chunk_index\":%u,\"chunk_data\":\"";
    char *text = mem_alloc(sizeof(head) + 16 + chars + 3);
    size_t at = (size_t)snprintf(text, sizeof(head) + 16, head, index);

    memset(text + at, 'A', chars);
    memcpy(text + at + chars, "\"}", 3);
    fake_ws_message(c, text);
    mem_free(text);
}

static void reply(const struct record *chunk, const char *json)
{
    const struct down_item item = {.kind = DOWN_REPLY,
                                   .conn = chunk->conn,
                                   .reply = {chunk->frame_no, chunk->received_us, bytes_str(json)}};

    bench_deliver(0, 0, &item, 1);
}

static void progress(const struct record *chunk)
{
    reply(chunk, "{\"type\":\"upload_progress\"}");
}

static void test_a_chunk_goes_beside_its_envelope(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");
    const struct record *r;

    (void)state;
    bench.holds_blobs = true;
    send_chunk(c, 5, 400);
    bench_pass(0);
    assert_int_equal(bench_ups(UP_UPLOAD), 0); /* not before its bytes are there */
    bench.holds_blobs = false;
    bench_pass(0);
    r = bench_last_up(UP_UPLOAD);
    assert_int_equal(bench.blob_puts, 1);
    assert_int_equal(r->chunk_index, 5);
    assert_int_equal(r->bytes, 300);
    assert_string_equal(r->topic, "chat:7");
    assert_string_equal(r->text, "up1");
    assert_false(r->is_http);
    progress(r);
    progress(r); /* once */
    assert_int_equal(fake_ws_count(c, "upload_progress"), 1);
}

static void test_eight_unanswered_chunks_of_a_socket(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, ""), *other = bench_open(2, "chat:7", 0, "");

    (void)state;
    for (unsigned i = 0; i < WINDOW + 3; i++) {
        send_chunk(c, i, 400);
    }
    bench_pass(0);
    assert_int_equal(bench_ups(UP_UPLOAD), WINDOW);
    assert_true(c->is_paused);
    send_chunk(other, 0, 400); /* a window of its own */
    bench_pass(0);
    assert_int_equal(bench_ups(UP_UPLOAD), WINDOW + 1);
    assert_false(other->is_paused);
    progress(bench_up(UP_UPLOAD, 3)); /* in any order */
    assert_int_equal(bench_ups(UP_UPLOAD), WINDOW + 2);
    assert_true(c->is_paused);
    for (uint32_t i = 0; i < WINDOW + 4; i++) {
        if (i != 3) {
            progress(bench_up(UP_UPLOAD, i));
        }
    }
    assert_int_equal(bench_ups(UP_UPLOAD), WINDOW + 4);
    assert_false(c->is_paused);
    assert_int_equal(fake_ws_count(c, "upload_progress"), WINDOW + 3);
}

static void test_an_error_opens_the_window_too(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    for (unsigned i = 0; i < WINDOW; i++) {
        send_chunk(c, i, 400);
    }
    bench_pass(0);
    assert_true(c->is_paused);
    reply(bench_up(UP_UPLOAD, 0), "{\"type\":\"error\"}");
    assert_false(c->is_paused);
}

static void test_an_answer_that_does_not_come(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    for (unsigned i = 0; i < WINDOW; i++) {
        send_chunk(c, i, 400);
    }
    bench_pass(FRAME_WAIT_MS - 200);
    assert_true(c->is_paused);
    bench_pass(400);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), WINDOW);
    assert_int_equal(fake_ws_count(c, "\"client_id\":\"c\""), WINDOW);
    assert_false(c->is_paused);
    progress(bench_up(UP_UPLOAD, 0)); /* too late */
    assert_int_equal(fake_ws_count(c, "upload_progress"), 0);
    send_chunk(c, 0, 400);
    bench_pass(0);
    assert_int_equal(bench_ups(UP_UPLOAD), WINDOW + 1);
}

static void test_redis_is_down(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, "");

    (void)state;
    bench.holds_blobs = true;
    send_chunk(c, 0, 400); /* its bytes are on their way when the link breaks */
    bench_redis_down();
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 1);
    bench.holds_blobs = false;
    for (unsigned i = 0; i < 2 * WINDOW; i++) { /* no link: each is answered at once */
        send_chunk(c, i, 400);
    }
    bench_pass(0);
    assert_int_equal(fake_ws_count(c, "SERVICE_UNAVAILABLE"), 1 + 2 * WINDOW);
    assert_false(c->is_paused);
    bench_redis_up(false);
    send_chunk(c, 0, 400);
    bench_pass(0);
    assert_int_equal(bench_ups(UP_UPLOAD), 1);
}

static void test_a_socket_that_goes_gives_its_bytes_back(void **state)
{
    struct ws_conn *c = bench_open(1, "chat:7", 0, ""), *other = bench_open(2, "chat:7", 0, "");

    (void)state;
    for (unsigned i = 0; i < WINDOW; i++) {
        send_chunk(c, i, LARGE);
    }
    bench_pass(0);
    fake_ws_leave(c, true);
    for (unsigned i = 0; i < 3; i++) { /* over the budget together with those of the first */
        send_chunk(other, i, LARGE);
    }
    bench_pass(0);
    assert_true(other->is_paused);
    for (uint32_t i = 0; i < WINDOW; i++) {
        progress(bench_up(UP_UPLOAD, i)); /* its answers come all the same */
    }
    assert_false(other->is_paused);
    fake_ws_leave(other, true);
    bench_pass(FRAME_WAIT_MS + 200);
    assert_int_equal(bench_ups(UP_UPLOAD), WINDOW + 3);
}

/* Sockets of which none fills its window wait for each other, and go on in the order of waiting. */
static void test_all_sockets_have_a_budget(void **state)
{
    enum { SOCKETS = 6, EACH = 2 };
    const uint32_t fits = (UPLOAD_BYTES_MAX + LARGE_BYTES - 1) / LARGE_BYTES;
    struct ws_conn *conns[SOCKETS];
    uint32_t paused = 0;

    (void)state;
    for (int i = 0; i < SOCKETS; i++) {
        conns[i] = bench_open(i + 1, "chat:7", 0, "");
        for (unsigned k = 0; k < EACH; k++) {
            send_chunk(conns[i], k, LARGE);
        }
    }
    bench_pass(0);
    for (int i = 0; i < SOCKETS; i++) {
        paused += conns[i]->is_paused;
    }
    /* The one that reached it; those after it were in the middle of one and are paused, too. */
    assert_true(fits < SOCKETS * EACH);
    assert_in_range(paused, 1, SOCKETS - 1);
    assert_false(conns[0]->is_paused);
    for (uint32_t i = 0; i < bench_ups(UP_UPLOAD); i++) {
        progress(bench_up(UP_UPLOAD, i));
    }
    for (int i = 0; i < SOCKETS; i++) {
        assert_false(conns[i]->is_paused);
        assert_int_equal(fake_ws_count(conns[i], "upload_progress"), EACH);
    }
    assert_int_equal(bench_ups(UP_UPLOAD), SOCKETS * EACH);
}

static void test_what_no_budget_takes_is_refused(void **state)
{
    enum { SOCKETS = 30 };
    const uint32_t most = UPLOAD_BYTES_HARD_MAX / LARGE_BYTES;
    struct ws_conn *conns[SOCKETS];
    uint32_t refused = 0;

    (void)state;
    for (int i = 0; i < SOCKETS; i++) {
        conns[i] = bench_open(i + 1, "chat:7", 0, "");
        send_chunk(conns[i], 0, LARGE); /* all were in the middle of one */
    }
    bench_pass(0);
    for (int i = 0; i < SOCKETS; i++) {
        refused += fake_ws_count(conns[i], "SERVICE_UNAVAILABLE");
    }
    assert_int_equal(bench_ups(UP_UPLOAD), most);
    assert_int_equal(refused, SOCKETS - most);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_chunk_goes_beside_its_envelope),
        TEST(test_eight_unanswered_chunks_of_a_socket),
        TEST(test_an_error_opens_the_window_too),
        TEST(test_an_answer_that_does_not_come),
        TEST(test_redis_is_down),
        TEST(test_a_socket_that_goes_gives_its_bytes_back),
        TEST(test_all_sockets_have_a_budget),
        TEST(test_what_no_budget_takes_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
