/* SPDX-License-Identifier: MIT */
/* Tests of readiness and its JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/health.h"
#include "common/metrics.h"

static void assert_json(const struct health *h, const char *expected)
{
    struct buf out;

    buf_init(&out, 1000);
    assert_int_equal(health_json(h, &out), 0);
    assert_int_equal(buf_append_char(&out, '\0'), 0);
    assert_string_equal(out.data, expected);
    buf_done(&out);
}

static void folds_its_parts(void **state)
{
    struct metric *ready, *part_up;
    struct health h = {0};

    (void)state;
    assert_true(health_is_ready(&h));
    assert_json(&h, "{\"status\":\"ready\",\"parts\":{}}");
    health_set(&h, "redis", true);
    health_set(&h, "postgres", false);
    assert_false(health_is_ready(&h));
    health_publish(&h);
    ready = metric_gauge("process_ready", "", NULL);
    part_up = metric_gauge("process_part_up", "", "part");
    assert_int_equal(metric_value(ready, NULL), 0);
    assert_int_equal(metric_value(part_up, "redis"), 1);
    assert_int_equal(metric_value(part_up, "postgres"), 0);
    assert_json(&h,
                "{\"status\":\"not_ready\",\"parts\":{\"redis\":\"up\",\"postgres\":\"down\"}}");
    health_set(&h, "postgres", true);
    assert_int_equal(h.count, 2);
    assert_true(health_is_ready(&h));
    health_publish(&h);
    assert_int_equal(metric_value(ready, NULL), 1);
    h.is_draining = true;
    assert_false(health_is_ready(&h));
    health_publish(&h);
    assert_int_equal(metric_value(ready, NULL), 0);
    assert_json(&h, "{\"status\":\"draining\",\"parts\":{\"redis\":\"up\",\"postgres\":\"up\"}}");
}

static void parts_are_bounded(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    struct health h = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        health_set(&h, names[i], true);
    }
    assert_int_equal(h.count, HEALTH_PARTS_MAX);
}

static void a_full_buffer_is_left_alone(void **state)
{
    const size_t len = strlen("{\"status\":\"ready\",\"parts\":{\"redis\":\"up\"}}");
    struct health h = {0};
    struct buf out;

    (void)state;
    health_set(&h, "redis", true);
    for (size_t max = 0; max < len; max++) {
        buf_init(&out, max);
        assert_int_equal(health_json(&h, &out), ERR_FULL);
        assert_int_equal(out.len, 0);
        buf_done(&out);
    }
    buf_init(&out, len);
    assert_int_equal(health_json(&h, &out), 0);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_its_parts),
        cmocka_unit_test(parts_are_bounded),
        cmocka_unit_test(a_full_buffer_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
