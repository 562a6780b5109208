/* SPDX-License-Identifier: MIT */
/* A gateway and files over HTTP: downloads by pieces, bodies by pieces, and everything that may be
 * missing on the way. */
#include "gateway_bench.h"

#include "common/mem.h"
#include "gateway/pull_window.h"
#include "gateway/upload_budget.h"
#include "proto/limits.h"

#define PIECE PULL_MAX_BYTES
#define REF "files/abc/data"

static uint64_t get(const char *method)
{
    const struct ws_request req = {.method = bytes_str(method),
                                   .path = BYTES_LIT("/media/attachments/7/a.pdf"),
                                   .host = BYTES_LIT("localhost"),
                                   .address = BYTES_LIT("192.0.2.1")};

    return fake_ws_request(&req);
}

static void answer_file(uint64_t request, uint64_t offset, uint64_t bytes)
{
    const struct down_item item = {.kind = DOWN_HTTP,
                                   .conn = request,
                                   .http = {.status = 200,
                                            .content_type = BYTES_LIT("application/pdf"),
                                            .ref = BYTES_LIT(REF),
                                            .ref_offset = offset,
                                            .ref_bytes = bytes}};

    bench_deliver(0, 0, &item, 1);
}

static void answer_status(uint64_t request, uint32_t status)
{
    const struct down_item item = {
        .kind = DOWN_HTTP,
        .conn = request,
        .http = {.status = status, .content_type = BYTES_LIT("application/json")}};

    bench_deliver(0, 0, &item, 1);
}

static void pulled(const struct record *pull, uint32_t bytes)
{
    const struct down_item item = {
        .kind = DOWN_PULLED, .conn = pull->conn, .pulled = {pull->offset, pull->blob, bytes}};

    bench_deliver(0, 0, &item, 1);
}

static uint64_t download(uint64_t offset, uint64_t bytes)
{
    uint64_t request = get("GET");

    bench_pass(0);
    answer_file(request, offset, bytes);
    bench_pass(0);
    return request;
}

/* --- downloads ----------------------------------------------------------------------------------
 */

static void test_a_file_in_pieces(void **state)
{
    const uint64_t bytes = 3 * PIECE + 10;
    uint64_t request = download(100, bytes);

    (void)state;
    assert_string_equal(bench_last_up(UP_HTTP)->text, "/media/attachments/7/a.pdf");
    assert_int_equal(fake_ws_last_reply()->status, 200);
    assert_int_equal(fake_ws_http_of(request)->content_length, bytes);
    assert_int_equal(bench_ups(UP_PULL), 2); /* the window */
    for (uint32_t i = 0; i < 4; i++) {
        const struct record *pull = bench_up(UP_PULL, i);
        assert_string_equal(pull->text, REF);
        assert_int_equal(pull->offset, 100 + i * PIECE);
        assert_int_equal(pull->bytes, i < 3 ? PIECE : 10);
        pulled(pull, pull->bytes);
        assert_int_equal(fake_ws_http_of(request)->written.len, i < 3 ? (i + 1) * PIECE : bytes);
    }
    assert_true(fake_ws_http_of(request)->is_over);
    assert_false(fake_ws_http_of(request)->is_cut);
    bench_pass(30000);
    assert_int_equal(bench_ups(UP_PULL), 4);
}

static void test_pieces_that_come_in_another_order(void **state)
{
    uint64_t request = download(0, 2 * PIECE);
    const struct record *first = bench_up(UP_PULL, 0), *second = bench_up(UP_PULL, 1);
    const struct fake_http *h = fake_ws_http_of(request);

    (void)state;
    pulled(second, PIECE);
    assert_int_equal(h->written.len, 0);
    pulled(first, PIECE);
    assert_int_equal(h->written.len, 2 * PIECE);
    assert_int_equal(h->written.data[0], 'a' + (int)(first->blob % 26));
    assert_int_equal(h->written.data[PIECE], 'a' + (int)(second->blob % 26));
    assert_true(h->is_over);
}

static void test_head_and_answers_without_a_file(void **state)
{
    static const uint32_t statuses[] = {302, 304, 404, 405, 416};
    uint64_t request = get("HEAD");

    (void)state;
    bench_pass(0);
    answer_file(request, 0, 5 * PIECE);
    assert_true(fake_ws_http_of(request)->is_over);
    assert_int_equal(fake_ws_http_of(request)->content_length, 5 * PIECE);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        request = get("GET");
        bench_pass(0);
        answer_status(request, statuses[i]);
        assert_int_equal(fake_ws_last_reply()->status, statuses[i]);
        assert_true(fake_ws_http_of(request)->is_over);
    }
    bench_pass(1000);
    assert_int_equal(bench_ups(UP_PULL), 0);
}

static void test_a_slow_reader_holds_two_pieces(void **state)
{
    uint64_t request = download(0, 10 * PIECE);
    const struct fake_http *h = fake_ws_http_of(request);

    (void)state;
    fake_ws_http_block(request, true);
    pulled(bench_up(UP_PULL, 0), PIECE);
    pulled(bench_up(UP_PULL, 1), PIECE);
    bench_pass(20000);
    assert_int_equal(bench_ups(UP_PULL), 2);
    assert_int_equal(h->waiting.len, PIECE); /* the other one waits at the gateway */
    fake_ws_http_block(request, false);
    bench_pass(0);
    assert_int_equal(h->written.len, 2 * PIECE);
    assert_int_equal(bench_ups(UP_PULL), 4);
    fake_ws_http_gone(request); /* the port has waited for long enough */
    bench_pass(20000);
    assert_int_equal(bench_ups(UP_PULL), 4);
}

static void test_a_piece_that_does_not_come_is_asked_again(void **state)
{
    uint64_t request = download(0, 100);
    const struct record *first = bench_last_up(UP_PULL), *second;

    (void)state;
    bench_pass(FRAME_WAIT_MS + 200);
    second = bench_last_up(UP_PULL);
    assert_int_equal(bench_ups(UP_PULL), 2);
    assert_int_equal(second->offset, first->offset);
    assert_true(second->blob != first->blob);
    pulled(first, 100); /* too late: nobody takes it */
    assert_int_equal(bench.blob_takes, 0);
    assert_int_equal(fake_redis_submitted("UNLINK"), 1);
    pulled(second, 100);
    assert_true(fake_ws_http_of(request)->is_over);
    assert_int_equal(fake_ws_http_of(request)->written.len, 100);
}

static void test_a_piece_that_cannot_be_had_cuts(void **state)
{
    uint64_t request = download(0, 100);

    (void)state;
    for (uint32_t i = 1; i < PULL_TRIES_MAX; i++) {
        pulled(bench_last_up(UP_PULL), 0);
        bench_pass(PULL_AGAIN_MS + 200);
        assert_int_equal(bench_ups(UP_PULL), i + 1);
    }
    bench.has_no_blobs = true; /* the last one is told to be there and is not */
    pulled(bench_last_up(UP_PULL), 100);
    assert_false(fake_ws_http_of(request)->is_cut);
    bench_pass(PULL_AGAIN_MS + 200);
    assert_true(fake_ws_http_of(request)->is_cut);
    assert_int_equal(bench_ups(UP_PULL), PULL_TRIES_MAX);
}

static void test_a_client_that_goes_frees_everything(void **state)
{
    uint64_t request = download(0, 4 * PIECE);
    struct record pull = *bench_up(UP_PULL, 0);

    (void)state;
    bench.holds_blobs = true;
    pulled(&pull, PIECE);
    fake_ws_http_gone(request); /* while a piece is on its way from Redis */
    bench.holds_blobs = false;
    bench_pass(30000);
    assert_int_equal(bench_ups(UP_PULL), 2);
    pulled(bench_up(UP_PULL, 1), PIECE);
    assert_int_equal(fake_redis_submitted("GETDEL"), 1);
    assert_int_equal(fake_redis_submitted("UNLINK"), 1);
}

static void test_redis_is_away_in_the_middle(void **state)
{
    uint64_t request = download(0, 100);

    (void)state;
    bench_redis_down();
    bench_pass(2000);
    bench_redis_up(false);
    bench_pass(FRAME_WAIT_MS);
    pulled(bench_last_up(UP_PULL), 100);
    assert_int_equal(fake_ws_http_of(request)->written.len, 100);
}

static void test_so_many_downloads_at_a_time(void **state)
{
    uint64_t first = download(0, 100), request;

    (void)state;
    for (int i = 1; i < 256; i++) {
        request = download(0, 100);
        assert_true(fake_ws_http_of(request)->is_begun);
    }
    request = download(0, 100);
    assert_false(fake_ws_http_of(request)->is_begun);
    assert_int_equal(fake_ws_last_reply()->status, 503);
    fake_ws_http_gone(first);
    request = download(0, 100);
    assert_true(fake_ws_http_of(request)->is_begun);
}

static void test_a_stop_lets_a_download_end(void **state)
{
    uint64_t request = download(0, 100);

    (void)state;
    gateway_stop(bench.gateway);
    bench_pass(4000);
    assert_false(fake_loop_is_stopped(bench.loop));
    pulled(bench_last_up(UP_PULL), 100);
    fake_ws_is_answering = true;
    bench_pass(100);
    assert_true(fake_ws_http_of(request)->is_over);
    assert_false(fake_loop_is_stopped(bench.loop)); /* its client has not got all of it yet */
    fake_ws_is_answering = false;
    bench_pass(100);
    assert_true(fake_loop_is_stopped(bench.loop));
}

static void test_a_stop_does_not_wait_for_ever(void **state)
{
    (void)state;
    download(0, 100);
    fake_ws_is_answering = true;
    gateway_stop(bench.gateway);
    bench_pass(9900);
    assert_false(fake_loop_is_stopped(bench.loop));
    bench_pass(4000);
    assert_true(fake_loop_is_stopped(bench.loop));
}

/* --- bodies
 * --------------------------------------------------------------------------------------- */

static uint64_t post(uint64_t bytes)
{
    const struct ws_request req = {.method = BYTES_LIT("POST"),
                                   .path = BYTES_LIT("/api/uploads/"),
                                   .query = BYTES_LIT("channel_id=7&file_name=a.pdf"),
                                   .host = BYTES_LIT("localhost"),
                                   .content_type = BYTES_LIT("application/pdf"),
                                   .address = BYTES_LIT("192.0.2.1"),
                                   .body_bytes = bytes};
    uint64_t request = fake_ws_request(&req);

    bench_pass(0);
    return request;
}

static void wanted(uint64_t request)
{
    const struct down_item item = {.kind = DOWN_WANTED,
                                   .conn = request,
                                   .wanted = {.actor = {.user_id = 3},
                                              .topic = BYTES_LIT("chat:7"),
                                              .upload_id = BYTES_LIT("up1")}};

    bench_deliver(0, 0, &item, 1);
}

static void send_body(uint64_t request, size_t len)
{
    char *letters = mem_alloc(len);

    memset(letters, 'b', len);
    fake_ws_http_send(request, bytes_of(letters, len));
    mem_free(letters);
    bench_pass(0);
}

static void test_a_body_in_pieces(void **state)
{
    uint64_t request = post(2 * PIECE + 5);
    struct record r = *bench_last_up(UP_HTTP);

    (void)state;
    assert_int_equal(r.body_bytes, 2 * PIECE + 5);
    send_body(request, 2 * PIECE + 5);
    assert_int_equal(fake_ws_http_of(request)->unread, 2 * PIECE + 5); /* nobody wants it yet */
    wanted(request);
    wanted(request); /* of a broker that took over */
    assert_int_equal(bench_ups(UP_UPLOAD), 2);
    for (uint32_t i = 0; i < 3; i++) {
        r = *bench_up(UP_UPLOAD, i);
        assert_int_equal(r.conn, request);
        assert_true(r.is_http);
        assert_int_equal(r.frame_no, i + 1);
        assert_int_equal(r.chunk_index, i);
        assert_int_equal(r.bytes, i < 2 ? PIECE : 5);
        assert_string_equal(r.topic, "chat:7");
        assert_string_equal(r.text, "up1");
        assert_false(fake_ws_http_of(request)->is_over);
        bench_ack(&r);
        bench_ack(&r); /* again is nothing */
    }
    assert_int_equal(bench_ups(UP_UPLOAD), 3);
    bench_pass(20000);
    assert_false(fake_ws_http_of(request)->is_over);
    answer_status(request, 201);
    assert_int_equal(fake_ws_last_reply()->status, 201);
    assert_true(fake_ws_http_of(request)->is_over);
    answer_status(request, 201);
    assert_int_equal(fake_ws_replies(), 1);
}

static void test_a_body_that_is_refused_is_not_read(void **state)
{
    uint64_t request = post(10 * PIECE);

    (void)state;
    send_body(request, PIECE);
    answer_status(request, 403);
    assert_int_equal(fake_ws_last_reply()->status, 403);
    assert_int_equal(fake_ws_http_of(request)->unread, 10 * PIECE);
    wanted(request); /* too late */
    bench_pass(20000);
    assert_int_equal(bench_ups(UP_UPLOAD), 0);
    assert_int_equal(fake_ws_replies(), 1);
}

static void test_a_refusal_in_the_middle(void **state)
{
    uint64_t request = post(10 * PIECE);

    (void)state;
    wanted(request);
    send_body(request, 2 * PIECE);
    bench_ack(bench_up(UP_UPLOAD, 0));
    answer_status(request, 429);
    assert_int_equal(fake_ws_last_reply()->status, 429);
    assert_true(bench_last_up(UP_UPLOAD)->is_cancel);
    assert_int_equal(bench_last_up(UP_UPLOAD)->frame_no, 3);
    bench_ack(bench_up(UP_UPLOAD, 1));
    bench_pass(20000);
    assert_int_equal(bench_ups(UP_UPLOAD), 3);
    assert_int_equal(fake_ws_replies(), 1);
}

static void test_a_piece_goes_again_once(void **state)
{
    uint64_t request = post(PIECE);
    struct record first, second;

    (void)state;
    wanted(request);
    send_body(request, PIECE);
    first = *bench_last_up(UP_UPLOAD);
    bench_pass(FRAME_WAIT_MS + 200);
    second = *bench_last_up(UP_UPLOAD);
    assert_int_equal(bench_ups(UP_UPLOAD), 2);
    assert_int_equal(second.frame_no, first.frame_no);
    assert_int_equal(second.chunk_index, first.chunk_index);
    assert_int_equal(second.bytes, PIECE);
    assert_true(second.blob != first.blob);
    assert_int_equal(bench.blob_puts, 2);
    bench_pass(FRAME_WAIT_MS + 200);
    assert_int_equal(bench_ups(UP_UPLOAD), 3);
    assert_true(bench_last_up(UP_UPLOAD)->is_cancel);
    assert_int_equal(fake_ws_last_reply()->status, 503);
    assert_true(fake_ws_http_of(request)->is_over);
}

static void test_no_broker_wants_it(void **state)
{
    uint64_t request = post(PIECE);

    (void)state;
    bench_pass(FRAME_WAIT_MS + 200);
    assert_int_equal(fake_ws_last_reply()->status, 503);
    wanted(request);
    bench_pass(0);
    assert_int_equal(fake_ws_http_of(request)->wanted, 0);
}

static void test_redis_is_down_while_a_piece_comes(void **state)
{
    uint64_t request = post(PIECE);

    (void)state;
    wanted(request);
    bench_redis_down();
    send_body(request, PIECE);
    bench_pass(1000);
    assert_int_equal(fake_ws_replies(), 0);
    bench_redis_up(false);
    bench_pass(FRAME_WAIT_MS);
    assert_int_equal(bench_ups(UP_UPLOAD), 1);
    bench_ack(bench_last_up(UP_UPLOAD));
    answer_status(request, 201);
    assert_int_equal(fake_ws_last_reply()->status, 201);
}

static void test_a_sender_that_goes_frees_everything(void **state)
{
    uint64_t request = post(10 * PIECE);

    (void)state;
    wanted(request);
    bench.holds_blobs = true;
    send_body(request, 2 * PIECE);
    fake_ws_http_gone(request);
    bench.holds_blobs = false;
    bench_pass(20000);
    assert_int_equal(bench_ups(UP_UPLOAD), 1);
    assert_true(bench_last_up(UP_UPLOAD)->is_cancel);
    assert_int_equal(bench.blob_puts, 2);
    request = post(PIECE);
    wanted(request);
    send_body(request, PIECE);
    bench_ack(bench_last_up(UP_UPLOAD));
    fake_ws_http_gone(request); /* all is there: nothing to be cancelled */
    bench_pass(1000);
    assert_int_equal(bench_ups(UP_UPLOAD), 2);
}

/* With two pieces of 256 KiB each, 16 uploads have all the bytes on the way that may be. */
static void test_all_together_have_a_budget(void **state)
{
    uint64_t requests[20];
    uint32_t reading = 0, before;

    (void)state;
    for (int i = 0; i < 20; i++) {
        requests[i] = post(10 * PIECE);
        wanted(requests[i]);
        send_body(requests[i], 4 * PIECE);
    }
    before = bench_ups(UP_UPLOAD);
    assert_int_equal(before, UPLOAD_BYTES_MAX / PIECE);
    for (int i = 0; i < 20; i++) {
        reading += fake_ws_http_of(requests[i])->wanted > 0;
    }
    assert_int_equal(reading, 0);
    bench_ack(bench_up(UP_UPLOAD, 0));
    assert_int_equal(bench_ups(UP_UPLOAD), before + 1);
    for (int i = 0; i < 16; i++) { /* what they had on the way is free */
        fake_ws_http_gone(requests[i]);
    }
    bench_pass(0);
    for (int i = 16; i < 20; i++) {
        assert_int_equal(fake_ws_http_of(requests[i])->unread, 8 * PIECE);
    }
}

static void test_lengths_and_numbers(void **state)
{
    uint64_t request = post((uint64_t)UPLOAD_CHUNKS_MAX * UPLOAD_CHUNK_ADVICE + 1);

    (void)state;
    wanted(request);
    bench_pass(0);
    assert_int_equal(fake_ws_http_of(request)->wanted, UPLOAD_CHUNK_ADVICE + 1);
    request = post((uint64_t)UPLOAD_CHUNKS_MAX * UPLOAD_CHUNK_MAX_BYTES);
    wanted(request);
    assert_int_equal(fake_ws_http_of(request)->wanted, UPLOAD_CHUNK_MAX_BYTES);
    post((uint64_t)UPLOAD_CHUNKS_MAX * UPLOAD_CHUNK_MAX_BYTES + 1);
    assert_int_equal(fake_ws_last_reply()->status, 413);
    assert_int_equal(bench_ups(UP_HTTP), 2);
}

static void test_so_many_bodies_at_a_time(void **state)
{
    uint64_t first = post(1);
    unsigned replies;

    (void)state;
    for (int i = 1; i < 128; i++) {
        post(1);
    }
    replies = fake_ws_replies();
    post(1);
    assert_int_equal(fake_ws_replies(), replies + 1);
    assert_int_equal(fake_ws_last_reply()->status, 503);
    fake_ws_http_gone(first);
    post(1);
    assert_int_equal(fake_ws_replies(), replies + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_file_in_pieces),
        TEST(test_pieces_that_come_in_another_order),
        TEST(test_head_and_answers_without_a_file),
        TEST(test_a_slow_reader_holds_two_pieces),
        TEST(test_a_piece_that_does_not_come_is_asked_again),
        TEST(test_a_piece_that_cannot_be_had_cuts),
        TEST(test_a_client_that_goes_frees_everything),
        TEST(test_redis_is_away_in_the_middle),
        TEST(test_so_many_downloads_at_a_time),
        TEST(test_a_stop_lets_a_download_end),
        TEST(test_a_stop_does_not_wait_for_ever),
        TEST(test_a_body_in_pieces),
        TEST(test_a_body_that_is_refused_is_not_read),
        TEST(test_a_refusal_in_the_middle),
        TEST(test_a_piece_goes_again_once),
        TEST(test_no_broker_wants_it),
        TEST(test_redis_is_down_while_a_piece_comes),
        TEST(test_a_sender_that_goes_frees_everything),
        TEST(test_all_together_have_a_budget),
        TEST(test_lengths_and_numbers),
        TEST(test_so_many_bodies_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
