/* SPDX-License-Identifier: MIT */
/* Frames about uploads: what is asked of the database, the storage and Redis, and what is answered
 * for every verdict; every part away at every step. */
#include "common/mem.h"
#include "requests_files.h"

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)
#define STARTED "{\"type\":\"upload_started\",\"upload_id\":\"%s\",\"chunk_size\":262144,"
#define PROGRESS                                                                                   \
    "{\"type\":\"upload_progress\",\"upload_id\":\"up1\",\"chunk_index\":3,\"received\":50,"       \
    "\"total\":100,\"progress\":50}"

static const struct {
    enum upload_verdict verdict;
    const char *code;
} VERDICTS[] = {
    {UPLOAD_UNKNOWN, "INVALID_MESSAGE"},      {UPLOAD_FOREIGN, "PERMISSION_DENIED"},
    {UPLOAD_NO_CHANNEL, "CHANNEL_NOT_FOUND"}, {UPLOAD_NO_ACCESS, "PERMISSION_DENIED"},
    {UPLOAD_TOO_MANY, "INVALID_MESSAGE"},     {UPLOAD_CONFLICT, "INVALID_MESSAGE"},
};
#define VERDICT_COUNT (sizeof(VERDICTS) / sizeof(VERDICTS[0]))

static struct up_upload start_frame(uint64_t no)
{
    return frame_of(UPLOAD_START, no);
}

static struct up_upload chunk_frame(uint64_t no)
{
    fake_files.blob = BYTES_LIT("hello");
    fake_files.stored.received = 50;
    fake_files.stored.total = 100;
    return frame_of(UPLOAD_CHUNK, no);
}

static struct up_upload resume_frame(uint64_t no)
{
    struct up_upload u = frame_of(UPLOAD_START, no);

    u.upload_id = BYTES_LIT("up1");
    fake_files.resumed.chunks = BYTES_LIT("[0, 2, 4095]");
    return u;
}

static struct up_upload cancel_frame(uint64_t no)
{
    return frame_of(UPLOAD_CANCEL, no);
}

/* ---- start ---- */

static void test_start(void **state)
{
    struct up_upload u = start_frame(1);
    const struct down_item *item;
    char first[80], json[256];

    (void)state;
    u.file_name = BYTES_LIT("dir/a<b>.txt ");
    u.file_type = BYTES_LIT("Text/Plain; charset=utf-8");
    send_upload(&u);
    item = bench_answer(CONN);
    (void)snprintf(first, sizeof(first), "%s", fake_files.upload_id);
    (void)snprintf(json, sizeof(json), STARTED "\"received\":[]}", first);
    assert_int_equal(item->kind, DOWN_REPLY);
    assert_true(bytes_eq_str(item->reply.json, json));
    assert_int_equal(strlen(first), 22);
    assert_int_equal(strlen(fake_files.storage_name), STORAGE_NAME_BYTES);
    assert_string_equal(fake_files.file_name, "a<\xE2\x80\x8B"
                                              "b>.txt");
    assert_string_equal(fake_files.file_type, "text/plain");
    assert_string_equal(fake_files.gateway, GATEWAY);
    assert_int_equal(fake_files.upload.by.conn, CONN);
    assert_int_equal(fake_files.upload.by.user_id, ALICE);
    assert_int_equal(fake_files.upload.channel_id, 1);
    assert_int_equal(fake_files.upload.file_size, 100);
    assert_int_equal(fake_files.upload.open_max, 5);
    assert_true(fake_files.upload.is_posted);
    assert_false(bench_logged("b>.txt"));

    bench_restart(); /* another broker gets the same frame: it is the same upload */
    send_upload(&u);
    assert_true(bytes_eq_str(bench_answer(CONN)->reply.json, json));
    u.frame_no = 2;
    u.is_posted = false;
    send_upload(&u);
    assert_int_equal(bench_answer(CONN)->kind, DOWN_REPLY);
    assert_string_not_equal(fake_files.upload_id, first);
    assert_false(fake_files.upload.is_posted);
}

static void test_start_refused_by_the_rules(void **state)
{
    struct up_upload u = start_frame(1);

    (void)state;
    u.client_id = BYTES_LIT("c1");
    u.file_size = 1001;
    assert_error(&u, "MESSAGE_TOO_LARGE", "\"client_id\":\"c1\"");
    u.frame_no++;
    u.file_size = 1000;
    u.file_name = BYTES_LIT("a.exe");
    assert_error(&u, "INVALID_MESSAGE", "Files with such a name are not taken.");
    u.frame_no++;
    u.file_name = BYTES_LIT("..");
    assert_error(&u, "INVALID_MESSAGE", "This is not a file name.");
    u.frame_no++;
    u.file_name = BYTES_LIT("a");
    u.file_type = BYTES_LIT("text/html");
    assert_error(&u, "INVALID_MESSAGE", "Files of this type are not taken.");
    assert_string_equal(fake_files.upload_id, ""); /* nothing was asked */
}

static void test_of_another_channel(void **state)
{
    struct up_upload u = start_frame(1);

    (void)state;
    u.channel_id = 2;
    u.file_name = BYTES_LIT("a.exe"); /* whose channel it is goes first */
    assert_error(&u, "CHANNEL_NOT_FOUND", NULL);
    fake_files.has_channel = true;
    fake_files.channel = (struct channel_row){.is_private = true};
    u.frame_no++;
    assert_error(&u, "PERMISSION_DENIED", NULL);
    fake_files.channel.is_member = true;
    u.frame_no++;
    assert_error(&u, "INVALID_MESSAGE", "This socket is of another channel.");
    fake_files.channel = (struct channel_row){.is_private = false};
    u.frame_no++;
    u.topic = BYTES_LIT("status");
    assert_error(&u, "INVALID_MESSAGE", NULL);
    assert_string_equal(fake_files.upload_id, "");
}

static void test_verdicts_of_a_start(void **state)
{
    struct up_upload u = start_frame(1);

    (void)state;
    for (size_t i = 0; i < VERDICT_COUNT; i++, u.frame_no++) {
        fake_files.verdict = VERDICTS[i].verdict;
        assert_error(&u, VERDICTS[i].code, NULL);
    }
    fake_files.verdict = UPLOAD_REPEAT; /* is no verdict of a start */
    assert_error(&u, "INTERNAL_ERROR", NULL);
}

/* ---- resume ---- */

static void test_resume(void **state)
{
    struct up_upload u = resume_frame(1);

    (void)state;
    assert_reply(&u, "{\"type\":\"upload_started\",\"upload_id\":\"up1\",\"chunk_size\":262144,"
                     "\"received\":[0,2,4095]}");
    assert_string_equal(fake_files.upload_id, "up1");
    assert_int_equal(fake_files.by.conn, CONN);
    for (size_t i = 0; i < VERDICT_COUNT; i++) {
        u.frame_no++;
        fake_files.resumed.verdict = VERDICTS[i].verdict;
        assert_error(&u, VERDICTS[i].code, NULL);
    }
}

/* The database never says so, but it would not harm. */
static void test_resume_with_odd_chunks(void **state)
{
    static const char *const lists[] = {"", "x", "{}", "[]"};
    struct up_upload u = resume_frame(1);

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++, u.frame_no++) {
        fake_files.resumed.chunks = bytes_str(lists[i]);
        assert_reply(&u, "{\"type\":\"upload_started\",\"upload_id\":\"up1\",\"chunk_size\":262144,"
                         "\"received\":[]}");
    }
}

static size_t answers_to(const struct up_upload *u)
{
    size_t before = fake_answers();

    send_upload(u);
    fake_run_all();
    return fake_answers() - before;
}

static void test_resume_when_it_is_done(void **state)
{
    struct up_upload u = resume_frame(1);
    const struct down_item *item;

    (void)state;
    fake_files.resumed.attachment_id = 12;
    fake_files.has_attachment = true;
    fake_files.attachment = (struct attachment_row){.id = 12,
                                                    .file_size = 100,
                                                    .file_name = BYTES_LIT("a.txt"),
                                                    .file_type = BYTES_LIT("text/plain"),
                                                    .sha256 = BYTES_LIT("ff")};
    assert_int_equal(answers_to(&u), 2);
    assert_int_equal(fake_answer(0)->item.kind, DOWN_REPLY);
    item = &fake_answer(1)->item;
    assert_int_equal(item->kind, DOWN_SEND);
    assert_int_equal(item->conn, CONN);
    assert_true(bytes_eq_str(item->send.json,
                             "{\"type\":\"upload_complete\",\"upload_id\":\"up1\",\"attachment\":{"
                             "\"id\":12,\"file_name\":\"a.txt\",\"file_size\":100,\"file_type\":"
                             "\"text/plain\",\"url\":\"/media/attachments/12/a.txt\",\"sha256\":"
                             "\"ff\"}}"));
    assert_int_equal(fake_files.user_id, ALICE);
    u.frame_no++;
    fake_files.has_attachment = false; /* was deleted meanwhile */
    assert_int_equal(answers_to(&u), 1);
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        u.frame_no++;
        fake_store.fault =
            (struct fake_fault){.nth = 2, .at_submit = at_submit, .err = ERR_UNAVAILABLE};
        assert_int_equal(answers_to(&u), 1);
    }
    fake_store.fault = (struct fake_fault){0};
    u.frame_no++;
    fake_egress_fault = (struct fake_fault){.nth = 1, .err = ERR_FULL};
    assert_int_equal(answers_to(&u), 1); /* an error frame instead of the reply */
}

/* ---- cancel ---- */

static void test_cancel(void **state)
{
    struct up_upload u = cancel_frame(1);

    (void)state;
    assert_reply(&u, "{\"type\":\"upload_cancelled\",\"upload_id\":\"up1\"}");
    assert_int_equal(fake_files.cancels, 1);
    for (size_t i = 0; i < VERDICT_COUNT; i++) {
        u.frame_no++;
        fake_files.verdict = VERDICTS[i].verdict;
        assert_error(&u, VERDICTS[i].code, NULL);
    }
}

/* ---- chunks ---- */

static void test_chunk(void **state)
{
    struct up_upload u = chunk_frame(1);

    (void)state;
    assert_reply(&u, PROGRESS);
    assert_string_equal(fake_files.key, "part/storagename/9");
    assert_string_equal(fake_files.put, "hello");
    assert_string_equal(fake_files.digest,
                        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_string_equal(fake_files.chunk_upload_id, "up1");
    assert_int_equal(fake_files.chunk.index, 3);
    assert_int_equal(fake_files.chunk.size, 5);
    assert_int_equal(fake_files.drops, 1);
    assert_int_equal(fake_files.turns, 0);
    assert_string_equal(fake_files.finished, "");
    u.frame_no++;
    fake_files.stored.is_last = true;
    assert_reply(&u, PROGRESS);
    assert_string_equal(fake_files.finished, "up1");
}

static void test_verdicts_of_a_place(void **state)
{
    struct up_upload u = chunk_frame(1);

    (void)state;
    for (size_t i = 0; i < VERDICT_COUNT; i++, u.frame_no++) {
        fake_files.place.verdict = VERDICTS[i].verdict;
        assert_error(&u, VERDICTS[i].code, NULL);
        assert_int_equal(fake_files.drops, i + 1); /* Redis is free of it */
    }
    fake_files.place.verdict = UPLOAD_REPEAT;
    fake_files.place.received = 50;
    fake_files.place.total = 100;
    assert_reply(&u, PROGRESS);
    assert_string_equal(fake_files.key, ""); /* nothing was stored */
}

static void test_verdicts_of_what_is_stored(void **state)
{
    struct up_upload u = chunk_frame(1);

    (void)state;
    fake_files.stored.is_last = true; /* of an upload that has gone it means nothing */
    for (size_t i = 0; i < VERDICT_COUNT; i++, u.frame_no++) {
        fake_files.stored.verdict = VERDICTS[i].verdict;
        assert_error(&u, VERDICTS[i].code, NULL);
    }
    assert_string_equal(fake_files.finished, "");
}

static void test_its_bytes_are_not_there(void **state)
{
    struct up_upload u = chunk_frame(1);

    (void)state;
    fake_files.blob = BYTES_NONE;
    assert_reply(&u, UNAVAILABLE);
    u.frame_no++;
    fake_files.blob = BYTES_LIT("hell");
    assert_reply(&u, UNAVAILABLE);
    u.frame_no++;
    fake_files.blob = BYTES_LIT("hello!");
    assert_reply(&u, UNAVAILABLE);
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        u.frame_no++;
        fake_files.blob_fault =
            (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = at_submit, .err = ERR_UNAVAILABLE};
        assert_reply(&u, UNAVAILABLE);
    }
    assert_string_equal(fake_files.digest, "");
    assert_int_equal(fake_files.drops, 0);
}

static void test_the_storage_is_away(void **state)
{
    static const int errs[] = {ERR_FULL, ERR_UNAVAILABLE, ERR_DENIED, ERR_IO, ERR_NOMEM};
    struct up_upload u = chunk_frame(1);

    (void)state;
    for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++, u.frame_no++) {
        fake_files.storage_err = errs[i];
        assert_reply(&u, UNAVAILABLE);
    }
    assert_true(bench_logged("chunk_not_stored"));
    fake_files.storage_err = 0;
    fake_worker_fault = (struct fake_fault){.nth = 1, .err = ERR_BUSY};
    assert_reply(&u, UNAVAILABLE);
    u.frame_no++;
    fake_worker_is_stopping = true;
    assert_reply(&u, UNAVAILABLE);
    u.frame_no++;
    fake_files.turn_err = ERR_NOMEM;
    assert_reply(&u, UNAVAILABLE);
    assert_int_equal(fake_files.drops, 0); /* they stay for another try */
}

static void test_so_many_bytes_a_minute(void **state)
{
    struct up_upload u = chunk_frame(1);

    (void)state;
    bench.conf.upload_bytes_per_minute = 12;
    assert_reply(&u, PROGRESS);
    u.frame_no++;
    assert_reply(&u, PROGRESS);
    u.frame_no++;
    assert_error(&u, "RATE_LIMIT_EXCEEDED", NULL);
    assert_int_equal(fake_files.drops, 3);
    fake_clock_forward(60001);
    u.frame_no++;
    assert_reply(&u, PROGRESS);
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        u.frame_no++;
        fake_redis_fault =
            (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = at_submit, .err = ERR_UNAVAILABLE};
        assert_reply(&u, UNAVAILABLE);
    }
}

/* ---- what is in the way of all of them ---- */

static struct up_upload (*const FRAMES[])(uint64_t) = {start_frame, resume_frame, cancel_frame,
                                                       chunk_frame};
#define FRAME_COUNT (sizeof(FRAMES) / sizeof(FRAMES[0]))

static void test_the_store_is_away(void **state)
{
    static const int errs[] = {ERR_UNAVAILABLE, ERR_BUSY, ERR_NOMEM, ERR_REMOTE, ERR_TIMEOUT};
    uint64_t no = 0;

    (void)state;
    for (size_t k = 0; k < FRAME_COUNT + 1; k++) {
        for (size_t i = 0; i < 2 * sizeof(errs) / sizeof(errs[0]); i++) {
            struct up_upload u = FRAMES[k < FRAME_COUNT ? k : k - 1](++no);
            fake_store.fault = (struct fake_fault){
                .nth = k < FRAME_COUNT ? 1 : 2, .at_submit = i % 2, .err = errs[i / 2]};
            assert_reply(&u, UNAVAILABLE);
        }
    }
    struct up_upload other = start_frame(++no);
    other.channel_id = 2;
    fake_store.fault = (struct fake_fault){.nth = 1, .err = ERR_UNAVAILABLE};
    assert_reply(&other, UNAVAILABLE);
}

/* Answered, or left to the gateway, which answers when the time is up; but nothing hangs. */
static void test_without_memory(void **state)
{
    uint64_t no = 0;

    (void)state;
    bench.conf.upload_bytes_per_minute = 1000000;
    for (size_t k = 0; k < FRAME_COUNT; k++) {
        bool is_done = false;
        for (unsigned nth = 1; !is_done; nth++) {
            struct up_upload u = FRAMES[k](++no);
            size_t before = fake_answers();
            mem_fail_after(nth);
            send_upload(&u);
            fake_run_all();
            mem_fail_after(0);
            assert_in_range(fake_answers() - before, nth == 1 ? 0 : 1, 1);
            is_done = fake_answers() > before &&
                      !memmem(fake_answer(before)->item.reply.json.ptr,
                              fake_answer(before)->item.reply.json.len, "error", 5);
            assert_int_equal(fake_files.turns, 0);
            assert_true(nth < 30);
        }
    }
}

static void test_a_repeat_is_one_request(void **state)
{
    struct up_upload u = chunk_frame(1), other = chunk_frame(2);

    (void)state;
    send_upload(&u);
    send_upload(&u);
    assert_int_equal(bench_answer(CONN)->kind, DOWN_REPLY);
    send_upload(&u);
    send_upload(&other);
    fake_run_all();
    assert_int_equal(fake_answers(), 3);
}

/* The broker ends after each number of steps. */
static void test_ends_with_everything_under_way(void **state)
{
    (void)state;
    bench.conf.upload_bytes_per_minute = 1000000;
    for (unsigned steps = 0; steps < 40; steps++) {
        for (size_t k = 0; k < FRAME_COUNT; k++) {
            struct up_upload u = FRAMES[k](k + 1);
            send_upload(&u);
        }
        for (unsigned i = 0; i < steps && fake_run_one(); i++) {
        }
        bench_restart();
        fake_run_all();
        assert_int_equal(fake_files.turns, 0);
        fake_egress_reset();
    }
}

static void test_the_table_is_full(void **state)
{
    struct up_upload u = cancel_frame(1);

    (void)state;
    for (; u.frame_no <= REQUESTS_MAX; u.frame_no++) {
        send_upload(&u);
    }
    send_upload(&u);
    assert_int_equal(fake_answers(), 1);
    assert_int_equal(fake_answer(0)->item.reply.frame_no, REQUESTS_MAX + 1);
    assert_true(bytes_eq_str(fake_answer(0)->item.reply.json, UNAVAILABLE));
    u.is_http = true;
    u.frame_no++;
    send_upload(&u);
    assert_int_equal(fake_answer(1)->item.kind, DOWN_HTTP);
    assert_int_equal(fake_answer(1)->item.http.status, 503);
    fake_run_all();
    assert_int_equal(fake_answers(), REQUESTS_MAX + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_start),
        FILE_TEST(test_start_refused_by_the_rules),
        FILE_TEST(test_of_another_channel),
        FILE_TEST(test_verdicts_of_a_start),
        FILE_TEST(test_resume),
        FILE_TEST(test_resume_with_odd_chunks),
        FILE_TEST(test_resume_when_it_is_done),
        FILE_TEST(test_cancel),
        FILE_TEST(test_chunk),
        FILE_TEST(test_verdicts_of_a_place),
        FILE_TEST(test_verdicts_of_what_is_stored),
        FILE_TEST(test_its_bytes_are_not_there),
        FILE_TEST(test_the_storage_is_away),
        FILE_TEST(test_so_many_bytes_a_minute),
        FILE_TEST(test_the_store_is_away),
        FILE_TEST(test_without_memory),
        FILE_TEST(test_a_repeat_is_one_request),
        FILE_TEST(test_ends_with_everything_under_way),
        FILE_TEST(test_the_table_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
