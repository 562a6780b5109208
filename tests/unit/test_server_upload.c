/* SPDX-License-Identifier: MIT */
/* The frames about uploads, word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/mem.h"
#include "proto/limits.h"
#include "proto/server_upload.h"

static struct buf out;

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 65536); /* what a reply may have */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&out);
    return 0;
}

static void assert_out(int err, const char *json)
{
    assert_int_equal(err, 0);
    if (!bytes_eq_str(buf_bytes(&out), json)) {
        fail_msg("%.*s", BYTES_FMT(buf_bytes(&out)));
    }
    buf_reset(&out);
}

static void test_started(void **state)
{
    static const uint32_t received[] = {0, 2, 4095};
    struct upload_started s = {.upload_id = BYTES_LIT("u1"), .chunk_size = UPLOAD_CHUNK_ADVICE};

    (void)state;
    assert_out(server_upload_started(&s, &out),
               "{\"type\":\"upload_started\",\"upload_id\":\"u1\",\"chunk_size\":262144,"
               "\"received\":[]}");
    s.received = received;
    s.received_count = 3;
    s.upload_id = BYTES_LIT("\"\\\n");
    assert_out(server_upload_started(&s, &out),
               "{\"type\":\"upload_started\",\"upload_id\":\"\\\"\\\\\\n\",\"chunk_size\":262144,"
               "\"received\":[0,2,4095]}");
}

static void test_started_with_all_indices(void **state)
{
    static uint32_t received[UPLOAD_CHUNKS_MAX];
    const struct upload_started s = {.upload_id = BYTES_LIT("u"),
                                     .chunk_size = 1,
                                     .received = received,
                                     .received_count = UPLOAD_CHUNKS_MAX};
    static const char end[] = ",4093,4094,4095]}";

    (void)state;
    for (uint32_t i = 0; i < UPLOAD_CHUNKS_MAX; i++) {
        received[i] = i;
    }
    assert_int_equal(server_upload_started(&s, &out), 0);
    assert_memory_equal(out.data + out.len - strlen(end), end, strlen(end));
    buf_reset(&out);
}

static void test_progress(void **state)
{
    static const struct {
        int64_t received, total;
        const char *numbers;
    } cases[] = {
        {0, 3, "\"received\":0,\"total\":3,\"progress\":0}"},
        {1, 3, "\"received\":1,\"total\":3,\"progress\":33}"},
        {2, 3, "\"received\":2,\"total\":3,\"progress\":66}"},
        {3, 3, "\"received\":3,\"total\":3,\"progress\":100}"},
        {999, 1000, "\"received\":999,\"total\":1000,\"progress\":99}"},
        {0, 0, "\"received\":0,\"total\":0,\"progress\":0}"},
        {9007199254740990, 9007199254740991,
         "\"received\":9007199254740990,\"total\":9007199254740991,\"progress\":99}"},
    };
    char json[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct upload_progress p = {.upload_id = BYTES_LIT("u"),
                                          .chunk_index = 4095,
                                          .received = cases[i].received,
                                          .total = cases[i].total};
        (void)snprintf(json, sizeof(json),
                       "{\"type\":\"upload_progress\",\"upload_id\":\"u\",\"chunk_index\":4095,%s",
                       cases[i].numbers);
        assert_out(server_upload_progress(&p, &out), json);
    }
}

static void test_complete(void **state)
{
    struct attachment a = {.id = 5,
                           .file_size = 9007199254740991,
                           .file_name = BYTES_LIT("a \"b\".txt"),
                           .file_type = BYTES_LIT("text/plain"),
                           .sha256 = BYTES_LIT("00ff")};

    (void)state;
    assert_out(server_upload_complete(BYTES_LIT("u"), &a, &out),
               "{\"type\":\"upload_complete\",\"upload_id\":\"u\",\"attachment\":{\"id\":5,"
               "\"file_name\":\"a \\\"b\\\".txt\",\"file_size\":9007199254740991,\"file_type\":"
               "\"text/plain\",\"url\":\"/media/attachments/5/a%20%22b%22.txt\","
               "\"sha256\":\"00ff\"}}");
    a.sha256 = BYTES_NONE;
    assert_out(server_upload_complete(BYTES_LIT("u"), &a, &out),
               "{\"type\":\"upload_complete\",\"upload_id\":\"u\",\"attachment\":{\"id\":5,"
               "\"file_name\":\"a \\\"b\\\".txt\",\"file_size\":9007199254740991,\"file_type\":"
               "\"text/plain\",\"url\":\"/media/attachments/5/a%20%22b%22.txt\"}}");
}

static void test_cancelled(void **state)
{
    (void)state;
    assert_out(server_upload_cancelled(BYTES_LIT("u"), &out),
               "{\"type\":\"upload_cancelled\",\"upload_id\":\"u\"}");
}

static void test_urls(void **state)
{
    static const struct {
        const char *name, *url;
    } cases[] = {
        {"a.txt", "/media/attachments/7/a.txt"},
        {"AZaz09-._~", "/media/attachments/7/AZaz09-._~"},
        {"a b+c", "/media/attachments/7/a%20b%2Bc"},
        {"a/b\\c?d#e%41", "/media/attachments/7/a%2Fb%5Cc%3Fd%23e%2541"},
        {"<>\"'&;=:@!$()*,[]", "/media/attachments/7/%3C%3E%22%27%26%3B%3D%3A%40%21%24%28%29%2A"
                               "%2C%5B%5D"},
        {"\xC3\xBC\xE2\x82\xAC", "/media/attachments/7/%C3%BC%E2%82%AC"},
        {"\r\n", "/media/attachments/7/%0D%0A"},
        {"", "/media/attachments/7/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_out(attachment_url(7, bytes_str(cases[i].name), &out), cases[i].url);
    }
}

/* The longest name, each byte of it escaped, in both places. */
static void test_the_longest_name(void **state)
{
    static char name[FILE_NAME_GIVEN_MAX_BYTES];
    const struct attachment a = {.id = ID_MAX, .file_name = bytes_of(name, sizeof(name))};

    (void)state;
    memset(name, '"', sizeof(name));
    assert_int_equal(server_upload_complete(BYTES_LIT("u"), &a, &out), 0);
    assert_true(out.len > 5 * sizeof(name) && out.len < 5 * sizeof(name) + 300);
    buf_reset(&out);
}

/* What does not fit leaves nothing behind. */
static void test_no_room(void **state)
{
    static const uint32_t received[] = {0, 1};
    const struct upload_started s = {BYTES_LIT("u"), 1, received, 2};
    const struct upload_progress p = {.upload_id = BYTES_LIT("u")};
    const struct attachment a = {.id = 1, .file_name = BYTES_LIT("a b")};
    struct buf small;

    (void)state;
    for (size_t max = 1; max < 48; max++) {
        buf_init(&small, max);
        assert_int_equal(buf_append_char(&small, 'x'), 0);
        assert_int_equal(server_upload_started(&s, &small), ERR_FULL);
        assert_int_equal(server_upload_progress(&p, &small), ERR_FULL);
        assert_int_equal(server_upload_complete(BYTES_LIT("u"), &a, &small), ERR_FULL);
        if (max < 44) { /* with the one before it */
            assert_int_equal(server_upload_cancelled(BYTES_LIT("u"), &small), ERR_FULL);
        }
        if (max < 27) {
            assert_int_equal(attachment_url(1, BYTES_LIT("a b"), &small), ERR_FULL);
        }
        assert_int_equal(small.len, 1);
        buf_done(&small);
    }
    mem_fail_after(1);
    assert_int_equal(server_upload_complete(BYTES_LIT("u"), &a, &out), ERR_NOMEM);
    mem_fail_after(0);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_started),          cmocka_unit_test(test_started_with_all_indices),
        cmocka_unit_test(test_progress),         cmocka_unit_test(test_complete),
        cmocka_unit_test(test_cancelled),        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_the_longest_name), cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
