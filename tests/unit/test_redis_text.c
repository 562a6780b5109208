/* SPDX-License-Identifier: MIT */
/* Tests of the texts of Redis that we write and read ourselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <stdio.h>

#include "common/redis_text.h"

static void commands(void **state)
{
    const struct bytes argv[] = {BYTES_LIT("SET"), BYTES_LIT("a\r\n"), BYTES_NONE};
    const char *expected = "*3\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$0\r\n\r\n";
    struct buf out;

    (void)state;
    buf_init(&out, strlen(expected));
    assert_int_equal(buf_append(&out, BYTES_LIT("old")), 0);
    assert_int_equal(redis_format_command(&out, argv, 3), 0);
    assert_true(bytes_eq_str(buf_bytes(&out), expected));
    buf_done(&out);
    buf_init(&out, strlen(expected) - 1);
    assert_int_equal(redis_format_command(&out, argv, 3), ERR_FULL);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void run_ids(void **state)
{
    static const struct {
        const char *info, *id;
    } rows[] = {
        {"# Server\r\nrun_id:00ffaa99\r\ntcp_port:1\r\n", "00ffaa99"},
        {"x\nrun_id:a\r\n", "a"},
        {"run_id:00ff\r\n", ""},      /* not at the start of a line after the heading */
        {"#\r\nrun_id:\r\n", ""},     /* empty */
        {"#\r\nrun_id:00FF\r\n", ""}, /* not as Redis writes it */
        {"#\r\nrun_id:00ff", ""},     /* cut short */
        {"#\r\nrun_id:00ff evil\r\n", ""},
        {"", ""},
    };
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(bytes_eq_str(redis_find_run_id(bytes_str(rows[i].info)), rows[i].id));
    }
    (void)snprintf(text, sizeof(text), "\nrun_id:%0*d\r\n", (int)REDIS_RUN_ID_MAX, 1);
    assert_int_equal(redis_find_run_id(bytes_str(text)).len, REDIS_RUN_ID_MAX);
    (void)snprintf(text, sizeof(text), "\nrun_id:%0*d\r\n", (int)REDIS_RUN_ID_MAX + 1, 1);
    assert_int_equal(redis_find_run_id(bytes_str(text)).len, 0);
}

static void error_words(void **state)
{
    (void)state;
    assert_true(bytes_eq_str(redis_error_word(BYTES_LIT("WRONGTYPE Operation")), "WRONGTYPE"));
    assert_true(bytes_eq_str(redis_error_word(BYTES_LIT("ERR")), "ERR"));
    assert_int_equal(redis_error_word(BYTES_LIT(" x")).len, 0);
    assert_int_equal(redis_error_word(BYTES_NONE).len, 0);
}

static void answers_of_a_cluster(void **state)
{
    static const struct {
        const char *error;
        bool is_elsewhere;
        const char *host, *port; /* NULL: does not say */
    } rows[] = {
        {"MOVED 866 10.0.0.2:7001", true, "10.0.0.2", "7001"},
        {"MOVED 1 ::1:7001", true, "::1", "7001"},
        {"MOVED 1 :7001", true, "", "7001"},
        {"MOVED 1 h:", true, "h", ""},
        {"MOVED 1 h", true, NULL, NULL},
        {"MOVED 1", true, NULL, NULL},
        {"MOVED", true, NULL, NULL},
        {"ASK 866 10.0.0.2:7001", true, NULL, NULL},
        {"CLUSTERDOWN Hash slot not served", true, NULL, NULL},
        {"READONLY You can't write against a read only replica.", true, NULL, NULL},
        {"UNBLOCKED force unblock from blocking operation", true, NULL, NULL},
        {"MOVEDx 1 h:1", false, NULL, NULL},
        {"ERR MOVED 1 h:1", false, NULL, NULL},
        {"", false, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes host, port, error = bytes_str(rows[i].error);
        bool has_place = redis_moved_to(error, &host, &port);

        assert_int_equal(redis_error_is_elsewhere(error), rows[i].is_elsewhere);
        assert_int_equal(has_place, rows[i].host != NULL);
        if (has_place) {
            assert_true(bytes_eq_str(host, rows[i].host));
            assert_true(bytes_eq_str(port, rows[i].port));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),
        cmocka_unit_test(run_ids),
        cmocka_unit_test(error_words),
        cmocka_unit_test(answers_of_a_cluster),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
