/* SPDX-License-Identifier: MIT */
/* Tests of counting and of the Prometheus text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <math.h>
#include <stdio.h>

#include "common/mem.h"
#include "common/metrics.h"

static int reset(void **state)
{
    (void)state;
    metrics_reset();
    return 0;
}

/* Is `part` in the rendered text? */
static bool renders(const char *part)
{
    struct buf out;
    bool found;

    buf_init(&out, 1 << 20);
    assert_int_equal(metrics_render(&out), 0);
    assert_int_equal(buf_append_char(&out, '\0'), 0);
    found = strstr(out.data, part) != NULL;
    buf_done(&out);
    return found;
}

static void without_memory_a_dummy_is_given(void **state)
{
    struct metric *m;

    (void)state;
    (void)mem_fail_after(1);
    m = metric_counter("never_total", "h", NULL);
    metric_add(m, 5);
    metric_add_label(m, "x", 5);
    metric_observe(m, 5);
    metric_set(m, 5);
    (void)mem_fail_after(0);
    assert_non_null(m);
    assert_false(renders("never"));
}

static void counters(void **state)
{
    struct metric *m = metric_counter("c_total", "Help with \\ and\nnew line", NULL);

    (void)state;
    assert_ptr_equal(metric_counter("c_total", "other", NULL), m);
    assert_true(renders("# HELP c_total Help with \\\\ and\\nnew line\n# TYPE c_total counter\n"
                        "c_total 0\n"));
    metric_add(m, 2);
    metric_add(m, 0.5);
    metric_add(m, -1);
    metric_add(m, NAN);
    assert_true(metric_value(m, NULL) == 2.5);
    assert_true(renders("\nc_total 2.5\n"));
    metrics_reset();
    assert_true(renders("\nc_total 0\n"));
}

static void labels(void **state)
{
    struct metric *m = metric_counter("l_total", "h", "why");

    (void)state;
    assert_false(renders("l_total 0"));
    assert_false(renders("l_total{"));
    metric_add_label(m, "a\"b\\c\nd", 1);
    metric_add_label(m, "plain", 1);
    metric_add_label(m, "plain", 1);
    assert_true(renders("l_total{why=\"a\\\"b\\\\c\\nd\"} 1\n"));
    assert_true(renders("l_total{why=\"plain\"} 2\n"));
    assert_true(metric_value(m, "plain") == 2);
    assert_true(metric_value(m, "absent") == 0);
}

static void two_labels(void **state)
{
    struct metric *m = metric_counter("two_total", "h", "kind,result");

    (void)state;
    metric_add_label(m, "fcm,sent", 3);
    metric_add_label(m, "web,a,b", 1);
    metric_add_label(m, "odd", 1);
    assert_true(renders("two_total{kind=\"fcm\",result=\"sent\"} 3\n"));
    assert_true(renders("two_total{kind=\"web\",result=\"a,b\"} 1\n"));
    assert_true(renders("two_total{kind=\"odd\",result=\"\"} 1\n"));
    assert_true(metric_value(m, "fcm,sent") == 3);
}

static void label_values_are_bounded(void **state)
{
    struct metric *m = metric_gauge("many", "h", "id");
    char value[16];

    (void)state;
    for (unsigned i = 0; i < METRIC_LABEL_MAX + 10; i++) {
        (void)snprintf(value, sizeof(value), "v%u", i);
        metric_add_label(m, value, 1);
    }
    (void)snprintf(value, sizeof(value), "v%u", METRIC_LABEL_MAX - 1);
    assert_true(metric_value(m, value) == 1);
    (void)snprintf(value, sizeof(value), "v%u", METRIC_LABEL_MAX);
    assert_true(metric_value(m, value) == 0);
    assert_true(metric_value(m, "other") == 10);
}

static void gauges(void **state)
{
    struct metric *m = metric_gauge("g", "h", NULL);
    static const struct {
        double value;
        const char *line;
    } rows[] = {
        {-3, "\ng -3\n"},
        {0.1, "\ng 0.1\n"},
        {1e300, "\ng 1e+300\n"},
        {INFINITY, "\ng +Inf\n"},
        {-INFINITY, "\ng -Inf\n"},
        {NAN, "\ng NaN\n"},
        {4503599627370497, "\ng 4503599627370497\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        metric_set(m, rows[i].value);
        assert_true(renders(rows[i].line));
    }
    metric_set(m, 5);
    metric_add(m, -2);
    assert_true(metric_value(m, NULL) == 3);
}

static void histograms(void **state)
{
    static const double bounds[] = {0.005, 0.1, 1};
    struct metric *m = metric_histogram("h_seconds", "h", bounds, 3);

    (void)state;
    metric_observe(m, 0.005);
    metric_observe(m, 0.0625);
    metric_observe(m, 0.5);
    metric_observe(m, 7);
    metric_observe(m, NAN);
    assert_true(renders("# TYPE h_seconds histogram\n"
                        "h_seconds_bucket{le=\"0.005\"} 1\n"
                        "h_seconds_bucket{le=\"0.1\"} 2\n"
                        "h_seconds_bucket{le=\"1\"} 3\n"
                        "h_seconds_bucket{le=\"+Inf\"} 4\n"
                        "h_seconds_sum 7.5675\n"
                        "h_seconds_count 4\n"));
    assert_true(metric_value(m, NULL) == 4);
}

static void metrics_come_by_name(void **state)
{
    (void)state;
    (void)metric_counter("z_total", "h", NULL);
    (void)metric_counter("a_total", "h", NULL);
    (void)metric_counter("m_total", "h", NULL);
    assert_true(renders("# HELP a_total"));
    assert_false(renders("z_total 0\n# HELP a_total"));
    assert_true(renders("m_total 0\n# HELP many"));
}

static void a_full_buffer_is_left_alone(void **state)
{
    struct buf out;

    (void)state;
    (void)metric_counter("a_total", "h", NULL);
    buf_init(&out, 20);
    assert_int_equal(buf_append_char(&out, 'x'), 0);
    assert_int_equal(metrics_render(&out), ERR_FULL);
    assert_int_equal(out.len, 1);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_memory_a_dummy_is_given, reset),
        cmocka_unit_test_setup(counters, reset),
        cmocka_unit_test_setup(labels, reset),
        cmocka_unit_test_setup(two_labels, reset),
        cmocka_unit_test_setup(label_values_are_bounded, reset),
        cmocka_unit_test_setup(gauges, reset),
        cmocka_unit_test_setup(histograms, reset),
        cmocka_unit_test_setup(metrics_come_by_name, reset),
        cmocka_unit_test_setup(a_full_buffer_is_left_alone, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
