/* SPDX-License-Identifier: MIT */
/* Tests of log lines: form, escaping, levels, bounds, limits of repetition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

static char last[LOG_LINE_MAX + 1];
static size_t lines;

static void keep(void *arg, struct bytes line)
{
    (void)arg;
    assert_true(line.len <= LOG_LINE_MAX);
    memcpy(last, line.ptr, line.len);
    last[line.len] = '\0';
    lines++;
}

static uint64_t fixed_time(void)
{
    return 1700000000123u;
}

static int set_up(void **state)
{
    (void)state;
    log_set_sink(keep, NULL);
    log_set_level(LOG_INFO);
    log_set_process("");
    log_set_clock(NULL);
    lines = 0;
    last[0] = '\0';
    return 0;
}

static void form(void **state)
{
    (void)state;
    log_info("plain");
    assert_string_equal(last, "{\"level\":\"info\",\"event\":\"plain\"}\n");
    log_set_process("gateway-1");
    log_set_clock(fixed_time);
    log_warn("fields", LOG_STR("s", "a\"b"), LOG_BYTES("b", bytes_of("xyz", 2)),
             LOG_U64("u", UINT64_MAX), LOG_I64("i", -5), LOG_ID("id", 255), LOG_ERR(ERR_FULL),
             LOG_STR("none", NULL));
    assert_string_equal(last, "{\"ts\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warn\","
                              "\"event\":\"fields\",\"process\":\"gateway-1\",\"s\":\"a\\\"b\","
                              "\"b\":\"xy\",\"u\":18446744073709551615,\"i\":-5,"
                              "\"id\":\"00000000000000ff\",\"err\":\"full\",\"none\":\"\"}\n");
}

static void levels(void **state)
{
    enum log_level level = LOG_ERROR;

    (void)state;
    log_debug("hidden");
    assert_int_equal(lines, 0);
    log_set_level(LOG_ERROR);
    log_warn("hidden");
    assert_int_equal(lines, 0);
    log_error("shown");
    assert_int_equal(lines, 1);
    assert_int_equal(log_level_parse(BYTES_LIT("debug"), &level), 0);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse(BYTES_LIT("warning"), &level), ERR_SYNTAX);
    assert_int_equal(log_level_parse(BYTES_NONE, &level), ERR_SYNTAX);
    assert_int_equal(level, LOG_DEBUG);
}

static void long_lines_are_cut_and_stay_whole(void **state)
{
    static char text[LOG_TEXT_MAX + 101];
    const char *end = ",\"truncated\":true}\n";

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    log_info("one", LOG_STR("t", text));
    assert_int_equal(strlen(last),
                     strlen("{\"level\":\"info\",\"event\":\"one\",\"t\":\"\"}\n") + LOG_TEXT_MAX);
    log_info("many", LOG_STR("a", text), LOG_STR("b", text), LOG_STR("c", text), LOG_STR("d", text),
             LOG_STR("e", text), LOG_STR("f", text), LOG_STR("g", text), LOG_STR("h", text),
             LOG_STR("last", "fits"));
    assert_string_equal(last + strlen(last) - strlen(end), end);
    assert_non_null(strstr(last, "\"last\":\"fits\""));
    assert_null(strstr(last, "\"h\":"));
}

static void works_without_memory(void **state)
{
    size_t allocations;

    (void)state;
    (void)mem_fail_after(1);
    log_info("plain", LOG_STR("s", "text"), LOG_U64("n", 1));
    allocations = mem_fail_after(0);
    assert_int_equal(lines, 1);
    assert_int_equal(allocations, 0);
}

static void repeated_lines_are_limited(void **state)
{
    struct log_limit l = {.per_minute = 2};
    int passed = 0;

    (void)state;
    for (uint64_t now_ms = 60000; now_ms < 60010; now_ms++) {
        passed += log_limit_pass(&l, now_ms);
    }
    assert_int_equal(passed, 2);
    log_info("between");
    assert_null(strstr(last, "suppressed"));
    assert_false(log_limit_pass(&l, 119999));
    assert_true(log_limit_pass(&l, 120000));
    log_info("next");
    assert_non_null(strstr(last, "\"suppressed\":9"));
    assert_true(log_limit_pass(&l, 120001));
    log_info("later");
    assert_null(strstr(last, "suppressed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(form, set_up),
        cmocka_unit_test_setup(levels, set_up),
        cmocka_unit_test_setup(long_lines_are_cut_and_stay_whole, set_up),
        cmocka_unit_test_setup(works_without_memory, set_up),
        cmocka_unit_test_setup(repeated_lines_are_limited, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
