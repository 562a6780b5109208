/* SPDX-License-Identifier: MIT */
/* Files over HTTP: uploads in a request's body, downloads, and the pieces that gateways pull. */
#include "common/mem.h"
#include "requests_files.h"

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)
#define ETAG "\"ff\""
#define PATH "/media/attachments/12/a%20b.txt"
#define NOT_FOUND "{\"detail\":\"Not found.\",\"code\":\"not_found\"}"

static uint64_t last_conn;

/* ---- uploads ---- */

struct body {
    const char *query, *type;
    uint64_t bytes;
};
#define QUERY "channel_id=7&file_name=a%20b.txt"

static struct up_envelope envelope_of(int64_t user_id, const struct body *b)
{
    struct up_envelope env = {.kind = UP_HTTP, .conn = ++last_conn};
    struct credentials nobody = {0};

    env.http.method = BYTES_LIT("POST");
    env.http.path = BYTES_LIT("/api/uploads/");
    env.http.query = bytes_str(b->query);
    env.http.content_type = bytes_str(b->type);
    env.http.body_bytes = b->bytes;
    env.http.address = BYTES_LIT("192.0.2.1");
    env.http.cred = user_id ? bearer_of(user_id) : nobody;
    return env;
}

static const struct down_item *post(int64_t user_id, const struct body *b)
{
    struct up_envelope env = envelope_of(user_id, b);

    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    return bench_answer(last_conn);
}

static void assert_status(const struct down_item *item, uint32_t status, const char *code)
{
    assert_int_equal(item->kind, DOWN_HTTP);
    if (item->http.status != status ||
        !memmem(item->http.body.ptr, item->http.body.len, code, strlen(code))) {
        fail_msg("%u %.*s", item->http.status, BYTES_FMT(item->http.body));
    }
}

static void test_a_body_is_wanted(void **state)
{
    const struct down_item *item = post(ALICE, &(struct body){QUERY, "Text/Plain; x", 100});

    (void)state;
    assert_int_equal(item->kind, DOWN_WANTED);
    assert_int_equal(item->wanted.actor.user_id, ALICE);
    assert_true(bytes_eq_str(item->wanted.topic, "chat:7"));
    assert_true(bytes_eq_str(item->wanted.upload_id, fake_files.upload_id));
    assert_string_equal(fake_files.file_name, "a b.txt");
    assert_string_equal(fake_files.file_type, "text/plain");
    assert_int_equal(fake_files.upload.file_size, 100);
    assert_int_equal(fake_files.upload.channel_id, 7);
    assert_int_equal((int64_t)fake_files.by.conn, -(int64_t)last_conn);
    assert_int_equal(fake_files.by.user_id, ALICE);
    assert_true(fake_files.upload.is_posted);
    assert_int_equal(post(ALICE, &(struct body){QUERY "&post=0", "text/plain", 1})->kind,
                     DOWN_WANTED);
    assert_false(fake_files.upload.is_posted);
    assert_int_equal(post(ALICE, &(struct body){QUERY "&post=false", "text/plain", 1})->kind,
                     DOWN_WANTED);
    assert_false(fake_files.upload.is_posted);
    assert_int_equal(post(ALICE, &(struct body){QUERY "&post=1", "text/plain", 1})->kind,
                     DOWN_WANTED);
    assert_true(fake_files.upload.is_posted);
}

static void test_a_body_is_refused(void **state)
{
    static const struct {
        struct body body;
        uint32_t status;
        const char *code;
    } cases[] = {
        {{"", "text/plain", 1}, 400, "channel_id and file_name are needed."},
        {{"channel_id=7", "text/plain", 1}, 400, "channel_id and file_name are needed."},
        {{"file_name=a", "text/plain", 1}, 400, "channel_id and file_name are needed."},
        {{"channel_id=0&file_name=a", "text/plain", 1}, 400, "are needed."},
        {{"channel_id=x&file_name=a", "text/plain", 1}, 400, "are needed."},
        {{"channel_id=99999999999999999999999&file_name=a", "text/plain", 1}, 400, "are needed."},
        {{"channel_id=7&file_name=%2", "text/plain", 1}, 400, "INVALID_MESSAGE"},
        {{"channel_id=7&file_name=..", "text/plain", 1}, 400, "INVALID_MESSAGE"},
        {{"channel_id=7&file_name=%ff", "text/plain", 1}, 400, "INVALID_MESSAGE"},
        {{"channel_id=7&file_name=a.exe", "text/plain", 1}, 400, "INVALID_MESSAGE"},
        {{QUERY, "text/html", 1}, 400, "INVALID_MESSAGE"},
        {{QUERY, "", 1}, 400, "INVALID_MESSAGE"},
        {{QUERY, "text/plain", 0}, 400, "The file is empty."},
        {{QUERY, "text/plain", 1001}, 413, "MESSAGE_TOO_LARGE"},
        {{QUERY, "text/plain", ID_MAX}, 413, "MESSAGE_TOO_LARGE"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_status(post(ALICE, &cases[i].body), cases[i].status, cases[i].code);
        assert_status(post(0, &cases[i].body), 401, "AUTHENTICATION_FAILED"); /* told first */
    }
    assert_status(post(3, &(struct body){QUERY, "text/plain", 1}), 401, "AUTHENTICATION_FAILED");
    assert_string_equal(fake_files.upload_id, "");
}

static void test_verdicts_of_a_body(void **state)
{
    static const struct {
        enum upload_verdict verdict;
        uint32_t status;
        const char *code;
    } cases[] = {
        {UPLOAD_NO_CHANNEL, 404, "CHANNEL_NOT_FOUND"}, {UPLOAD_NO_ACCESS, 403, "PERMISSION_DENIED"},
        {UPLOAD_TOO_MANY, 400, "Too many uploads"},    {UPLOAD_UNKNOWN, 400, "INVALID_MESSAGE"},
        {UPLOAD_CONFLICT, 400, "INVALID_MESSAGE"},     {UPLOAD_REPEAT, 500, "INTERNAL_ERROR"},
    };
    const struct body body = {QUERY, "text/plain", 1};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_files.verdict = cases[i].verdict;
        assert_status(post(ALICE, &body), cases[i].status, cases[i].code);
    }
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        fake_store.fault = (struct fake_fault){/* the user is known by now */
                                               .nth = 1,
                                               .at_submit = at_submit,
                                               .err = ERR_UNAVAILABLE};
        assert_status(post(ALICE, &body), 503, "SERVICE_UNAVAILABLE");
    }
}

static void test_a_body_without_memory(void **state)
{
    const struct down_item *item;
    unsigned nth = 0;

    (void)state;
    do {
        struct up_envelope env = envelope_of(ALICE, &(struct body){QUERY, "text/plain", 1});
        fake_clock_forward(10000);
        mem_fail_after(++nth);
        requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
        item = bench_answer(last_conn);
        mem_fail_after(0);
        assert_true(item->kind == DOWN_WANTED || item->http.status == 503);
    } while (item->kind != DOWN_WANTED && nth < 60);
    assert_int_equal(item->kind, DOWN_WANTED);
    assert_in_range(nth, 5, 40);
}

static const struct down_item *send_piece(uint64_t no)
{
    struct up_upload u = frame_of(UPLOAD_CHUNK, no);

    u.is_http = true;
    send_upload(&u);
    return bench_answer(CONN);
}

static void test_pieces_of_a_body(void **state)
{
    const struct down_item *item;

    (void)state;
    fake_files.blob = BYTES_LIT("hello");
    item = send_piece(1);
    assert_int_equal(item->kind, DOWN_ACK);
    assert_int_equal(item->ack.frame_no, 1);
    assert_int_equal(item->ack.received_us, 1001);
    assert_int_equal((int64_t)fake_files.by.conn, -(int64_t)CONN);
    fake_files.place.verdict = UPLOAD_REPEAT;
    assert_int_equal(send_piece(2)->kind, DOWN_ACK);
    fake_files.place.verdict = UPLOAD_UNKNOWN;
    assert_status(send_piece(3), 400, "There is no such upload.");
    fake_files.place.verdict = UPLOAD_OK;
    fake_files.storage_err = ERR_FULL;
    struct up_upload u = frame_of(UPLOAD_CHUNK, 4);
    u.is_http = true;
    send_upload(&u);
    bench_no_answer(); /* the gateway sends it again, and knows when to give up */
    fake_files.storage_err = 0;
    bench.conf.upload_bytes_per_minute = 4;
    assert_status(send_piece(5), 429, "RATE_LIMIT_EXCEEDED");
}

/* ---- downloads ---- */

static struct up_http asked;

static int media_setup(void **state)
{
    int err = files_setup(state);

    asked = (struct up_http){
        .method = BYTES_LIT("GET"), .path = BYTES_LIT(PATH), .address = BYTES_LIT("192.0.2.1")};
    fake_files.has_attachment = true;
    fake_files.attachment = (struct attachment_row){.id = 12,
                                                    .file_size = 1000,
                                                    .file_name = BYTES_LIT("a b.txt"),
                                                    .file_type = BYTES_LIT("text/plain"),
                                                    .sha256 = BYTES_LIT("ff"),
                                                    .storage_name = BYTES_LIT("sn"),
                                                    .thumbnail_type = BYTES_LIT("image/png"),
                                                    .thumbnail_bytes = 70};
    return err;
}
#define MEDIA_TEST(name) cmocka_unit_test_setup_teardown(name, media_setup, files_teardown)

static const struct down_item *get_as(int64_t user_id)
{
    struct up_envelope env = {.kind = UP_HTTP, .conn = ++last_conn, .http = asked};

    if (user_id) {
        env.http.cred = bearer_of(user_id);
    }
    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
    return bench_answer(last_conn);
}

static void assert_file(const struct down_item *item, uint32_t status, const char *ref,
                        uint64_t offset, uint64_t bytes)
{
    assert_int_equal(item->kind, DOWN_HTTP);
    assert_int_equal(item->http.status, status);
    assert_true(bytes_eq_str(item->http.ref, ref));
    assert_int_equal(item->http.ref_offset, offset);
    assert_int_equal(item->http.ref_bytes, bytes);
    assert_int_equal(item->http.body.len > 0, status == 416);
}

static void assert_has(struct bytes text, const char *part)
{
    if (!memmem(text.ptr, text.len, part, strlen(part))) {
        fail_msg("%s is not in %.*s", part, BYTES_FMT(text));
    }
}

static void test_a_file(void **state)
{
    const struct down_item *item = get_as(ALICE);

    (void)state;
    assert_file(item, 200, "file/sn/data", 0, 1000);
    assert_true(bytes_eq_str(item->http.content_type, "text/plain"));
    assert_has(item->http.headers, "ETag: " ETAG "\r\n");
    assert_has(item->http.headers, "attachment; filename=\"a b.txt\"\r\n");
    assert_has(item->http.headers, "Content-Security-Policy: sandbox\r\n");
    assert_int_equal(fake_files.attachment_id, 12);
    assert_int_equal(fake_files.user_id, ALICE);
}

static void test_in_part(void **state)
{
    const struct down_item *item;

    (void)state;
    asked.range = BYTES_LIT("bytes=100-199");
    item = get_as(ALICE);
    assert_file(item, 206, "file/sn/data", 100, 100);
    assert_has(item->http.headers, "Content-Range: bytes 100-199/1000\r\n");
    asked.if_range = BYTES_LIT("\"other\"");
    assert_file(get_as(ALICE), 200, "file/sn/data", 0, 1000);
    asked.if_range = BYTES_LIT(ETAG);
    asked.range = BYTES_LIT("bytes=1000-");
    item = get_as(ALICE);
    assert_file(item, 416, "", 0, 0);
    assert_has(item->http.headers, "Content-Range: bytes */1000\r\n");
    assert_true(bytes_eq_str(item->http.content_type, "application/json"));
    asked.method = BYTES_LIT("HEAD");
    assert_int_equal(get_as(ALICE)->http.status, 200);
}

static void test_not_modified(void **state)
{
    (void)state;
    asked.if_none_match = BYTES_LIT("\"x\", W/" ETAG);
    assert_file(get_as(ALICE), 304, "", 0, 0);
    asked.if_none_match = BYTES_LIT("\"tff\""); /* the thumbnail's */
    assert_int_equal(get_as(ALICE)->http.status, 200);
}

/* A header of any length changes nothing but whether it is looked at. */
static void test_long_conditions(void **state)
{
    char text[2000];

    (void)state;
    memset(text, ',', sizeof(text));
    memcpy(text + sizeof(text) - 4, ETAG, 4);
    asked.if_none_match = bytes_of(text, sizeof(text));
    assert_int_equal(get_as(ALICE)->http.status, 200);
    asked.if_none_match = bytes_of(text + sizeof(text) - 512, 512);
    assert_int_equal(get_as(ALICE)->http.status, 304);
    asked.if_none_match = BYTES_NONE;
    asked.range = bytes_of(text, sizeof(text));
    assert_int_equal(get_as(ALICE)->http.status, 200);
}

static void test_thumbnails(void **state)
{
    const struct down_item *item;

    (void)state;
    asked.query = BYTES_LIT("thumbnail=1");
    item = get_as(ALICE);
    assert_file(item, 200, "file/sn/thumb", 0, 70);
    assert_true(bytes_eq_str(item->http.content_type, "image/png"));
    assert_has(item->http.headers, "ETag: \"tff\"\r\n");
    assert_has(item->http.headers, "Content-Disposition: inline; ");
    asked.query = BYTES_LIT("thumbnail=0");
    assert_file(get_as(ALICE), 200, "file/sn/data", 0, 1000);
    asked.query = BYTES_LIT("thumbnail=1");
    fake_files.attachment.thumbnail_bytes = 0;
    assert_status(get_as(ALICE), 404, NOT_FOUND);
}

/* All of them are told the same. */
static void test_who_may_not_see_it(void **state)
{
    (void)state;
    assert_status(get_as(0), 404, NOT_FOUND);
    assert_status(get_as(3), 404, NOT_FOUND);
    asked.path = BYTES_LIT("/media/attachments/12/b.txt");
    assert_status(get_as(ALICE), 404, NOT_FOUND);
    asked.path = BYTES_LIT("/media/attachments/12/a%2");
    assert_status(get_as(ALICE), 404, NOT_FOUND);
    asked.path = BYTES_LIT("/media/attachments/x/a%20b.txt");
    assert_status(get_as(ALICE), 404, NOT_FOUND);
    asked.path = BYTES_LIT(PATH);
    fake_files.has_attachment = false;
    assert_status(get_as(ALICE), 404, NOT_FOUND);
    asked.method = BYTES_LIT("POST");
    assert_int_equal(get_as(ALICE)->http.status, 405);
}

static void test_parts_are_away(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) { /* the user, then the attachment */
        fake_clock_forward(10000);
        fake_store.fault =
            (struct fake_fault){.nth = 1 + i / 2, .at_submit = i % 2, .err = ERR_UNAVAILABLE};
        assert_status(get_as(ALICE), 503, "SERVICE_UNAVAILABLE");
    }
}

static void test_to_the_storage_itself(void **state)
{
    const struct down_item *item;

    (void)state;
    bench.conf.storage = STORAGE_S3;
    bench.conf.s3_downloads = S3_REDIRECT;
    item = get_as(ALICE);
    assert_file(item, 302, "", 0, 0);
    assert_has(item->http.headers, "Location: https://s3.test/bucket/file/sn/data?signature\r\n");
    assert_has(item->http.headers, "Cache-Control: private, no-store\r\n");
    assert_string_equal(fake_files.disposition, "attachment; filename=\"a b.txt\"");
    fake_files.storage_err = ERR_LIMIT; /* it has no such address: we pass it on */
    assert_file(get_as(ALICE), 200, "file/sn/data", 0, 1000);
    fake_files.storage_err = 0;
    asked.if_none_match = BYTES_LIT("*");
    assert_int_equal(get_as(ALICE)->http.status, 304);
    asked.if_none_match = BYTES_NONE;
    asked.method = BYTES_LIT("HEAD");
    assert_int_equal(get_as(ALICE)->http.status, 200);
    asked.method = BYTES_LIT("GET");
    bench.conf.s3_downloads = S3_PROXY;
    assert_file(get_as(ALICE), 200, "file/sn/data", 0, 1000);
}

/* ---- pieces of downloads ---- */

static struct up_pull pull_of(const char *ref, uint64_t blob)
{
    return (struct up_pull){.ref = bytes_str(ref), .offset = 500, .bytes = 40, .blob = blob};
}

static void start_pull(const struct up_pull *pull)
{
    const struct up_envelope env = {.kind = UP_PULL, .conn = CONN, .pull = *pull};

    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
}

static void assert_pulled(const struct up_pull *pull, uint32_t bytes)
{
    const struct down_item *item;

    start_pull(pull);
    item = bench_answer(CONN);
    assert_int_equal(item->kind, DOWN_PULLED);
    assert_int_equal(item->pulled.offset, 500);
    assert_int_equal(item->pulled.blob, pull->blob);
    assert_int_equal(item->pulled.bytes, bytes);
    assert_int_equal(fake_files.turns, 0);
}

static void test_pull(void **state)
{
    struct up_pull pull = pull_of("file/sn/data", 1);

    (void)state;
    assert_pulled(&pull, 40);
    assert_string_equal(fake_files.key, "file/sn/data");
    assert_int_equal(fake_files.offset, 500);
    assert_int_equal(fake_files.put_bytes, 40);
    pull.bytes = PULL_MAX_BYTES;
    assert_pulled(&pull, PULL_MAX_BYTES);
    pull.bytes = PULL_MAX_BYTES + 1; /* more than is asked for at a time */
    assert_pulled(&pull, 0);
}

static void test_pull_of_what_is_no_file(void **state)
{
    static const char *const refs[] = {"", "part/sn/1", "check/x", "file", "/etc/passwd"};
    char text[STORAGE_KEY_MAX_BYTES + 1] = "file/";
    uint64_t blob = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
        struct up_pull pull = pull_of(refs[i], ++blob);
        assert_pulled(&pull, 0);
    }
    memset(text + 5, 'x', STORAGE_KEY_MAX_BYTES - 5);
    struct up_pull pull = pull_of(text, ++blob);
    assert_pulled(&pull, 0);
    assert_string_equal(fake_files.key, "");
}

static void test_pull_fails(void **state)
{
    struct up_pull pull = pull_of("file/sn/data", 1);

    (void)state;
    fake_files.storage_err = ERR_NOT_FOUND;
    assert_pulled(&pull, 0);
    assert_true(bench_logged("file_not_read"));
    fake_files.storage_err = 0;
    for (int at_submit = 0; at_submit < 2; at_submit++) {
        fake_files.blob_fault =
            (struct fake_fault){.nth = FAKE_ALWAYS, .at_submit = at_submit, .err = ERR_UNAVAILABLE};
        assert_pulled(&pull, 0);
    }
    fake_files.blob_fault = (struct fake_fault){0};
    fake_worker_fault = (struct fake_fault){.nth = 1, .err = ERR_BUSY};
    assert_pulled(&pull, 0);
    fake_worker_is_stopping = true;
    assert_pulled(&pull, 0);
    fake_worker_is_stopping = false;
    fake_files.turn_err = ERR_NOMEM;
    assert_pulled(&pull, 0);
    fake_files.turn_err = 0;
    for (unsigned nth = 1; nth < 5; nth++) {
        mem_fail_after(nth);
        assert_pulled(&pull, 0);
        mem_fail_after(0);
    }
}

/* ---- the end ---- */

static void test_ends_with_everything_under_way(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 30; steps++) {
        struct up_pull pull = pull_of("file/sn/data", 1), other = pull_of("file/sn/data", 2);
        struct up_envelope env = {.kind = UP_HTTP, .conn = ++last_conn, .http = asked};
        start_pull(&pull);
        start_pull(&other);
        env.http.cred = bearer_of(ALICE);
        requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
        env = envelope_of(ALICE, &(struct body){QUERY, "text/plain", 5});
        requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
        for (unsigned i = 0; i < steps && fake_run_one(); i++) {
        }
        bench_restart();
        fake_run_all();
        assert_int_equal(fake_files.turns, 0);
        fake_clock_forward(10000);
        fake_egress_reset();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_a_body_is_wanted),
        FILE_TEST(test_a_body_is_refused),
        FILE_TEST(test_verdicts_of_a_body),
        FILE_TEST(test_a_body_without_memory),
        FILE_TEST(test_pieces_of_a_body),
        MEDIA_TEST(test_a_file),
        MEDIA_TEST(test_in_part),
        MEDIA_TEST(test_not_modified),
        MEDIA_TEST(test_long_conditions),
        MEDIA_TEST(test_thumbnails),
        MEDIA_TEST(test_who_may_not_see_it),
        MEDIA_TEST(test_parts_are_away),
        MEDIA_TEST(test_to_the_storage_itself),
        FILE_TEST(test_pull),
        FILE_TEST(test_pull_of_what_is_no_file),
        FILE_TEST(test_pull_fails),
        MEDIA_TEST(test_ends_with_everything_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
