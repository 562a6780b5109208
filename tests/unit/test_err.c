/* SPDX-License-Identifier: MIT */
/* Tests of the error names: one name each, all different, a fallback for every other number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/err.h"

static const int codes[] = {
#define CODE(name, value, text) ERR_##name,
    ERR_LIST(CODE)
#undef CODE
};
static const size_t code_count = sizeof(codes) / sizeof(codes[0]);

static void names_are_distinct(void **state)
{
    (void)state;
    for (size_t i = 0; i < code_count; i++) {
        for (size_t j = i + 1; j < code_count; j++) {
            assert_int_not_equal(codes[i], codes[j]);
            assert_string_not_equal(err_name(codes[i]), err_name(codes[j]));
        }
    }
}

static void all_but_ok_are_negative(void **state)
{
    (void)state;
    assert_int_equal(ERR_OK, 0);
    for (size_t i = 1; i < code_count; i++) {
        assert_true(codes[i] < 0);
    }
}

static void some_names(void **state)
{
    (void)state;
    assert_string_equal(err_name(0), "ok");
    assert_string_equal(err_name(ERR_NOMEM), "out_of_memory");
    assert_string_equal(err_name(ERR_REMOTE), "remote_error");
    assert_string_equal(err_name(1), "unknown");
    assert_string_equal(err_name(-1000), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_distinct),
        cmocka_unit_test(all_but_ok_are_negative),
        cmocka_unit_test(some_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
