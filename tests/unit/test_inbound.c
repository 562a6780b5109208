/* SPDX-License-Identifier: MIT */
/* What happens to a client's message: every kind in every state of every endpoint against a list
 * written by hand, the rolling window, floods, and what an error says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "common/mem.h"
#include "gateway/inbound.h"

struct fixture {
    struct arena *arena;
    struct inbound_meter *meter;
    struct inbound_verdict verdict;
    uint32_t limit;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));

    f->arena = arena_new(1 << 20);
    f->limit = 60;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    inbound_meter_free(f->meter);
    arena_free(f->arena);
    mem_free(f);
    return 0;
}

static enum inbound_action judge(struct fixture *f, const char *message, uint64_t now_ms)
{
    const struct inbound_frame frame = {.endpoint = ENDPOINT_CHAT,
                                        .state = SESSION_OPEN,
                                        .message = bytes_str(message),
                                        .now_ms = now_ms};

    inbound_judge(&frame, f->limit, &f->meter, f->arena, &f->verdict);
    return f->verdict.action;
}

static const char CHAT[] = "{\"type\":\"chat_message\",\"message\":\"hi\",\"client_id\":\"c\"}";
static const char PING[] = "{\"type\":\"ping\"}";
static const char BEAT[] = "{\"action\":\"heartbeat\"}";

/* --- kind x endpoint x state ------------------------------------------------------------------ */

struct legal {
    enum client_kind kind;
    enum endpoint endpoint;
    enum session_state state;
};
static const struct legal LEGAL[] = {
    {KIND_CHAT_MESSAGE, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_EDIT_MESSAGE, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_DELETE_MESSAGE, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_TYPING, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_READ_RECEIPT, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_MARK_READ, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_BATCH_UPDATE, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_UPLOAD_FILE, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_UPLOAD_CHUNK, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_CANCEL_UPLOAD, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_MARK_READ, ENDPOINT_NOTIFICATIONS, SESSION_OPEN},
    {KIND_MARK_ALL_READ, ENDPOINT_NOTIFICATIONS, SESSION_OPEN},
    {KIND_DISMISS, ENDPOINT_NOTIFICATIONS, SESSION_OPEN},
    {KIND_TYPING, ENDPOINT_STATUS, SESSION_OPEN},
    {KIND_STATUS_UPDATE, ENDPOINT_STATUS, SESSION_OPEN},
    {KIND_REFRESH_TOKEN, ENDPOINT_NOTIFICATIONS, SESSION_OPEN},
    {KIND_REFRESH_TOKEN, ENDPOINT_STATUS, SESSION_OPEN},
    {KIND_PING, ENDPOINT_NOTIFICATIONS, SESSION_OPEN},
    {KIND_PING, ENDPOINT_STATUS, SESSION_OPEN},
    {KIND_HEARTBEAT, ENDPOINT_NOTIFICATIONS, SESSION_OPEN},
    {KIND_HEARTBEAT, ENDPOINT_STATUS, SESSION_OPEN},
    {KIND_REFRESH_TOKEN, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_PING, ENDPOINT_CHAT, SESSION_OPEN},
    {KIND_HEARTBEAT, ENDPOINT_CHAT, SESSION_OPEN},
};

static bool is_listed(int kind, int endpoint, int session_state)
{
    for (size_t i = 0; i < sizeof(LEGAL) / sizeof(LEGAL[0]); i++) {
        if ((int)LEGAL[i].kind == kind && (int)LEGAL[i].endpoint == endpoint &&
            (int)LEGAL[i].state == session_state) {
            return true;
        }
    }
    return false;
}

static void test_every_kind_endpoint_and_state(void **state)
{
    (void)state;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        for (int endpoint = 0; endpoint < ENDPOINT_COUNT; endpoint++) {
            for (int s = 0; s < SESSION_STATE_COUNT; s++) {
                assert_int_equal(inbound_is_legal((enum client_kind)kind, (enum endpoint)endpoint,
                                                  (enum session_state)s),
                                 is_listed(kind, endpoint, s));
            }
        }
    }
}

static void test_each_endpoint_has_its_fields(void **state)
{
    static const struct {
        enum endpoint endpoint;
        const char *message;
        enum inbound_action action;
    } rows[] = {
        {ENDPOINT_CHAT, "{\"type\":\"mark_read\",\"message_id\":7}", INBOUND_FORWARD},
        {ENDPOINT_CHAT, "{\"type\":\"mark_read\",\"notification_id\":7}", INBOUND_ERROR},
        {ENDPOINT_NOTIFICATIONS, "{\"type\":\"mark_read\",\"notification_id\":7}", INBOUND_FORWARD},
        {ENDPOINT_NOTIFICATIONS, "{\"type\":\"mark_read\",\"message_id\":7}", INBOUND_ERROR},
        {ENDPOINT_CHAT, "{\"type\":\"typing\",\"is_typing\":true}", INBOUND_FORWARD},
        {ENDPOINT_STATUS, "{\"type\":\"typing\",\"is_typing\":true}", INBOUND_ERROR},
        {ENDPOINT_STATUS, "{\"type\":\"typing\",\"is_typing\":true,\"channel_id\":7}",
         INBOUND_FORWARD},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct inbound_frame frame = {.endpoint = rows[i].endpoint,
                                            .state = SESSION_OPEN,
                                            .message = bytes_str(rows[i].message)};
        inbound_judge(&frame, f->limit, &f->meter, f->arena, &f->verdict);
        assert_int_equal(f->verdict.action, rows[i].action);
        assert_int_equal(f->verdict.code,
                         rows[i].action == INBOUND_ERROR ? CODE_INVALID_MESSAGE : CODE_NONE);
    }
}

static void test_nothing_is_answered_unless_open(void **state)
{
    struct fixture *f = *state;

    for (int s = 0; s < SESSION_STATE_COUNT; s++) {
        const struct inbound_frame frame = {
            .endpoint = ENDPOINT_CHAT, .state = (enum session_state)s, .message = bytes_str(PING)};
        inbound_judge(&frame, f->limit, &f->meter, f->arena, &f->verdict);
        assert_int_equal(f->verdict.action, s == SESSION_OPEN ? INBOUND_PONG : INBOUND_DROP);
    }
    assert_null(f->meter);
}

/* --- single messages ----------------------------------------------------------------------------
 */

static void test_verdicts(void **state)
{
    static const struct {
        const char *message;
        enum inbound_action action;
        enum client_code code;
        const char *client_id;
    } rows[] = {
        {CHAT, INBOUND_FORWARD, CODE_NONE, "c"},
        {PING, INBOUND_PONG, CODE_NONE, ""},
        {BEAT, INBOUND_HEARTBEAT_ACK, CODE_NONE, ""},
        {"", INBOUND_ERROR, CODE_INVALID_MESSAGE, ""},
        {"{", INBOUND_ERROR, CODE_INVALID_MESSAGE, ""},
        {"[]", INBOUND_ERROR, CODE_INVALID_MESSAGE, ""},
        {"{\"type\":\"unknown\",\"client_id\":\"k\"}", INBOUND_ERROR, CODE_INVALID_MESSAGE, "k"},
        {"{\"type\":\"chat_message\",\"client_id\":\"k\"}", INBOUND_ERROR, CODE_INVALID_MESSAGE,
         "k"},
        {"{\"type\":\"chat_message\",\"message\":\"x\",\"channel_id\":\"1\"}", INBOUND_ERROR,
         CODE_INVALID_MESSAGE, ""},
        {"{\"type\":\"chat_message\",\"message\":\"a\\u0000\"}", INBOUND_ERROR,
         CODE_INVALID_MESSAGE, ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(judge(f, rows[i].message, 1000), rows[i].action);
        assert_int_equal(f->verdict.code, rows[i].code);
        assert_true(bytes_eq_str(f->verdict.msg.client_id, rows[i].client_id));
    }
}

static void test_binary_and_oversize(void **state)
{
    struct fixture *f = *state;
    struct inbound_frame frame = {.endpoint = ENDPOINT_CHAT,
                                  .state = SESSION_OPEN,
                                  .message = bytes_str(CHAT),
                                  .is_binary = true};

    inbound_judge(&frame, f->limit, &f->meter, f->arena, &f->verdict);
    assert_int_equal(f->verdict.action, INBOUND_ERROR);
    assert_int_equal(f->verdict.code, CODE_INVALID_MESSAGE);
    frame = (struct inbound_frame){
        .endpoint = ENDPOINT_CHAT, .state = SESSION_OPEN, .is_oversize = true};
    inbound_judge(&frame, f->limit, &f->meter, f->arena, &f->verdict);
    assert_int_equal(f->verdict.action, INBOUND_ERROR);
    assert_int_equal(f->verdict.code, CODE_MESSAGE_TOO_LARGE);
}

static void test_error_codes(void **state)
{
    (void)state;
    assert_int_equal(inbound_code(ERR_SYNTAX), CODE_INVALID_MESSAGE);
    assert_int_equal(inbound_code(ERR_LIMIT), CODE_INVALID_MESSAGE);
    assert_int_equal(inbound_code(ERR_DEPTH), CODE_INVALID_MESSAGE);
    assert_int_equal(inbound_code(ERR_NOMEM), CODE_SERVICE_UNAVAILABLE);
}

/* --- the window
 * ----------------------------------------------------------------------------------- */

static void test_exactly_the_limit_in_any_window(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < 60; i++) {
        assert_int_equal(judge(f, i % 2 ? CHAT : "rubbish", 1000 + i),
                         i % 2 ? INBOUND_FORWARD : INBOUND_ERROR);
    }
    assert_int_equal(judge(f, CHAT, 60999), INBOUND_ERROR);
    assert_int_equal(f->verdict.code, CODE_RATE_LIMIT_EXCEEDED);
    assert_int_equal(judge(f, "rubbish", 60999), INBOUND_ERROR);
    assert_int_equal(f->verdict.code, CODE_RATE_LIMIT_EXCEEDED);
    /* free ones pass all the time */
    assert_int_equal(judge(f, PING, 60999), INBOUND_PONG);
    assert_int_equal(judge(f, BEAT, 60999), INBOUND_HEARTBEAT_ACK);
    /* the first one is 60 s old: one more, no more */
    assert_int_equal(judge(f, CHAT, 61000), INBOUND_FORWARD);
    assert_int_equal(judge(f, CHAT, 61000), INBOUND_ERROR);
}

/* Judged is counted, though it has to wait for somebody else's word. */
static void test_what_could_not_go_does_not_count(void **state)
{
    struct fixture *f = *state;

    f->limit = 2;
    inbound_give_back(f->meter, 1000); /* nothing was counted */
    assert_int_equal(judge(f, CHAT, 1000), INBOUND_FORWARD);
    assert_int_equal(f->verdict.counted_ms, 1000);
    assert_int_equal(judge(f, CHAT, 1500), INBOUND_FORWARD);
    assert_int_equal(judge(f, CHAT, 1500), INBOUND_ERROR);
    inbound_give_back(f->meter, 1000);
    assert_int_equal(judge(f, CHAT, 61499), INBOUND_FORWARD);
    assert_int_equal(judge(f, CHAT, 61499), INBOUND_ERROR); /* that of 1500 is still there */
    assert_int_equal(f->verdict.code, CODE_RATE_LIMIT_EXCEEDED);
}

static void test_oversize_counts(void **state)
{
    struct fixture *f = *state;
    const struct inbound_frame frame = {
        .endpoint = ENDPOINT_CHAT, .state = SESSION_OPEN, .is_oversize = true, .now_ms = 5};

    f->limit = 1;
    inbound_judge(&frame, f->limit, &f->meter, f->arena, &f->verdict);
    assert_int_equal(f->verdict.code, CODE_MESSAGE_TOO_LARGE);
    inbound_judge(&frame, f->limit, &f->meter, f->arena, &f->verdict);
    assert_int_equal(f->verdict.code, CODE_RATE_LIMIT_EXCEEDED);
}

static void test_no_limit(void **state)
{
    struct fixture *f = *state;

    f->limit = 0;
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(judge(f, CHAT, 1), INBOUND_FORWARD);
    }
    assert_null(f->meter);
}

static void test_the_600th_refusal_in_a_minute_is_a_flood(void **state)
{
    struct fixture *f = *state;

    f->limit = 1;
    assert_int_equal(judge(f, CHAT, 1000), INBOUND_FORWARD);
    for (uint32_t i = 1; i < INBOUND_REFUSALS_MAX; i++) {
        assert_int_equal(judge(f, CHAT, 1000), INBOUND_ERROR);
    }
    assert_int_equal(judge(f, CHAT, 60999), INBOUND_FLOOD);
    assert_int_equal(f->verdict.code, CODE_RATE_LIMIT_EXCEEDED);
}

static void test_slow_refusals_are_no_flood(void **state)
{
    struct fixture *f = *state;

    f->limit = 1;
    for (uint64_t i = 0; i < 3000; i++) {
        assert_true(judge(f, CHAT, 1000 + i * 110) != INBOUND_FLOOD);
    }
}

static void test_no_memory_is_no_crash(void **state)
{
    struct fixture *f = *state;

    for (size_t nth = 1; nth < 8; nth++) {
        mem_fail_after(nth);
        judge(f, CHAT, 1000);
        mem_fail_after(0);
        /* refused, or counted: never accepted without counting */
        assert_true(f->verdict.code == CODE_SERVICE_UNAVAILABLE || f->meter);
    }
}

/* --- batches ------------------------------------------------------------------------------ */

static enum inbound_action judge_part(struct fixture *f, struct bytes part)
{
    const struct inbound_frame frame = {.endpoint = ENDPOINT_CHAT,
                                        .state = SESSION_OPEN,
                                        .message = part,
                                        .is_part = true,
                                        .now_ms = 1000};

    inbound_judge(&frame, f->limit, &f->meter, f->arena, &f->verdict);
    return f->verdict.action;
}

static void test_a_batch_counts_by_its_parts(void **state)
{
    static const char BATCH[] =
        "{\"type\":\"batch_update\",\"updates\":[{\"type\":\"chat_message\",\"message\":\"a\"},"
        "{\"type\":\"ping\"},{\"type\":\"chat_message\"},{\"x\":1},"
        "{\"type\":\"batch_update\",\"updates\":[{}]},{\"type\":\"typing\",\"is_typing\":true}]}";
    static const enum inbound_action ACTIONS[] = {INBOUND_FORWARD, INBOUND_PONG, INBOUND_ERROR,
                                                  INBOUND_ERROR, INBOUND_ERROR};
    static const enum client_code CODES[] = {CODE_NONE, CODE_NONE, CODE_INVALID_MESSAGE,
                                             CODE_INVALID_MESSAGE, CODE_RATE_LIMIT_EXCEEDED};
    struct fixture *f = *state;
    struct client_msg batch;

    f->limit = 3; /* one accepted, two malformed: then it is full */
    assert_int_equal(judge(f, BATCH, 1000), INBOUND_BATCH);
    assert_null(f->meter); /* itself it counts for nothing */
    batch = f->verdict.msg;
    assert_int_equal(batch.part_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(judge_part(f, batch.parts[i]), ACTIONS[i]);
        assert_int_equal(f->verdict.code, CODES[i]);
    }
    assert_true(bytes_eq_str(batch.text, "[{\"x\":1}]"));
    inbound_judge_rest(&batch, f->limit, &f->meter, 1000, &f->verdict);
    assert_int_equal(f->verdict.action, INBOUND_ERROR);
    assert_int_equal(f->verdict.code, CODE_RATE_LIMIT_EXCEEDED);
    inbound_judge_rest(&batch, f->limit, &f->meter, 61000, &f->verdict);
    assert_int_equal(f->verdict.action, INBOUND_FORWARD);
    assert_int_equal(f->verdict.msg.kind, KIND_BATCH_UPDATE);
}

static void test_a_malformed_batch_counts_once(void **state)
{
    struct fixture *f = *state;

    f->limit = 1;
    assert_int_equal(judge(f, "{\"type\":\"batch_update\",\"updates\":[1]}", 1000), INBOUND_ERROR);
    assert_int_equal(f->verdict.code, CODE_INVALID_MESSAGE);
    assert_int_equal(judge(f, CHAT, 1000), INBOUND_ERROR);
    assert_int_equal(f->verdict.code, CODE_RATE_LIMIT_EXCEEDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_endpoint_and_state),
        cmocka_unit_test_setup_teardown(test_each_endpoint_has_its_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_answered_unless_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_verdicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_binary_and_oversize, set_up, tear_down),
        cmocka_unit_test(test_error_codes),
        cmocka_unit_test_setup_teardown(test_exactly_the_limit_in_any_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_could_not_go_does_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_oversize_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_600th_refusal_in_a_minute_is_a_flood, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_slow_refusals_are_no_flood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_counts_by_its_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_malformed_batch_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory_is_no_crash, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
