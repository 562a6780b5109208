/* SPDX-License-Identifier: MIT */
/* The frames a client receives: compared as a JSON reader sees them, every key and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <jansson.h>

#include "proto/server_msg.h"

#define NOON 1704110400000u /* 2024-01-01T12:00:00.000Z */

/* Compare one frame with expected JSON, whatever the order of keys; empties the buffer. */
static void check(struct buf *out, const char *want)
{
    json_t *read = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES, NULL);
    json_t *expected = json_loads(want, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(read);
    assert_non_null(expected);
    if (!json_equal(read, expected)) {
        fail_msg("got %.*s\nwanted %s", (int)out->len, out->data, want);
    }
    json_decref(read);
    json_decref(expected);
    buf_reset(out);
}

static struct chat_message sample_message(void)
{
    return (struct chat_message){
        .id = 456,
        .channel_id = 123,
        .author_id = 1,
        .author_username = BYTES_LIT("john"),
        .author_avatar = BYTES_LIT("/media/avatars/john.jpg"),
        .content = BYTES_LIT("Hello, \"world\"!\n<b>"),
        .timestamp_ms = NOON,
        .seq = 9,
    };
}

static void chat_message(void **state)
{
    struct chat_message m = sample_message();
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(server_chat_message(&m, &out), 0);
    check(&out, "{\"type\":\"chat_message\",\"message\":{\"id\":456,\"content\":"
                "\"Hello, \\\"world\\\"!\\n<b>\",\"author\":{\"id\":1,\"username\":\"john\","
                "\"avatar\":\"/media/avatars/john.jpg\"},\"timestamp\":"
                "\"2024-01-01T12:00:00.000Z\",\"channel_id\":123,\"reply_to\":null,"
                "\"attachments\":[]},\"seq\":9}");
    m = (struct chat_message){
        .id = 9007199254740991,
        .channel_id = 9007199254740991,
        .author_id = 9007199254740991,
        .author_username = BYTES_LIT("\xC3\xBC\\"),
        .reply_to = 5,
        .seq = 9007199254740991,
        .client_id = BYTES_LIT("c\"1"),
    };
    assert_int_equal(server_chat_message(&m, &out), 0);
    check(&out, "{\"type\":\"chat_message\",\"message\":{\"id\":9007199254740991,\"content\":\"\","
                "\"author\":{\"id\":9007199254740991,\"username\":\"\\u00fc\\\\\",\"avatar\":\"\"},"
                "\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"channel_id\":9007199254740991,"
                "\"reply_to\":5,\"attachments\":[]},\"seq\":9007199254740991,"
                "\"client_id\":\"c\\\"1\"}");
    buf_done(&out);
}

/* Byte for byte what would be written for a message without a text. */
static void a_deleted_message_is_its_frame_without_the_text(void **state)
{
    static const char *const TEXTS[] = {"",        "plain", "\\", "\"", "\\\"", "\",\"author\":{}",
                                        "a\nb\\\\"};
    struct chat_message m = sample_message();
    struct buf frame, empty, got;

    (void)state;
    buf_init(&frame, 4096);
    buf_init(&empty, 4096);
    buf_init(&got, 4096);
    m.client_id = BYTES_LIT("c");
    m.content = BYTES_NONE;
    assert_int_equal(server_chat_message(&m, &empty), 0);
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        m.content = bytes_str(TEXTS[i]);
        m.attachments = i % 2 == 0
                            ? BYTES_NONE
                            : BYTES_LIT("[{\"id\":1,\"file_name\":\"]},\\\"seq\\\":.txt\"}]");
        buf_reset(&frame);
        buf_reset(&got);
        assert_int_equal(server_chat_message(&m, &frame), 0);
        assert_int_equal(server_chat_message_id(buf_bytes(&frame)), 456);
        assert_int_equal(server_chat_message_emptied(buf_bytes(&frame), &got), 0);
        assert_true(bytes_eq(buf_bytes(&got), buf_bytes(&empty)));
    }
    buf_done(&frame);
    buf_done(&empty);
    buf_done(&got);
}

static void what_is_no_message_has_no_id(void **state)
{
#define HEAD "{\"type\":\"chat_message\",\"message\":{\"id\":"
    static const char *const FRAMES[] = {"", "{", HEAD, HEAD "\"1\"", "{\"type\":\"typing\"}"};
    static const char *const CUT[] = {HEAD "7", HEAD "7,\"content\":\"",
                                      HEAD "7,\"content\":\"a\\\""};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof(FRAMES) / sizeof(FRAMES[0]); i++) {
        assert_int_equal(server_chat_message_id(bytes_str(FRAMES[i])), 0);
        assert_int_equal(server_chat_message_emptied(bytes_str(FRAMES[i]), &out), ERR_SYNTAX);
    }
    for (size_t i = 0; i < sizeof(CUT) / sizeof(CUT[0]); i++) {
        assert_int_equal(server_chat_message_emptied(bytes_str(CUT[i]), &out), ERR_SYNTAX);
    }
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void message_alone(void **state)
{
    struct chat_message m = sample_message();
    struct json_out j;
    struct buf out;

    (void)state;
    m.client_id = BYTES_LIT("not shown");
    buf_init(&out, 4096);
    json_out_init(&j, &out);
    json_begin_array(&j);
    server_put_message(&j, &m);
    json_i64(&j, 1);
    json_end_array(&j);
    assert_int_equal(j.err, 0);
    check(&out, "[{\"id\":456,\"content\":\"Hello, \\\"world\\\"!\\n<b>\",\"author\":{\"id\":1,"
                "\"username\":\"john\",\"avatar\":\"/media/avatars/john.jpg\"},\"timestamp\":"
                "\"2024-01-01T12:00:00.000Z\",\"channel_id\":123,\"reply_to\":null,"
                "\"attachments\":[]},1]");
    buf_done(&out);
}

/* The text itself, once: people read it in logs and documents. */
static void keys_come_in_the_documented_order(void **state)
{
    struct chat_message m = sample_message();
    struct buf out;

    (void)state;
    m.client_id = BYTES_LIT("c");
    buf_init(&out, 4096);
    assert_int_equal(server_chat_message(&m, &out), 0);
    assert_int_equal(buf_append_char(&out, '\0'), 0);
    assert_string_equal(out.data,
                        "{\"type\":\"chat_message\",\"message\":{\"id\":456,\"content\":"
                        "\"Hello, \\\"world\\\"!\\n<b>\",\"author\":{\"id\":1,\"username\":"
                        "\"john\",\"avatar\":\"/media/avatars/john.jpg\"},\"timestamp\":"
                        "\"2024-01-01T12:00:00.000Z\",\"channel_id\":123,\"reply_to\":null,"
                        "\"attachments\":[]},\"seq\":9,\"client_id\":\"c\"}");
    buf_done(&out);
}

static void chat_established(void **state)
{
    const struct online_user online[] = {
        {1, BYTES_LIT("alice"), BYTES_LIT("online"), 0},
        {2, BYTES_LIT("b\"b"), BYTES_LIT("away"), 0},
    };
    struct chat_established e = {
        .user_id = 1,
        .channel_id = 7,
        .username = BYTES_LIT("alice"),
        .channel = BYTES_LIT("general"),
        .seq = 12,
        .is_resumed = true,
        .online = online,
        .online_count = 2,
    };
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(server_chat_established(&e, &out), 0);
    check(&out, "{\"type\":\"connection_established\",\"endpoint\":\"chat\",\"user_id\":1,"
                "\"username\":\"alice\",\"channel_id\":7,\"channel\":\"general\",\"seq\":12,"
                "\"resumed\":true,\"online_users\":[{\"user_id\":1,\"username\":\"alice\","
                "\"status\":\"online\"},{\"user_id\":2,\"username\":\"b\\\"b\",\"status\":"
                "\"away\"}]}");
    e.online = NULL;
    e.online_count = 0;
    e.is_resumed = false;
    e.seq = 0;
    assert_int_equal(server_chat_established(&e, &out), 0);
    check(&out, "{\"type\":\"connection_established\",\"endpoint\":\"chat\",\"user_id\":1,"
                "\"username\":\"alice\",\"channel_id\":7,\"channel\":\"general\",\"seq\":0,"
                "\"resumed\":false,\"online_users\":[]}");
    buf_done(&out);
}

static void room_presence(void **state)
{
    struct room_presence p = {
        .is_joined = true,
        .user_id = 5,
        .channel_id = 7,
        .username = BYTES_LIT("carol"),
        .timestamp_ms = NOON + 7,
    };
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(server_room_presence(&p, &out), 0);
    check(&out, "{\"type\":\"user_joined\",\"user_id\":5,\"username\":\"carol\",\"channel_id\":7,"
                "\"timestamp\":\"2024-01-01T12:00:00.007Z\"}");
    p.is_joined = false;
    assert_int_equal(server_room_presence(&p, &out), 0);
    check(&out, "{\"type\":\"user_left\",\"user_id\":5,\"username\":\"carol\",\"channel_id\":7,"
                "\"timestamp\":\"2024-01-01T12:00:00.007Z\"}");
    buf_done(&out);
}

static void errors(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    for (int i = CODE_NONE + 1; i < CODE_COUNT; i++) {
        enum client_code code = (enum client_code)i;
        char want[512];
        const char *id = code == CODE_RATE_LIMIT_EXCEEDED ? "" : ",\"client_id\":\"c\"";
        snprintf(want, sizeof(want), "{\"type\":\"error\",\"error\":\"%s\",\"code\":\"%s\"}",
                 code_sentence(code), code_name(code));
        assert_int_equal(server_error(code, NULL, BYTES_NONE, &out), 0);
        check(&out, want);
        snprintf(want, sizeof(want), "{\"type\":\"error\",\"error\":\"own\",\"code\":\"%s\"%s}",
                 code_name(code), id);
        assert_int_equal(server_error(code, "own", BYTES_LIT("c"), &out), 0);
        check(&out, want);
    }
    /* the customer's frame, byte for byte */
    assert_int_equal(server_error(CODE_RATE_LIMIT_EXCEEDED, NULL, BYTES_LIT("c"), &out), 0);
    assert_true(bytes_eq_str(buf_bytes(&out),
                             "{\"type\":\"error\",\"error\":\"Rate limit exceeded. Please slow "
                             "down.\",\"code\":\"RATE_LIMIT_EXCEEDED\"}"));
    buf_done(&out);
}

static void pong_and_heartbeat(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(server_pong(NOON, &out), 0);
    check(&out, "{\"type\":\"pong\",\"timestamp\":\"2024-01-01T12:00:00.000Z\"}");
    assert_int_equal(server_heartbeat_ack(NOON + 1, &out), 0);
    check(&out, "{\"type\":\"heartbeat_ack\",\"timestamp\":\"2024-01-01T12:00:00.001Z\"}");
    buf_done(&out);
}

/* Frames are appended, and one that does not fit leaves nothing behind. */
static void a_frame_is_there_whole_or_not_at_all(void **state)
{
    struct chat_message m = sample_message();
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(server_chat_message(&m, &out), 0);
    size_t len = out.len;
    buf_done(&out);
    for (size_t max = 1; max <= len + 1; max++) {
        buf_init(&out, max);
        assert_int_equal(buf_append_char(&out, '#'), 0);
        int err = server_chat_message(&m, &out);
        assert_int_equal(err, max < len + 1 ? ERR_FULL : 0);
        assert_int_equal(out.len, err ? 1 : len + 1);
        assert_int_equal(out.data[0], '#');
        buf_done(&out);
    }
    buf_init(&out, 10);
    assert_int_equal(server_pong(0, &out), ERR_FULL);
    assert_int_equal(server_heartbeat_ack(0, &out), ERR_FULL);
    assert_int_equal(server_error(CODE_INTERNAL_ERROR, NULL, BYTES_NONE, &out), ERR_FULL);
    assert_int_equal(server_room_presence(&(struct room_presence){0}, &out), ERR_FULL);
    assert_int_equal(server_chat_established(&(struct chat_established){0}, &out), ERR_FULL);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void changes_of_messages(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(server_edit_message(&(struct message_edit){.message_id = 5,
                                                                .channel_id = 7,
                                                                .user_id = 1,
                                                                .new_content = BYTES_LIT("n\"w"),
                                                                .edited_at_ms = NOON,
                                                                .seq = 9},
                                         &out),
                     0);
    check(&out, "{\"type\":\"edit_message\",\"message_id\":5,\"new_content\":\"n\\\"w\","
                "\"channel_id\":7,\"user_id\":1,\"edited_at\":\"2024-01-01T12:00:00.000Z\","
                "\"seq\":9}");
    assert_int_equal(
        server_delete_message(
            &(struct message_deletion){
                .message_id = 5, .channel_id = 7, .user_id = 1, .deleted_at_ms = NOON, .seq = 10},
            &out),
        0);
    check(&out, "{\"type\":\"delete_message\",\"message_id\":5,\"channel_id\":7,\"user_id\":1,"
                "\"deleted_at\":\"2024-01-01T12:00:00.000Z\",\"seq\":10}");
    assert_int_equal(server_batch_update(&(struct batch_update){.updates = BYTES_LIT("[{\"a\":1}]"),
                                                                .user_id = 1,
                                                                .username = BYTES_LIT("john"),
                                                                .channel_id = 7,
                                                                .seq = 11,
                                                                .timestamp_ms = NOON},
                                         &out),
                     0);
    check(&out, "{\"type\":\"batch_update\",\"updates\":[{\"a\":1}],\"user_id\":1,"
                "\"username\":\"john\",\"channel_id\":7,\"seq\":11,"
                "\"timestamp\":\"2024-01-01T12:00:00.000Z\"}");
    buf_done(&out);
}

static void receipts_typing_and_tokens(void **state)
{
    struct typing typing = {.channel_id = 7, .user_id = 1, .username = BYTES_LIT("john")};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(server_read_receipt(&(struct read_receipt){.message_id = 5,
                                                                .user_id = 1,
                                                                .username = BYTES_LIT("john"),
                                                                .channel_id = 7,
                                                                .timestamp_ms = NOON},
                                         &out),
                     0);
    check(&out, "{\"type\":\"read_receipt\",\"message_id\":5,\"user_id\":1,\"username\":\"john\","
                "\"channel_id\":7,\"timestamp\":\"2024-01-01T12:00:00.000Z\"}");
    assert_int_equal(server_typing(&typing, &out), 0);
    check(&out, "{\"type\":\"typing\",\"channel_id\":7,\"user_id\":1,\"username\":\"john\","
                "\"is_typing\":false}");
    typing.is_typing = true;
    assert_int_equal(server_typing(&typing, &out), 0);
    check(&out, "{\"type\":\"typing\",\"channel_id\":7,\"user_id\":1,\"username\":\"john\","
                "\"is_typing\":true}");
    assert_int_equal(server_token_refreshed(NOON, &out), 0);
    check(&out, "{\"type\":\"token_refreshed\",\"expires_at\":\"2024-01-01T12:00:00.000Z\"}");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_message),
        cmocka_unit_test(message_alone),
        cmocka_unit_test(a_deleted_message_is_its_frame_without_the_text),
        cmocka_unit_test(what_is_no_message_has_no_id),
        cmocka_unit_test(keys_come_in_the_documented_order),
        cmocka_unit_test(chat_established),
        cmocka_unit_test(room_presence),
        cmocka_unit_test(errors),
        cmocka_unit_test(pong_and_heartbeat),
        cmocka_unit_test(changes_of_messages),
        cmocka_unit_test(receipts_typing_and_tokens),
        cmocka_unit_test(a_frame_is_there_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
