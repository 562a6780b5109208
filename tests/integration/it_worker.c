/* SPDX-License-Identifier: MIT */
/* Tests of the worker threads on a real loop: where jobs run and complete, the bounded queue, and
 * freeing with jobs in every state. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/io/worker.h"
#include "common/mem.h"

#define JOBS_MAX 64

static struct loop *loop;
static struct worker *worker;
static pthread_t loop_thread;

/* Jobs that wait on this gate keep their thread busy. */
static sem_t gate;
static atomic_int running;

struct job {
    int number;
    bool has_run, was_on_loop_thread, wants_gate, frees_worker, submits;
};

static struct job jobs[JOBS_MAX];
static int done_count, stop_at, order[JOBS_MAX];

static void run(void *arg)
{
    struct job *j = arg;

    if (j->wants_gate) {
        atomic_fetch_add(&running, 1);
        (void)sem_wait(&gate);
    }
    j->has_run = true;
    j->was_on_loop_thread = pthread_equal(pthread_self(), loop_thread);
}

static void done(void *arg)
{
    struct job *j = arg;

    assert_true(pthread_equal(pthread_self(), loop_thread));
    order[done_count++] = j->number;
    if (j->frees_worker) {
        worker_free(worker);
        worker = NULL;
    }
    if (j->submits) {
        j->submits = false;
        assert_int_equal(worker_submit(worker, run, done, &jobs[j->number + 1]), 0);
    }
    if (done_count == stop_at) {
        loop_stop(loop);
    }
}

static int set_up(void **state)
{
    (void)state;
    memset(jobs, 0, sizeof(jobs));
    for (int i = 0; i < JOBS_MAX; i++) {
        jobs[i].number = i;
    }
    done_count = 0;
    atomic_store(&running, 0);
    loop_thread = pthread_self();
    if (sem_init(&gate, 0, 0) != 0) {
        return -1;
    }
    loop = loop_new();
    worker = loop ? worker_new(loop, 1) : NULL;
    return worker ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    worker_free(worker);
    loop_free(loop);
    return sem_destroy(&gate);
}

static int submit(int i)
{
    return worker_submit(worker, run, done, &jobs[i]);
}

static void run_until(int count)
{
    stop_at = count;
    if (done_count < count) {
        loop_run(loop);
    }
    assert_int_equal(done_count, count);
}

static void open_gate(int jobs_behind_it)
{
    while (jobs_behind_it-- > 0) {
        (void)sem_post(&gate);
    }
}

/* Occupy the one thread with job 0. */
static void close_gate(void)
{
    jobs[0].wants_gate = true;
    assert_int_equal(submit(0), 0);
    while (atomic_load(&running) == 0) {
        (void)usleep(100);
    }
}

static void jobs_run_beside_the_loop_in_order(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(submit(i), 0);
    }
    assert_int_equal(done_count, 0);
    run_until(10);
    for (int i = 0; i < 10; i++) {
        assert_true(jobs[i].has_run);
        assert_false(jobs[i].was_on_loop_thread);
        assert_int_equal(order[i], i);
    }
}

static void a_completion_may_submit(void **state)
{
    (void)state;
    jobs[0].submits = true;
    assert_int_equal(submit(0), 0);
    run_until(2);
    assert_true(jobs[1].has_run);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    close_gate();
    for (int i = 1; i <= (int)WORKER_QUEUE_MAX; i++) {
        assert_int_equal(submit(i), 0);
    }
    assert_int_equal(submit(WORKER_QUEUE_MAX + 1), ERR_BUSY);
    open_gate(1);
    run_until((int)WORKER_QUEUE_MAX + 1);
    assert_int_equal(submit(WORKER_QUEUE_MAX + 1), 0);
    run_until((int)WORKER_QUEUE_MAX + 2);
}

static void several_threads_work_at_once(void **state)
{
    (void)state;
    worker_free(worker);
    worker = worker_new(loop, 3);
    assert_non_null(worker);
    for (int i = 0; i < 3; i++) {
        jobs[i].wants_gate = true;
        assert_int_equal(submit(i), 0);
    }
    while (atomic_load(&running) < 3) {
        (void)usleep(100);
    }
    open_gate(3);
    run_until(3);
}

static void *open_gate_later(void *arg)
{
    (void)arg;
    (void)usleep(20000);
    open_gate(1);
    return NULL;
}

static void freeing_waits_for_the_running_and_drops_the_waiting(void **state)
{
    pthread_t opener;

    (void)state;
    close_gate();
    assert_int_equal(submit(1), 0);
    assert_int_equal(submit(2), 0);
    assert_int_equal(pthread_create(&opener, NULL, open_gate_later, NULL), 0);
    worker_free(worker);
    worker = NULL;
    (void)pthread_join(opener, NULL);
    assert_int_equal(done_count, 3);
    assert_true(jobs[0].has_run);
    assert_false(jobs[1].has_run);
    assert_false(jobs[2].has_run);
}

static void freed_in_a_completion(void **state)
{
    (void)state;
    close_gate();
    jobs[0].frees_worker = true;
    assert_int_equal(submit(1), 0);
    assert_int_equal(submit(2), 0);
    open_gate(1);
    run_until(3);
    assert_null(worker);
}

static void freed_without_jobs(void **state)
{
    (void)state;
    worker_free(worker);
    worker = NULL;
    worker_free(NULL);
    assert_int_equal(done_count, 0);
}

static void without_memory_nothing_is_taken(void **state)
{
    (void)state;
    (void)mem_fail_after(1);
    assert_int_equal(submit(0), ERR_NOMEM);
    assert_null(worker_new(loop, 1));
    (void)mem_fail_after(2);
    assert_null(worker_new(loop, 1));
    (void)mem_fail_after(0);
    assert_int_equal(done_count, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(jobs_run_beside_the_loop_in_order),
        TEST(a_completion_may_submit),
        TEST(the_queue_is_bounded),
        TEST(several_threads_work_at_once),
        TEST(freeing_waits_for_the_running_and_drops_the_waiting),
        TEST(freed_in_a_completion),
        TEST(freed_without_jobs),
        TEST(without_memory_nothing_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
