/* SPDX-License-Identifier: MIT */
/* The table of client message kinds against a second, hand-written list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/kinds.h"

static const struct {
    enum client_kind kind;
    struct kind_info info;
} EXPECTED[] = {
    {KIND_INVALID, {"invalid", 0, AT_GATEWAY, true}},
    {KIND_CHAT_MESSAGE, {"chat_message", EP_CHAT, AT_BROKER, true}},
    {KIND_EDIT_MESSAGE, {"edit_message", EP_CHAT, AT_BROKER, true}},
    {KIND_DELETE_MESSAGE, {"delete_message", EP_CHAT, AT_BROKER, true}},
    {KIND_TYPING, {"typing", EP_CHAT | EP_STATUS, AT_BROKER, true}},
    {KIND_READ_RECEIPT, {"read_receipt", EP_CHAT, AT_BROKER, true}},
    {KIND_MARK_READ, {"mark_read", EP_CHAT | EP_NOTIFICATIONS, AT_BROKER, true}},
    {KIND_BATCH_UPDATE, {"batch_update", EP_CHAT, AT_BROKER, true}},
    {KIND_MARK_ALL_READ, {"mark_all_read", EP_NOTIFICATIONS, AT_BROKER, true}},
    {KIND_DISMISS, {"dismiss", EP_NOTIFICATIONS, AT_BROKER, true}},
    {KIND_STATUS_UPDATE, {"status_update", EP_STATUS, AT_BROKER, true}},
    {KIND_UPLOAD_FILE, {"upload_file", EP_CHAT, AT_BROKER, true}},
    {KIND_UPLOAD_CHUNK, {"upload_chunk", EP_CHAT, AT_BROKER, false}},
    {KIND_CANCEL_UPLOAD, {"cancel_upload", EP_CHAT, AT_BROKER, true}},
    {KIND_REFRESH_TOKEN, {"refresh_token", EP_ALL, AT_BROKER, true}},
    {KIND_PING, {"ping", EP_ALL, AT_GATEWAY, false}},
    {KIND_HEARTBEAT, {"heartbeat", EP_ALL, AT_GATEWAY, false}},
};

static void every_kind_has_its_row(void **state)
{
    (void)state;
    assert_int_equal(sizeof(EXPECTED) / sizeof(EXPECTED[0]), KIND_COUNT);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct kind_info *info = kind_info(EXPECTED[i].kind);
        assert_int_equal(EXPECTED[i].kind, i);
        assert_string_equal(info->type, EXPECTED[i].info.type);
        assert_int_equal(info->endpoints, EXPECTED[i].info.endpoints);
        assert_int_equal(info->place, EXPECTED[i].info.place);
        assert_int_equal(info->counts, EXPECTED[i].info.counts);
    }
    assert_ptr_equal(kind_info((enum client_kind)1000), kind_info(KIND_INVALID));
    assert_ptr_equal(kind_info(KIND_COUNT), kind_info(KIND_INVALID));
}

static void find_knows_exactly_the_types(void **state)
{
    static const char *const UNKNOWN[] = {"",      "invalid",       "PING", "pin",
                                          "pingg", "chat_message ", "Ping", "chat_messag"};
    (void)state;
    for (int i = KIND_INVALID + 1; i < KIND_COUNT; i++) {
        enum client_kind kind = (enum client_kind)i;
        assert_int_equal(kind_find(bytes_str(kind_info(kind)->type)), kind);
    }
    for (size_t i = 0; i < sizeof(UNKNOWN) / sizeof(UNKNOWN[0]); i++) {
        assert_int_equal(kind_find(bytes_str(UNKNOWN[i])), KIND_INVALID);
    }
    assert_int_equal(kind_find(bytes_of("ping\0", 5)), KIND_INVALID);
    assert_int_equal(kind_find(BYTES_NONE), KIND_INVALID);
}

static void endpoints_have_names(void **state)
{
    (void)state;
    assert_string_equal(endpoint_name(ENDPOINT_CHAT), "chat");
    assert_string_equal(endpoint_name(ENDPOINT_NOTIFICATIONS), "notifications");
    assert_string_equal(endpoint_name(ENDPOINT_STATUS), "status");
    assert_string_equal(endpoint_name(ENDPOINT_ECHO), "echo");
    assert_string_equal(endpoint_name(ENDPOINT_NONE), "none");
    assert_string_equal(endpoint_name(ENDPOINT_COUNT), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_its_row),
        cmocka_unit_test(find_knows_exactly_the_types),
        cmocka_unit_test(endpoints_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
