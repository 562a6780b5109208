/* SPDX-License-Identifier: MIT */
/* Tests of the event loop against the real libev and kernel: timers, descriptors, turn-end tasks,
 * signals, wakers, and freeing each of them inside its own callback. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/loop.h"

static struct loop *loop;
static char trace[64]; /* which callbacks ran, in their order */

static void note(char c)
{
    size_t len = strlen(trace);

    if (len < sizeof(trace) - 1) {
        trace[len] = c;
        trace[len + 1] = '\0';
    }
}

static int set_up(void **state)
{
    (void)state;
    trace[0] = '\0';
    loop = loop_new();
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void on_a(void *arg)
{
    (void)arg;
    note('a');
}

static void on_b(void *arg)
{
    (void)arg;
    note('b');
}

static void on_stop(void *arg)
{
    (void)arg;
    note('.');
    loop_stop(loop);
}

static void timers_fire_in_order_and_not_early(void **state)
{
    struct loop_timer *a = loop_timer_new(loop, on_a, NULL);
    struct loop_timer *b = loop_timer_new(loop, on_b, NULL);
    struct loop_timer *stop = loop_timer_new(loop, on_stop, NULL);
    uint64_t start_us = clock_mono_us();

    (void)state;
    loop_timer_start(stop, 60, 0);
    loop_timer_start(a, 1000, 0);
    loop_timer_start(a, 30, 0); /* again: re-armed */
    loop_timer_start(b, 10, 0);
    assert_true(loop_timer_is_active(a));
    assert_string_equal(trace, "");
    loop_run(loop);
    assert_string_equal(trace, "ba.");
    assert_true(clock_mono_us() - start_us >= 59000);
    assert_false(loop_timer_is_active(a));
    loop_timer_free(a);
    loop_timer_free(b);
    loop_timer_free(stop);
    loop_timer_free(NULL);
}

static void the_delay_counts_from_the_call(void **state)
{
    struct loop_timer *stop = loop_timer_new(loop, on_stop, NULL);
    uint64_t start_us;

    (void)state;
    (void)usleep(50000); /* a long stall since the loop last looked at the clock */
    start_us = clock_mono_us();
    loop_timer_start(stop, 30, 0);
    loop_run(loop);
    assert_true(clock_mono_us() - start_us >= 29000);
    loop_timer_free(stop);
}

static void on_repeat(void *arg)
{
    struct loop_timer **t = arg;

    note('r');
    if (strlen(trace) == 3) {
        assert_true(loop_timer_is_active(*t));
        loop_timer_free(*t);
        loop_stop(loop);
    }
}

static void a_repeating_timer_may_free_itself(void **state)
{
    struct loop_timer *t = loop_timer_new(loop, on_repeat, &t);

    (void)state;
    loop_timer_start(t, 1, 2);
    loop_run(loop);
    assert_string_equal(trace, "rrr");
}

static void a_stopped_timer_is_silent(void **state)
{
    struct loop_timer *a = loop_timer_new(loop, on_a, NULL);
    struct loop_timer *stop = loop_timer_new(loop, on_stop, NULL);

    (void)state;
    loop_timer_start(a, 5, 5);
    loop_timer_stop(a);
    loop_timer_start(stop, 20, 0);
    loop_run(loop);
    assert_string_equal(trace, ".");
    loop_timer_free(a);
    loop_timer_free(stop);
}

struct pipe_end {
    int fds[2];
    struct loop_fd *watch;
    int last_events;
};

static void on_readable(void *arg, int events)
{
    struct pipe_end *p = arg;
    char byte;

    p->last_events = events;
    assert_int_equal(read(p->fds[0], &byte, 1), 1);
    note(byte);
    if (byte == 'z') {
        loop_fd_free(p->watch);
        loop_stop(loop);
    }
}

static void a_descriptor_is_watched_while_asked_for(void **state)
{
    struct pipe_end p;
    struct loop_timer *stop = loop_timer_new(loop, on_stop, NULL);

    (void)state;
    assert_int_equal(pipe(p.fds), 0);
    p.watch = loop_fd_new(loop, p.fds[0], on_readable, &p);
    assert_int_equal(write(p.fds[1], "x", 1), 1);
    loop_timer_start(stop, 5, 0);
    loop_run(loop);
    assert_string_equal(trace, "."); /* not asked for */
    loop_fd_set(p.watch, LOOP_READ);
    loop_fd_set(p.watch, LOOP_READ);
    loop_fd_set(p.watch, 0);
    loop_timer_start(stop, 5, 0);
    loop_run(loop);
    assert_string_equal(trace, "..");
    loop_fd_set(p.watch, LOOP_READ);
    assert_int_equal(write(p.fds[1], "z", 1), 1);
    loop_run(loop);
    assert_string_equal(trace, "..xz");
    assert_int_equal(p.last_events, LOOP_READ);
    loop_timer_free(stop);
    (void)close(p.fds[0]);
    (void)close(p.fds[1]);
}

static struct loop_task task_a, task_b, task_again;

static void on_again(void *arg)
{
    (void)arg;
    note('g');
    if (strlen(trace) < 5) {
        loop_at_turn_end(loop, &task_again);
    } else {
        loop_stop(loop);
    }
}

static void tasks_run_once_in_order_before_sleep(void **state)
{
    struct loop_timer *stop = loop_timer_new(loop, on_stop, NULL);

    (void)state;
    loop_task_init(&task_a, on_a, NULL);
    loop_task_init(&task_b, on_b, NULL);
    loop_at_turn_end(loop, &task_b);
    loop_at_turn_end(loop, &task_a);
    loop_at_turn_end(loop, &task_b);
    assert_true(task_a.is_scheduled);
    assert_string_equal(trace, "");
    loop_timer_start(stop, 20, 0);
    loop_run(loop);
    assert_string_equal(trace, "ba.");
    assert_false(task_a.is_scheduled);
    loop_timer_free(stop);
}

static void a_cancelled_task_does_not_run(void **state)
{
    (void)state;
    loop_task_init(&task_a, on_a, NULL);
    loop_task_init(&task_b, on_b, NULL);
    loop_at_turn_end(loop, &task_a);
    loop_at_turn_end(loop, &task_b);
    loop_task_cancel(loop, &task_a);
    loop_task_cancel(loop, &task_a);
    loop_run(loop); /* nothing to wait for: returns */
    assert_string_equal(trace, "b");
}

static void a_task_that_schedules_itself_neither_sleeps_nor_starves(void **state)
{
    struct loop_timer *late = loop_timer_new(loop, on_stop, NULL);
    uint64_t start_ms = clock_mono_ms();

    (void)state;
    loop_task_init(&task_again, on_again, NULL);
    loop_at_turn_end(loop, &task_again);
    loop_timer_start(late, 10000, 0);
    loop_run(loop);
    assert_string_equal(trace, "ggggg");
    assert_true(clock_mono_ms() - start_ms < 5000);
    loop_timer_free(late);
}

static void on_stop_and_schedule(void *arg)
{
    (void)arg;
    loop_at_turn_end(loop, &task_a);
    loop_stop(loop);
}

static void the_last_turn_ends_too(void **state)
{
    struct loop_timer *t = loop_timer_new(loop, on_stop_and_schedule, NULL);

    (void)state;
    loop_task_init(&task_a, on_a, NULL);
    loop_timer_start(t, 0, 0);
    loop_run(loop);
    assert_string_equal(trace, "a");
    loop_timer_free(t);
}

static void signals_arrive(void **state)
{
    struct loop_signal *s = loop_signal_new(loop, SIGUSR1, on_stop, NULL);

    (void)state;
    assert_non_null(s);
    assert_int_equal(raise(SIGUSR1), 0);
    loop_run(loop);
    assert_string_equal(trace, ".");
    loop_signal_free(s);
    loop_signal_free(NULL);
}

static void *wake(void *arg)
{
    for (int i = 0; i < 100; i++) {
        loop_waker_wake(arg);
    }
    return NULL;
}

static void another_thread_wakes_the_loop(void **state)
{
    struct loop_waker *w = loop_waker_new(loop, on_stop, NULL);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wake, w), 0);
    loop_run(loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(strlen(trace) >= 1);
    loop_waker_free(w);
    loop_waker_free(NULL);
}

static void clocks_and_randomness(void **state)
{
    uint64_t a[4] = {0}, b[4] = {0};

    (void)state;
    assert_true(clock_mono_us() / 1000 <= clock_mono_ms());
    assert_true(clock_wall_ms() > 1600000000000u);
    clock_random(a, sizeof(a));
    clock_random(b, sizeof(b));
    clock_random(b, 0);
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_not_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_delay_counts_from_the_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_repeating_timer_may_free_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_timer_is_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_descriptor_is_watched_while_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tasks_run_once_in_order_before_sleep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_task_does_not_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_that_schedules_itself_neither_sleeps_nor_starves,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_turn_ends_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signals_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_thread_wakes_the_loop, set_up, tear_down),
        cmocka_unit_test(clocks_and_randomness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
